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
	lines [][]byte

	// The line of the last text and, unless it is ASCII, the offset of every characters-th
	// character in it.
	line    int
	offsets []uint32
}

// characters is the number of characters between two offsets: an offset for each would
// take more memory than the data.
const characters = 64

func newSource(data []byte) *source {
	s := &source{}
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
	if s.line != node.Line {
		s.line, s.offsets = node.Line, nil
		if utf8.RuneCount(line) != len(line) {
			s.offsets = offsetsOf(line)
		}
	}
	column := node.Column - 1 // in characters
	if column < 0 || column > len(line) {
		return nil
	}
	if s.offsets == nil {
		return line[column:]
	}
	if column/characters >= len(s.offsets) {
		return nil
	}
	rest := line[s.offsets[column/characters]:]
	for range column % characters {
		_, width := utf8.DecodeRune(rest)
		rest = rest[width:]
	}
	return rest
}

// offsetsOf returns the offset of every characters-th character.
func offsetsOf(line []byte) []uint32 {
	var offsets []uint32
	for offset, count := 0, 0; offset < len(line); count++ {
		if count%characters == 0 {
			offsets = append(offsets, uint32(offset))
		}
		_, width := utf8.DecodeRune(line[offset:])
		offset += width
	}
	return offsets
}

// mark replaces what YAML reads as something else than what is written by scalars with a
// tag, which no field accepts: a value behind a lone "!", a list or a mapping behind a tag
// of its own, and a template, which is a mapping with a mapping as its key.
func (s *source) mark(node *yaml.Node) {
	replace := func(tag string) {
		*node = yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Style: yaml.TaggedStyle, Line: node.Line, Column: node.Column}
	}
	switch node.Kind {
	case yaml.ScalarNode:
		if s.hasBareTag(node) {
			node.Tag, node.Style = bareTag, yaml.TaggedStyle
		}
	case yaml.MappingNode, yaml.SequenceNode:
		switch tag := node.ShortTag(); {
		case node.Kind == yaml.MappingNode && node.Style&yaml.FlowStyle != 0 && bytes.HasPrefix(s.at(node), []byte("{{")):
			replace(templateTag)
		case tag != "!!map" && tag != "!!seq":
			replace(tag)
		case s.hasBareTag(node):
			replace(bareTag)
		}
	}
	for _, child := range node.Content {
		s.mark(child)
	}
}

// hasBareTag reports whether a node has a bare tag, "!" or "!<!>". The parser drops it, but
// the position of such a node is that of the tag.
func (s *source) hasBareTag(node *yaml.Node) bool {
	text := s.at(node)
	if node.Anchor != "" { // it may come before the tag, even lines before
		text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte("&"+node.Anchor)), " \t")
		for line := node.Line; (len(text) == 0 || text[0] == '#') && line < len(s.lines); line++ {
			text = bytes.TrimLeft(s.lines[line], " \t")
		}
	}
	after, found := bytes.CutPrefix(text, []byte("!"))
	after = bytes.TrimPrefix(after, []byte("<!>"))
	return found && (len(after) == 0 || bytes.IndexByte([]byte(" \t\r"), after[0]) >= 0)
}
