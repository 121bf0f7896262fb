package yamlnode

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// TooLarge returns the line up to which the data has more than that number of indicators,
// such as the colon after a key; 0 if it has no more. A node of a parsed document takes
// some 200 bytes, and an indicator has at most two of them. It counts too many rather than
// too few: also those in strings and in comments.
func TooLarge(data []byte, most int) (line int) {
	count := 0
	for i, c := range data {
		switch c {
		case ',', '[', '{':
			count++
		case ':', '-', '?': // an indicator unless a plain scalar goes on
			next, before := byte(' '), byte(' ')
			if i+1 < len(data) {
				next = data[i+1]
			}
			if i > 0 {
				before = data[i-1]
			}
			if !isPlainByte(next) || c == ':' && bytes.IndexByte([]byte(`"']}`), before) >= 0 {
				count++
			}
		}
		if count > most {
			return 1 + bytes.Count(data[:i], []byte("\n"))
		}
	}
	return 0
}

// isPlainByte reports whether a byte continues a plain scalar after an indicator.
func isPlainByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == ':' || c == '/' || c == '-' || c == '.' || c == '_'
}

// size returns the number of nodes below a node, without following aliases.
func size(node *yaml.Node) int {
	n := len(node.Content)
	for _, child := range node.Content {
		n += size(child)
	}
	return n
}
