package lyingapi

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Answer answers with the body.
func Answer(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// Endless answers with begin and then, without end.
func Endless(code int, begin, then string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		repeat(w, begin, then, 1<<62)
	}
}

// Bomb answers with begin and then, compressed, without end.
func Bomb(code int, begin, then string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(code)
		compressed, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		repeat(compressed, begin, then, 1<<62)
	}
}

// Many answers with begin, then n times, and end.
func Many(begin, then string, n int, end string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		repeat(w, begin, then, n)
		_, _ = io.WriteString(w, end)
	}
}

// Numbered answers with begin, n items of a format with the number of the item, and end.
func Numbered(begin, format string, n int, end string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, begin)
		for i := range n {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			if _, err := fmt.Fprintf(w, format, i); err != nil {
				return
			}
		}
		_, _ = io.WriteString(w, end)
	}
}

// Continued answers with the page of a format that has the number of the page, for ever.
func Continued(format string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		fmt.Fprintf(w, format, page+1)
	}
}

// repeat writes begin and n times then. It stops when the client is gone.
func repeat(w io.Writer, begin, then string, n int) {
	if _, err := io.WriteString(w, begin); err != nil {
		return
	}
	many := 1 + (64<<10)/len(then)
	chunk := strings.Repeat(then, many)
	for ; n > many; n -= many {
		if _, err := io.WriteString(w, chunk); err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, strings.Repeat(then, n))
}
