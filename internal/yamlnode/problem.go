package yamlnode

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

var (
	yamlError     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^yaml: (?:line (\d+): )?`) })
	unknownAnchor = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^unknown anchor '(.*)' referenced$`) })
	indentedByTab = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^ *\t\s*[^\s#]`) })
)

const tabs = "a tab in the indentation; must be spaces"

// yamlProblem returns the parser's error and its line, which can be the line where
// the invalid block begins. The parser names no line for an error on the first
// line, nor for an alias without an anchor, whose line yamlProblem looks up. If the cause
// is known, the problem is the cause and the line is that of the cause.
func yamlProblem(err error, data []byte) (line int, problem string, known bool) {
	line, problem = 1, err.Error()
	if match := yamlError().FindStringSubmatch(problem); match != nil {
		problem = problem[len(match[0]):]
		if named, err := strconv.Atoi(match[1]); err == nil {
			line = named
		}
	}
	if match := unknownAnchor().FindStringSubmatch(problem); match != nil {
		if before, _, found := bytes.Cut(data, []byte("*"+match[1])); found {
			line = 1 + bytes.Count(before, []byte("\n"))
		}
		return line, "an alias without its anchor; put a value that begins with * in quotes", true
	}
	if at, cause := causeNear(line, data); cause != "" {
		return at, cause, true
	}
	hint := ""
	switch {
	case strings.Contains(problem, "tab character"):
		return line, tabs, true
	case strings.Contains(problem, "cannot start any token"):
		hint = "; put a value that begins with @, ` or % in quotes"
	case strings.Contains(problem, "alphabetic or numeric character"):
		hint = "; put a value that begins with * or & in quotes"
	}
	return line, text.Decoding(errors.New(problem)) + hint, false
}

// causeNear returns the cause of a syntax error if a line next to that of the error shows
// it, and the number of that line. The parser's line may be the one before or after.
func causeNear(line int, data []byte) (int, string) {
	lines := newSource(data).lines
	for _, near := range []int{line, line - 1, line + 1} {
		if near < 1 || near > len(lines) {
			continue
		}
		switch content := lines[near-1]; {
		case indentedByTab().Match(content):
			return near, tabs
		case bytes.Contains(content, []byte("{{")), bytes.Contains(content, []byte("{%")):
			return near, Template + "; render the file first"
		}
	}
	return 0, ""
}
