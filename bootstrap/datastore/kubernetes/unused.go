package kubernetes

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// withoutUnused returns the JSON object of a pool without what a run doesn't use: its managed
// fields, which are most of it, and its status. It expects valid JSON, which both callers have
// checked; what it does not understand, it returns as it is. The result is valid until the next
// call.
func (c *cutter) withoutUnused(data []byte) []byte {
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\ufffd")) // as the decoder does, which would make the texts larger
	}
	if !bytes.Contains(data, []byte("managedFields")) && !bytes.Contains(data, []byte("status")) {
		return data // escapes in these names are as rare as they are harmless
	}
	*c = cutter{in: data, out: slices.Grow(c.out[:0], len(data)), valid: true}
	c.object("status", func(name []byte) bool {
		if string(name) != "metadata" {
			return false
		}
		c.object("managedFields", func([]byte) bool { return false })
		return true
	})
	if c.space(); !c.valid || c.at < len(data) {
		return data
	}
	return c.out
}

// cutter copies JSON without some members, into a buffer that it uses again. It does not validate
// the values that it copies or leaves out. Once it finds something else than what it reads, it is
// invalid.
type cutter struct {
	in    []byte
	at    int // the place of the next byte
	out   []byte
	valid bool
}

// object copies an object without the members of that name. inside copies the value of a
// member and reports true, or reports false for a value to copy as it is.
func (c *cutter) object(unused string, inside func(name []byte) bool) {
	c.token('{')
	c.out = append(c.out, '{')
	for first, empty := true, true; c.valid && !c.next('}'); first = false {
		if !first {
			c.token(',')
		}
		name := c.value()
		c.token(':')
		if len(name) < 2 || name[0] != '"' {
			c.valid = false
			return
		}
		unquoted := name[1 : len(name)-1]
		if string(unquoted) == unused {
			c.value()
			continue
		}
		if !empty {
			c.out = append(c.out, ',')
		}
		empty = false
		c.out = append(append(c.out, name...), ':')
		if !inside(unquoted) {
			c.out = append(c.out, c.value()...)
		}
	}
	c.out = append(c.out, '}')
}

// value skips a value and returns it.
func (c *cutter) value() []byte {
	c.space()
	from, depth, quoted := c.at, 0, false
	for ; c.at < len(c.in); c.at++ {
		switch b := c.in[c.at]; {
		case quoted && b == '\\':
			c.at++ // the next byte is escaped
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			depth++
		case depth > 0 && (b == '}' || b == ']'):
			depth--
		case depth == 0 && bytes.IndexByte(ends, b) >= 0:
			return c.in[from:c.at]
		}
	}
	c.at, c.valid = len(c.in), false // the object around it does not end
	return nil
}

// ends are the bytes that end a value.
var ends = []byte(",:}] \t\r\n")

// token reads a token of one byte.
func (c *cutter) token(b byte) { c.valid = c.next(b) && c.valid }

// next reads a token of one byte if it is the next one.
func (c *cutter) next(b byte) bool {
	c.space()
	if c.at == len(c.in) || c.in[c.at] != b {
		return false
	}
	c.at++
	return true
}

func (c *cutter) space() {
	c.at = len(c.in) - len(bytes.TrimLeft(c.in[c.at:], " \t\r\n"))
}
