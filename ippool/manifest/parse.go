package manifest

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"sync"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// parse parses the documents one by one, as long as use returns true and up to the first
// syntax error, which it returns. Aliases are not expanded.
func parse(data []byte, use func(document *yaml.Node) bool) *Fault {
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
			_, problem := yamlProblem(err, data)
			return &Fault{Line: notJSON, Problem: "invalid JSON; as YAML: " + problem}
		case err != nil:
			line, problem := yamlProblem(err, data)
			return &Fault{Line: line, Problem: "invalid YAML near this line: " + problem}
		}
		lines.markBareTags(&document)
		for _, content := range document.Content {
			if !use(content) {
				return nil
			}
		}
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
