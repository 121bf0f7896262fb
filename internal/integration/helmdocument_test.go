package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/typed"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// helmTime matches the times in Helm's output.
var helmTime = regexp.MustCompile(`(?m)(DEPLOYED: ).*$`)

// TestHelmDocument runs the commands of docs/HELM.md on a new kubeadm cluster. That of the
// chart's README is the first of them.
func TestHelmDocument(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	putKubeadmConfig(t, world.server, "10.244.0.0/16,fd00:10:244::/56")
	n := (&node{server: world.server, namespace: "kube-system", group: world.group}).removedAfter(t)
	t.Cleanup(func() {
		kubectlAfter(t, world.server, "--namespace", "kube-system", "delete", "--wait=false", "job/calico-bootstrap", "pod/calico-bootstrap-test")
	})
	tools, folder := withKubectl(t), t.TempDir()
	binary, err := kubetest.Helm(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Symlink(binary, filepath.Join(tools, "helm")))
	typed.Session{
		Document: "../../docs/HELM.md", Name: "helm", Folder: "../..", Update: *update,
		Env:       []string{"PATH=" + tools + ":" + os.Getenv("PATH"), "HOME=" + folder, "KUBECONFIG=" + world.server.Kubeconfig(t)},
		Tidy:      func(printed string) string { return helmTime.ReplaceAllString(printed, "${1}Thu Nov 26 10:00:00 2026") },
		Meanwhile: func() { n.work(t) },
	}.Type(t)
	assert.False(t, world.Pools(t)[0].Spec.NATOutgoing)

	document, err := os.ReadFile("../../docs/HELM.md")
	require.NoError(t, err)
	readme, err := os.ReadFile(chart + "/README.md")
	require.NoError(t, err)
	command := regexp.MustCompile("(?s)```\n(helm install .*?)```").FindSubmatch(readme)
	require.NotNil(t, command)
	assert.Contains(t, string(document), "$ "+strings.ReplaceAll(strings.TrimSpace(string(command[1])), "\n", "\n> "))
}
