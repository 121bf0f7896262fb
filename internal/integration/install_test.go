package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestInstall runs the README's commands that install the man page and the
// completions, into a temporary root directory.
func TestInstall(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```\n(install -D .*?)```").FindSubmatch(readme)
	require.NotNil(t, block)
	root := t.TempDir()
	paths := regexp.MustCompile(`/(usr|etc)/\S+`)
	var installed []string
	script := paths.ReplaceAllStringFunc(string(block[1]), func(path string) string {
		installed = append(installed, root+path)
		require.NoError(t, os.MkdirAll(filepath.Dir(root+path), 0o755))
		return root + path
	})
	require.NotEmpty(t, installed)

	program := command(t, nil)
	cmd := exec.Command("sh", "-e", "-c", script)
	cmd.Dir = "../.."
	cmd.Env = []string{"PATH=" + filepath.Dir(program.Path) + ":" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	for _, file := range installed {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.True(t, strings.Contains(strings.ToLower(string(content)), "calico-bootstrap"), file)
	}
}
