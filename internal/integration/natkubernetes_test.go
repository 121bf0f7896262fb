package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// natObjects are what decides about NAT besides the pools, as calico-node and the operator
// create it in a group.
func natObjects(group schema.GroupVersion) string {
	return strings.ReplaceAll(`
apiVersion: GROUP
kind: FelixConfiguration
metadata: {name: default}
spec: {logSeverityScreen: Info, reportingInterval: 0s, natPortRange: "32768:65535", bpfEnabled: false}
---
apiVersion: GROUP
kind: FelixConfiguration
metadata: {name: node.nat-n2}
spec: {natOutgoingExclusions: IPPoolsAndHostIPs}
---
apiVersion: GROUP
kind: ClusterInformation
metadata: {name: default}
spec: {calicoVersion: v3.32.1, clusterGUID: c0ffee, clusterType: "k8s,bgp", datastoreReady: true}
`, "GROUP", group.String())
}

const natNodes = `
apiVersion: v1
kind: Node
metadata: {name: nat-n1, annotations: {projectcalico.org/IPv4Address: 172.16.0.1/24, projectcalico.org/IPv4VXLANTunnelAddr: 10.244.3.64}}
---
apiVersion: v1
kind: Node
metadata: {name: nat-n2, annotations: {projectcalico.org/IPv4Address: 172.16.0.2/24}}
`

// The verdicts are those of the objects in the API, in both groups and with Calico's own
// CRDs; the role of the manifests suffices, and less is reported.
func testNATOfKubernetes(t *testing.T, world *kubernetesWorld, published bool) {
	t.Helper()
	world.server.InstallNATCRDs(t, world.group, published)
	world.Write(t, storedDefault("10.244.0.0/16"))
	world.server.Apply(t, []byte(natObjects(world.group)))
	world.server.Apply(t, []byte(natNodes))
	t.Cleanup(func() { kubectlAfter(t, world.server, "delete", "node", "nat-n1", "nat-n2") })

	role := kustomizationOf(t, "nat")
	if world.group == v3.SchemeGroupVersion {
		role = kustomizationOf(t, "nat", nativeGroup)
	}
	applied := applyManifests(t, world.server, role)
	reader, poolsOnly := "nat-reader-"+strings.ToLower(world.group.Version)+world.group.Group, "nat-pools-"+world.group.Group
	rules := object[rbacv1.ClusterRole](t, applied, "ClusterRole").Rules
	world.server.Allow(t, reader, rules...)
	world.server.Allow(t, poolsOnly, kubetest.Rule(world.group.Group, "ippools", "list"))
	env := func(user string) []string {
		cert, key := world.server.ClientCert(t, user)
		folder := t.TempDir()
		return []string{
			"DATASTORE_TYPE=kubernetes", "CALICO_API_GROUP=" + world.group.String(), "K8S_API_ENDPOINT=" + world.server.URL(), "K8S_CA_FILE=" + world.server.CAFile(),
			"K8S_CERT_FILE=" + writeTo(t, folder, "cert", string(cert)), "K8S_KEY_FILE=" + writeTo(t, folder, "key", string(key)),
		}
	}

	for _, tt := range []struct{ args, want, codes string }{
		{"10.244.0.7 203.0.113.7", "yes", "SourceInNATPool DestinationInNoPool Masqueraded"},
		{"10.244.0.7 10.244.9.9", "no", "SourceInNATPool DestinationExempt"},
		{"10.244.0.7 172.16.0.1 --node nat-n2", "no", "SourceInNATPool DestinationInNoPool DestinationIsHost"},
		{"10.244.0.7 172.16.0.1 --node nat-n1", "no", "SourceInNATPool OwnNode"},
		{"172.16.0.1 203.0.113.7", "no", "SourceInNoPool"},
	} {
		verdict := natOf(t, env(reader), strings.Fields(tt.args)...)
		assert.Equal(t, tt.want, verdict.Masqueraded, tt.args)
		assert.Equal(t, tt.codes, verdict.codes(), tt.args)
		for _, assumption := range verdict.Assumptions {
			assert.NotContains(t, assumption, "permission denied")
		}
	}
	assert.Contains(t, natOf(t, env(reader), "10.244.0.7", "203.0.113.7", "--protocol", "udp").As, "ports 32768-65535")

	less := natOf(t, env(poolsOnly), "10.244.0.7", "172.16.0.1")
	assert.Equal(t, "yes", less.Masqueraded)
	all := strings.Join(less.Assumptions, "\n")
	for _, want := range []string{"Felix's defaults are assumed: ", "resources: [felixconfigurations]", "no address is known to be a node's: ", "resources: [nodes]", "the newest version of Calico is assumed: ", "resources: [clusterinformations]", "no Service CIDR"} {
		assert.Contains(t, all, want)
	}

	// The patches are pasted, and change the verdict.
	admin := []string{"KUBECONFIG=" + world.server.Kubeconfig(t)}
	path := withKubectl(t)
	bootstrap, err := programs.CalicoBootstrap()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(bootstrap, filepath.Join(path, "calico-bootstrap")))
	paste := func(verdict natVerdict, part string) {
		t.Helper()
		for _, advice := range verdict.Advice {
			for _, line := range advice.Commands {
				if strings.Contains(line, part) {
					cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", line)
					cmd.Env = append(admin, "PATH="+path+":/usr/bin:/bin", "HOME="+t.TempDir())
					out, err := cmd.CombinedOutput()
					require.NoError(t, err, "%s: %s", line, out)
					assert.NotContains(t, string(out), "has no effect", "what nat advises, apply does not warn of")
					return
				}
			}
		}
		require.Fail(t, "no command has "+part)
	}
	paste(natOf(t, admin, "10.244.0.7", "172.16.0.1", "--node", "nat-n2"), "IPPoolsOnly")
	verdict := natOf(t, admin, "10.244.0.7", "172.16.0.1", "--node", "nat-n2")
	require.Equal(t, "yes", verdict.Masqueraded)
	paste(verdict, "IPPoolsAndHostIPs")
	assert.Equal(t, "no", natOf(t, admin, "10.244.0.7", "172.16.0.1", "--node", "nat-n2").Masqueraded)
	paste(natOf(t, admin, "10.244.0.7", "198.18.0.7"), "--no-nat-to 198.18.0.7/32")
	verdict = natOf(t, admin, "10.244.0.7", "198.18.0.7")
	require.Equal(t, "no", verdict.Masqueraded)
	paste(verdict, "delete")
	paste(natOf(t, admin, "10.244.0.7", "198.18.0.7"), `"natOutgoing":false}`)
	verdict = natOf(t, admin, "10.244.0.7", "198.18.0.7")
	require.Equal(t, "no", verdict.Masqueraded)
	assert.Equal(t, "SourceWithoutNAT", verdict.codes())
	paste(verdict, `"natOutgoing":true}`)

	// Exports of kubectl give the same verdicts without a datastore.
	folder := t.TempDir()
	write := func(name string, args ...string) string {
		out := kubectl(t, world.server, append([]string{"get"}, args...)...)
		return writeTo(t, folder, name, out)
	}
	offline := []string{
		"--pools-file", write("pools.yaml", "ippools."+world.group.Group, "-o", "yaml"),
		"--felix-file", write("felix.json", "felixconfigurations."+world.group.Group+",clusterinformations."+world.group.Group, "-o", "json"),
		"--nodes-file", write("nodes.yaml", "nodes", "-o", "yaml"),
	}
	for _, question := range []string{"10.244.0.7 203.0.113.7", "10.244.0.7 172.16.0.1 --node nat-n2", "10.244.0.7 172.16.0.1 --node nat-n1"} {
		online, off := natOf(t, admin, strings.Fields(question)...), natOf(t, nil, append(offline, strings.Fields(question)...)...)
		assert.Equal(t, online.Masqueraded, off.Masqueraded, question)
		assert.Equal(t, online.Reasons, off.Reasons, question)
	}
	overview := call(t, nil, append([]string{"nat", "-o", "json"}, offline...)...)
	require.Zero(t, overview.code, overview.stderr)
	assert.True(t, json.Valid([]byte(overview.stdout)))
}

