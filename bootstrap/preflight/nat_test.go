package preflight

import (
	"net/netip"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// natCase is an input with one finding about NAT.
type natCase struct {
	felix   nat.FelixSpec
	survey  facts.Survey
	others  []checkedPool
	checked []checkedPool
}

func (n natCase) known() input {
	p := input{survey: n.survey, pools: append(append([]checkedPool{}, n.others...), n.checked...)}
	if n.felix.NATOutgoingAddress != "" || n.felix.InterfaceFilter != "" || n.felix.NFTablesMode != "" || n.felix.ExternalNodesList != nil {
		p.felix = []nat.FelixConfiguration{{Name: "default", Spec: n.felix}}
	}
	return p
}

// poolOfFile returns a pool to create that a file names.
func poolOfFile(name, cidr string, changes ...func(*v3.IPPool)) checkedPool {
	p := created(name, cidr, changes...)
	p.byDefault, p.ofFile = false, true
	p.values = []plan.Value{value("cidr", cidr, origin.Line("pools.yaml", 4)), value("natOutgoing", p.object.Spec.NATOutgoing, origin.Line("pools.yaml", 5))}
	return p
}

func exempting(name, cidr string, changes ...func(*v3.IPPool)) checkedPool {
	p := poolOfFile(name, cidr, append([]func(*v3.IPPool){poolstest.Disabled, withoutNAT, notExported}, changes...)...)
	p.values = []plan.Value{value("cidr", cidr, origin.Flag("no-nat-to"))}
	return p
}

func notExported(pool *v3.IPPool) { pool.Spec.DisableBGPExport = true }

func encapsulated(pool *v3.IPPool) { pool.Spec.VXLANMode = v3.VXLANModeAlways }

// natCases have one case for each code of a finding about NAT, in their order.
func natCases() []natCase {
	three := facts.Survey{Nodes: []facts.Node{factstest.Node("worker-1", "10.0.0.11"), factstest.Node("worker-2", "10.0.0.12")}}
	return []natCase{
		{felix: nat.FelixSpec{ExternalNodesList: []string{"192.0.2.0/24", "2001:db8::/64"}}, checked: []checkedPool{created("default-ipv4-ippool", "10.244.0.0/16")}},
		{felix: nat.FelixSpec{NATOutgoingAddress: "192.0.2.10"}, checked: []checkedPool{created("default-ipv6-ippool", "fd00:10:244::/64")}},
		{others: []checkedPool{pool("a", "10.0.0.0/8", withoutNAT)}, checked: []checkedPool{pool("b", "10.1.0.0/16", withoutNAT)}},
		{felix: nat.FelixSpec{InterfaceFilter: "eth+", NFTablesMode: "Enabled"}, checked: []checkedPool{created("default-ipv4-ippool", "10.244.0.0/16")}},
		{felix: nat.FelixSpec{NATOutgoingAddress: "192.0.2.10"}, checked: []checkedPool{created("default-ipv4-ippool", "10.244.0.0/16")}},
		{checked: []checkedPool{poolOfFile("corp", "10.0.0.0/8", poolstest.ForLoadBalancers, poolstest.Disabled, withoutNAT)}},
		{checked: []checkedPool{poolOfFile("corp", "10.0.0.0/8", poolstest.Disabled)}},
		{checked: []checkedPool{poolOfFile("corp", "10.0.0.0/8", poolstest.Disabled, withoutNAT)}},
		{survey: three, checked: []checkedPool{poolOfFile("services", "10.0.0.0/24", poolstest.ForLoadBalancers)}},
		{survey: three, others: []checkedPool{pool("default-ipv4-ippool", "10.244.0.0/16", ipip(v3.IPIPModeAlways))}, checked: []checkedPool{exempting("no-nat-to-10-0-0-0-24", "10.0.0.0/24")}},
		{others: []checkedPool{pool("default-ipv4-ippool", "10.244.0.0/16", encapsulated)}, checked: []checkedPool{exempting("no-nat-to-172-16-0-0-12", "172.16.0.0/12")}},
	}
}

// Cases that have no finding about NAT: each differs in one thing from one that has.
func TestNoFindingsAboutNAT(t *testing.T) {
	t.Parallel()
	nodes := facts.Survey{Nodes: []facts.Node{factstest.Node("worker-1", "10.0.0.11")}}
	pods := pool("default-ipv4-ippool", "10.244.0.0/16")
	for name, n := range map[string]natCase{
		"no pool":                           {},
		"nothing is checked":                {felix: nat.FelixSpec{NATOutgoingAddress: "192.0.2.10"}, others: []checkedPool{pool("six", "fd00::/64")}},
		"IPv6 without NAT":                  {felix: nat.FelixSpec{NATOutgoingAddress: "192.0.2.10"}, checked: []checkedPool{created("six", "fd00::/64", withoutNAT)}},
		"overlap with iptables":             {felix: nat.FelixSpec{NFTablesMode: "Disabled"}, others: []checkedPool{pool("a", "10.0.0.0/8")}, checked: []checkedPool{pool("b", "10.1.0.0/16")}},
		"overlap of a range not drawn":      {others: []checkedPool{pool("a", "fd00::/8")}, checked: []checkedPool{created("b", "")}},
		"IPv6 is off":                       {felix: nat.FelixSpec{NATOutgoingAddress: "192.0.2.10", IPv6Support: new(bool)}, checked: []checkedPool{created("six", "fd00::/64")}},
		"no wildcard":                       {felix: nat.FelixSpec{InterfaceFilter: "eth0"}, checked: []checkedPool{created("a", "10.1.0.0/16")}},
		"a drained pool":                    {checked: []checkedPool{pool("old", "10.0.0.0/8", poolstest.Disabled)}},
		"exempting":                         {others: []checkedPool{pods}, checked: []checkedPool{exempting("corp", "10.0.0.0/9")}},
		"load balancers beside the nodes":   {survey: nodes, checked: []checkedPool{poolOfFile("services", "10.0.1.0/24", poolstest.ForLoadBalancers)}},
		"load balancers without NAT":        {survey: nodes, checked: []checkedPool{poolOfFile("services", "10.0.0.0/24", poolstest.ForLoadBalancers, withoutNAT)}},
		"nodes exempt, not encapsulated":    {survey: nodes, others: []checkedPool{pods}, checked: []checkedPool{exempting("corp", "10.0.0.0/24")}},
		"encapsulated, without nodes":       {survey: nodes, others: []checkedPool{pool("p", "10.244.0.0/16", ipip(v3.IPIPModeAlways))}, checked: []checkedPool{exempting("corp", "10.0.1.0/24")}},
		"encapsulated, of the other family": {survey: nodes, others: []checkedPool{pool("p", "fd00::/64", encapsulated)}, checked: []checkedPool{exempting("corp", "10.0.0.0/24")}},
		"encapsulated, nothing masqueraded": {survey: nodes, others: []checkedPool{pool("p", "10.244.0.0/16", encapsulated, withoutNAT)}, checked: []checkedPool{exempting("corp", "10.0.0.0/24")}},
	} {
		assert.Empty(t, newChecker(n.known(), n.checked).nat(poolFamilies), name)
	}
}

// A pool with natOutgoing over this host's networks is found without nodes, as on etcd.
func TestNATPoolCoversThisHost(t *testing.T) {
	t.Parallel()
	services := poolOfFile("services", "10.0.0.0/24", poolstest.ForLoadBalancers)
	known := input{networks: factstest.At(origin.Host("interface eth0"), "10.0.0.0/16"), pools: []checkedPool{services}}
	found := newChecker(known, known.pools).nat(poolFamilies)
	require.Len(t, found, 1)
	assert.Equal(t, `NATPoolCoversNodes: IPPool "services": cidr "10.0.0.0/24" (pools.yaml:4) overlaps 10.0.0.0/16 (interface eth0 on this host), and natOutgoing is true: `+
		"traffic that nodes forward for hosts there is masqueraded; set natOutgoing to false in pools.yaml:5", strings.ReplaceAll(found[0].Error(), "file ", ""))
}

// A plan ends Felix if it causes the combination, not if it was there before.
func TestEndsFelix(t *testing.T) {
	t.Parallel()
	six := desired(ippool.IPv6, "fd00:1::/64")
	six.Pool.Spec.NATOutgoing = true
	without := desired(ippool.IPv6, "fd00:1::/64")
	without.Pool.Spec.NATOutgoing = false
	ofNode := []nat.FelixConfiguration{{Name: "node.a", Spec: nat.FelixSpec{NATOutgoingAddress: "192.0.2.10"}}}
	for name, tt := range map[string]struct {
		want     plan.DesiredPool
		existing []v3.IPPool
		felix    []nat.FelixConfiguration
		found    []string
	}{
		"no address":                           {six, nil, nil, nil},
		"for all nodes":                        {six, nil, []nat.FelixConfiguration{{Name: "default", Spec: nat.FelixSpec{NATOutgoingAddress: "192.0.2.10"}}}, []string{"NATAddressWithIPv6 default-ipv6-ippool"}},
		"for one node":                         {six, nil, ofNode, []string{"NATAddressWithIPv6 default-ipv6-ippool"}},
		"without NAT":                          {without, nil, ofNode, nil},
		"random":                               {func() plan.DesiredPool { w := six; w.Pool = six.Pool.DeepCopy(); w.Pool.Spec.CIDR = ""; return w }(), nil, ofNode, []string{"NATAddressWithIPv6 default-ipv6-ippool"}},
		"it exists":                            {six, []v3.IPPool{poolstest.Stored("six", "fd00:2::/64", func(p *v3.IPPool) { p.Spec.NATOutgoing = true })}, ofNode, nil},
		"IPv6 is off there":                    {six, nil, []nat.FelixConfiguration{{Name: "node.a", Spec: nat.FelixSpec{NATOutgoingAddress: "192.0.2.10", IPv6Support: new(bool)}}}, nil},
		"invalid externalNodesList, as before": {six, nil, []nat.FelixConfiguration{{Name: "default", Spec: nat.FelixSpec{ExternalNodesList: []string{"x"}}}}, nil},
		"beside one that exists": {six, []v3.IPPool{poolstest.Stored("pods", "10.244.0.0/16", func(p *v3.IPPool) { p.Spec.NATOutgoing = true })},
			[]nat.FelixConfiguration{
				{Name: "default", Spec: nat.FelixSpec{InterfaceFilter: "eth+", NFTablesMode: "Enabled"}},
				{Name: "node.a", Spec: nat.FelixSpec{NATOutgoingAddress: "192.0.2.10"}}, {Name: "node.b", Spec: nat.FelixSpec{IPv6Support: new(bool)}},
			}, []string{"NATAddressWithIPv6 default-ipv6-ippool"}},
		"assumed nftables":   {six, nil, []nat.FelixConfiguration{{Name: "default", Spec: nat.FelixSpec{InterfaceFilter: "eth+"}}}, nil},
		"wildcard, nftables": {six, nil, []nat.FelixConfiguration{{Name: "default", Spec: nat.FelixSpec{InterfaceFilter: "eth+", NFTablesMode: "Enabled"}}}, []string{"WildcardInterfaceFilter default-ipv6-ippool"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := made(t, plan.DriftReport, datastore.Snapshot{Pools: poolstest.Records(tt.existing...)}, tt.want)
			p, err := p.Settle(facts.Facts{}, netip.Prefix{})
			require.NoError(t, err)
			assert.Equal(t, tt.found, lines(EndsFelix(p, facts.Facts{FelixConfigurations: tt.felix})))
		})
	}
}

// Felix can exempt the addresses of nodes alone: a note has the command.
func TestExclusionsNote(t *testing.T) {
	t.Parallel()
	want := plan.Desired{
		Pools:   []plan.DesiredPool{desired(ippool.IPv4, "10.244.0.0/16", value("natOutgoing", true, origin.Default))},
		NoNATTo: []plan.NoNAT{{Prefix: netip.MustParsePrefix("10.0.0.0/24"), Source: origin.Flag("no-nat-to")}},
	}
	known := facts.Facts{Survey: facts.Survey{Nodes: []facts.Node{factstest.Node("worker-1", "10.0.0.11")}}}
	kubectl := datastore.CLI{Program: datastore.Kubectl, Resource: "ippools.crd.projectcalico.org"}
	exists := []nat.FelixConfiguration{{Name: "default"}}
	const create = `echo '{"apiVersion":"crd.projectcalico.org/v1","kind":"FelixConfiguration","metadata":{"name":"default"},"spec":{"natOutgoingExclusions":"IPPoolsAndHostIPs"}}' | kubectl `
	for _, tt := range []struct {
		cli     datastore.CLI
		felix   []nat.FelixConfiguration
		known   bool
		command string
	}{
		{datastore.CLI{Program: datastore.Kubectl, Resource: "ippools.crd.projectcalico.org"}, exists, true, `kubectl patch felixconfigurations.crd.projectcalico.org default --type merge -p '{"spec":{"natOutgoingExclusions":"IPPoolsAndHostIPs"}}'`},
		{datastore.CLI{Program: datastore.Calicoctl, Resource: "ippool"}, exists, true, `calicoctl patch felixconfiguration default -p '{"spec":{"natOutgoingExclusions":"IPPoolsAndHostIPs"}}'`},
		{datastore.CLI{}, exists, true, `kubectl patch felixconfiguration default --type merge -p '{"spec":{"natOutgoingExclusions":"IPPoolsAndHostIPs"}}'`},
		{kubectl, nil, true, create + "apply -f -"},
		{kubectl, nil, false, `kubectl patch felixconfigurations.crd.projectcalico.org default --type merge -p '{"spec":{"natOutgoingExclusions":"IPPoolsAndHostIPs"}}' || ` + create + "create -f -"},
	} {
		known.FelixConfigurations, known.FelixKnown = tt.felix, tt.known
		p, err := plan.Compute(want, datastore.Snapshot{CLI: tt.cli}, plan.DriftReport)
		require.NoError(t, err)
		p, err = p.Settle(known, netip.Prefix{})
		require.NoError(t, err)
		assert.Equal(t, []string{`IPPool "no-nat-to-10-0-0-0-24" holds the addresses of nodes: worker-1 (10.0.0.11); to exempt nodes alone, Calico 3.31 and later need no pool: ` +
			"set natOutgoingExclusions in the FelixConfiguration default: " + tt.command}, Notes(p, known, false))
	}
}
