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

// TestInstall types what the README says of the man page and the completions, with
// a folder in front of the places.
func TestInstall(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```\n(install -D .*?)```").FindSubmatch(readme)
	require.NotNil(t, block)
	root := t.TempDir()
	places := regexp.MustCompile(`/(usr|etc)/\S+`)
	var installed []string
	script := places.ReplaceAllStringFunc(string(block[1]), func(place string) string {
		installed = append(installed, root+place)
		require.NoError(t, os.MkdirAll(filepath.Dir(root+place), 0o755))
		return root + place
	})
	require.Len(t, installed, 4)

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
