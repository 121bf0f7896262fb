package integration

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/typed"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// imitatedCluster is a cluster with the objects that its installer creates.
type imitatedCluster struct {
	name      string   // of testdata/clusters/NAME.yaml, and of the session in docs/INSTALLERS.md
	operator  bool     // the Tigera operator's definition is installed
	byDefault bool     // the document has the default IPv4 range
	reads     []string // requests of a first run
	creates   int      // pools of a first run
}

// TestImitatedClusters runs the commands of docs/INSTALLERS.md on the clusters of
// several installers, with our small definitions of Calico's kinds and with the published
// ones. It counts the requests of a first run and of those after it. The sixth
// cluster, OpenShift 3.11, has its pools in etcd: TestOpenShiftInventory of
// host/ansible.
func TestImitatedClusters(t *testing.T) {
	t.Parallel()
	always := []string{listPools, listBlocks, listNodes, listServiceCIDRs, operatorGroup}
	all := append(always[:len(always):len(always)], kubeadmConfig, openShift, kubeProxy)
	clusters := []imitatedCluster{ // OpenShift's definition stays, so clusters without it are first
		{"kubeadm", false, false, all, 2},
		{"kubeadm-ipv6", false, true, all, 2},
		{"k3s", false, true, all, 2},
		{"openshift", false, false, all, 2},
		{"rke2", true, false, append(all[:len(all):len(all)], getInstallation), 0},
	}
	t.Run("own definitions", func(t *testing.T) {
		world := newKubernetesWorld(t, ippool.CRDV1)
		for _, cluster := range clusters {
			t.Run(cluster.name, func(t *testing.T) {
				if cluster.operator {
					world.server.InstallOperatorCRD(t)
				}
				testCluster(t, world, cluster, *update)
			})
		}
	})
	t.Run("published definitions", func(t *testing.T) {
		world := newCalicoWorld(t, ippool.CRDV1)
		for _, cluster := range clusters {
			t.Run(cluster.name, func(t *testing.T) {
				if cluster.operator {
					world.server.InstallTigeraCRD(t)
				}
				testCluster(t, world, cluster, false)
			})
		}
	})
}

func testCluster(t *testing.T, world *kubernetesWorld, cluster imitatedCluster, update bool) {
	t.Helper()
	world.empty(t)
	imitate(t, world.server, cluster.name)
	if defaultRange := "192.168.0.0/16"; cluster.byDefault && hostUses(t, defaultRange) {
		t.Skip("the document has ", defaultRange, ", which a network of this machine overlaps")
	}
	program, err := programs.CalicoBootstrap()
	require.NoError(t, err)
	tools, folder := t.TempDir(), t.TempDir()
	require.NoError(t, os.Symlink(program, filepath.Join(tools, "calico-bootstrap")))
	env := []string{
		"PATH=" + tools + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + folder, "KUBECONFIG=" + world.server.Kubeconfig(t),
	}
	typed.Session{
		Document: "../../docs/INSTALLERS.md", Name: cluster.name, Folder: folder, Env: append(env, preflightOn...), Update: update,
		Tidy: func(printed string) string { return allowedNote.ReplaceAllString(printed, "") },
	}.Type(t)
	assert.Empty(t, world.Pools(t), "plan writes nothing")

	var sent requests
	config := kubernetes.Config{REST: sent.record(world.config)}
	run := func() []string {
		_, err := bootstrap.New(openKubernetes(t, config), bootstrap.WithHost(suite.Host{})).Run(t.Context(), settings.Settings{})
		require.NoError(t, err)
		return lines(sent.take())
	}
	first := cluster.reads
	for range cluster.creates {
		first = append(first[:len(first):len(first)], createPool)
	}
	assert.ElementsMatch(t, first, run())
	if cluster.creates == 0 { // until the operator has created its pools
		assert.ElementsMatch(t, first, run())
		world.Write(t, poolOf("default-ipv4-ippool", spec{CIDR: "10.42.0.0/16"}))
		world.Write(t, poolOf("default-ipv6-ippool", spec{CIDR: "fd00:10:42::/56"}))
	}
	assert.Equal(t, []string{listPools}, run())
}

// imitate stores the objects of a cluster in testdata/clusters until the test ends, and
// removes those that other tests left.
func imitate(t *testing.T, server *kubetest.Server, name string) {
	t.Helper()
	for _, left := range []string{"kubeadm-config", "kube-proxy"} {
		server.DeleteConfigMap(t, "kube-system", left)
	}
	if name == "openshift" {
		server.InstallOpenShiftCRD(t)
	}
	path := filepath.Join("testdata", "clusters", name+".yaml")
	t.Cleanup(func() { kubectlAfter(t, server, "delete", "--ignore-not-found", "-f", path) })
	kubectl(t, server, "create", "-f", path)
}

// hostUses reports whether a network of this machine overlaps the range.
func hostUses(t *testing.T, cidr string) bool {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, address := range addresses {
		prefix, err := netip.ParsePrefix(address.String())
		if err == nil && prefix.Overlaps(netip.MustParsePrefix(cidr)) {
			return true
		}
	}
	return false
}
