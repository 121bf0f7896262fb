package yamlnode

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.yaml.in/yaml/v3"
)

func TestKind(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"": "", "a": "", "[kind]": "", "kind: Config": "Config", "---\n# a\n---\nspec: {kind: a}\nkind: 'Config'\n---\nkind: b": "Config",
		"{\n  \"spec\": {\"kind\": \"a\"},\n  \"kind\": \"Config\"}": "Config", "spec:\n  kind: a\n": "", "kind: Config\n---\n[": "Config", "kind: [\n": "",
		"kind: a\nb: [" + strings.Repeat("a,", maxKind) + "]": "",
	} {
		assert.Equal(t, want, Kind([]byte(data)), "%.40q", data)
	}
}

// A syntax error whose cause is on the line, or next to it, is reported as the cause.
func TestParseNamesTheCause(t *testing.T) {
	t.Parallel()
	const tab, template = "invalid YAML: a tab in the indentation; indent with spaces", "is a template, which must be rendered first"
	for data, want := range map[string]Fault{
		"a:\n\tb: c\n":              {Line: 2, Path: "b", Problem: tab},
		"a:\n  b: c\n\td: e\n":      {Line: 3, Path: "d", Problem: tab},
		"a:\n  b: c\n  \td: [\n":    {Line: 3, Path: "d", Problem: tab},
		"{% if a %}\na: b\n":        {Line: 1, Problem: template},
		"a:\n{{- if b }}\n  c: d":   {Line: 2, Problem: template},
		"a: {{ b }}:1\n":            {Line: 1, Problem: template},
		"a: b\n\t\nc: d\n":          {Line: 2, Problem: tab},
		"a: b\nc: *d\n":             {Line: 2, Path: "c", Problem: "invalid YAML: unknown anchor *** referenced; a value that begins with * must be in quotes"},
		"a: @b\n":                   {Line: 1, Path: "a", Problem: "invalid YAML: a value that begins with @ must be in quotes"},
		"a: *#b\n":                  {Line: 1, Path: "a", Problem: "invalid YAML: did not find expected alphabetic or numeric character; a value that begins with & or * must be in quotes"},
		"a: [\n# a\tb\n\t# c\nd: e": {Line: 4, Problem: "invalid YAML near this line: did not find expected ',' or ']'"},
	} {
		got := Parse([]byte(data), func(*yaml.Node) bool { return true })
		if assert.NotNil(t, got, data) {
			assert.Equal(t, want, *got, data)
		}
	}
	assert.Nil(t, Parse([]byte("a:\tb\nc: |\n  x\td\ne: '{{ f }}'\n"), func(*yaml.Node) bool { return true }), "valid tabs and braces")
}
