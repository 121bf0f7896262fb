package yamlnode

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse parses YAML or JSON, the documents one by one, as long as use returns true and up
// to the first syntax error, which it returns. A document is empty if its node is null.
// Aliases are not expanded.
func Parse(data []byte, use func(document *yaml.Node) bool) *Fault {
	var notJSON int
	content := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if begins := bytes.TrimLeft(content, " \t\r\n"); len(begins) > 0 && (begins[0] == '{' || begins[0] == '[') {
		line, ok := parseJSON(content, use)
		if ok {
			return nil
		}
		notJSON = line
	}
	if fault := notUTF8(content); fault != nil {
		return fault
	}
	lines := newSource(content)
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && notJSON > 0:
			fault := lines.yamlFault(err)
			if _, problem, found := strings.Cut(fault.Problem, ": "); found {
				fault = Fault{Line: notJSON, Problem: "invalid JSON; as YAML: " + problem}
			}
			return &fault
		case err != nil:
			fault := lines.yamlFault(err)
			return &fault
		}
		lines.mark(&document)
		for _, content := range document.Content {
			if !use(content) {
				return nil
			}
		}
	}
}

// maxKind is the maximum number of indicators in data whose kind is looked up.
const maxKind = 50_000

// Kind returns the kind of the object in the first document that is not empty; an empty
// string if the data has none, or is very large.
func Kind(data []byte) string {
	if TooLarge(data, maxKind) > 0 {
		return ""
	}
	kind := ""
	_ = Parse(data, func(document *yaml.Node) bool { // what follows may be invalid
		if value, _, ok := LookUp(document, "kind"); ok {
			kind = Follow(value).Value
		}
		return WhatIs(document) == Null
	})
	return kind
}
