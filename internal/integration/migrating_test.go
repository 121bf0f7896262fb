package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/typed"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const migrating = "../../docs/MIGRATING.md"

// calicoNode is the relevant part of calico-node's DaemonSet.
const calicoNode = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      containers:
        - name: calico-node
          image: calico-node
          env:
            - {name: DATASTORE_TYPE, value: kubernetes}
            - {name: NODENAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
            - {name: CALICO_IPV4POOL_CIDR, value: 10.244.0.0/16}
            - {name: CALICO_IPV4POOL_IPIP, value: Always}
            - {name: CALICO_IPV4POOL_NAT_OUTGOING, value: "true"}
            - {name: FELIX_IPV6SUPPORT, value: "false"}
`

// TestMigratingKubernetes runs the commands of docs/MIGRATING.md on a cluster whose
// pool differs from calico-node's variables.
func TestMigratingKubernetes(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.DeleteConfigMap(t, "kube-system", "kubeadm-config")
	world.server.Apply(t, []byte(calicoNode))
	t.Cleanup(func() {
		kubectlAfter(t, world.server, "-n", "kube-system", "delete", "daemonset", "calico-node", "--wait=false")
	})
	world.Write(t, storedDefault("192.168.0.0/16"))
	typeSession(t, "kubernetes", withKubectl(t), t.TempDir(), "KUBECONFIG="+world.server.Kubeconfig(t))
	assert.Len(t, world.Pools(t), 2)
}

// withKubectl returns a folder with kubectl.
func withKubectl(t *testing.T) string {
	t.Helper()
	binary, err := kubetest.Kubectl(t.Context())
	require.NoError(t, err)
	tools := t.TempDir()
	require.NoError(t, os.Symlink(binary, filepath.Join(tools, "kubectl")))
	return tools
}

// TestMigratingCIDRKubernetes runs the commands that move a cluster to another CIDR.
func TestMigratingCIDRKubernetes(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.DeleteConfigMap(t, "kube-system", "kubeadm-config")
	world.Write(t, storedDefault("192.168.0.0/16"))
	typeSession(t, "cidr", withKubectl(t), t.TempDir(), "KUBECONFIG="+world.server.Kubeconfig(t))
	assert.Equal(t, []string{"pods"}, names(world.Pools(t)))
}

// TestMigratingCIDREtcd runs the commands that move a cluster to another block size, and
// back.
func TestMigratingCIDREtcd(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	world.Write(t, storedDefault("10.244.0.0/16"))
	folder := t.TempDir()
	writeCalicoctlConfig(t, world, folder)
	typeSession(t, "cidretcd", t.TempDir(), folder)
	assert.Equal(t, []string{"default-ipv4-ippool", "pods"}, names(world.Pools(t)))
	assert.False(t, world.Pools(t)[0].Spec.Disabled, "the last command goes back")
}

// storedDefault returns a default IPv4 pool with NAT.
func storedDefault(cidr string) *v3.IPPool {
	pool := ippool.New("default-ipv4-ippool")
	pool.Spec.CIDR, pool.Spec.NATOutgoing = cidr, true
	ippool.Default(pool)
	return pool
}

// TestMigrationCommandsArePasted runs the commands of the plan's steps in a shell, on both
// API groups.
func TestMigrationCommandsArePasted(t *testing.T) {
	t.Parallel()
	for _, group := range []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion} {
		world := newKubernetesWorld(t, group)
		world.Write(t, storedDefault("192.168.0.0/16"))
		world.Write(t, otherPool("pods", "10.245.0.0/16"))
		store := world.Open(t)
		var given settings.Settings
		given.IPv4.CIDR, given.IPv6.CIDR = settings.Given("10.244.0.0/16", origin.Caller("test")), settings.Given("none", origin.Caller("test"))
		plan, err := bootstrap.New(store, bootstrap.WithHost(suite.Host{})).Plan(t.Context(), given)
		require.NoError(t, err)
		require.Len(t, plan.Differences(), 1)
		steps := plan.Differences()[0].Steps
		require.Len(t, steps, 4)
		paste := func(step string) {
			i := strings.Index(step, ": kubectl ")
			require.Positive(t, i, step)
			cmd := exec.CommandContext(t.Context(), "bash", "-c", step[i+2:])
			cmd.Env = []string{"PATH=" + withKubectl(t), "KUBECONFIG=" + world.server.Kubeconfig(t), "HOME=" + t.TempDir()}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
		}
		paste(steps[1])
		stored := world.Pools(t)
		require.Len(t, stored, 2)
		assert.True(t, stored[0].Spec.Disabled)
		assert.False(t, stored[1].Spec.Disabled)
		paste(steps[3])
		assert.Equal(t, []string{"pods"}, names(world.Pools(t)))
	}
}

// otherPool returns a pool with NAT.
func otherPool(name, cidr string) *v3.IPPool {
	pool := storedDefault(cidr)
	pool.Name = name
	return pool
}

// writeCalicoctlConfig writes calicoctl.cfg for an etcd into a folder.
func writeCalicoctlConfig(t *testing.T, world *etcdWorld, folder string) {
	t.Helper()
	config := "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec:\n  datastoreType: etcdv3\n  etcdEndpoints: " + world.server.Endpoints()[0] + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "calicoctl.cfg"), []byte(config), 0o600))
}

// TestMigratingEtcd runs the commands of docs/MIGRATING.md on an empty etcd.
func TestMigratingEtcd(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	folder := t.TempDir()
	writeCalicoctlConfig(t, world, folder)
	environment := "CALICO_IPV4POOL_CIDR=10.244.0.0/16\nCALICO_IPV4POOL_NAT_OUTGOING=true\nNODENAME=node-1\nIP=autodetect\nFELIX_IPV6SUPPORT=false\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "calico.env"), []byte(environment), 0o600))
	typeSession(t, "etcd", t.TempDir(), folder)
	assert.Len(t, world.Pools(t), 1)
}

// typeSession runs every command of a session in docs/MIGRATING.md.
func typeSession(t *testing.T, name, tools, folder string, env ...string) {
	t.Helper()
	program, err := programs.CalicoBootstrap()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(program, filepath.Join(tools, "calico-bootstrap")))
	env = append([]string{"PATH=" + tools + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + folder}, env...)
	typed.Session{
		Document: migrating, Name: name, Folder: folder, Env: append(env, preflightOn...), Update: *update,
		Tidy: func(printed string) string { return allowedNote.ReplaceAllString(printed, "") },
	}.Type(t)
}
