package nat_test

import (
	"fmt"
	"net/netip"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

func exampleCluster() nat.Cluster {
	return nat.Cluster{
		Pools: []*v3.IPPool{
			newPool("default-ipv4-ippool", "10.244.0.0/16", natted),
			newPool("corporate", "10.0.0.0/9", disabled),
			newPool("load-balancers", "192.0.2.128/25", forLoadBalancers),
		},
		Nodes:        []nat.Node{{Name: "n1", HostIPs: []string{"172.16.0.1/24"}}, {Name: "n2", HostIPs: []string{"172.16.0.2/24"}}, {Name: "n3"}},
		ServiceCIDRs: []string{"10.96.0.0/12"},
		Version:      "v3.32.1",
	}
}

func ExampleModel_Explain() {
	model := nat.New(exampleCluster())
	for _, destination := range []string{"203.0.113.7", "10.1.2.3", "192.0.2.130", "172.16.0.2", "10.96.0.1"} {
		verdict, err := model.Explain(netip.MustParseAddr("10.244.0.7"), netip.MustParseAddr(destination), nat.Options{})
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s: %s\n", destination, verdict.Masqueraded)
		for _, reason := range verdict.Reasons {
			fmt.Println("-", reason.Text())
		}
	}
	// Output:
	// 203.0.113.7: yes
	// - source 10.244.0.7 is in pool default-ipv4-ippool 10.244.0.0/16, which has natOutgoing
	// - destination 203.0.113.7 is in no pool
	// - masqueraded as the address of the interface by which it leaves the node
	// 10.1.2.3: no
	// - source 10.244.0.7 is in pool default-ipv4-ippool 10.244.0.0/16, which has natOutgoing
	// - destination 10.1.2.3 is in pool corporate 10.0.0.0/9 (disabled, and exempts nevertheless)
	// 192.0.2.130: yes
	// - source 10.244.0.7 is in pool default-ipv4-ippool 10.244.0.0/16, which has natOutgoing
	// - destination 192.0.2.130 is in pool load-balancers 192.0.2.128/25, which is for LoadBalancers only and does not exempt
	// - masqueraded as the address of the interface by which it leaves the node
	// 172.16.0.2: yes
	// - source 10.244.0.7 is in pool default-ipv4-ippool 10.244.0.0/16, which has natOutgoing
	// - destination 172.16.0.2 is an address of node n2: not masqueraded on that node; another node is assumed
	// - destination 172.16.0.2 is in no pool
	// - destination 172.16.0.2 is the address of node n2, which is not exempt: natOutgoingExclusions is IPPoolsOnly (Felix's default)
	// - masqueraded as the address of the interface by which it leaves the node
	// 10.96.0.1: depends
	// - destination 10.96.0.1 is in the Service CIDR 10.96.0.0/12: the address of the backend decides, and kube-proxy may masquerade as well
}

func ExampleModel_Explain_nodes() {
	cluster := exampleCluster()
	cluster.FelixConfigurations = []nat.FelixConfiguration{
		{Name: "node.n1", Spec: nat.FelixSpec{NATOutgoingExclusions: "IPPoolsAndHostIPs", NATOutgoingAddress: "192.0.2.1"}},
	}
	model := nat.New(cluster)
	source, destination := netip.MustParseAddr("10.244.0.7"), netip.MustParseAddr("172.16.0.2")
	for _, options := range []nat.Options{{Node: "n1"}, {Node: "n2"}, {}} {
		verdict, err := model.Explain(source, destination, options)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(verdict.Masqueraded, "-", verdict.Reasons[len(verdict.Reasons)-1].Text())
	}
	// Output:
	// no - destination 172.16.0.2 is the address of node n2, and natOutgoingExclusions is IPPoolsAndHostIPs (FelixConfiguration node.n1)
	// no - destination 172.16.0.2 is an address of the source's own node n2: the traffic does not leave the node
	// depends - it depends on the source's node, because the FelixConfigurations differ: on n1: no; on all other nodes: yes, as the address of the interface by which it leaves the node
}

func ExampleModel_Overview() {
	overview, err := nat.New(exampleCluster()).Overview("")
	if err != nil {
		fmt.Println(err)
		return
	}
	ipv4 := overview.Families[0]
	for _, source := range ipv4.Sources {
		fmt.Println(source.Pool, "is masqueraded as", source.As)
	}
	for _, exemption := range ipv4.Exemptions {
		fmt.Println("except to", exemption.Range, "-", exemption.Why())
	}
	for _, pool := range ipv4.NotExempting {
		fmt.Println("also to", pool, "-", pool.Why())
	}
	// Output:
	// pool default-ipv4-ippool 10.244.0.0/16 is masqueraded as the address of the interface by which it leaves the node
	// except to 10.0.0.0/9 - pool corporate: disabled, and exempts nevertheless
	// except to 10.244.0.0/16 - pool default-ipv4-ippool: for workloads
	// also to pool load-balancers 192.0.2.128/25 - for LoadBalancers only
}

func ExampleModel_Findings() {
	cluster := exampleCluster()
	cluster.Dataplane = nat.NFTables
	cluster.FelixConfigurations = []nat.FelixConfiguration{{Name: "default", Spec: nat.FelixSpec{InterfaceFilter: "eth+"}}}
	for _, finding := range nat.New(cluster).Findings() {
		fmt.Println(finding.Code, finding.EndsFelix, "-", finding.Text())
	}
	// Output:
	// WildcardInterfaceFilter true - iptablesNATOutgoingInterfaceFilter is eth+ (FelixConfiguration default), a wildcard, with natOutgoing in pool default-ipv4-ippool 10.244.0.0/16: in nftables mode ends Felix on every node, again and again
	// ExemptionExportedByBGP false - pool corporate 10.0.0.0/9 is disabled and BGP exports its routes: set disableBGPExport if it is there only to exempt
}
