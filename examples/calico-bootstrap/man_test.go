package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra/doc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestManPages fails when the man pages differ from what the commands generate.
// `make man` writes them.
func TestManPages(t *testing.T) {
	t.Parallel()
	dir := "man"
	if !*update {
		dir = t.TempDir()
	}
	root := (&program{}).rootCommand()
	root.DisableAutoGenTag = true
	completion, _, err := root.Find([]string{"completion"})
	require.NoError(t, err)
	root.RemoveCommand(completion)                                  // a page for each shell, all alike
	date := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) // of all pages, so that they are reproducible
	require.NoError(t, doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date, Source: "calico-bootstrap"}, dir))
	assert.Equal(t, contents(t, dir), contents(t, "man"), "make man writes them")
}

// contents maps the names of the files in a directory to their contents.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	files := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		files[entry.Name()] = string(data)
	}
	return files
}

// TestManPagesRender renders the pages with man.
func TestManPagesRender(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip("man is not installed")
	}
	pages, err := filepath.Glob("man/*.1")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		command := exec.CommandContext(t.Context(), "man", "--warnings", "-l", page)
		command.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80", "MANPAGER=cat", "MAN_KEEP_FORMATTING=")
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), "--on-drift")
		assert.NotContains(t, string(out), "warning: ")
	}
}
