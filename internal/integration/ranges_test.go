package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// rangesResult is what scripts read of ranges -o json.
type rangesResult struct {
	Datastore string
	Ranges    []struct {
		Depth               int
		Kind, Prefix, State string
		First, Last         string
		Count               int
		Sources             []string
		Blocks              *struct{ Used, Total int }
		OverlapCount        int
	}
	Warnings, Notes []string
}

// rangesOfCluster runs ranges, and returns a line for each row of the kinds.
func rangesOfCluster(t *testing.T, code int, env []string, kinds string, args ...string) (rows []string, result rangesResult, stderr string) {
	t.Helper()
	r := call(t, env, append([]string{"ranges", "-o", "json"}, args...)...)
	require.Equal(t, code, r.code, "%s\n%s", r.stdout, r.stderr)
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &result), "%s", r.stdout)
	for _, row := range result.Ranges {
		if !slices.Contains(strings.Fields(kinds), row.Kind) {
			continue
		}
		line := fmt.Sprintf("%d %s %s %s", row.Depth, row.Kind, row.Prefix, strings.Join(row.Sources, ", "))
		if row.Count > 1 {
			line = fmt.Sprintf("%d %s %s-%s %d", row.Depth, row.Kind, row.First, row.Last, row.Count)
		}
		if row.State != "" {
			line += " " + row.State
		}
		if row.Blocks != nil {
			line += fmt.Sprintf(" %d/%d", row.Blocks.Used, row.Blocks.Total)
		}
		if row.OverlapCount > 0 {
			line += fmt.Sprintf(" overlaps %d", row.OverlapCount)
		}
		rows = append(rows, line)
	}
	return rows, result, r.stderr
}

// ofCluster are the kinds that don't depend on the machine that tests run on.
const ofCluster = "pool no-nat load-balancer pod-cidr node-pod-cidr service-cidr node-address"

// TestRangesOnKubernetes shows everything that a cluster uses, and what it can with each
// right taken away. Without the right to create pools, it writes nothing.
func TestRangesOnKubernetes(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	server, group := world.server, world.group.Group
	putKubeadmConfig(t, server, "100.80.0.0/14,fd77::/56")
	var nodes []kubetest.Node
	for i := range 12 {
		nodes = append(nodes, kubetest.Node{
			Name: fmt.Sprintf("node-%02d", i), PodCIDRs: []string{fmt.Sprintf("100.80.%d.0/24", i)},
			Addresses: []kubetest.NodeAddress{{Type: "InternalIP", Address: fmt.Sprintf("100.64.0.%d", 10+i)}},
		})
	}
	nodes[11].Addresses[0].Address = "100.100.0.1"
	putNodes(t, server, nodes...)
	world.Write(t, poolOf("four", spec{CIDR: "100.81.0.0/16"}))
	exempt := poolOf("no-nat-to-100-100-0-0-16", spec{CIDR: "100.100.0.0/16"})
	exempt.Labels = map[string]string{plan.NoNATLabel: "100-100-0-0-16"}
	world.Write(t, exempt)
	world.WriteBlock(t, "100.81.0.0/26")
	world.WriteBlock(t, "100.81.0.64/26")

	rights := []rbacv1.PolicyRule{
		kubetest.Rule(group, "ippools", "list"), kubetest.Rule(group, "ipamblocks", "list"), kubetest.Rule("", "configmaps", "get"),
		kubetest.Rule("", "nodes", "list"), kubetest.Rule("networking.k8s.io", "servicecidrs", "list"),
		kubetest.Rule("config.openshift.io", "networks", "get"), kubetest.Rule("operator.tigera.io", "installations", "get"),
	}
	with := func(rules ...rbacv1.PolicyRule) []string {
		namespace := server.Namespace(t)
		server.Allow(t, server.ServiceAccount(t, namespace, "some"), rules...)
		return []string{"KUBECONFIG=" + server.TokenKubeconfig(t, server.Token(t, namespace, "some", time.Hour))}
	}
	const (
		services  = "1 service-cidr 10.0.0.0/24 ServiceCIDR kubernetes"
		kubeadms  = "1 service-cidr 10.96.0.0/12 kubeadm-config"
		addresses = "1 node-address 100.64.0.10-100.64.0.20 11"
		pods4     = "1 pod-cidr 100.80.0.0/14 kubeadm-config"
		podsOf    = "2 node-pod-cidr 100.80.0.0-100.80.11.255 12"
		exempted  = "1 no-nat 100.100.0.0/16 no-nat-to-100-100-0-0-16 0/1024"
		edge      = "2 node-address 100.100.0.1/32 node node-11"
		pods6     = "1 pod-cidr fd77::/56 kubeadm-config"
		planned   = "1 pool fd77::/56 default-ipv6-ippool planned"
	)
	rows, result, stderr := rangesOfCluster(t, 0, with(rights...), ofCluster)
	assert.Equal(t, []string{services, kubeadms, addresses, pods4, podsOf, "2 pool 100.81.0.0/16 four 2/1024", exempted, edge, pods6, planned}, rows)
	assert.Empty(t, result.Notes)
	assert.Equal(t, "kubernetes", result.Datastore)
	assert.NotContains(t, stderr, "warning")
	assert.Equal(t, []string{"four", "no-nat-to-100-100-0-0-16"}, names(world.Pools(t)))

	rows, result, _ = rangesOfCluster(t, 0, with(rights[0]), ofCluster)
	assert.Equal(t, []string{"1 pool 100.81.0.0/16 four", "1 no-nat 100.100.0.0/16 no-nat-to-100-100-0-0-16"}, rows)
	all := strings.Join(result.Notes, "\n")
	for _, missing := range []string{"ipamblocks", "nodes", "servicecidrs", "kubeadm-config"} {
		assert.Contains(t, all, missing)
	}
	rows, result, stderr = rangesOfCluster(t, 1, with(rights[1:]...), ofCluster, "--ipv4-pool-cidr", "10.0.0.0/25")
	assert.Equal(t, []string{services + " overlaps 1", "2 pool 10.0.0.0/25 default-ipv4-ippool planned overlaps 1", kubeadms, "1 node-address 100.64.0.10-100.100.0.1 12", pods4, podsOf, pods6}, rows)
	assert.Contains(t, result.Notes[0], "the pools could not be read: ")
	assert.Contains(t, stderr, "resources: [ippools], verbs: [list]")
}

