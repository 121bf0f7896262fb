// Package text formats values with arbitrary content for messages.
package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// OneLine joins the lines of a message, such as those of joined errors, with "; ".
// A message may quote a server or a user: characters that may control a terminal or
// change the order of the text become spaces, and what looks like a secret becomes ***.
func OneLine(lines string) string {
	lines = Redact(lines)
	if !strings.ContainsFunc(lines, func(r rune) bool { return !unicode.IsGraphic(r) }) && utf8.ValidString(lines) {
		return strings.TrimSpace(lines)
	}
	var line strings.Builder
	for _, part := range strings.FieldsFunc(lines, func(r rune) bool { return r == '\n' || r == '\r' }) {
		part = strings.TrimSpace(Graphic(part))
		switch {
		case part == "":
			continue
		case strings.HasSuffix(line.String(), ":"):
			line.WriteString(" ")
		case line.Len() > 0:
			line.WriteString("; ")
		}
		line.WriteString(part)
	}
	return line.String()
}

// Graphic returns the text with a space for every character that is not graphic: controls
// (C0, C1, DEL), which may control a terminal, bidirectional controls, zero-width
// characters, and separators of lines and paragraphs.
func Graphic(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return ' '
	}, s)
}

// The maximum lengths of the parts of a fault, in bytes, so that any value fits on
// a readable line.
const (
	MaxQuoted  = 200
	MaxProblem = 360
)

// MaxCause is the maximum length of the cause of an error, in bytes. A server chooses
// its text.
const MaxCause = 2000

// Cause returns the text of an error that a server or a library returned, on one line
// of limited length.
func Cause(err error) string { return Clip(OneLine(Clip(err.Error(), 16*MaxCause)), MaxCause) }

// Quote returns the value in quotes, or *** if it may be a secret: see [Secret]. It
// truncates a long value and appends its length. The limit applies to the quoted text,
// in which a byte may take four.
func Quote(value string) string {
	if Secret(value) != "" {
		return Hidden
	}
	var text strings.Builder
	for i := 0; i < len(value); {
		_, size := utf8.DecodeRuneInString(value[i:])
		quoted := strconv.Quote(value[i : i+size])
		quoted = quoted[1 : len(quoted)-1]
		if text.Len()+len(quoted) > MaxQuoted {
			return fmt.Sprintf("\"%s\"… (%d bytes)", text.String(), len(value))
		}
		text.WriteString(quoted)
		i += size
	}
	return `"` + text.String() + `"`
}

// Clip truncates a text that is longer than max bytes, between two characters, and
// appends "…".
func Clip(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max] + "…"
}

// Join joins words with commas.
func Join[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return strings.Join(texts, ", ")
}

// MaxNamed is the maximum number of pools that a message names.
const MaxNamed = 5
