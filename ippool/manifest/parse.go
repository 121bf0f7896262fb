package manifest

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
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
			_, problem, _ := strings.Cut(fault.Problem, ": ")
			fault.Line, fault.Path, fault.Problem = notJSON, "", "invalid JSON; as YAML: "+problem
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
