package calicobootstrap_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

var update = flag.Bool("update", false, "update the generated parts of README.md and api/")

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// settingsTable returns the table of settings in README.md.
func settingsTable() string {
	var table strings.Builder
	table.WriteString("| flag | variable | default | accepted | what it does |\n|---|---|---|---|---|\n")
	booleans := ""
	for _, d := range settings.Definitions() {
		mark, accepted := "", d.Accepted
		if d.Prefixed {
			mark = " *"
		}
		if d.Bool {
			booleans, accepted = d.Accepted, "a boolean"
		}
		fmt.Fprintf(&table, "| --%s | %s%s | %s | %s | %s |\n", d.Flag, d.Env, mark, d.Default, accepted, d.Usage)
	}
	fmt.Fprintf(&table, "\nBooleans are %s. Anything else is an error.\n", booleans)
	return table.String()
}

// TestREADMESettings fails if the table differs from the code.
func TestREADMESettings(t *testing.T) {
	const begin, end = "<!-- settings: written by `go test . -run README -update` -->\n", "<!-- /settings -->"
	readme := readFile(t, "README.md")
	before, rest, found := strings.Cut(readme, begin)
	require.True(t, found)
	table, after, found := strings.Cut(rest, end)
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(before+begin+settingsTable()+end+after), 0o644))
		return
	}
	assert.Equal(t, settingsTable(), table)
}

// TestREADMEExample checks that the README shows the example in the code.
func TestREADMEExample(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?s)<!-- example: (\\S+), Example -->\n```go\n(.*?)```").FindStringSubmatch(readFile(t, "README.md"))
	require.NotNil(t, block)
	var indented strings.Builder
	for line := range strings.Lines(block[2]) {
		if line != "\n" {
			line = "\t\t" + line
		}
		indented.WriteString(line)
	}
	assert.Contains(t, readFile(t, block[1]), indented.String())
}

// TestREADMETranscript checks that the README shows the program's output: the
// golden file of the tests that run it.
func TestREADMETranscript(t *testing.T) {
	t.Parallel()
	golden := readFile(t, "internal/integration/testdata/transcript.txt")
	blocks := regexp.MustCompile("(?s)```\n(\\$ .*?)```").FindAllStringSubmatch(readFile(t, "README.md"), -1)
	require.Len(t, blocks, 7)
	for _, block := range blocks {
		assert.Contains(t, golden, block[1])
	}
}
