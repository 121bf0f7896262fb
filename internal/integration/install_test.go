package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestInstall runs the commands of docs/COMMANDS.md that install the man pages and
// the completions, in another root directory.
func TestInstall(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/COMMANDS.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```\n(install -D .*?)```").FindSubmatch(document)
	require.NotNil(t, block)
	root := t.TempDir()
	var installed []string
	script := regexp.MustCompile(`/(usr|etc)/\S+`).ReplaceAllStringFunc(string(block[1]), func(place string) string {
		installed = append(installed, root+place)
		return root + place
	})
	require.NotEmpty(t, installed)

	program := command(t, nil)
	cmd := exec.Command("sh", "-e", "-c", strings.Replace(script, "bin/calico-bootstrap", program.Path, 1))
	cmd.Dir = "../.."
	cmd.Env = []string{"PATH=" + filepath.Dir(program.Path) + ":" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.FileExists(t, installed[0])
	installed[1] = filepath.Join(installed[1], "calico-bootstrap.1") // of the man pages
	for _, file := range installed[1:] {
		if slices.ContainsFunc(installed, func(other string) bool { return strings.HasPrefix(other, file+"/") }) {
			continue // the directory of another
		}
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, strings.ToLower(string(content)), "calico-bootstrap", file)
	}
}