// TestRangesOnEtcd shows the pools and blocks in etcd, in each format, and what is known if
// the desired pools are refused or etcd does not respond.
func TestRangesOnEtcd(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	env := []string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0], "CALICO_IPV6POOL_CIDR=none"}
	world.Write(t, poolOf("four", spec{CIDR: "10.200.0.0/16"}))
	world.WriteRaw(t, "broken", "{")
	world.WriteBlock(t, "10.200.4.0/26")
	world.WriteBlock(t, "10.201.0.0/26")
	before := world.records(t)

	rows, result, _ := rangesOfCluster(t, 0, env, ofCluster, "--cluster-cidr", "10.192.0.0/10")
	assert.Equal(t, []string{"1 pod-cidr 10.192.0.0/10 flag --cluster-cidr", "2 pool 10.200.0.0/16 four 1/1024"}, rows)
	assert.Equal(t, []string{result.Notes[0], "1 IPAM block(s) are in no pool: 10.201.0.0/26"}, result.Notes)
	assert.Contains(t, result.Notes[0], `IPPool "broken" is malformed and is not shown: `)
	table := call(t, env, "ranges")
	require.Zero(t, table.code, table.stderr)
	assert.Regexp(t, `(?m)^  10\.200\.0\.0/16 +pool +four +1/1024 \(<0\.1%\)`, table.stdout)
	assert.Contains(t, table.stdout, "\nNote: IPPool \"broken\" is malformed")
	picture := call(t, env, "ranges", "-o", "svg")
	require.Zero(t, picture.code, picture.stderr)
	assert.True(t, strings.HasPrefix(picture.stdout, "<svg "), picture.stdout)
	assert.Contains(t, picture.stdout, ">10.200.0.0/16</text>")
	yaml := call(t, env, "ranges", "-o", "yaml")
	require.Zero(t, yaml.code, yaml.stderr)
	assert.Contains(t, yaml.stdout, "prefix: 10.200.0.0/16")

	file := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(file, []byte("- name: new\n  cidr: 10.200.128.0/17\n"), 0o600))
	rows, result, stderr := rangesOfCluster(t, 1, env, "pool", "--pools-file", file)
	assert.Equal(t, []string{"1 pool 10.200.0.0/16 four 1/1024 overlaps 1", "2 pool 10.200.128.0/17 new planned overlaps 1"}, rows)
	assert.Contains(t, strings.Join(result.Notes, "\n"), "the desired pools can't be created: ")
	assert.Contains(t, stderr, `overlaps 10.200.0.0/16 of IPPool "four"`)
	assert.Equal(t, 1, call(t, env, "plan", "--pools-file", file).code)
	assert.Equal(t, before, world.records(t), "nothing was written")

	rows, result, stderr = rangesOfCluster(t, 4, []string{"ETCD_ENDPOINTS=http://127.0.0.1:1"}, "pool", "--ipv4-pool-cidr", "10.1.0.0/16", "--timeout", "1s")
	assert.Equal(t, []string{"1 pool 10.1.0.0/16 default-ipv4-ippool planned"}, rows)
	assert.Contains(t, result.Notes[0], "the pools could not be read: ")
	assert.Contains(t, stderr, "timed out")
	r := call(t, env, "ranges", "--ipv4-pool-cidr", "x")
	assert.Equal(t, 2, r.code)
	assert.Empty(t, r.stdout)
}
