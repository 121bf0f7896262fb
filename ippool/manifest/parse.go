package manifest

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// parse parses the documents up to the first syntax error, which it returns.
// Aliases are not expanded.
func parse(data []byte) ([]*yaml.Node, *Fault) {
	var notJSON int
	content := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if begins := bytes.TrimLeft(content, " \t\r\n"); len(begins) > 0 && (begins[0] == '{' || begins[0] == '[') {
		values, line, ok := parseJSON(content)
		if ok {
			return values, nil
		}
		notJSON = line
	}
	var documents []*yaml.Node
	lines := newSource(data)
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		switch {
		case errors.Is(err, io.EOF):
			return documents, nil
		case err != nil && notJSON > 0:
			_, problem := yamlProblem(err, data)
			return documents, &Fault{Line: notJSON, Problem: "invalid JSON; as YAML: " + problem}
		case err != nil:
			line, problem := yamlProblem(err, data)
			return documents, &Fault{Line: line, Problem: "invalid YAML near this line: " + problem}
		}
		lines.markBareTags(&document)
		documents = append(documents, document.Content...)
	}
}

var (
	yamlError     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^yaml: (?:line (\d+): )?`) })
	unknownAnchor = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^unknown anchor '(.*)' referenced$`) })
)

// yamlProblem returns the parser's error and its line, which can be the line where
// the invalid block begins. The parser names no line for an error on the first
// line, nor for an alias without an anchor, whose line yamlProblem looks up.
func yamlProblem(err error, data []byte) (line int, problem string) {
	line, problem = 1, err.Error()
	if match := yamlError().FindStringSubmatch(problem); match != nil {
		problem = problem[len(match[0]):]
		if named, err := strconv.Atoi(match[1]); err == nil {
			line = named
		}
	}
	if match := unknownAnchor().FindStringSubmatch(problem); match != nil {
		if before, _, found := bytes.Cut(data, []byte("*"+match[1])); found {
			line = 1 + bytes.Count(before, []byte("\n"))
		}
	}
	return line, text.Decoding(errors.New(problem))
}
