package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"sigs.k8s.io/yaml"
)

// Results are data and keep every character. Those that may control a terminal or change
// the order of the text are escaped.

// escapeWith writes JSON with write for every character that is not graphic, except for
// those below U+0020, which the JSON encoder has escaped.
func escapeWith(data []byte, write func(*bytes.Buffer, rune)) (escaped []byte, found bool) {
	var b bytes.Buffer
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case bytes.HasPrefix(data, []byte(`\u2028`)), bytes.HasPrefix(data, []byte(`\u2029`)): // also by the encoder
			r, size, found = '\u2028'+rune(data[5]-'8'), 6, true
			write(&b, r)
		case r == '\\':
			size = 2
			b.Write(data[:size])
		case unicode.IsGraphic(r), r == '\n':
			b.Write(data[:size])
		default:
			found = true
			write(&b, r)
		}
		data = data[size:]
	}
	return b.Bytes(), found
}

func toJSON(object any) ([]byte, error) {
	data, err := json.MarshalIndent(object, "", "  ")
	escaped, _ := escapeWith(data, func(b *bytes.Buffer, r rune) {
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(b, `\u%04x`, unit)
		}
	})
	return append(escaped, '\n'), err
}

// marked matches the number of a character that toYAML has marked.
var marked = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\\x01([0-9a-f]{6})\\x01`) })

// toYAML encodes an object as YAML by its JSON tags. The YAML library quotes and escapes
// U+0001, but not what escapeWith finds, so each of these becomes its number between two
// U+0001 in the meantime.
func toYAML(object any) ([]byte, error) {
	data, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	data, found := escapeWith(data, func(b *bytes.Buffer, r rune) { fmt.Fprintf(b, `\u0001%06x\u0001`, r) })
	data, err = yaml.JSONToYAML(data)
	if found {
		data = marked().ReplaceAll(data, []byte(`\U00$1`))
	}
	return data, err
}
