package manifest

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// MaxPools is the maximum number of pools that Decode returns.
const MaxPools = 20_000

// maxIndicators is the maximum number of indicators in the data, such as the colon after
// a key. A node of a parsed document takes some 200 bytes, and an indicator has at most two
// of them, so the largest document takes less than 200 MB. A pool as kubectl prints it
// has about 25 indicators.
const maxIndicators = 300_000

// checkSize returns a fault if the data has more indicators than that. It counts too many rather
// than too few: also those in strings and in comments.
func checkSize(data []byte, most int) *Fault {
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
			return &Fault{
				Line:    1 + bytes.Count(data[:i], []byte("\n")),
				Problem: fmt.Sprintf("more than %d keys and items up to this line; split the file", most),
			}
		}
	}
	return nil
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
