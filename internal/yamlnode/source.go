package yamlnode

import (
	"bytes"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// bareTag is the tag of a scalar behind a lone "!", as in "nodeSelector: ! all()". YAML
// reads such a value without the "!": for a selector, as its opposite.
const bareTag = "! " // yaml reads a node with the tag "!" as one without

// templateTag is the tag of a mapping that is a template: "{{ .Values.cidr }}".
const templateTag = "{{"

// source finds the text of a node in the data.
type source struct {
	lines   [][]byte
	offsets map[int][]int // of the characters of a line that is not ASCII, by its number
}

func newSource(data []byte) *source {
	s := &source{offsets: map[int][]int{}}
	for len(data) > 0 {
		end := bytes.IndexFunc(data, isBreak)
		if end < 0 {
			s.lines = append(s.lines, data)
			break
		}
		s.lines = append(s.lines, data[:end])
		_, width := utf8.DecodeRune(data[end:])
		if bytes.HasPrefix(data[end:], []byte("\r\n")) {
			width = 2
		}
		data = data[end+width:]
	}
	return s
}

// isBreak reports whether YAML 1.1, which the parser reads, ends a line there.
func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
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

// mark replaces what YAML reads as something else than what is written by scalars with a
// tag, which no field accepts: a value behind a lone "!", a list or a mapping behind a tag
// of its own, and a template, which is a mapping with a mapping as its key.
func (s *source) mark(node *yaml.Node) {
	for _, child := range node.Content {
		s.mark(child)
	}
	switch node.Kind {
	case yaml.ScalarNode:
		s.markBareTag(node)
	case yaml.MappingNode:
		if node.Style&yaml.FlowStyle != 0 && bytes.HasPrefix(s.at(node), []byte("{{")) {
			*node = yaml.Node{Kind: yaml.ScalarNode, Tag: templateTag, Style: yaml.TaggedStyle, Line: node.Line, Column: node.Column}
		} else if tag := node.ShortTag(); tag != "!!map" {
			*node = yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Style: yaml.TaggedStyle, Line: node.Line, Column: node.Column}
		}
	case yaml.SequenceNode:
		if tag := node.ShortTag(); tag != "!!seq" {
			*node = yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Style: yaml.TaggedStyle, Line: node.Line, Column: node.Column}
		}
	}
}

// markBareTag sets bareTag on a scalar that has one. The parser drops it, but the position
// of such a node is that of the tag.
func (s *source) markBareTag(node *yaml.Node) {
	text := s.at(node)
	if node.Anchor != "" { // it may come before the tag, even lines before
		text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte("&"+node.Anchor)), " \t")
		for line := node.Line; (len(text) == 0 || text[0] == '#') && line < len(s.lines); line++ {
			text = bytes.TrimLeft(s.lines[line], " \t")
		}
	}
	if after, found := bytes.CutPrefix(text, []byte("!")); found && (len(after) == 0 || bytes.IndexByte([]byte(" \t\r"), after[0]) >= 0) {
		node.Tag, node.Style = bareTag, yaml.TaggedStyle
	}
}
