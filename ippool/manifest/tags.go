package manifest

import (
	"bytes"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// bareTag is the tag of a scalar behind a lone "!", as in "nodeSelector: ! all()". YAML
// reads such a value without the "!": for a selector, as its opposite.
const bareTag = "! " // yaml reads a node with the tag "!" as one without

// source finds the text of a node in the data.
type source struct {
	lines   [][]byte
	offsets map[int][]int // of the characters of a line that is not ASCII, by its number
}

func newSource(data []byte) *source {
	return &source{lines: bytes.Split(data, []byte("\n")), offsets: map[int][]int{}}
}

// at returns the text from the position of a node to the end of the line.
func (s *source) at(node *yaml.Node) []byte {
	if node.Line < 1 || node.Line > len(s.lines) {
		return nil
	}
	line := s.lines[node.Line-1]
	offsets, known := s.offsets[node.Line]
	if !known {
		if utf8.RuneCount(line) != len(line) {
			for i := range string(line) {
				offsets = append(offsets, i)
			}
		}
		s.offsets[node.Line] = offsets
	}
	column := node.Column - 1 // in characters
	if offsets != nil {
		if column < 0 || column >= len(offsets) {
			return nil
		}
		column = offsets[column]
	}
	if column < 0 || column > len(line) {
		return nil
	}
	return line[column:]
}

// markBareTags sets bareTag on the scalars of the document that have one. The parser
// drops it, but the position of such a node is that of the tag.
func (s *source) markBareTags(node *yaml.Node) {
	for _, child := range node.Content {
		s.markBareTags(child)
	}
	if node.Kind != yaml.ScalarNode {
		return
	}
	text := s.at(node)
	if node.Anchor != "" { // it may come before the tag
		text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte("&"+node.Anchor)), " \t")
	}
	if after, found := bytes.CutPrefix(text, []byte("!")); found && (len(after) == 0 || bytes.IndexByte([]byte(" \t\r"), after[0]) >= 0) {
		node.Tag, node.Style = bareTag, yaml.TaggedStyle
	}
}
