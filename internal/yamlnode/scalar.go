package yamlnode

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"go.yaml.in/yaml/v3"
)

// The words that are booleans in YAML 1.1, which kubectl reads, in addition to
// true and false. As strings they need quotes.
var (
	yesWords = []string{"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"}
	noWords  = []string{"n", "N", "no", "No", "NO", "off", "Off", "OFF"}
)

// isPlain reports whether a scalar has neither quotes nor a tag.
func isPlain(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Style == 0 }

// The types of scalars in messages.
const (
	String  = "a string"
	Number  = "a number"
	Boolean = "a boolean"
	Null    = "null"
)

// Template is the type of {{ name }} without quotes: to YAML, a mapping whose key is one.
const Template = "an unrendered template"

// WhatIs returns the type of the node as kubectl reads it: one of the constants, a list, a
// mapping, an unrendered template, or the tag of a value that has one.
func WhatIs(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch node.ShortTag() {
	case templateTag:
		return Template
	case "!!str":
		if isPlain(node) && (slices.Contains(yesWords, node.Value) || slices.Contains(noWords, node.Value)) {
			return Boolean
		}
		return String
	case "!!timestamp":
		if isPlain(node) {
			return String
		}
	case "!!int", "!!float":
		return Number
	case "!!bool":
		return Boolean
	case "!!null":
		if node.Style&yaml.TaggedStyle == 0 || node.Value == "" {
			return Null
		}
	}
	return "tagged " + Shortened(node.ShortTag())
}

// IsTagged reports whether the node has a tag that is not one of YAML's own types.
func IsTagged(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && strings.HasPrefix(WhatIs(node), "tagged ")
}

// Line decodes a string that is one line and no template. Null is an error.
func (r *Reader) Line(path string, line int, node *yaml.Node) (string, bool) {
	if WhatIs(node) == String {
		switch {
		case text.Template(node.Value) != "":
			r.Fault(line, path, "", Unrendered)
			return "", false
		case strings.Contains(node.Value, "\n"):
			r.Fault(line, path, "", "has a line break; write it on one line, or with >- in place of > or |")
			return "", false
		case isPlain(node) && node.LineComment != "" && endsInQuotes(node.Value):
			r.Fault(line, path, node.Value, "ends where a comment begins, in the middle of quotes; put all of the value in quotes")
			return "", false
		}
	}
	return r.Text(path, line, node)
}

// endsInQuotes reports whether a value ends before the quotes that it opened.
func endsInQuotes(value string) bool {
	var open rune
	for _, c := range value {
		switch {
		case c == open:
			open = 0
		case open == 0 && (c == '\'' || c == '"'):
			open = c
		}
	}
	return open != 0
}

// Text decodes a string. Null is an error: the field may mean the default, or the
// value may be forgotten.
func (r *Reader) Text(path string, line int, node *yaml.Node) (string, bool) {
	switch what := WhatIs(node); what {
	case String:
		return node.Value, true
	case Number, Boolean:
		r.Fault(line, path, node.Value, fmt.Sprintf("is %s; must be a string: put it in quotes", what))
	default:
		r.WrongType(path, line, node, String)
	}
	return "", false
}

// Boolean decodes true or false, or another word that kubectl reads as one of them.
func (r *Reader) Boolean(path string, line int, node *yaml.Node) (value, ok bool) {
	switch what := WhatIs(node); {
	case what == Boolean && slices.Contains(yesWords, node.Value):
		return true, true
	case what == Boolean && slices.Contains(noWords, node.Value):
		return false, true
	case what == Boolean && strings.EqualFold(node.Value, "true"):
		return true, true
	case what == Boolean && strings.EqualFold(node.Value, "false"):
		return false, true
	case what == String && (node.Value == "true" || node.Value == "false"):
		r.Fault(line, path, node.Value, "must be a boolean, got a string: remove the quotes")
		return false, false
	}
	r.WrongType(path, line, node, "true or false")
	return false, false
}

// Integer decodes an integer. It accepts only the decimal form without leading
// zeros, because kubectl reads a leading zero as octal.
func (r *Reader) Integer(path string, line int, node *yaml.Node) (int, bool) {
	number, err := strconv.Atoi(node.Value)
	same := err == nil && strconv.Itoa(number) == node.Value
	switch what := WhatIs(node); {
	case what == Number && same:
		return number, true
	case what == Number:
		r.Fault(line, path, node.Value, "must be a decimal integer without leading zeros"+decimal(node.Value))
	case what == String && same:
		r.Fault(line, path, node.Value, "must be a number, got a string: remove the quotes")
	default:
		r.WrongType(path, line, node, "a number")
	}
	return 0, false
}

// decimal returns a hint: the integer that a number in another notation means, as far as
// that is certain. It is empty for none.
func decimal(number string) string {
	plain := strings.ReplaceAll(strings.TrimPrefix(number, "+"), "_", "")
	value, err := strconv.ParseInt(plain, 10, 32) // 026 is 26 for calico-node, 22 for kubectl
	if err != nil {
		value, err = strconv.ParseInt(plain, 0, 32)
	}
	if err != nil {
		var float float64
		if float, err = strconv.ParseFloat(plain, 64); err == nil && float != math.Trunc(float) || math.Abs(float) > 1e6 {
			err = strconv.ErrRange
		}
		value = int64(float)
	}
	if err != nil {
		return ", such as 26"
	}
	return fmt.Sprintf(": write %d", value)
}

// WrongType reports a value that is not what it must be.
func (r *Reader) WrongType(path string, line int, node *yaml.Node, want string) {
	if WhatIs(node) == Template || node.Kind == yaml.ScalarNode && text.Template(node.Value) != "" {
		r.Fault(line, path, "", Unrendered)
		return
	}
	if IsTagged(node) {
		tag := strings.TrimSpace(strings.TrimPrefix(WhatIs(node), "tagged "))
		r.Fault(line, path, strings.TrimSpace(tag+" "+node.Value), "has the YAML tag "+tag+"; must be "+want+": put the value in quotes if "+tag+" belongs to it, else remove "+tag)
		return
	}
	what, value := WhatIs(node), ""
	if node.Kind == yaml.ScalarNode {
		value = node.Value
	}
	if what == Null {
		problem := fmt.Sprintf("has no value; must be %s", want)
		if !slices.Contains(r.Required, path[strings.LastIndex(path, ".")+1:]) {
			problem += ", or omitted"
		}
		r.Fault(line, path, "", problem)
		return
	}
	r.Fault(line, path, value, fmt.Sprintf("is %s; must be %s", what, want))
}
