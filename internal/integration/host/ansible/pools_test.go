//go:build host && linux

package ansible

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

// From an inventory to pools and open ports.
func TestFirstAndSecondRun(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	c := newCluster(t, etcd)
	master, node := firewalldtest.Start(t), firewalldtest.Start(t)
	c.withFirewalld(t, "master", master, false)
	c.withFirewalld(t, "node", node, true)
	asked := vars{"osm_cluster_network_cidr": "10.128.0.0/14", "calico_ipv4pool_ipip": "always", "calico_ipv4pool_nat_outgoing": false}

	check := c.play(t, asked, "--check", "--diff")
	t.Log(check.out)
	requirePlayed(t, check)
	assert.Empty(t, storedPools(t, etcd))

	first := c.play(t, asked, "--diff")
	t.Log(first.out)
	requirePlayed(t, first)
	require.Len(t, storedPools(t, etcd), 1)
	second := c.play(t, asked)
	t.Log(second.out)
	assert.Equal(t, map[string]int{"master": 0, "node": 0}, requirePlayed(t, second))
	t.Log(master.FirewallCmd(t, "--list-all"), node.FirewallCmd(t, "--permanent", "--list-all"))
}
