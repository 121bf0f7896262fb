package manifest

import (
	"fmt"
	"math"
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
		if node.Style&yaml.TaggedStyle == 0 || node.Value == "" {
			return nothing
		}
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
		switch free := strings.Contains(path, "annotations["); {
		case !free && isTemplate(node.Value):
			d.fault(line, path, "", template)
		case !free && strings.Contains(node.Value, "\n"):
			d.fault(line, path, "", "has a line break; write it on one line, or with >- in place of > or |")
		case isPlain(node) && node.LineComment != "" && (strings.Count(node.Value, "'")%2 != 0 || strings.Count(node.Value, `"`)%2 != 0):
			d.fault(line, path, node.Value, "ends where a comment begins, in the middle of quotes; put all of the value in quotes")
		default:
			return node.Value, true
		}
		return node.Value, false
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
		d.fault(line, path, node.Value, "must be a decimal integer without leading zeros"+decimal(node.Value))
	case what == aText && same:
		d.fault(line, path, node.Value, "must be a number, got a string: remove the quotes")
	default:
		d.wrongType(path, line, node, "a number")
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
	if node.Tag == templateTag || node.Kind == yaml.ScalarNode && isTemplate(node.Value) {
		d.fault(line, path, "", template)
		return
	}
	if isTagged(node) {
		tag := strings.TrimSpace(strings.TrimPrefix(whatIs(node), "tagged "))
		d.fault(line, path, strings.TrimSpace(tag+" "+node.Value), "has the YAML tag "+tag+"; must be "+want+": put the value in quotes if "+tag+" belongs to it, else remove "+tag)
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
