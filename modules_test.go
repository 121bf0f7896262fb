package calicobootstrap_test

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

// TestExamplesModule checks that `go install …/examples/calico-bootstrap@version` accepts
// examples/go.mod: it refuses replace and exclude directives.
func TestExamplesModule(t *testing.T) {
	t.Parallel()
	assert.NotRegexp(t, `(?m)^\s*(replace|exclude)\b`, readFile(t, "examples/go.mod"))
}

// TestWorkspaceChecksums checks that go.work.sum is complete: commands that only read leave
// the module files of a copy unchanged. Otherwise the next build of a clean clone is -dirty.
func TestWorkspaceChecksums(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("ippool/*.go")
	require.NoError(t, err)
	folder := t.TempDir()
	files := append(sources, "doc.go", "go.work", "go.work.sum")
	for _, module := range []string{"", "examples/", "internal/integration/"} {
		files = append(files, module+"go.mod", module+"go.sum")
	}
	for _, file := range files {
		path := filepath.Join(folder, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(readFile(t, file)), 0o644))
	}
	for _, command := range []string{"go doc ./ippool", "go doc .", "go list -m all", "go mod graph"} {
		words := strings.Fields(command)
		cmd := exec.Command(words[0], words[1:]...)
		// make test-floors sets GOWORK and GOFLAGS, which don't apply to the workspace.
		cmd.Dir, cmd.Env = folder, append(os.Environ(), "GOWORK=", "GOFLAGS=")
		out, err := cmd.CombinedOutput()
		if err != nil && regexp.MustCompile(`dial tcp|no such host|module lookup disabled|TLS handshake timeout`).Match(out) {
			t.Skipf("modules can't be downloaded: %s", out)
		}
		require.NoError(t, err, "%s: %s", command, out)
		for _, file := range files {
			changed, err := os.ReadFile(filepath.Join(folder, file))
			require.NoError(t, err)
			require.True(t, readFile(t, file) == string(changed), "%s changes %s: run make tidy", command, file)
		}
	}
}
