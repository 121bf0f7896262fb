package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

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

// jobHash matches the hash in the name of a plain Job.
var jobHash = regexp.MustCompile(`(job\.batch/calico-bootstrap-)[0-9a-f]{8}`)

// TestHelmTemplateDocument runs the commands of docs/HELM.md that apply what `helm template`
// prints. With the default values, that can't be applied after a change.
func TestHelmTemplateDocument(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	putKubeadmConfig(t, world.server, "10.244.0.0/16")
	n := (&node{server: world.server, namespace: "kube-system", group: world.group}).removedAfter(t)
	t.Cleanup(func() {
		kubectlAfter(t, world.server, "--namespace", "kube-system", "delete", "--wait=false", "--selector", "app.kubernetes.io/name=calico-bootstrap", "jobs,serviceaccounts,roles,rolebindings")
	})
	tools := withKubectl(t)
	binary, err := kubetest.Helm(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Symlink(binary, filepath.Join(tools, "helm")))
	typed.Session{
		Document: "../../docs/HELM.md", Name: "helm-template", Folder: "../..", Update: *update,
		Env:       []string{"PATH=" + tools + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "KUBECONFIG=" + world.server.Kubeconfig(t)},
		Tidy:      func(printed string) string { return jobHash.ReplaceAllString(printed, "${1}HASH") },
		Meanwhile: func() { n.runJobs(t) },
	}.Type(t)
	n.runJobs(t)
	assert.Len(t, world.Pools(t), 2)
	assert.Len(t, listed[batchv1.Job](t, n, jobs), 2)
	assert.Empty(t, listed[corev1.Pod](t, n, pods))

	other := world.server.Namespace(t)
	apply := func(args ...string) error {
		documents, err := rendered(t, append(append(withImage, "--namespace", other), args...)...)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "objects.yaml")
		require.NoError(t, os.WriteFile(file, []byte(documents), 0o600))
		_, err = kubectlResult(t, world.server, "apply", "-f", file)
		return err
	}
	require.NoError(t, apply())
	err = apply("--set", "settings.strict=true")
	require.ErrorContains(t, err, `Job.batch "pools-calico-bootstrap" is invalid: spec.template`)
	assert.ErrorContains(t, err, `Pod "pools-calico-bootstrap-test" is invalid`)
}
