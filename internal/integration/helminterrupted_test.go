package integration

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/typed"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestHelmInterrupted kills helm while the Job of the hook runs. `helm uninstall` leaves the
// objects of hooks, and the commands of docs/HELM.md delete them.
func TestHelmInterrupted(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	n := (&node{server: world.server, namespace: "kube-system", group: world.group}).removedAfter(t)
	folder, tools := t.TempDir(), withKubectl(t)
	binary, err := kubetest.Helm(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Symlink(binary, filepath.Join(tools, "helm")))
	env := []string{"PATH=" + tools + ":" + os.Getenv("PATH"), "HOME=" + folder, "KUBECONFIG=" + world.server.Kubeconfig(t)}

	helm := helmCommand(t, append([]string{"install", "calico-bootstrap", chart, "--namespace", n.namespace, "--set", "pools[0].name=a,pools[0].cidr=10.1.0.0/16"}, withImage...)...)
	helm.Env = env
	require.NoError(t, helm.Start())
	require.Eventually(t, func() bool { return len(listed[batchv1.Job](t, n, jobs)) > 0 }, time.Minute, pollInterval)
	require.NoError(t, helm.Process.Kill())
	require.Error(t, helm.Wait())

	left, _ := n.left(t)
	assert.Len(t, left, 6, "what the Job needs")
	typed.Session{
		Document: "../../docs/HELM.md", Name: "helm-interrupted", Folder: "../..", Update: *update, Env: env,
		Tidy: func(printed string) string { return printed },
	}.Type(t)
	n.assertLeft(t, 0, 0)
	assert.Empty(t, listed[batchv1.Job](t, n, jobs))
}
