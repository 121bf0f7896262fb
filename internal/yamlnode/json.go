package yamlnode

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parseJSON parses a stream of JSON values into the nodes of the same YAML, each
// with its line. A YAML parser rejects some JSON, such as characters escaped as
// surrogate pairs.
//
// It returns false if the data is not JSON, and the line of the first error. Then use is
// not called.
func parseJSON(data []byte, use func(document *yaml.Node) bool) (line int, ok bool) {
	if !utf8.Valid(data) {
		return 1, false // the decoder would replace invalid bytes
	}
	lines := lineCounter{data: data, line: 1}
	validate := json.NewDecoder(bytes.NewReader(data))
	for {
		var raw json.RawMessage
		err := validate.Decode(&raw) // which also limits the depth
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			offset := len(data)
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				offset = int(syntax.Offset)
			}
			return lines.at(offset), false
		}
	}
	values := jsonValues{decoder: json.NewDecoder(bytes.NewReader(data)), lines: &lines}
	values.decoder.UseNumber()
	for values.decoder.More() && use(values.node()) {
	}
	return 0, true
}

// jsonValues are the values of a valid stream.
type jsonValues struct {
	decoder *json.Decoder
	lines   *lineCounter
}

func (v jsonValues) node() *yaml.Node {
	token, err := v.decoder.Token()
	if err != nil {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"} // impossible: the value is valid
	}
	node := &yaml.Node{Kind: yaml.ScalarNode, Line: v.lines.at(int(v.decoder.InputOffset()))}
	switch token := token.(type) {
	case json.Delim:
		node.Kind, node.Tag = yaml.SequenceNode, "!!seq"
		if token == '{' {
			node.Kind, node.Tag = yaml.MappingNode, "!!map"
		}
		for v.decoder.More() {
			node.Content = append(node.Content, v.node())
			if node.Kind == yaml.MappingNode {
				node.Content = append(node.Content, v.node())
			}
		}
		_, _ = v.decoder.Token() // the closing bracket
	case string:
		node.Tag, node.Value, node.Style = "!!str", token, yaml.DoubleQuotedStyle
	case json.Number:
		node.Tag, node.Value = "!!float", token.String()
		if _, err := token.Int64(); err == nil {
			node.Tag = "!!int"
		}
	case bool:
		node.Tag, node.Value = "!!bool", "false"
		if token {
			node.Value = "true"
		}
	default:
		node.Tag = "!!null"
	}
	return node
}

// lineCounter returns the lines of offsets, which must not decrease.
type lineCounter struct {
	data   []byte
	offset int
	line   int
}

func (c *lineCounter) at(offset int) int {
	if offset = min(offset, len(c.data)); offset > c.offset {
		c.line += bytes.Count(c.data[c.offset:offset], []byte("\n"))
		c.offset = offset
	}
	return c.line
}
