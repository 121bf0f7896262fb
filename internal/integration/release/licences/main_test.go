package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLicenceRequired has directories of Go and of a module with and without a licence.
func TestLicenceRequired(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		files  []string
		copied []string
		fails  bool
	}{
		{files: nil, fails: true},
		{files: []string{"README.md", "license.go"}, fails: true},
		{files: []string{"NOTICE", "PATENTS", "AUTHORS"}, fails: true},
		{files: []string{"LICENSE", "PATENTS", "VERSION"}, copied: []string{"LICENSE", "PATENTS"}},
		{files: []string{"LICENCE.md", "NOTICE.txt"}, copied: []string{"LICENCE.md", "NOTICE.txt"}},
		{files: []string{"License", "COPYING.LESSER", "notice"}, copied: []string{"License", "COPYING.LESSER", "notice"}},
	} {
		from, output := t.TempDir(), t.TempDir()
		for _, file := range tt.files {
			require.NoError(t, os.WriteFile(filepath.Join(from, file), []byte(file), 0o644))
		}
		module := linked{ImportPath: "example.org/a", Dir: from}
		module.Module = &struct {
			Path, Dir string
			Main      bool
		}{Path: "example.org/a", Dir: from}
		for name, err := range map[string]error{"go": collectGo(from, output), "example.org/a": collect(module, output)} {
			assert.Equal(t, tt.fails, err != nil, "%s: %v: %v", name, tt.files, err)
			for _, file := range tt.copied {
				assert.FileExists(t, filepath.Join(output, name, file))
			}
		}
	}
}
