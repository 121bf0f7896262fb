package manifest

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
// It returns false if the data is not JSON, and the line of the first error.
func parseJSON(data []byte) (values []*yaml.Node, line int, ok bool) {
	if !utf8.Valid(data) {
		return nil, 1, false // the decoder would replace invalid bytes
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	lines := lineCounter{data: data, line: 1}
	for {
		var raw json.RawMessage
		err := decoder.Decode(&raw) // which also limits the depth
		if errors.Is(err, io.EOF) {
			return values, 0, true
		}
		if err != nil {
			offset := len(data)
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				offset = int(syntax.Offset)
			}
			return values, lines.at(offset), false
		}
		value := jsonValue{decoder: json.NewDecoder(bytes.NewReader(raw)), lines: &lines, start: int(decoder.InputOffset()) - len(raw)}
		value.decoder.UseNumber()
		values = append(values, value.node())
	}
}

// jsonValue is one valid value of a stream.
type jsonValue struct {
	decoder *json.Decoder
	lines   *lineCounter
	start   int // offset in the stream
}

func (v jsonValue) node() *yaml.Node {
	token, err := v.decoder.Token()
	if err != nil {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"} // impossible: the value is valid
	}
	node := &yaml.Node{Kind: yaml.ScalarNode, Line: v.lines.at(v.start + int(v.decoder.InputOffset()))}
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
