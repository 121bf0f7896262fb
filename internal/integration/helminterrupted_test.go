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

// TestHelmInterruptedUpgrade interrupts and kills helm while the Job of an upgrade runs.
// `helm rollback` deletes what the Job needed.
func TestHelmInterruptedUpgrade(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	n := newNode(t, world)
	const pools = "pools[0].name=a,pools[0].cidr=10.1.0.0/16"
	out, err := n.install(t, "--set", pools)
	require.NoError(t, err, out)
	for _, signal := range []os.Signal{os.Interrupt, os.Kill} {
		helm := helmCommand(t, append([]string{"upgrade", "pools", chart, "--namespace", n.namespace, "--set", pools}, withImage...)...)
		helm.Env = append(helm.Env, "KUBECONFIG="+world.server.Kubeconfig(t))
		require.NoError(t, helm.Start())
		require.Eventually(t, func() bool {
			running := listed[batchv1.Job](t, n, jobs)
			return len(running) > 0 && len(running[0].Status.Conditions) == 0
		}, time.Minute, pollInterval)
		require.NoError(t, helm.Process.Signal(signal))
		require.Error(t, helm.Wait())
		n.assertLeft(t, 6, 4)

		if signal == os.Kill {
			out, err = n.install(t, "--set", pools)
			require.Error(t, err)
			assert.Contains(t, out, "another operation (install/upgrade/rollback) is in progress")
		}
		out, err = n.helm(t, "rollback", "pools")
		require.NoError(t, err, out)
		assert.Contains(t, n.ran(), "Job pools-calico-bootstrap")
		n.assertLeft(t, 0, 4)
	}
}

// TestHelmRefusedJob installs the chart with a Job that the API server refuses: what the Job
// needs stays until the next upgrade.
func TestHelmRefusedJob(t *testing.T) {
	t.Parallel()
	n := newNode(t, newKubernetesWorld(t, ippool.CRDV1))
	const pools = "pools[0].name=a,pools[0].cidr=10.1.0.0/16"
	out, err := n.install(t, "--skip-schema-validation", "--set", pools+",podLabels.team=a b")
	require.Error(t, err)
	assert.Contains(t, out, `Invalid value: "a b"`)
	assert.Empty(t, n.ran())
	n.assertLeft(t, 6, 0)
	out, err = n.install(t, "--set", pools)
	require.NoError(t, err, out)
	n.assertLeft(t, 0, 4)
}
