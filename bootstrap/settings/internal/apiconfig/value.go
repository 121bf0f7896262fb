package apiconfig

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
)

// value reads the value of a field of the spec. It returns false if the value is invalid
// or empty.
func (d *decoder) value(name, path string, given yamlnode.Pair) (Value, bool) {
	var (
		read string
		ok   bool
	)
	switch {
	case d.indirect(path, given):
	case yamlnode.WhatIs(given.Value) == yamlnode.Null:
	case isBoolean(name):
		var yes bool
		yes, ok = d.Boolean(path, given.Line, given.Value)
		read = strconv.FormatBool(yes)
	case name == "etcdEndpoints" && given.Value.Kind == yaml.SequenceNode:
		read, ok = d.list(path, given)
	case isNumber(name) && given.Value.Kind == yaml.ScalarNode && given.Value.Value != "":
		if read, ok = given.Value.Value, number().MatchString(given.Value.Value); !ok {
			d.Fault(given.Line, path, read, "must be a decimal number without leading zeros, such as 20")
		}
	default:
		read, ok = d.text(path, given, isSecret(name))
	}
	unset := ok && read == "" || yamlnode.WhatIs(given.Value) == yamlnode.Null && given.Value.Anchor == ""
	if !unset && !slices.Contains(d.config.given, name) {
		d.config.given = append(d.config.given, name)
	}
	value := Value{Text: read, Path: path, Line: given.Line}
	if !ok && !unset {
		d.meant = append(d.meant, meant{name, Value{Path: path, Line: given.Line}})
	}
	return value, ok && !unset
}

// list reads a list of strings as calicoctl's string, in which commas separate them.
func (d *decoder) list(path string, given yamlnode.Pair) (string, bool) {
	var texts []string
	all := true
	if !d.Spend(given.Value) {
		return "", false
	}
	for i, item := range given.Value.Content {
		one := yamlnode.Pair{Line: item.Line, Value: yamlnode.Follow(item), Aliased: item.Kind == yaml.AliasNode}
		read, ok := d.text(fmt.Sprintf("%s[%d]", path, i), one, false)
		texts, all = append(texts, read), all && ok
	}
	return strings.Join(texts, ","), all
}

// text reads a string as it is written. A number or a boolean is a string if calicoctl,
// which prints the value that YAML has read, gets the same. A fault shows no secret.
func (d *decoder) text(path string, given yamlnode.Pair, secret bool) (string, bool) {
	node := given.Value
	if d.indirect(path, given) {
		return "", false
	}
	shown := node.Value
	if secret {
		shown = ""
	}
	switch what := yamlnode.WhatIs(node); {
	case what == yamlnode.String:
		if secret && text.IsTemplate(node.Value) || !secret && text.Template(node.Value) != "" {
			d.Fault(given.Line, path, "", text.Unrendered)
			return "", false
		}
		return node.Value, true
	case (what == yamlnode.Number || what == yamlnode.Boolean) && !isCanonical(node.Value):
		d.Fault(given.Line, path, shown, fmt.Sprintf("is %s that YAML reads as another text; put it in quotes", what))
		return "", false
	case what == yamlnode.Number, what == yamlnode.Boolean:
		return node.Value, true
	default: // not a scalar, and so without a value
		d.WrongType(path, given.Line, node, yamlnode.String)
		return "", false
	}
}

// indirect reports a value that YAML takes for an alias, an anchor or a tag: what follows
// is not the value, or not all of it. It never shows the value.
func (d *decoder) indirect(path string, given yamlnode.Pair) bool {
	node := given.Value
	switch {
	case yamlnode.WhatIs(node) == yamlnode.Template:
		d.Fault(given.Line, path, "", yamlnode.Unrendered)
	case given.Aliased:
		d.Fault(given.Line, path, "", "is a YAML alias; write the value out, or put it in quotes if * belongs to it")
	case node.Anchor != "":
		d.Fault(given.Line, path, "", "has a YAML anchor; remove it, or put the value in quotes if & belongs to it")
	case node.Style&yaml.TaggedStyle != 0 && node.Tag != "!!str", yamlnode.IsTagged(node):
		d.Fault(given.Line, path, "", "has a YAML tag; remove it, or put the value in quotes if ! belongs to it")
	default:
		return false
	}
	return true
}

// isCanonical reports whether a number or a boolean is printed as it is written.
func isCanonical(value string) bool {
	if integer, err := strconv.ParseInt(value, 10, 64); err == nil {
		return strconv.FormatInt(integer, 10) == value
	}
	if float, err := strconv.ParseFloat(value, 64); err == nil {
		return strconv.FormatFloat(float, 'g', -1, 64) == value
	}
	return value == "true" || value == "false"
}

var number = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`) })
