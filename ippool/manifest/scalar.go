package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// The words that are booleans in YAML 1.1, which kubectl reads, in addition to
// true and false. As strings they need quotes.
var (
	yesWords = []string{"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"}
	noWords  = []string{"n", "N", "no", "No", "NO", "off", "Off", "OFF"}
)

// isPlain reports whether a scalar has neither quotes nor a tag.
func isPlain(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Style == 0 }

// The types of nodes in messages.
const (
	aText    = "a string"
	aNumber  = "a number"
	aBoolean = "a boolean"
	nothing  = "null"
)

// whatIs returns the type of the node as kubectl reads it.
func whatIs(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch node.ShortTag() {
	case "!!str":
		if isPlain(node) && (slices.Contains(yesWords, node.Value) || slices.Contains(noWords, node.Value)) {
			return aBoolean
		}
		return aText
	case "!!timestamp":
		if isPlain(node) {
			return aText
		}
	case "!!int", "!!float":
		return aNumber
	case "!!bool":
		return aBoolean
	case "!!null":
		return nothing
	}
	return "tagged " + shortened(node.ShortTag())
}

// isTagged reports whether the node has a tag that is not one of YAML's own types.
func isTagged(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && strings.HasPrefix(whatIs(node), "tagged ")
}

// text decodes a string. Null is an error: the field may mean the default, or the
// value may be forgotten.
func (d *decoder) text(path string, line int, node *yaml.Node) (string, bool) {
	switch what := whatIs(node); what {
	case aText:
		return node.Value, true
	case aNumber, aBoolean:
		d.fault(line, path, node.Value, fmt.Sprintf("is %s; must be a string: put it in quotes", what))
	default:
		d.wrongType(path, line, node, aText)
	}
	return "", false
}

func (d *decoder) boolean(path string, line int, node *yaml.Node) (value, ok bool) {
	switch what := whatIs(node); {
	case what == aBoolean && slices.Contains(yesWords, node.Value):
		return true, true
	case what == aBoolean && slices.Contains(noWords, node.Value):
		return false, true
	case what == aBoolean && strings.EqualFold(node.Value, "true"):
		return true, true
	case what == aBoolean && strings.EqualFold(node.Value, "false"):
		return false, true
	case what == aText && (node.Value == "true" || node.Value == "false"):
		d.fault(line, path, node.Value, "must be a boolean, got a string: remove the quotes")
		return false, false
	}
	d.wrongType(path, line, node, "true or false")
	return false, false
}

// integer decodes an integer. It accepts only the decimal form without leading
// zeros, because kubectl reads a leading zero as octal.
func (d *decoder) integer(path string, line int, node *yaml.Node) (int, bool) {
	number, err := strconv.Atoi(node.Value)
	same := err == nil && strconv.Itoa(number) == node.Value
	switch what := whatIs(node); {
	case what == aNumber && same:
		return number, true
	case what == aNumber:
		d.fault(line, path, node.Value, "must be a decimal integer without leading zeros, such as 26")
	case what == aText && same:
		d.fault(line, path, node.Value, "must be a number, got a string: remove the quotes")
	default:
		d.wrongType(path, line, node, "a number")
	}
	return 0, false
}

// word decodes a value of an enumeration, in Calico's spelling.
func word[E ippool.Enum](d *decoder, path string, line int, node *yaml.Node) (E, bool) {
	known := ippool.EnumValues[E]()
	// No value of an enumeration is a number or a boolean, so don't suggest quotes.
	text := node.Value
	if what := whatIs(node); what != aNumber && what != aBoolean {
		var ok bool
		if text, ok = d.text(path, line, node); !ok || slices.Contains(known, E(text)) {
			return E(text), ok
		}
	}
	words := make([]string, len(known))
	for i := range known {
		words[i] = string(known[i])
	}
	if meant, err := ippool.ParseEnum[E](text); err == nil {
		d.fault(line, path, text, "must be "+string(meant))
	} else if near := suggest(text, words); near != "" {
		d.fault(line, path, text, "must be "+near)
	} else {
		d.unlike(line, path, text, words)
	}
	return "", false
}

func (d *decoder) wrongType(path string, line int, node *yaml.Node, want string) {
	if isTagged(node) {
		tag := strings.TrimSpace(strings.TrimPrefix(whatIs(node), "tagged "))
		d.fault(line, path, tag+" "+node.Value, "has the YAML tag "+tag+"; must be "+want+": put the value in quotes if "+tag+" belongs to it")
		return
	}
	what, value := whatIs(node), ""
	if node.Kind == yaml.ScalarNode {
		value = node.Value
	}
	if what == nothing {
		problem := fmt.Sprintf("has no value; must be %s", want)
		if field := path[strings.LastIndex(path, ".")+1:]; field != "name" && field != "cidr" { // which are required
			problem += ", or omitted"
		}
		d.fault(line, path, "", problem)
		return
	}
	d.fault(line, path, value, fmt.Sprintf("is %s; must be %s", what, want))
}
