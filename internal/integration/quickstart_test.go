package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestQuickStart runs every command of the README's Kubernetes quick start, in the root
// of the repository, as the administrator of a fresh kubeadm cluster. The README must
// have their output.
func TestQuickStart(t *testing.T) {
	const (
		readme = "../../README.md"
		begin  = "<!-- quick start: internal/integration/quickstart_test.go runs every command -->\n```console\n"
		end    = "```\n<!-- /quick start -->"
	)
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	shown, after, found := strings.Cut(rest, end)
	require.True(t, found)

	world := newKubernetesWorld(t, ippool.CRDV1)
	putKubeadmConfig(t, world.server, "10.244.0.0/16,fd00:10:244::/56")
	t.Cleanup(func() { kubectlAfter(t, world.server, "delete", "-k", manifests+"base", "--wait=false") })
	tools := t.TempDir()
	binary, err := kubetest.Kubectl(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Symlink(binary, filepath.Join(tools, "kubectl")))

	var printed strings.Builder
	commands := 0
	for line := range strings.Lines(shown) {
		typed, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		commands++
		cmd := exec.CommandContext(t.Context(), "bash", "-c", typed)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "PATH="+tools+string(filepath.ListSeparator)+os.Getenv("PATH"), "KUBECONFIG="+world.server.Kubeconfig(t))
		cmd.Env = append(cmd.Env, preflightOn...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, "%s%s", typed, stderr.String())
		printed.WriteString(line)
		printed.WriteString(allowedNote.ReplaceAllString(string(out), ""))
	}
	require.Positive(t, commands)
	if *update {
		require.NoError(t, os.WriteFile(readme, []byte(before+begin+printed.String()+end+after), 0o644))
		return
	}
	assert.Equal(t, printed.String(), shown)
	assert.Len(t, world.Pools(t), 2)
}
