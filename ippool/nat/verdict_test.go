package nat_test

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// Every reason that suffices for no is listed, whatever the row that decides.
func TestBlocking(t *testing.T) {
	t.Parallel()
	blocking := func(verdict nat.Verdict) (all []nat.Code) {
		for _, reason := range verdict.Blocking() {
			all = append(all, reason.Code)
		}
		return all
	}
	for _, f := range families {
		cluster := nat.Cluster{
			Pools: []*v3.IPPool{newPool("pods", f.pods, natted), newPool("exempt", f.exempt, disabled)}, Nodes: f.nodes(), Version: "v3.32.1",
			FelixConfigurations: felix(nat.FelixSpec{BPFEnabled: pointer(true), NATOutgoingExclusions: "IPPoolsAndHostIPs"}),
		}
		for _, tt := range []struct {
			source, destination, node string
			row                       int
			want                      []nat.Code
		}{
			{f.pod, f.external, "", 8, nil},
			{f.exempted, f.pod, "", 2, []nat.Code{nat.SourceWithoutNAT, nat.DestinationExempt}},
			{f.external, f.node1, "", 2, []nat.Code{nat.SourceInNoPool, nat.DestinationIsHost}},
			{f.tunnel1, f.exempted, "", 3, []nat.Code{nat.SourceNotWorkload, nat.DestinationExempt}},
			{f.pod, f.node1, "n1", 4, []nat.Code{nat.OwnNode, nat.DestinationIsHost}},
			{f.node2, f.pod, "", 2, []nat.Code{nat.SourceInNoPool, nat.SourceNotWorkload, nat.DestinationExempt}},
		} {
			verdict := ask(t, cluster, tt.source, tt.destination, nat.Options{Node: tt.node})
			assert.Equal(t, tt.row, verdict.Row, "%s to %s", tt.source, tt.destination)
			assert.Equal(t, tt.want, blocking(verdict), "%s to %s", tt.source, tt.destination)
		}
	}
	assert.Zero(t, nat.Verdict{}.Decisive())
	assert.Empty(t, nat.Verdict{}.Blocking())
}

// If nodes differ, only the reasons of all nodes are listed: no other contradicts the verdict.
func TestReasonsOfDifferingNodes(t *testing.T) {
	t.Parallel()
	f := families[0]
	cluster := nat.Cluster{
		Pools: []*v3.IPPool{newPool("pods", f.pods, natted)}, Nodes: append(f.nodes(), nat.Node{Name: "n3"}), Version: "v3.32.1",
		FelixConfigurations: []nat.FelixConfiguration{
			{Name: "default", Spec: nat.FelixSpec{NATOutgoingExclusions: "IPPoolsAndHostIPs"}},
			{Name: "node.n2", Spec: nat.FelixSpec{NATOutgoingExclusions: "IPPoolsOnly"}},
		},
	}
	verdict := ask(t, cluster, f.pod, f.node1, nat.Options{})
	assert.Equal(t, nat.Depends, verdict.Masqueraded)
	assert.Equal(t, []nat.Code{nat.SourceInNATPool, nat.OtherNodeAssumed, nat.DestinationInNoPool, nat.NodesDiffer}, codes(verdict))
	assert.Equal(t, nat.NodesDiffer, verdict.Decisive().Code)
	assert.Equal(t, "it depends on the source's node, because the FelixConfigurations differ: on n2: yes, as the address of the interface by which it leaves the node; on all other nodes: no", verdict.Decisive().Text())
}

// The reasons say which node has the source.
func TestSourceOfNode(t *testing.T) {
	t.Parallel()
	f := families[0]
	cluster := nat.Cluster{Pools: []*v3.IPPool{newPool("pods", f.pods, natted)}, Nodes: f.nodes(), Version: "v3.32.1", Dataplane: nat.NFTables}
	for source, want := range map[string]string{
		f.node1:   "source 172.16.0.1, an address of node n1, is in no pool",
		f.tunnel1: "source 10.244.0.1, the address of a tunnel of node n1, is in pool pods 10.244.0.0/16, which has natOutgoing",
		f.pod:     "source 10.244.1.2 is in pool pods 10.244.0.0/16, which has natOutgoing",
	} {
		assert.Equal(t, want, ask(t, cluster, source, f.external, nat.Options{}).Reasons[0].Text())
		if source != f.pod {
			verdict := ask(t, cluster, source, f.external, nat.Options{Node: "n2"})
			assert.Equal(t, "source "+source+" is an address of node n1: the node in question does not send from it", verdict.Reasons[0].Text())
		}
	}
}

func TestDataplaneOfNodes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		given nat.Dataplane
		spec  nat.FelixSpec
		want  nat.Dataplane
	}{
		{"", nat.FelixSpec{}, ""},
		{"", nat.FelixSpec{NFTablesMode: "Auto", BPFEnabled: pointer(false)}, ""},
		{"", nat.FelixSpec{NFTablesMode: "Enabled"}, nat.NFTables},
		{"", nat.FelixSpec{NFTablesMode: "Disabled"}, nat.IPTables},
		{"", nat.FelixSpec{NFTablesMode: "Enabled", BPFEnabled: pointer(true)}, nat.EBPF},
		{nat.IPTables, nat.FelixSpec{NFTablesMode: "Enabled"}, nat.IPTables},
	} {
		assert.Equal(t, tt.want, nat.New(nat.Cluster{Dataplane: tt.given, FelixConfigurations: felix(tt.spec)}).Dataplane(""))
		of := nat.New(nat.Cluster{Dataplane: tt.given, FelixConfigurations: []nat.FelixConfiguration{{Name: "node.n1", Spec: tt.spec}}})
		assert.Equal(t, tt.want, of.Dataplane("n1"))
		assert.Equal(t, tt.given, of.Dataplane(""), "nodes that differ")
		assert.Equal(t, tt.given, of.Dataplane("n2"))
	}
	var zero *nat.Model
	assert.Empty(t, zero.Dataplane("n1"))
}

// What ends Felix has a remedy, and the nodes that it concerns.
func TestRemedies(t *testing.T) {
	t.Parallel()
	model := nat.New(nat.Cluster{
		Pools: []*v3.IPPool{newPool("a", "10.244.0.0/16", natted), newPool("b", "10.244.1.0/24"), newPool("six", "fd00::/64", natted)}, Dataplane: nat.NFTables,
		FelixConfigurations: []nat.FelixConfiguration{{Name: "node.n1", Spec: nat.FelixSpec{NATOutgoingAddress: "192.0.2.1", InterfaceFilter: "eth+"}}},
	})
	ends := 0
	for _, finding := range model.Findings() {
		assert.Equal(t, finding.EndsFelix, finding.Remedy() != "")
		if finding.EndsFelix {
			ends++
		}
		assert.True(t, finding.Nodes.Has("n1"))
		assert.Equal(t, finding.Code == nat.OverlappingPools, finding.Nodes.Has("n2"))
	}
	assert.Equal(t, 3, ends)
}