// writeTo writes a file and returns its path.
func writeTo(t *testing.T, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestNATOfKubernetes(t *testing.T) {
	t.Parallel()
	testNATOfKubernetes(t, newKubernetesWorld(t, ippool.CRDV1), false)
}

func TestNATOfKubernetesV3(t *testing.T) {
	t.Parallel()
	testNATOfKubernetes(t, newKubernetesWorld(t, v3.SchemeGroupVersion), false)
}

// With the CRDs that Calico publishes.
func TestNATOfCalicoCRDs(t *testing.T) {
	t.Parallel()
	testNATOfKubernetes(t, newCalicoWorld(t, ippool.CRDV1), true)
}

func TestNATOfCalicoCRDsV3(t *testing.T) {
	t.Parallel()
	testNATOfKubernetes(t, newCalicoWorld(t, v3.SchemeGroupVersion), true)
}

// A cluster whose pools are the only resource of Calico's reports what is missing.
func TestNATWithoutOtherResources(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.Write(t, storedDefault("10.244.0.0/16"))
	verdict := natOf(t, []string{"KUBECONFIG=" + world.server.Kubeconfig(t)}, "10.244.0.7", "203.0.113.7")
	assert.Equal(t, "yes", verdict.Masqueraded)
	all := strings.Join(verdict.Assumptions, "\n")
	assert.Contains(t, all, "the API server has no felixconfigurations: Felix's defaults are assumed")
	assert.Contains(t, all, "no ClusterInformation default exists: the newest version of Calico is assumed")
}
