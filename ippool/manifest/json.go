package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parseJSON reads a stream of JSON values into the nodes that the same YAML
// would have, each with its line. JSON is YAML but for a few things that a YAML
// parser refuses, such as characters escaped in two halves.
//
// It is false where the text is no JSON; the line is where it stops being JSON.
func parseJSON(data []byte) (values []*yaml.Node, line int, ok bool) {
	if !utf8.Valid(data) {
		return nil, 1, false // the decoder would put something else in place of it
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	lines := lineCounter{data: data, line: 1}
	for {
		var raw json.RawMessage
		err := decoder.Decode(&raw) // which also bounds how deep it is
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

// jsonValue is one value of a stream, which is known to be valid.
type jsonValue struct {
	decoder *json.Decoder
	lines   *lineCounter
	start   int // in the stream
}

func (v jsonValue) node() *yaml.Node {
	token, err := v.decoder.Token()
	if err != nil {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"} // not of a valid value
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

// lineCounter finds the lines of offsets that never go back.
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
