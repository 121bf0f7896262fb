package nat_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// TestRunningFelix compares the answers with what a running Felix masqueraded, in nftables
// mode, in August 2026.
func TestRunningFelix(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../shared/felix/decisions.jsonl")
	if os.IsNotExist(err) {
		t.Skip("../shared/felix/decisions.jsonl is missing")
	}
	require.NoError(t, err)
	clusters, decisions, agree := 0, 0, 0
	for line := range bytes.Lines(data) {
		var recorded struct {
			NATOutgoingExclusions string
			Pools                 []struct {
				Name string
				Spec v3.IPPoolSpec
			}
			Nodes []struct {
				Name, IPv4Address, IPv6Address string
			}
			Decisions []struct {
				Source, Destination netip.Addr
				Masqueraded         bool
			}
		}
		require.NoError(t, json.Unmarshal(line, &recorded))
		cluster := nat.Cluster{Dataplane: nat.NFTables, FelixConfigurations: []nat.FelixConfiguration{
			{Name: "default", Spec: nat.FelixSpec{NATOutgoingExclusions: recorded.NATOutgoingExclusions}},
		}}
		for _, pool := range recorded.Pools {
			cluster.Pools = append(cluster.Pools, newPool(pool.Name, "", func(spec *v3.IPPoolSpec) { *spec = pool.Spec }))
		}
		// The records have the decisions of Felix's rules, which don't know row 4: those of
		// a node whose addresses are not recorded.
		cluster.Nodes = []nat.Node{{Name: "felix"}}
		for _, node := range recorded.Nodes {
			cluster.Nodes = append(cluster.Nodes, nat.Node{Name: node.Name, HostIPs: []string{node.IPv4Address, node.IPv6Address}})
		}
		clusters++
		model := nat.New(cluster)
		require.Empty(t, model.Problems())
		for _, d := range recorded.Decisions {
			decisions++
			want := nat.No
			if d.Masqueraded {
				want = nat.Yes
			}
			answer, err := model.Decide(d.Source, d.Destination, nat.Options{})
			require.NoError(t, err)
			verdict, err := model.Explain(d.Source, d.Destination, nat.Options{})
			require.NoError(t, err)
			if assert.Equal(t, want, answer, "cluster %d: %s to %s", clusters, d.Source, d.Destination) && verdict.Masqueraded == want {
				agree++
			}
		}
	}
	t.Logf("%d of %d decisions in %d clusters agree", agree, decisions, clusters)
	assert.Equal(t, decisions, agree)
	assert.Greater(t, decisions, 1000)
}
