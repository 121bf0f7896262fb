package integration

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/typed"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestManifestsAreLikeTheChart compares when the Job of the base fails, and what it reports,
// with the chart's.
func TestManifestsAreLikeTheChart(t *testing.T) {
	t.Parallel()
	base := jobOf(t, kubectl(t, kubetest.Shared(t), "kustomize", manifests+"base"))
	documents, err := rendered(t, withImage...)
	require.NoError(t, err)
	job := jobOf(t, documents)
	assert.Equal(t, job.Spec.BackoffLimit, base.Spec.BackoffLimit)
	assert.Equal(t, job.Spec.PodFailurePolicy, base.Spec.PodFailurePolicy)
	assert.Equal(t, job.Spec.TTLSecondsAfterFinished, base.Spec.TTLSecondsAfterFinished)

	pod, want := base.Spec.Template.Spec, job.Spec.Template.Spec
	assert.Equal(t, want.RestartPolicy, pod.RestartPolicy)
	assert.Equal(t, want.PriorityClassName, pod.PriorityClassName)
	assert.Equal(t, want.Tolerations, pod.Tolerations)
	assert.Equal(t, want.NodeSelector, pod.NodeSelector)
	assert.Equal(t, want.HostNetwork, pod.HostNetwork)
	assert.Equal(t, want.Containers[0].TerminationMessagePolicy, pod.Containers[0].TerminationMessagePolicy)
	assert.Equal(t, want.Containers[0].Args, pod.Containers[0].Args)
	assert.Equal(t, want.Containers[0].Resources, pod.Containers[0].Resources)
	assert.Equal(t, want.Containers[0].SecurityContext, pod.Containers[0].SecurityContext)
}

// TestJobDocument runs the commands of docs/KUBERNETES.md for the Job, from a kustomization to
// pools, beside a clone of this repository, and then those for a bug report.
func TestJobDocument(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	n := &node{server: world.server, namespace: "kube-system", group: world.group}
	folder := withExamples(t)
	t.Cleanup(func() { kubectlAfter(t, world.server, "delete", "-k", folder, "--wait=false", "--ignore-not-found") })
	session := typed.Session{
		Document: "../../docs/KUBERNETES.md", Name: "job", Folder: folder, Update: *update,
		Env:       []string{"PATH=" + withKubectl(t) + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "KUBECONFIG=" + world.server.Kubeconfig(t)},
		Tidy:      func(printed string) string { return printed },
		Meanwhile: func() { n.runJobs(t) },
	}
	session.Type(t)
	pools := world.Pools(t)
	require.Len(t, pools, 2)
	assert.Equal(t, "10.244.0.0/16", pools[0].Spec.CIDR)
	assert.False(t, pools[0].Spec.NATOutgoing)

	// A pod as the Job controller would create it.
	job := listedJob(t, n)
	pod := corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: "calico-bootstrap-x7x2k", Namespace: "kube-system", Labels: map[string]string{"batch.kubernetes.io/job-name": "calico-bootstrap"}},
		Spec:       job,
	}
	manifest, err := json.Marshal(pod)
	require.NoError(t, err)
	world.server.Apply(t, manifest)
	t.Cleanup(func() { kubectlAfter(t, world.server, "-n", "kube-system", "delete", "pod", pod.Name, "--wait=false") })
	session.Name = "job-bug-report"
	session.Meanwhile = nil
	session.Type(t)
	for _, stored := range listed[corev1.Pod](t, n, pods) {
		if stored.Name != "calico-bootstrap-bug-report" {
			continue
		}
		t.Cleanup(func() {
			kubectlAfter(t, world.server, "-n", "kube-system", "delete", "pod", stored.Name, "--wait=false")
		})
		container := &stored.Spec.Containers[0]
		assert.Equal(t, pod.Spec.ServiceAccountName, stored.Spec.ServiceAccountName)
		assert.Equal(t, pod.Spec.SecurityContext, stored.Spec.SecurityContext)
		assert.Equal(t, pod.Spec.Containers[0].Env, container.Env)
		require.Equal(t, []string{"/calico-bootstrap", "bug-report"}, append(container.Command, container.Args...))
		container.Command, container.Args = nil, []string{"bug-report"}
		r := n.run(t, "Pod "+stored.Name, stored.Spec)
		require.Zero(t, r.code, r.stderr)
		assert.Contains(t, r.stdout, "10.244.0.0/16")
		return
	}
	require.Fail(t, "no pod for the bug report")
}

// listedJob returns the spec of the Job's pods.
func listedJob(t *testing.T, n *node) corev1.PodSpec {
	t.Helper()
	all := listed[batchv1.Job](t, n, jobs)
	require.Len(t, all, 1)
	return all[0].Spec.Template.Spec
}

// TestWaitForJob checks that the documented command waits until the last pod of the Job had
// its time, with the delays between the pods.
func TestWaitForJob(t *testing.T) {
	t.Parallel()
	job := jobOf(t, kubectl(t, kubetest.Shared(t), "kustomize", manifests+"base"))
	var limit time.Duration
	for _, variable := range job.Spec.Template.Spec.Containers[0].Env {
		if variable.Name == "CALICO_IPPOOLS_TIMEOUT" {
			parsed, err := time.ParseDuration(variable.Value)
			require.NoError(t, err)
			limit = parsed
		}
	}
	require.NotZero(t, limit)
	needed := limit * time.Duration(*job.Spec.BackoffLimit+1)
	for i, delay := int32(0), 10*time.Second; i < *job.Spec.BackoffLimit; i, delay = i+1, 2*delay {
		needed += delay
	}
	document, err := os.ReadFile("../../docs/KUBERNETES.md")
	require.NoError(t, err)
	waits := regexp.MustCompile(`job/calico-bootstrap --timeout=(\S+)`).FindAllStringSubmatch(string(document), -1)
	require.NotEmpty(t, waits)
	for _, wait := range waits {
		parsed, err := time.ParseDuration(wait[1])
		require.NoError(t, err)
		assert.Greater(t, parsed, needed)
	}
	assert.Equal(t, len(waits), strings.Count(string(document), "for=condition=complete"))
}
