// Package text makes lines for messages of what may hold anything.
package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// OneLine keeps a message of several lines, such as that of joined errors, on
// one. What else could play tricks on a terminal becomes a space: a message may
// hold what a server or a user wrote.
func OneLine(lines string) string {
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

// Graphic returns the text with a space for every character that a terminal may
// take for something else than a character to show.
func Graphic(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return ' '
	}, s)
}

// How long the parts of a fault may get, in bytes, so that it stays a line that
// people read whatever the value holds.
const (
	MaxQuoted  = 200
	MaxProblem = 360
)

// Quote returns the value in quotes: of a long one the beginning, and how long
// it is. What counts is the quoted text, in which a byte can take four.
func Quote(value string) string {
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

// Clip cuts a text that is longer than max bytes, between two characters.
func Clip(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max] + "…"
}

// Join lists words, separated by commas.
func Join[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return strings.Join(texts, ", ")
}

// MaxNamed is how many pools a message names.
const MaxNamed = 5
