package yamlnode

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

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
	if !utf8.Valid(content) {
		return &Fault{Line: 1, Problem: "is not UTF-8"}
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
			line, problem, known := yamlProblem(err, data)
			if known {
				return &Fault{Line: line, Problem: problem}
			}
			return &Fault{Line: notJSON, Problem: "invalid JSON; as YAML: " + problem}
		case err != nil:
			line, problem, known := yamlProblem(err, data)
			if !known {
				problem = "invalid YAML near this line: " + problem
			}
			return &Fault{Line: line, Problem: problem}
		}
		lines.markBareTags(&document)
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
