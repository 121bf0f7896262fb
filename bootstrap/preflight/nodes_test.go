package preflight

import (
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// labelled returns nodes from lines such as "n1 zone=a rack=r1".
func labelled(lines ...string) facts.Survey {
	var survey facts.Survey
	for _, line := range lines {
		words := strings.Fields(line)
		node := facts.Node{Name: words[0], Labels: map[string]string{}}
		for _, label := range words[1:] {
			name, value, _ := strings.Cut(label, "=")
			node.Labels[name] = value
		}
		survey.Nodes = append(survey.Nodes, node)
	}
	return survey
}

func TestNodesWithoutPool(t *testing.T) {
	t.Parallel()
	at := func(name, selector string, changes ...func(*v3.IPPool)) checkedPool {
		return pool(name, "10.1.0.0/16", append(changes, nodeSelector(selector))...)
	}
	zones := []checkedPool{at("a", "zone == 'a'"), at("b", "zone in {'b', 'c'}")}
	everything := at("all", "all()")
	const all = "because no nodeSelector matches their labels: "
	for name, tt := range map[string]struct {
		pools      []checkedPool
		checked    []checkedPool // nil: the pools
		nodes      []string
		unreadable []ippool.Family
		operator   bool
		want       string // from the number of nodes to the pods; empty: no finding
	}{
		"every node has a zone":         {pools: zones, nodes: []string{"n1 zone=a", "n2 zone=c"}},
		"no zone":                       {pools: zones, nodes: []string{"n1 zone=a", "n2"}, want: `1 of the cluster's 2 node(s): no zone (n2)`},
		"an empty zone":                 {pools: zones, nodes: []string{"n1 zone=a", "n2 zone="}, want: `1 of the cluster's 2 node(s): zone="" (n2)`},
		"other zones":                   {pools: zones, nodes: []string{"n4 zone=d", "n1 zone=a", "n3", "n2 zone=d", "n5 zone=e"}, want: `4 of the cluster's 5 node(s): zone="d" (n2, n4), no zone (n3), zone="e" (n5)`},
		"a label that none asks for":    {pools: zones, nodes: []string{"n1 zone=a", "n2 rack=r1"}, want: `1 of the cluster's 2 node(s): no zone (n2)`},
		"two labels":                    {pools: []checkedPool{at("a", "zone == 'a' && !has(cordoned) || rack == 'r1'")}, nodes: []string{"n1 zone=a", "n2 zone=a cordoned=yes"}, want: `1 of the cluster's 2 node(s): cordoned="yes" and no rack and zone="a" (n2)`},
		"many nodes":                    {pools: zones, nodes: strings.Split("n0 zone=a,n1,n2,n3,n4,n5,n6,n7", ","), want: `7 of the cluster's 8 node(s): no zone (n1, n2, n3, n4, n5, 2 more)`},
		"many zones":                    {pools: zones, nodes: strings.Split("n0 zone=a,n1 zone=1,n2 zone=2,n3 zone=3,n4 zone=4,n5 zone=5,n6 zone=6,n7 zone=7", ","), want: `7 of the cluster's 8 node(s): zone="1" (n1), zone="2" (n2), zone="3" (n3), zone="4" (n4), zone="5" (n5), 2 more`},
		"many labels":                   {pools: []checkedPool{at("a", "has(a) && has(b) && has(c) && has(d) && has(e) && has(f) && has(g)"), at("z", "zone == 'z'")}, nodes: []string{"n1 zone=z", "n2"}, want: `1 of the cluster's 2 node(s): no a and no b and no c and no d and no e (n2)`},
		"selectors that match nothing":  {pools: []checkedPool{at("x", "!all()"), at("y", "!all()", manual)}, checked: zones[:1], nodes: []string{"n1", "n2"}},
		"one pool takes all":            {pools: append(zones, everything), nodes: []string{"n1"}},
		"it is disabled":                {pools: append(zones, at("all", "all()", poolstest.Disabled)), nodes: []string{"n1 zone=a", "n2"}, want: `1 of the cluster's 2 node(s): no zone (n2)`},
		"it is on request only":         {pools: append(zones, at("all", "all()", manual)), nodes: []string{"n1 zone=a", "n2"}, want: `1 of the cluster's 2 node(s): no zone (n2)`},
		"it is for tunnels":             {pools: append(zones, at("all", "all()", forTunnels)), nodes: []string{"n1 zone=a", "n2"}, want: `1 of the cluster's 2 node(s): no zone (n2)`},
		"it is for load balancers":      {pools: append(zones, at("all", "all()", poolstest.ForLoadBalancers)), nodes: []string{"n1 zone=a", "n2"}, want: `1 of the cluster's 2 node(s): no zone (n2)`},
		"it is IPv6":                    {pools: append(zones, pool("all", "fd00::/64")), nodes: []string{"n1 zone=a", "n2"}, want: `1 of the cluster's 2 node(s): no zone (n2)`},
		"no node is known":              {pools: zones},
		"NoUsablePool":                  {pools: []checkedPool{at("all", "zone == 'a'", manual)}, nodes: []string{"n1 zone=a", "n2"}},
		"NodeSelectorMatchesNoNode":     {pools: zones, nodes: []string{"n1", "n2"}},
		"not said of a pool":            {pools: zones, checked: zones[:1], nodes: []string{"n1", "n2"}, want: `2 of the cluster's 2 node(s): no zone (n1, n2)`},
		"no pool of the family is new":  {pools: zones, checked: []checkedPool{pool("six", "fd00::/64")}, nodes: []string{"n1", "n2"}},
		"a selector that doesn't parse": {pools: append(zones, at("x", "zone = 'd'")), nodes: []string{"n1 zone=a", "n2"}},
		"a malformed pool":              {pools: zones, nodes: []string{"n1 zone=a", "n2"}, unreadable: []ippool.Family{ippool.IPv4}},
		"a malformed pool of IPv6":      {pools: zones, nodes: []string{"n1 zone=a", "n2"}, unreadable: []ippool.Family{ippool.IPv6}, want: `1 of the cluster's 2 node(s): no zone (n2)`},
		"the operator makes pools":      {pools: zones, nodes: []string{"n1 zone=a", "n2"}, operator: true},
	} {
		if tt.checked == nil {
			tt.checked = tt.pools
		}
		known := input{pools: tt.pools, survey: labelled(tt.nodes...), unreadable: tt.unreadable, installation: facts.Installation{CreatesPools: tt.operator}}
		found := newChecker(known, tt.checked).nodesWithoutPool(ippool.IPv4)
		if tt.want == "" {
			assert.Empty(t, found, name)
			continue
		}
		count, nodes, _ := strings.Cut(tt.want, ": ")
		assert.Equal(t, []Finding{{Code: NodesWithoutPool, Text: count + " have no IPv4 pool for automatic assignment, " + all + nodes +
			": pods there get no IPv4 address; label these nodes, or add an IPv4 pool with a nodeSelector that matches them"}}, found, name)
	}
}

// A plan checks the nodes against existing pools and those of files, each family on its own;
// a run only the families that it creates pools for.
func TestNodesWithoutPoolOfAPlan(t *testing.T) {
	t.Parallel()
	known := facts.Facts{Survey: labelled("n1 zone=a", "n2 zone=b", "n3")}
	stored := datastore.Snapshot{Pools: poolstest.Records(
		poolstest.Stored("a", "10.1.0.0/16", withNAT, nodeSelector("zone == 'a'")), poolstest.Stored("b", "10.2.0.0/16", withNAT, nodeSelector("zone == 'b'")))}
	six := desired(ippool.IPv6, "fd00::/64", value("nodeSelector", "has(zone)", origin.Flag("ipv6-pool-node-selector")))
	p := made(t, plan.DriftReport, stored, desired(ippool.IPv4, ""), six)
	texts := func(all bool) []string {
		var texts []string
		for _, finding := range Check(p, known, all) {
			require.Equal(t, NodesWithoutPool, finding.Code)
			texts = append(texts, finding.Text)
		}
		return texts
	}
	const text = "1 of the cluster's 3 node(s) have no IPv%[1]d pool for automatic assignment, because no nodeSelector matches their labels: no zone (n3): " +
		"pods there get no IPv%[1]d address; label these nodes, or add an IPv%[1]d pool with a nodeSelector that matches them"
	assert.Equal(t, []string{fmt.Sprintf(text, 4), fmt.Sprintf(text, 6)}, texts(true))
	assert.Equal(t, []string{fmt.Sprintf(text, 6)}, texts(false))

	// A pool of a file serves the others.
	rest := ofFileAt(ippool.IPv4, "rest", "10.3.0.0/16")
	rest.Pool.Spec.NodeSelector = "!has(zone)"
	p = made(t, plan.DriftReport, stored, desired(ippool.IPv4, ""), six, rest)
	assert.Equal(t, []string{fmt.Sprintf(text, 6)}, texts(true))
}
