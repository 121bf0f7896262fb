package preflight

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// byDefaults returns a default pool to create whose CIDR no setting names.
func byDefaults(cidr string) checkedPool {
	p := created("p", cidr)
	p.values = []plan.Value{value("cidr", cidr, origin.Default)}
	return p
}

func TestFamilyNotInCluster(t *testing.T) {
	t.Parallel()
	kubeadm, kubeProxy := origin.Cluster("kubeadm-config"), origin.Cluster("kube-proxy")
	chosen := byDefaults("192.168.0.0/16")
	ofCluster := byDefaults("10.1.0.0/16")
	ofCluster.values[0].Source = kubeadm
	existing := byDefaults("192.168.0.0/16")
	existing.existing = true
	ipv4Only, ipv6Only := []facts.PodCIDRSource{factstest.Source(kubeadm, "10.1.0.0/16")}, []facts.PodCIDRSource{{Name: kubeadm, Problem: "x"}, factstest.Source(kubeProxy, "fd01::/56")}
	for name, tt := range map[string]struct {
		pool    checkedPool
		sources []facts.PodCIDRSource
		want    string
	}{
		"IPv4 only": {byDefaults(""), ipv4Only, `IPPool "p": the random ULA /48 that is generated for it is IPv6, but the cluster's pod CIDRs are IPv4 only: 10.1.0.0/16 (kubeadm-config): ` +
			"its nodes and Services may have no IPv6 addresses; if IPv6 is not used, leave the pool out with ipv6.pool.cidr=none"},
		"IPv4 only, drawn": {byDefaults("fd12::/48"), ipv4Only, `IPPool "p": cidr "fd12::/48" (default) is IPv6, but`},
		"IPv6 only": {chosen, ipv6Only, `IPPool "p": cidr "192.168.0.0/16" (default) is IPv4, but the cluster's pod CIDRs are IPv6 only: fd01::/56 (kube-proxy): ` +
			"its nodes and Services may have no IPv4 addresses; if IPv4 is not used, leave the pool out with ipv4.pool.cidr=none"},
		"the family itself":      {ofCluster, ipv4Only, ""},
		"both":                   {chosen, append(ipv6Only, ipv4Only...), ""},
		"none is known":          {chosen, nil, ""},
		"a setting names a CIDR": {created("p", "192.168.0.0/16"), ipv6Only, ""},
		"a pool of a file":       {ofFile(chosen), ipv6Only, ""},
		"an existing pool":       {existing, ipv6Only, ""},
	} {
		found := newChecker(input{podCIDRs: tt.sources}, []checkedPool{tt.pool}).familyNotInCluster(tt.pool)
		if tt.want == "" {
			assert.Empty(t, found, name)
			continue
		}
		require.Len(t, found, 1, name)
		assert.Contains(t, found[0].Text, tt.want, name)
	}
}

// A family of which nodes have podCIDRs is in the cluster: the finding OutsideNodePodCIDR
// has its range.
func TestFamilyOfNodesIsInCluster(t *testing.T) {
	t.Parallel()
	pool := byDefaults("192.168.0.0/16")
	for podCIDR, want := range map[string]int{"10.42.0.0/24": 0, "fd01::/64": 1} {
		known := input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "fd01::/56")}, survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", podCIDR)}}}
		checker := newChecker(known, []checkedPool{pool})
		assert.Len(t, checker.familyNotInCluster(pool), want, podCIDR)
		assert.Len(t, checker.outsideNodePodCIDR(pool), 1-want, podCIDR)
	}
}

