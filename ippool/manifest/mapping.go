package manifest

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// maxAliased is the maximum number of nodes that aliases may add to the data.
const maxAliased = 100_000

// pair is a key of a mapping, its line, and its value, which is not an alias.
type pair struct {
	key   string
	line  int
	value *yaml.Node
}

// follow returns the node that an alias refers to. YAML has no aliases of aliases.
func follow(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// spend reports whether the budget allows the node's children to be visited. A few
// nested aliases can expand to more nodes than fit in memory.
func (d *decoder) spend(node *yaml.Node) bool {
	if d.budget < 0 {
		return false
	}
	if d.budget -= len(node.Content); d.budget < 0 {
		d.fault(node.Line, "", "", fmt.Sprintf("aliases add more than %d nodes; write the pools without aliases", maxAliased))
	}
	return d.budget >= 0
}

// mapping returns the keys and values of a mapping. The first of duplicate keys
// takes precedence.
func (d *decoder) mapping(path string, node *yaml.Node) []pair {
	if !d.spend(node) {
		return nil
	}
	pairs := make([]pair, 0, len(node.Content)/2)
	lines := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content) && d.budget >= 0; i += 2 {
		key, line := follow(node.Content[i]), node.Content[i].Line
		switch what := whatIs(key); {
		case key.ShortTag() == "!!merge":
			d.fault(line, path, key.Value, "merge keys are not supported; write the fields out")
			continue
		case what == aNumber, what == aBoolean:
			d.fault(line, path, key.Value, fmt.Sprintf("a key that is %s; put it in quotes", what))
			continue
		case what != aText:
			d.fault(line, path, "", fmt.Sprintf("a key that is %s; must be the name of a field", what))
			continue
		}
		if first, duplicate := lines[key.Value]; duplicate {
			d.fault(line, join(path, shortened(key.Value)), "", fmt.Sprintf("duplicate key, first on line %d", first))
			continue
		}
		lines[key.Value] = line
		pairs = append(pairs, pair{key.Value, line, follow(node.Content[i+1])})
	}
	return pairs
}

// mappingOf returns the keys and values of a value that must be a mapping.
func (d *decoder) mappingOf(path string, given pair) []pair {
	if given.value.Kind != yaml.MappingNode {
		d.wrongType(path, given.line, given.value, "a mapping")
		return nil
	}
	return d.mapping(path, given.value)
}

// unknown reports an unknown field, with the field that is probably meant:
// a similar known one, or else otherPlace, which may be empty. It returns that
// field.
func (d *decoder) unknown(path string, given pair, known []string, otherPlace string) string {
	meant := cmp.Or(suggest(given.key, known), otherPlace)
	allowed := cmp.Or(meant, "one of "+strings.Join(known, ", "))
	if meant != "" && !isASCII(given.key) {
		allowed += ", without characters such as no-break spaces"
	}
	d.fault(given.line, join(path, shortened(given.key)), "", "unknown field; must be "+allowed)
	return meant
}

func find(pairs []pair, key string) (pair, bool) {
	for _, pair := range pairs {
		if pair.key == key {
			return pair, true
		}
	}
	return pair{}, false
}

// lookUp finds a key in a mapping that hasn't been validated.
func lookUp(node *yaml.Node, key string) (value *yaml.Node, line int, ok bool) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if name := follow(node.Content[i]); name.Kind == yaml.ScalarNode && name.Value == key {
			return node.Content[i+1], node.Content[i].Line, true
		}
	}
	return nil, 0, false
}

// join returns the path of a field in an object.
func join(path, field string) string {
	if path == "" || field == "" {
		return path + field
	}
	return path + "." + field
}

// maxShown is the maximum number of characters of a key in a path.
const maxShown = 64

// shortened returns a printable key of limited length, *** for one that may be a secret.
func shortened(key string) string {
	if text.Secret(key) != "" {
		return text.Hidden
	}
	if utf8.RuneCountInString(key) > maxShown {
		key = string([]rune(key)[:maxShown]) + "…"
	}
	return text.OneLine(key)
}

// either lists words: a, b or c.
func either(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
