package yamlnode

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// syntaxHints say what usually causes an error that the parser names in its own terms.
// For an exact one, the parser names the line of the value, not where its block begins.
var syntaxHints = []struct {
	problem, hint string
	exact         bool
}{
	{"did not find expected alphabetic or numeric character", "a value that begins with & or * must be in quotes", true},
	{"unknown anchor", "a value that begins with * must be in quotes", true},
	{"did not find expected comment or line break", "a value that begins with !, | or > must be in quotes", true},
	{"did not find expected whitespace or line break", "a value that begins with ! must be in quotes", true},
	{"did not find expected tag URI", "a value that begins with ! must be in quotes", true},
	{"did not find URI escaped octet", "a value that begins with ! must be in quotes", true},
	{"found undefined tag handle", "a value that begins with ! must be in quotes", false},
	{"mapping values are not allowed in this context", `a value that contains ": " must be in quotes; otherwise check the indentation`, true},
	{"mapping keys are not allowed in this context", "a value that begins with ? must be in quotes", true},
	{"block sequence entries are not allowed in this context", "begin each item of a list on a line of its own", true},
	{"could not find expected ':'", "write a colon and a space after the name of each field", false},
	{"did not find expected key", "check the indentation, and that quotes surround whole values", false},
	{"found unexpected end of stream", "close the quotes", false},
	{"found unknown escape character", `write \\ for a backslash, or use single quotes`, true},
	{"found incompatible YAML document", "remove the line that begins with %YAML", false},
	{"found unknown directive name", "a line can't begin with %", false},
}

// yamlError matches the beginning of the parser's errors.
var yamlError = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^yaml: (?:line (\d+): )?`) })

// yamlFault returns the fault for the parser's error. The line is that of the value, if it
// can be found, else the one that the parser names, where the invalid block may begin.
func (s *source) yamlFault(err error) Fault {
	line, problem := 1, err.Error()
	if match := yamlError().FindStringSubmatch(problem); match != nil {
		problem = problem[len(match[0]):]
		if named, err := strconv.Atoi(match[1]); err == nil {
			line = named
		}
	}
	if anchor, found := strings.CutPrefix(problem, "unknown anchor '"); found { // without a line
		anchor, _, _ = strings.Cut(anchor, "'")
		line = s.find(1, len(s.lines), func(text []byte) bool { return bytes.Contains(text, []byte("*"+anchor)) })
	}
	if near := s.find(line-1, line+1, isTemplateLine); near > 0 {
		return Fault{Line: near, Problem: Unrendered}
	}
	fault := Fault{Line: max(line, 1)}
	exact := false
	switch {
	case strings.Contains(problem, "tab character"), strings.Contains(problem, "cannot start any token"):
		if tab := s.find(line, line+1, hasTab); tab > 0 {
			fault.Line, fault.Problem = tab, "a tab in the indentation; indent with spaces"
			exact = true
		} else if first := s.firstOf(line); first != "" {
			fault.Problem = fmt.Sprintf("a value that begins with %s must be in quotes", first)
			exact = true
		}
	default:
		for _, known := range syntaxHints {
			if strings.HasPrefix(problem, known.problem) {
				fault.Problem, exact = text.Decoding(errors.New(problem))+"; "+known.hint, known.exact
			}
		}
	}
	if fault.Problem == "" {
		fault.Problem = text.Decoding(errors.New(problem))
	}
	if found := s.find(1, len(s.lines), isTemplateLine); found > 0 {
		fault.Problem += fmt.Sprintf("; line %d %s", found, strings.Replace(Unrendered, "is", "has", 1))
	}
	if exact {
		fault.Path, fault.Problem = s.fieldOn(fault.Line), "invalid YAML: "+fault.Problem
	} else {
		fault.Problem = "invalid YAML near this line: " + fault.Problem
	}
	return fault
}

// find returns the first of the lines, from 1, that has the property; 0: none.
func (s *source) find(from, to int, has func([]byte) bool) int {
	for line := max(from, 1); line <= min(to, len(s.lines)); line++ {
		if has(s.lines[line-1]) {
			return line
		}
	}
	return 0
}

// hasTab reports whether there is a tab in the indentation of a line.
func hasTab(line []byte) bool {
	indentation := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
	return bytes.IndexByte(indentation, '\t') >= 0
}

// firstOf returns the character of the line that YAML reserves and with which a value
// begins; empty: none.
func (s *source) firstOf(line int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	if match := reserved().FindSubmatch(s.lines[line-1]); match != nil {
		return string(match[1])
	}
	return ""
}

var (
	reserved = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("(?:^|[\\s\\[{,])([%@`])") })
	fieldKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\s-]*["']?([A-Za-z]+)["']?\s*:`) })
)

// fieldOn returns the field whose value is on that line; empty: none.
func (s *source) fieldOn(line int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	if match := fieldKey().FindSubmatch(s.lines[line-1]); match != nil {
		return Shortened(string(match[1]))
	}
	return ""
}

// Unrendered is the problem of a value that is a template.
const Unrendered = "is a template, which must be rendered first"

// isTemplateLine reports whether a line has a template that is not in quotes.
func isTemplateLine(line []byte) bool {
	begin := bytes.Index(line, []byte("{{"))
	if other := bytes.Index(line, []byte("{%")); begin < 0 || other >= 0 && other < begin {
		begin = other
	}
	return begin >= 0 && !bytes.ContainsAny(line[:begin], `"'#`)
}

// notUTF8 returns the fault for data that is not UTF-8.
func notUTF8(data []byte) *Fault {
	marked := bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))
	if marked || len(data) >= 4 && (data[0] == 0) != (data[1] == 0) && (data[0] == 0) == (data[2] == 0) && (data[1] == 0) == (data[3] == 0) {
		return &Fault{Line: 1, Problem: "is UTF-16; must be UTF-8"}
	}
	line := 1
	for len(data) > 0 {
		r, width := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && width == 1:
			return &Fault{Line: line, Problem: "is not UTF-8"}
		case r == '\n':
			line++
		}
		data = data[width:]
	}
	return nil
}