// The proposal is the smallest range around the podCIDRs of all nodes, as a setting.
func TestProposedRange(t *testing.T) {
	t.Parallel()
	wide := make([]string, 0, 300)
	for i := range 300 { // k3s with 300 nodes
		wide = append(wide, fmt.Sprintf("10.%d.%d.0/24", 42+i/256, i%256))
	}
	services := func(cidrs ...string) []facts.Located { return factstest.At(origin.Cluster("s"), cidrs...) }
	for name, tt := range map[string]struct {
		podCIDRs []string // a node each
		pool     checkedPool
		services []facts.Located
		others   []checkedPool
		nodes    []facts.Node
		want     string // of the setting; empty: none
	}{
		"k3s, one node":          {podCIDRs: []string{"10.42.0.0/24"}, want: "ipv4.pool.cidr=10.42.0.0/24"},
		"k3s, two nodes":         {podCIDRs: []string{"10.42.0.0/24", "10.42.1.0/24"}, want: "ipv4.pool.cidr=10.42.0.0/23"},
		"k3s, three nodes":       {podCIDRs: []string{"10.42.2.0/24", "10.42.0.0/24", "10.42.1.0/24"}, want: "ipv4.pool.cidr=10.42.0.0/22"},
		"k3s, many nodes":        {podCIDRs: wide, want: "ipv4.pool.cidr=10.42.0.0/15"},
		"Talos":                  {podCIDRs: []string{"10.244.0.0/24", "10.244.3.0/24"}, want: "ipv4.pool.cidr=10.244.0.0/22"},
		"kops":                   {podCIDRs: []string{"100.96.1.0/24", "100.99.0.0/24"}, want: "ipv4.pool.cidr=100.96.0.0/14"},
		"as wide as may be":      {podCIDRs: []string{"10.16.0.0/24", "10.31.255.0/24"}, want: "ipv4.pool.cidr=10.16.0.0/12"},
		"wider":                  {podCIDRs: []string{"10.15.255.0/24", "10.16.0.0/24"}},
		"scattered":              {podCIDRs: []string{"10.42.0.0/24", "192.168.7.0/24"}},
		"smaller than a block":   {podCIDRs: []string{"10.42.0.0/27"}},
		"a range in another":     {podCIDRs: []string{"10.42.0.0/16", "10.42.1.0/24"}, want: "ipv4.pool.cidr=10.42.0.0/16"},
		"Services inside":        {podCIDRs: []string{"10.42.0.0/24", "10.43.1.0/24"}, services: services("10.43.0.0/25")},
		"Services beside":        {podCIDRs: []string{"10.42.0.0/24", "10.42.1.0/24"}, services: services("10.43.0.0/16"), want: "ipv4.pool.cidr=10.42.0.0/23"},
		"another pool inside":    {podCIDRs: []string{"10.42.0.0/24", "10.42.1.0/24"}, others: []checkedPool{pool("q", "10.42.1.0/25")}},
		"a node's address":       {podCIDRs: []string{"10.42.0.0/24", "10.42.1.0/24"}, nodes: []facts.Node{factstest.Node("x", "10.42.1.7")}},
		"IPv6":                   {podCIDRs: []string{"fd42::/64", "fd42:0:0:1::/64"}, pool: byDefaults(""), want: "ipv6.pool.cidr=fd42::/63"},
		"IPv6, as wide as it is": {podCIDRs: []string{"fd42::/64", "fd42:0:f::/64"}, pool: byDefaults(""), want: "ipv6.pool.cidr=fd42::/44"},
		"IPv6, wider":            {podCIDRs: []string{"fd42::/64", "fd42:0:10::/64"}, pool: byDefaults("")},
		"an existing pool":       {podCIDRs: []string{"10.42.0.0/24"}, pool: existingDefault("p", "192.168.0.0/16")},
		"a pool of a file":       {podCIDRs: []string{"10.42.0.0/24"}, pool: ofFile(created("p", "192.168.0.0/16"))},
		"a CIDR of a setting":    {podCIDRs: []string{"10.42.0.0/24"}, pool: created("p", "192.168.0.0/16"), want: "ipv4.pool.cidr=10.42.0.0/24"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			known := input{survey: facts.Survey{Nodes: tt.nodes, ServiceCIDRs: tt.services}, pools: tt.others}
			for i, cidr := range tt.podCIDRs {
				known.survey.Nodes = append(known.survey.Nodes, factstest.Node(fmt.Sprintf("n%03d", i), cidr))
			}
			checked := tt.pool
			if checked.name == "" {
				checked = byDefaults("192.168.0.0/16")
			}
			found := newChecker(known, []checkedPool{checked}).outsideNodePodCIDR(checked)
			require.Len(t, found, 1)
			if tt.want == "" {
				assert.NotContains(t, found[0].Text, "smallest range")
			} else {
				assert.Contains(t, found[0].Text, "use them; set "+tt.want+", the smallest range that contains those of all nodes, or a wider one, or the cluster CIDR of kube-controller-manager")
			}
		})
	}
	assert.False(t, covering(nil).IsValid())
	assert.Equal(t, netip.MustParsePrefix("0.0.0.0/0"), covering(factstest.Prefixes("1.0.0.0/24", "200.0.0.0/24")))
}

func TestBesideOperator(t *testing.T) {
	t.Parallel()
	installation := func(pools ...string) facts.Installation {
		return facts.Installation{Name: origin.Cluster("Installation default"), CreatesPools: true, Pools: pools}
	}
	pools := []checkedPool{created("a", "10.1.0.0/16"), ofFile(created("b", "10.2.0.0/16", poolstest.Disabled)), pool("c", "10.3.0.0/16"), byDefaults("")}
	both := input{installation: installation("10.9.0.0/16", "10.8.0.0/16"), pools: pools}
	found := append(both.besideOperator(4), both.besideOperator(6)...)
	require.Len(t, found, 2)
	assert.Equal(t, `OperatorManagesPools: IPv4 pool(s) "a", "b": the Tigera operator (Installation default) creates pools as well: 10.9.0.0/16, 10.8.0.0/16; `+
		"it does not manage pools of others; set all pools in spec.calicoNetwork.ipPools there, or set it to an empty list, so that the operator creates none", found[0].Error())
	assert.Contains(t, found[1].Text, `IPv6 pool(s) "p": the`)
	found = input{installation: installation(), pools: pools}.besideOperator(4)
	require.Len(t, found, 1)
	assert.Contains(t, found[0].Text, "(Installation default) creates its default pools, unless a pool exists when it starts; it does")
	assert.Empty(t, input{installation: facts.Installation{Name: origin.Cluster("x"), Pools: []string{"10.1.0.0/16"}}, pools: pools}.besideOperator(4), "an empty list, or another IPAM")
	assert.Empty(t, input{installation: installation(), pools: pools[2:3]}.besideOperator(4), "nothing is created")
}
