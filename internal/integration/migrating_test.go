package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
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
	pool := ippool.New("default-ipv4-ippool")
	pool.Spec.CIDR, pool.Spec.NATOutgoing = "192.168.0.0/16", true
	ippool.Default(pool)
	world.Write(t, pool)

	binary, err := kubetest.Kubectl(t.Context())
	require.NoError(t, err)
	tools := t.TempDir()
	require.NoError(t, os.Symlink(binary, filepath.Join(tools, "kubectl")))
	typeSession(t, "kubernetes", tools, t.TempDir(), "KUBECONFIG="+world.server.Kubeconfig(t))
	assert.Len(t, world.Pools(t), 2)
}

// TestMigratingEtcd runs the commands of docs/MIGRATING.md on an empty etcd.
func TestMigratingEtcd(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	folder := t.TempDir()
	config := "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec:\n  datastoreType: etcdv3\n  etcdEndpoints: " + world.server.Endpoints()[0] + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "calicoctl.cfg"), []byte(config), 0o600))
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
