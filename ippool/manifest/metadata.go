package manifest

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
)

// texts decodes labels or annotations; nil if there are none.
func (p *poolDecoder) texts(path string, given yamlnode.Pair) map[string]string {
	if yamlnode.WhatIs(given.Value) == yamlnode.Null {
		return nil
	}
	var texts map[string]string
	for _, entry := range p.MappingOf(path, given) {
		if p.Budget < 0 {
			break
		}
		if given.Key == "annotations" && slices.Contains(serverAnnotations, entry.Key) {
			if entry.Key == calicoAnnotation {
				if _, ok := p.SpendText(entry.Value); !ok {
					break
				}
				p.kept = keptMetadata{line: entry.Line}
				_ = json.Unmarshal([]byte(entry.Value.Value), &p.kept) // a server wrote it; malformed parts are ignored
			}
			p.ignored(entry.Line, fmt.Sprintf("%s[%s]", path, entry.Key))
			continue
		}
		if given.Key == "labels" && isOperators(entry.Key, entry.Value.Value) {
			p.ignored(entry.Line, fmt.Sprintf("%s[%s]", path, entry.Key))
			continue
		}
		text, ok := p.Text(fmt.Sprintf("%s[%s]", path, yamlnode.Shortened(entry.Key)), entry.Line, entry.Value)
		p.note(fmt.Sprintf("%s[%s]", given.Key, entry.Key), entry.Line, ok)
		if texts == nil {
			texts = map[string]string{}
		}
		texts[entry.Key] = text
	}
	return texts
}

// isOperators reports whether a label is that with which the Tigera operator claims a pool.
// An operator deletes the pools with it that its Installation doesn't list.
func isOperators(key, value string) bool {
	return key == "app.kubernetes.io/managed-by" && value == "tigera-operator"
}

// keptMetadata is what Calico's client keeps in calicoAnnotation, on objects of Calico's own
// CRDs: with calicoctl, and so for the user, it is the metadata of the pool.
type keptMetadata struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	line        int
}

// mergeKept adds that metadata to the object's own. It takes precedence, as in Calico.
func (p *poolDecoder) mergeKept() {
	merge := func(to *map[string]string, kept map[string]string, field string) {
		for key, value := range kept {
			if field == "labels" && isOperators(key, value) || slices.Contains(serverAnnotations, key) {
				continue
			}
			if *to == nil {
				*to = map[string]string{}
			}
			(*to)[key] = value
			p.note(fmt.Sprintf("%s[%s]", field, key), p.kept.line, true)
		}
	}
	merge(&p.entry.Pool.Labels, p.kept.Labels, "labels")
	merge(&p.entry.Pool.Annotations, p.kept.Annotations, "annotations")
}
