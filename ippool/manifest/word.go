package manifest

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/spelling"
	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// word decodes a value of an enumeration, in Calico's spelling.
func word[E ippool.Enum](d *decoder, path string, line int, node *yaml.Node) (E, bool) {
	known := ippool.EnumValues[E]()
	// No value of an enumeration is a number or a boolean, so don't suggest quotes.
	text := node.Value
	if what := yamlnode.WhatIs(node); what != yamlnode.Number && what != yamlnode.Boolean {
		var ok bool
		if text, ok = d.Line(path, line, node); !ok || slices.Contains(known, E(text)) {
			return E(text), ok
		}
	}
	words := make([]string, len(known))
	for i := range known {
		words[i] = string(known[i])
	}
	if meant, err := ippool.ParseEnum[E](text); err == nil {
		d.Fault(line, path, text, "must be "+string(meant))
	} else {
		d.notOneOf(line, path, text, words)
	}
	return "", false
}

// oneOf decodes one of the known words.
func (d *decoder) oneOf(path string, line int, node *yaml.Node, known []string) (string, bool) {
	text := node.Value
	if what := yamlnode.WhatIs(node); what != yamlnode.Number && what != yamlnode.Boolean {
		var ok bool
		if text, ok = d.Line(path, line, node); !ok || slices.Contains(known, text) {
			return text, ok
		}
	}
	d.notOneOf(line, path, text, known)
	return "", false
}

// notOneOf reports a word that is not one of the known ones, with the one that is
// probably meant.
func (d *decoder) notOneOf(line int, path, word string, known []string) {
	if near := spelling.Suggest(word, known, otherNames); near != "" {
		d.Fault(line, path, word, "must be "+near)
		return
	}
	d.unlike(line, path, word, known)
}
