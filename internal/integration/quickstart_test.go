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

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const readme = "../../README.md"

// typeQuickStart runs every command of a quick start of the document in the root of the
// repository, and compares what they print on stdout with what the document shows.
// -update writes it.
func typeQuickStart(t *testing.T, document, name string, env ...string) {
	t.Helper()
	begin := "<!-- quick start " + name + ": internal/integration/quickstart_test.go runs every command -->\n```console\n"
	const end = "```\n<!-- /quick start -->"
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	shown, after, found := strings.Cut(rest, end)
	require.True(t, found)

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
		cmd.Env = append(os.Environ(), env...)
		cmd.Env = append(cmd.Env, preflightOn...) // without the findings about this machine
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, "%s%s", typed, stderr.String())
		printed.WriteString(line)
		printed.WriteString(allowedNote.ReplaceAllString(normalized(string(out)), ""))
	}
	require.Positive(t, commands)
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(before+begin+printed.String()+end+after), 0o644))
		return
	}
	assert.Equal(t, printed.String(), shown)
}

func TestQuickStartOnEmbeddedEtcd(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	typeQuickStart(t, readme, "on embedded etcd")
}

// TestQuickStartOnKubernetes runs them as the administrator of a new kubeadm cluster.
func TestQuickStartOnKubernetes(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	putKubeadmConfig(t, world.server, "10.244.0.0/16,fd00:10:244::/56")
	tools := t.TempDir()
	binary, err := kubetest.Kubectl(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Symlink(binary, filepath.Join(tools, "kubectl")))
	env := []string{"PATH=" + tools + string(filepath.ListSeparator) + os.Getenv("PATH"), "KUBECONFIG=" + world.server.Kubeconfig(t)}
	typeQuickStart(t, readme, "on Kubernetes", env...)
	assert.Len(t, world.Pools(t), 2)
}

// TestQuickStartOnEtcd runs README.md's command for an etcd with client
// certificates, with the endpoint of this one.
func TestQuickStartOnEtcd(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```\n(bin/calico-bootstrap plan --etcd-endpoints .*?)```").FindSubmatch(text)
	require.NotNil(t, block)
	server := etcdtest.Start(t, etcdtest.WithMutualTLS())
	pki := server.PKI()
	dir := t.TempDir()
	for name, path := range map[string]string{"ca.pem": pki.CACertFile, "cert.pem": pki.ClientCertFile, "key.pem": pki.ClientKeyFile} {
		require.NoError(t, os.Symlink(path, filepath.Join(dir, name)))
	}
	program := command(t, nil)
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", strings.NewReplacer("https://10.0.0.1:2379", server.Endpoints()[0], "bin/", "").Replace(string(block[1])))
	cmd.Dir, cmd.Env = dir, append(program.Env, "PATH="+filepath.Dir(program.Path)+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "Plan: 2 to create")
}
