package calicobootstrap_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

var update = flag.Bool("update", false, "write the generated parts of the documents")

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// settingsTable is the table of docs/SETTINGS.md.
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
	fmt.Fprintf(&table, "\nBooleans are %s. Any other value is an error.\n", booleans)
	return table.String()
}

// TestSettingsDocument compares the table of docs/SETTINGS.md with the definitions.
func TestSettingsDocument(t *testing.T) {
	const begin, end = "<!-- settings: written by `go test . -run SettingsDocument -update` -->\n", "<!-- /settings -->"
	const document = "docs/SETTINGS.md"
	before, rest, found := strings.Cut(readFile(t, document), begin)
	require.True(t, found)
	table, after, found := strings.Cut(rest, end)
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(before+begin+settingsTable()+end+after), 0o644))
		return
	}
	assert.Equal(t, settingsTable(), table)
}

// TestREADMEExample compares the example in README.md with the one that compiles.
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

// TestTranscripts compares the transcripts in the documents with the golden file of
// the test that runs their commands.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	golden := readFile(t, "internal/integration/testdata/transcript.txt")
	blocks := 0
	for _, document := range tracked(t, "*.md") {
		for _, block := range regexp.MustCompile("(?s)```\n(\\$ .*?)```").FindAllStringSubmatch(readFile(t, document), -1) {
			blocks++
			assert.Contains(t, golden, block[1], document)
		}
	}
	assert.Greater(t, blocks, 5)
}

// TestREADMEIsShort keeps README.md a page and a half: the reference is in docs/.
func TestREADMEIsShort(t *testing.T) {
	t.Parallel()
	assert.Less(t, strings.Count(readFile(t, "README.md"), "\n"), 200)
}

// TestLibraryDocument runs the commands of docs/LIBRARY.md in a module beside a clone of
// this one, and builds a program there that imports the library.
func TestLibraryDocument(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?s)```\n(go mod edit .*?)```").FindStringSubmatch(readFile(t, "docs/LIBRARY.md"))
	require.NotNil(t, block)
	here, err := os.Getwd()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(here, filepath.Join(dir, "calico-bootstrap")))
	program := filepath.Join(dir, "program")
	require.NoError(t, os.Mkdir(program, 0o755))
	for name, content := range map[string]string{
		"go.mod":  "module example.org/program\n\ngo 1.25.0\n",
		"main.go": "package main\n\nimport \"github.com/calico-bootstrap/calico-bootstrap/ippool\"\n\nfunc main() { println(ippool.IPv4.DefaultBlockSize()) }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(program, name), []byte(content), 0o644))
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", block[1]+"go vet ./...\n")
	cmd.Dir, cmd.Env = program, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// TestLibraryDocumentNames checks that the packages and errors in the tables of
// docs/LIBRARY.md exist, and that no error of the API is missing.
func TestLibraryDocumentNames(t *testing.T) {
	t.Parallel()
	document := readFile(t, "docs/LIBRARY.md")
	rows := regexp.MustCompile(`(?m)^\| ((?:ippool|bootstrap)\S*(?:, \S+)*) \|`).FindAllStringSubmatch(document, -1)
	require.NotEmpty(t, rows)
	for _, row := range rows {
		for name := range strings.SplitSeq(row[1], ", ") {
			if !strings.Contains(name, ".") { // not an error
				assert.DirExists(t, name)
			}
		}
	}
	listed := map[string]bool{}
	for _, name := range regexp.MustCompile(`\bErr[A-Z]\w+`).FindAllString(document, -1) {
		listed[name] = true
	}
	exported := map[string]bool{}
	files, err := filepath.Glob("api/bootstrap*.txt")
	require.NoError(t, err)
	for _, file := range files {
		for _, match := range regexp.MustCompile(`(?m)^var (Err\w+) error$`).FindAllStringSubmatch(readFile(t, file), -1) {
			exported[match[1]] = true
		}
	}
	assert.Equal(t, exported, listed)
}
