//go:build release

package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const chartFile = "examples/helm/calico-bootstrap/Chart.yaml"

// TestPin checks that the pinned checksums cover the library's files, and not those of
// the examples, and that the chart has the same version.
func TestPin(t *testing.T) {
	t.Parallel()
	c := clone(t)
	program := filepath.Join(t.TempDir(), "pin")
	run(t, c, "go", "build", "-o", program, "./internal/integration/release/pin")
	pin := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir, cmd.Env = c.folder, c.env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	commit := func(file, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(c.folder, file), []byte(text), 0o644))
		run(t, c, "git", "add", "--all")
		run(t, c, "git", "commit", "--quiet", "--message", file)
	}

	for _, invalid := range [][]string{nil, {""}, {"1.2.3"}, {"v1.2"}, {"v1.2.3", "v1.2.4"}} {
		out, err := pin(invalid...)
		require.Error(t, err, invalid)
		assert.Contains(t, out, "must be one complete semantic version, such as v1.2.3")
	}
	for _, version := range []string{"v0.1.0", "v0.2.0-rc.1"} { // the second replaces the first
		out, err := pin(version)
		require.NoError(t, err, out)
		run(t, c, "git", "commit", "--quiet", "--all", "--message", version)
	}
	sums, err := os.ReadFile(filepath.Join(c.folder, "examples/go.sum"))
	require.NoError(t, err)
	assert.NotContains(t, string(sums), library+" v0.1.0")
	assert.Contains(t, string(sums), library+" v0.2.0-rc.1/go.mod h1:")

	chart, err := os.ReadFile(filepath.Join(c.folder, chartFile))
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^version: 0\.2\.0-rc\.1$`, string(chart))
	assert.Regexp(t, `(?m)^appVersion: v0\.2\.0-rc\.1$`, string(chart))

	run(t, c, "make", "tidy", "TIDIED=") // keeps them
	assert.Empty(t, run(t, c, "git", "status", "--short"))
	commit("examples/new.txt", "not a file of the library")
	out, err := pin("-check")
	require.NoError(t, err, out)
	for _, line := range []string{"version: 0.2.0-rc.1", "appVersion: v0.2.0-rc.1"} {
		other := strings.Replace(string(chart), "\n"+line+"\n", "\n"+strings.Replace(line, "rc.1", "rc.2", 1)+"\n", 1)
		commit(chartFile, other)
		out, err = pin("-check")
		require.Error(t, err, other)
		assert.Contains(t, out, "Chart.yaml: versions differ from v0.2.0-rc.1 in examples/go.mod; run make pin RELEASE=v0.2.0-rc.1")
	}
	commit(chartFile, strings.Replace(string(chart), "\nappVersion: ", "\n# appVersion: ", 1))
	_, err = pin("v0.2.0-rc.1")
	require.Error(t, err)
	commit(chartFile, string(chart))

	commit("ippool/new.txt", "a file of the library")
	out, err = pin("-check")
	require.Error(t, err)
	assert.Contains(t, out, "examples/go.sum: checksums of "+library+" v0.2.0-rc.1 differ from HEAD; run make pin RELEASE=v0.2.0-rc.1")
}
