package integration

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const defaultIPv4 = "default-ipv4-ippool"

// newNode returns a node for a new namespace, and a cluster without pools.
func newNode(t *testing.T, world *kubernetesWorld) *node {
	t.Helper()
	world.empty(t)
	n := &node{server: world.server, namespace: world.server.Namespace(t), group: world.group}
	return n.removedAfter(t)
}

// install installs the chart, or upgrades it, and returns helm's output.
func (n *node) install(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return n.helm(t, append(append([]string{"upgrade", "--install", "pools", chart}, withImage...), args...)...)
}

// assertLeft asserts how many objects of the Job and of the test exist.
func (n *node) assertLeft(t *testing.T, ofJob, ofTest int) {
	t.Helper()
	objects, tests := n.left(t)
	assert.Len(t, objects, ofJob)
	assert.Equal(t, ofTest, tests)
}

// ran returns the names of the pods that helm waited for.
func (n *node) ran() []string {
	var names []string
	for _, run := range n.runs {
		names = append(names, run.of)
	}
	return names
}

// TestHelmRelease installs the chart, tests, upgrades and uninstalls it. Between the
// runs, only the finished Job and what the test needs exist, and in the end only the Job, the
// pod of the last test, and the pools.
func TestHelmRelease(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	n := newNode(t, world)
	const cidrs = "settings.ipv4PoolCidr=10.244.0.0/16,settings.ipv6Support=false"
	test := func() error {
		t.Helper()
		out, err := n.helm(t, "test", "pools")
		assert.Equal(t, []string{"Pod pools-calico-bootstrap-test"}, n.ran(), out)
		n.assertLeft(t, 0, 3)
		return err
	}
	upgrade := func(set string) {
		t.Helper()
		out, err := n.install(t, "--set", cidrs+set)
		require.NoError(t, err, out)
		assert.Equal(t, []string{"Job pools-calico-bootstrap"}, n.ran())
		n.assertLeft(t, 0, 3)
	}

	out, err := n.helm(t, append([]string{"install", "pools", chart, "--set", cidrs}, withImage...)...)
	require.NoError(t, err, out)
	assert.Contains(t, out, "the Job pools-calico-bootstrap\ncreates the IPPools that do not exist")
	require.Equal(t, []string{defaultIPv4}, names(world.Pools(t)))
	assert.Len(t, listed[batchv1.Job](t, n, jobs), 1, "its log is kept")
	require.NoError(t, test())

	upgrade("") // changes nothing
	assert.Contains(t, n.runs[0].stdout, "unchanged")
	require.NoError(t, test())

	upgrade(",settings.ipv4PoolNatOutgoing=false") // reports drift
	assert.Contains(t, n.runs[0].stderr, "exists with natOutgoing true")
	assert.True(t, world.Pools(t)[0].Spec.NATOutgoing)
	require.ErrorContains(t, test(), "exit status 1")
	assert.Equal(t, 3, n.runs[0].code)

	upgrade(",settings.ipv4PoolNatOutgoing=false,settings.onDrift=update")
	assert.False(t, world.Pools(t)[0].Spec.NATOutgoing)
	require.NoError(t, test())

	// Drift after an upgrade is found by a test, and corrected by the next upgrade.
	_, err = world.resource("ippools").Patch(t.Context(), defaultIPv4, types.MergePatchType, []byte(`{"spec":{"natOutgoing":true}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.Error(t, test())
	out, err = n.install(t, "--reuse-values")
	require.NoError(t, err, out)
	assert.False(t, world.Pools(t)[0].Spec.NATOutgoing)

	world.Delete(t, defaultIPv4)
	require.Error(t, test(), "a missing pool")
	upgrade("")

	out, err = n.helm(t, "uninstall", "pools")
	require.NoError(t, err, out)
	assert.Empty(t, n.ran())
	n.assertLeft(t, 0, 0)
	assert.Len(t, world.Pools(t), 1)
	assert.Len(t, listed[batchv1.Job](t, n, jobs), 1)
	assert.Equal(t, int32(3600), *listed[batchv1.Job](t, n, jobs)[0].Spec.TTLSecondsAfterFinished)
}

// TestHelmRollback rolls releases back, with a hook and with a plain Job: the Job runs with
// the settings of the earlier release. Pools that they do not have stay.
func TestHelmRollback(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	n := newNode(t, world)
	for i, set := range []string{"", ",hook.enabled=false"} {
		world.empty(t)
		first, later := strconv.Itoa(3*i+1), ",settings.ipv4PoolNatOutgoing=false,settings.ipv6PoolCidr=fd00:10:244::/64"
		var ran []string
		for _, more := range []string{",settings.ipv4PoolNatOutgoing=true,settings.ipv6PoolCidr=none", later} {
			out, err := n.install(t, "--wait", "--wait-for-jobs", "--set", "settings.onDrift=update,settings.ipv4PoolCidr=10.244.0.0/16"+set+more)
			require.NoError(t, err, out)
			ran = append(ran, n.ran()...)
		}
		require.Len(t, ran, 2)
		require.False(t, world.Pools(t)[0].Spec.NATOutgoing)
		out, err := n.helm(t, "rollback", "pools", first, "--wait", "--wait-for-jobs")
		require.NoError(t, err, out)
		assert.Equal(t, ran[:1], n.ran())
		assert.True(t, world.Pools(t)[0].Spec.NATOutgoing)
		assert.Len(t, world.Pools(t), 2)
	}
}

// TestHelmFailedJob installs the chart with settings that the program refuses, and then with
// valid ones.
func TestHelmFailedJob(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	n := newNode(t, world)
	out, err := n.install(t, "--set", "settings.ipv4PoolCidr=10.244.0.0/33")
	require.Error(t, err)
	assert.Contains(t, out, "failed pre-install")
	assert.Contains(t, out, "job pools-calico-bootstrap failed: PodFailurePolicy")
	require.Len(t, n.runs, 1)
	assert.Equal(t, 2, n.runs[0].code)
	assert.Empty(t, world.Pools(t))
	n.assertLeft(t, 0, 0)
	require.Len(t, listed[batchv1.Job](t, n, jobs), 1, "its log is kept")
	status, err := n.helm(t, "status", "pools")
	require.NoError(t, err)
	assert.Contains(t, status, "STATUS: failed")
	reason := regexp.MustCompile(`kubectl .*terminated.message.*`).FindString(status)
	require.NotEmpty(t, reason)
	message := n.shell(t, reason)
	assert.Contains(t, message, "10.244.0.0/33", "the command of the notes shows the reason")

	// Events of the Job and of its pod, as of a pod that does not start. The command of
	// docs/HELM.md is that of the notes.
	const job = "pools-calico-bootstrap"
	for kind, name := range map[string]string{"Job": job, "Pod": job + "-x7x2k"} {
		n.server.Apply(t, fmt.Appendf(nil, `{apiVersion: v1, kind: Event, metadata: {name: %s.1, namespace: %s}, involvedObject: {kind: %s, namespace: %[2]s, name: %[1]s}, type: Warning, reason: Failed, message: ErrImagePull}`,
			name, n.namespace, kind))
	}
	document, err := os.ReadFile("../../docs/HELM.md")
	require.NoError(t, err)
	command := regexp.MustCompile(`(?m)^kubectl .* get events .*$`).FindString(string(document))
	command = strings.NewReplacer("NAMESPACE", n.namespace, "JOB", job).Replace(command)
	require.NotEmpty(t, command)
	assert.Contains(t, status, "\n  "+command+"\n")
	assert.Equal(t, 2, strings.Count(n.shell(t, command), "ErrImagePull"))

	out, err = n.install(t, "--set", "settings.ipv4PoolCidr=10.244.0.0/16")
	require.NoError(t, err, out)
	assert.Len(t, world.Pools(t), 2)
	require.Len(t, listed[batchv1.Job](t, n, jobs), 1)
	n.assertLeft(t, 0, 5) // for the test
}

// shell returns what a command of the documentation prints.
func (n *node) shell(t *testing.T, command string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", command)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + withKubectl(t) + ":" + os.Getenv("PATH"), "KUBECONFIG=" + n.server.Kubeconfig(t)}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// TestHelmFailedAtomic installs the chart with --atomic and settings that the program refuses:
// no release is left, and the command of docs/HELM.md shows the reason. Helm does not report
// a plain Job that failed before its timeout.
func TestHelmFailedAtomic(t *testing.T) {
	t.Parallel()
	n := newNode(t, newKubernetesWorld(t, ippool.CRDV1))
	const invalid = "settings.ipv4PoolCidr=10.244.0.0/33"
	out, err := n.install(t, "--atomic", "--set", invalid)
	require.Error(t, err, out)
	_, err = n.helm(t, "status", "pools")
	require.Error(t, err)
	document, err := os.ReadFile("../../docs/HELM.md")
	require.NoError(t, err)
	command := regexp.MustCompile(`(?m)^kubectl .*=JOB .*$`).FindString(string(document))
	require.NotEmpty(t, command)
	command = strings.NewReplacer("NAMESPACE", n.namespace, "JOB", "pools-calico-bootstrap").Replace(command)
	assert.Contains(t, n.shell(t, command), "10.244.0.0/33")

	out, err = n.install(t, "--wait", "--wait-for-jobs", "--timeout", "5s", "--set", invalid+",hook.enabled=false")
	require.Error(t, err)
	require.Len(t, n.runs, 1)
	assert.Contains(t, out, "context deadline exceeded")
}

// TestHelmPlainJob installs the chart without hooks: the Job and its permissions are objects
// of the release. The Job runs again if the values change.
func TestHelmPlainJob(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, v3.SchemeGroupVersion)
	n := newNode(t, world)
	pools := []string{"--wait", "--wait-for-jobs", "--set", "hook.enabled=false,settings.onDrift=update,settings.noNatTo={172.16.0.0/12},pools[0].name=a,pools[0].cidr=10.1.0.0/16,pools[0].nodeSelector=rack == 'a'"}
	upgrade := func(set string) []string {
		t.Helper()
		out, err := n.install(t, append(pools, "--set", set)...)
		require.NoError(t, err, out)
		return n.ran()
	}
	first := upgrade("")
	require.Len(t, first, 1)
	assert.ElementsMatch(t, []string{"a", "no-nat-to-172-16-0-0-12"}, names(world.Pools(t)))
	n.assertLeft(t, 6, 4) // for the test, without roles for a preflight
	assert.Empty(t, upgrade(""), "the same Job")
	assert.Empty(t, upgrade("rbac.create=true"))
	next := upgrade("pools[0].natOutgoing=true")
	require.Len(t, next, 1)
	assert.NotEqual(t, first, next)
	assert.Len(t, listed[batchv1.Job](t, n, jobs), 1)
	assert.True(t, world.Pools(t)[0].Spec.NATOutgoing)
	out, err := n.helm(t, "test", "pools")
	require.NoError(t, err, out)
	n.assertLeft(t, 6, 4) // for the test, without roles for a preflight

	assert.Equal(t, []string{"Job pools-calico-bootstrap"}, upgrade("hook.enabled=true"))
	n.assertLeft(t, 0, 4)
	assert.Equal(t, next, upgrade("pools[0].natOutgoing=true"), "without hooks again")

	out, err = n.helm(t, "uninstall", "pools")
	require.NoError(t, err, out)
	n.assertLeft(t, 0, 0)
	assert.Len(t, listed[batchv1.Job](t, n, jobs), 1, "of the hook")
	assert.Len(t, world.Pools(t), 2)
}

// TestHelmEtcd creates the pools in an etcd with client certificates: the pod has no token,
// and there are no permissions.
func TestHelmEtcd(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	world := newKubernetesWorld(t, ippool.CRDV1)
	n := newNode(t, world)
	pki := etcd.PKI()
	kubectl(t, world.server, "--namespace", n.namespace, "create", "secret", "generic", "calico-etcd-secrets",
		"--from-file=etcd-ca="+pki.CACertFile, "--from-file=etcd-cert="+pki.ClientCertFile, "--from-file=etcd-key="+pki.ClientKeyFile)
	out, err := n.install(t, "--set", "settings.etcdEndpoints={"+etcd.Endpoints()[0]+"},etcdSecret.name=calico-etcd-secrets")
	require.NoError(t, err, out)
	require.Equal(t, []string{"Job pools-calico-bootstrap"}, n.ran())
	assert.Contains(t, n.runs[0].stdout, "created")
	assert.Empty(t, world.Pools(t))
	out, err = n.helm(t, "test", "pools")
	require.NoError(t, err, out)
	assert.Contains(t, n.runs[0].stdout, "2 unchanged")
	assert.Equal(t, corev1.PodSucceeded, listed[corev1.Pod](t, n, pods)[0].Status.Phase)
}
