package yamlnode

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/spelling"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Fault is an error in the data.
type Fault struct {
	Line    int    // from 1
	Path    string // of the field, such as items[2].spec.cidr; empty: the document
	Value   string // as given; empty if there is none
	Problem string // what is invalid, and what would be valid
}

// maxAliased is the maximum number of nodes that aliases may add to the data.
const maxAliased = 100_000

// MaxFaults is the maximum number of faults to report. Data with more faults is probably
// something else.
const MaxFaults = 1000

// Reader reads values from nodes and collects faults. It is not safe for concurrent use.
type Reader struct {
	// Faults are those found so far.
	Faults []Fault

	// Budget is the number of nodes that may be visited, which NewReader and
	// AddDocument set. Negative: stop.
	Budget int

	// Required are the names of fields that can't be omitted.
	Required []string

	// OtherNames maps simplified names of fields elsewhere to the fields that are
	// meant: see [spelling.Suggest].
	OtherNames map[string]string

	// texts are the nodes whose text was parsed.
	texts map[*yaml.Node]bool
}

// NewReader returns a Reader that may visit as many nodes as aliases may add.
func NewReader() Reader { return Reader{Budget: maxAliased} }

// AddDocument allows the nodes of the document to be visited once.
func (r *Reader) AddDocument(document *yaml.Node) { r.Budget += size(document) }

// Fault reports a fault. After MaxFaults it stops the reading.
func (r *Reader) Fault(line int, path, value, problem string) {
	switch {
	case len(r.Faults) < MaxFaults:
		r.Faults = append(r.Faults, Fault{Line: line, Path: path, Value: value, Problem: problem})
	case r.Budget >= 0:
		r.Faults = append(r.Faults, Fault{Line: line, Problem: fmt.Sprintf("more than %d errors; the rest are not reported", MaxFaults)})
		r.Budget = -1
	}
}

// Pair is a key of a mapping, its line, and its value, which is not an alias.
type Pair struct {
	Key     string
	Line    int
	Value   *yaml.Node
	Aliased bool // the value is given as an alias
}

// Follow returns the node that an alias refers to. YAML has no aliases of aliases.
func Follow(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// Spend reports whether the budget allows the node's children to be visited. A few
// nested aliases can expand to more nodes than fit in memory.
func (r *Reader) Spend(node *yaml.Node) bool {
	if r.Budget < 0 {
		return false
	}
	if r.Budget -= len(node.Content); r.Budget < 0 {
		r.tooManyAliases(node)
	}
	return r.Budget >= 0
}

// bytesOfNode is the number of bytes of a text that parse into one node, for the budget.
const bytesOfNode = 8

// SpendText reports whether the budget allows the text of a node, which is a document, to be
// parsed. The first time is free: the data has that text. Aliases repeat it.
func (r *Reader) SpendText(node *yaml.Node) (first, allowed bool) {
	if r.Budget < 0 {
		return false, false
	}
	if !r.texts[node] {
		if r.texts == nil {
			r.texts = map[*yaml.Node]bool{}
		}
		r.texts[node] = true
		return true, true
	}
	r.Budget -= len(node.Value)/bytesOfNode + 1
	if r.Budget < 0 {
		r.tooManyAliases(node)
	}
	return false, r.Budget >= 0
}

func (r *Reader) tooManyAliases(node *yaml.Node) {
	r.Fault(node.Line, "", "", fmt.Sprintf("aliases add more than %d nodes; write the values without aliases", maxAliased))
}

// Mapping returns the keys and values of a mapping. The first of duplicate keys
// takes precedence.
func (r *Reader) Mapping(path string, node *yaml.Node) []Pair {
	if !r.Spend(node) {
		return nil
	}
	pairs := make([]Pair, 0, len(node.Content)/2)
	lines := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content) && r.Budget >= 0; i += 2 {
		key, line := Follow(node.Content[i]), node.Content[i].Line
		switch what := WhatIs(key); {
		case key.ShortTag() == "!!merge":
			r.Fault(line, path, key.Value, "merge keys are not supported; write the fields out")
			continue
		case what == Number, what == Boolean:
			r.Fault(line, path, key.Value, fmt.Sprintf("a key that is %s; put it in quotes", what))
			continue
		case what != String:
			r.Fault(line, path, "", fmt.Sprintf("a key that is %s; must be the name of a field", what))
			continue
		}
		if first, duplicate := lines[key.Value]; duplicate {
			r.Fault(line, Join(path, Shortened(key.Value)), "", fmt.Sprintf("duplicate key, first on line %d", first))
			continue
		}
		lines[key.Value] = line
		value := node.Content[i+1]
		pairs = append(pairs, Pair{key.Value, line, Follow(value), value.Kind == yaml.AliasNode})
	}
	return pairs
}

// MappingOf returns the keys and values of a value that must be a mapping.
func (r *Reader) MappingOf(path string, given Pair) []Pair {
	if given.Value.Kind != yaml.MappingNode || WhatIs(given.Value) == Template {
		r.WrongType(path, given.Line, given.Value, "a mapping")
		return nil
	}
	return r.Mapping(path, given.Value)
}

// OtherField begins the problem of an unknown field that is similar to no known one.
const OtherField = "unknown field; must be one of "

// Unknown reports an unknown field, with the field that is probably meant:
// a similar known one, or else otherPlace, which may be empty. It returns that
// field.
func (r *Reader) Unknown(path string, given Pair, known []string, otherPlace string) string {
	meant := cmp.Or(spelling.Suggest(given.Key, known, r.OtherNames), otherPlace)
	allowed := cmp.Or(meant, "one of "+strings.Join(known, ", "))
	if meant != "" && strings.ContainsFunc(given.Key, func(c rune) bool { return c > unicode.MaxASCII }) {
		allowed += ", without characters such as no-break spaces"
	}
	r.Fault(given.Line, Join(path, Shortened(given.Key)), "", "unknown field; must be "+allowed)
	return meant
}

// Find returns the pair with the key.
func Find(pairs []Pair, key string) (Pair, bool) {
	i := slices.IndexFunc(pairs, func(p Pair) bool { return p.Key == key })
	if i < 0 {
		return Pair{}, false
	}
	return pairs[i], true
}

// LookUp finds a key in a mapping that hasn't been validated.
func LookUp(node *yaml.Node, key string) (value *yaml.Node, line int, ok bool) {
	if node.Kind != yaml.MappingNode {
		return nil, 0, false
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if name := Follow(node.Content[i]); name.Kind == yaml.ScalarNode && name.Value == key {
			return node.Content[i+1], node.Content[i].Line, true
		}
	}
	return nil, 0, false
}

// Join returns the path of a field in an object.
func Join(path, field string) string {
	if path == "" || field == "" {
		return path + field
	}
	return path + "." + field
}

// maxShown is the maximum number of characters of a key in a path.
const maxShown = 64

// Shortened returns a printable key of limited length, *** for one that may be a secret.
// What follows an equals sign may be one: a line of an environment file.
func Shortened(key string) string {
	if text.Secret(key) != "" {
		return text.Hidden
	}
	if name, _, found := strings.Cut(key, "="); found {
		key = name + "=" + text.Hidden
	}
	if utf8.RuneCountInString(key) > maxShown {
		key = string([]rune(key)[:maxShown]) + "…"
	}
	return text.OneLine(key)
}

// Either lists words: a, b or c.
func Either(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
