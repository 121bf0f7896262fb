package preflight

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// desired returns a desired default pool with NAT. values are those of its flags.
func desired(family ippool.Family, cidr string, values ...plan.Value) plan.DesiredPool {
	pool := ippool.New(fmt.Sprintf("default-ipv%d-ippool", family))
	pool.Spec.CIDR, pool.Spec.NATOutgoing = cidr, true
	source := origin.Default
	if cidr != "" {
		source = flagOf(family, "cidr")
	}
	for _, value := range values {
		switch value.Field {
		case "natOutgoing":
			pool.Spec.NATOutgoing = value.Value.(bool)
		case "nodeSelector":
			pool.Spec.NodeSelector = value.Value.(string)
		}
	}
	ippool.Default(pool)
	return plan.DesiredPool{Family: family, Default: true, Pool: pool, Values: append([]plan.Value{value("cidr", cidr, source)}, values...)}
}

// ofFileAt returns a desired pool of a file.
func ofFileAt(family ippool.Family, name, cidr string) plan.DesiredPool {
	want := desired(family, cidr)
	want.Default, want.Pool.Name = false, name
	want.Values[0].Source = origin.Line("pools.yaml", 4)
	return want
}

func notDesired(family ippool.Family) plan.DesiredPool {
	want := desired(family, "")
	want.Skip = "not desired"
	return want
}

func flagOf(family ippool.Family, flag string) origin.Origin {
	return origin.Flag(fmt.Sprintf("ipv%d-pool-%s", family, flag))
}

// made returns the plan for the snapshot and the desired pools.
func made(t *testing.T, onDrift plan.OnDrift, snapshot datastore.Snapshot, pools ...plan.DesiredPool) plan.Plan {
	t.Helper()
	p, err := plan.Compute(plan.Desired{Pools: pools}, snapshot, onDrift)
	require.NoError(t, err)
	return p
}

func withNAT(pool *v3.IPPool) { pool.Spec.NATOutgoing = true }

func deleted(pool *v3.IPPool) {
	at := metav1.NewTime(time.Unix(1_700_000_000, 0))
	pool.DeletionTimestamp = &at
}

func managedByHelm(pool *v3.IPPool) {
	pool.Labels = map[string]string{"app.kubernetes.io/managed-by": "Helm"}
}

// lines returns the code and the pool of each finding.
func lines(findings []Finding) []string {
	var all []string
	for _, finding := range findings {
		all = append(all, fmt.Sprintf("%s %s", finding.Code, finding.Pool))
	}
	return all
}

// busy are facts whose ranges overlap every pool.
var busy = facts.Facts{
	Networks: factstest.At(origin.Host("interface eth0"), "10.0.0.0/8"),
	Routes:   factstest.At(origin.Host("route dev tun0"), "fd00::/8"),
}

const (
	ipv4Name = "default-ipv4-ippool"
	ipv6Name = "default-ipv6-ippool"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	noNAT := func(family ippool.Family) plan.Value {
		return value("natOutgoing", false, flagOf(family, "nat-outgoing"))
	}
	tests := []struct {
		name       string
		pools      []plan.DesiredPool
		onDrift    plan.OnDrift
		existing   []v3.IPPool
		unreadable []datastore.Unreadable
		known      facts.Facts
		want       []string
		all        []string // findings with all set; nil: the same
	}{
		{
			name:  "created pools",
			pools: []plan.DesiredPool{desired(ippool.IPv4, "10.1.0.0/16"), desired(ippool.IPv6, "fd00:1::/64"), ofFileAt(ippool.IPv4, "filed", "10.2.0.0/16")},
			known: busy,
			want:  []string{"HostInterfaceOverlap " + ipv4Name, "HostRouteOverlap " + ipv6Name, "HostInterfaceOverlap filed"},
		},
		{
			name:     "existing pools",
			pools:    []plan.DesiredPool{desired(ippool.IPv4, ""), desired(ippool.IPv6, ""), ofFileAt(ippool.IPv4, "filed", "10.2.0.0/16")},
			existing: []v3.IPPool{poolstest.Default4(), poolstest.Stored("filed", "10.2.0.0/16", withNAT), poolstest.Stored("mine", "fd00:1::/64", withNAT), poolstest.Stored("other", "fd00:2::/64", withNAT)},
			known:    busy,
			all:      []string{"HostInterfaceOverlap " + ipv4Name, "HostRouteOverlap mine", "HostInterfaceOverlap filed"},
		},
		{
			name:     "an update, checked with the new values",
			pools:    []plan.DesiredPool{desired(ippool.IPv4, "", noNAT(ippool.IPv4)), desired(ippool.IPv6, "")},
			existing: []v3.IPPool{poolstest.Default4(), poolstest.Stored(ipv6Name, "fd00:1::/64", withoutNAT)}, onDrift: plan.DriftUpdate,
			known: busy,
			want:  []string{"HostInterfaceOverlap " + ipv4Name, "PrivateWithoutNAT " + ipv4Name},
			all:   []string{"HostInterfaceOverlap " + ipv4Name, "PrivateWithoutNAT " + ipv4Name, "HostRouteOverlap " + ipv6Name, "ULAWithoutNAT " + ipv6Name},
		},
		{
			name:     "an update that resolves a finding",
			pools:    []plan.DesiredPool{desired(ippool.IPv6, "", value("natOutgoing", true, flagOf(ippool.IPv6, "nat-outgoing")))},
			existing: []v3.IPPool{poolstest.Stored(ipv6Name, "fd00:1::/64", withoutNAT)}, onDrift: plan.DriftUpdate,
		},
		{
			name:     "drift that is not updated",
			pools:    []plan.DesiredPool{desired(ippool.IPv4, "", noNAT(ippool.IPv4))},
			existing: []v3.IPPool{poolstest.Default4()},
			known:    busy,
			all:      []string{"HostInterfaceOverlap " + ipv4Name},
		},
		{
			name:     "an update of a selector",
			pools:    []plan.DesiredPool{desired(ippool.IPv4, "", value("nodeSelector", "zone == 'a'", flagOf(ippool.IPv4, "node-selector")))},
			existing: []v3.IPPool{poolstest.Default4()}, onDrift: plan.DriftUpdate,
			known: facts.Facts{Survey: nodes(2)},
			want:  []string{"NodeSelectorMatchesNoNode " + ipv4Name},
		},
		{
			name:     "a skipped pool",
			pools:    []plan.DesiredPool{notDesired(ippool.IPv4), desired(ippool.IPv6, "fd00:1::/64")},
			existing: []v3.IPPool{poolstest.Stored("off", "10.1.0.0/16", poolstest.Disabled, deleted)},
		},

		{
			name:     "no usable pool of one family",
			pools:    []plan.DesiredPool{desired(ippool.IPv4, ""), desired(ippool.IPv6, "")},
			existing: []v3.IPPool{poolstest.Stored("off", "10.1.0.0/16", poolstest.Disabled), poolstest.Stored("lb", "fd00:1::/64", poolstest.ForLoadBalancers), poolstest.Stored("six", "fd00:2::/64", withNAT)},
			want:     []string{"NoUsablePool "},
		},
		{
			name:       "no usable pool, but a malformed one",
			pools:      []plan.DesiredPool{desired(ippool.IPv4, "")},
			existing:   []v3.IPPool{poolstest.Stored("off", "10.1.0.0/16", poolstest.Disabled)},
			unreadable: []datastore.Unreadable{{Name: "x", CIDR: "10.2.0.0/16", Err: errors.New("no JSON")}},
		},
		{
			name:       "the default pool is malformed",
			pools:      []plan.DesiredPool{desired(ippool.IPv4, "")},
			unreadable: []datastore.Unreadable{{Name: ipv4Name, CIDR: "10.2.0.0/16", Err: errors.New("no JSON")}},
			known:      busy,
		},

		{
			name:     "the default pool is being deleted",
			pools:    []plan.DesiredPool{desired(ippool.IPv4, ""), desired(ippool.IPv6, "")},
			existing: []v3.IPPool{poolstest.Default4(deleted), poolstest.Stored("six", "fd00:1::/64", withNAT)},
			want:     []string{"PoolTerminating " + ipv4Name},
		},
		{
			name:     "other pools are being deleted",
			pools:    []plan.DesiredPool{desired(ippool.IPv4, ""), desired(ippool.IPv6, "")},
			existing: []v3.IPPool{poolstest.Default4(), poolstest.Stored("off", "10.1.0.0/16", deleted, poolstest.Disabled), poolstest.Stored("six", "fd00:1::/64", withNAT), poolstest.Stored("z", "fd00:2::/64", deleted)},
			want:     []string{"PoolTerminating off", "PoolTerminating z"},
		},
		{
			name:     "a pool is being deleted and another one created",
			pools:    []plan.DesiredPool{desired(ippool.IPv4, "10.1.0.0/16"), ofFileAt(ippool.IPv4, "filed", "10.2.0.0/16")},
			existing: []v3.IPPool{poolstest.Stored("filed", "10.2.0.0/16", withNAT, deleted)},
			want:     []string{"PoolTerminating filed"},
		},

		{
			name:  "a random range that is not drawn yet",
			pools: []plan.DesiredPool{desired(ippool.IPv6, "")},
			known: facts.Facts{
				Networks: factstest.At(origin.Host("interface eth0"), "fd00:1::/64"), Routes: busy.Routes,
				Survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "fd01::/64")}},
			},
			want: []string{"HostRouteOverlap " + ipv6Name, "OutsideNodePodCIDR " + ipv6Name},
		},
		{
			name:  "a random range that is not drawn yet, without NAT, is a note",
			pools: []plan.DesiredPool{desired(ippool.IPv6, "", noNAT(ippool.IPv6))},
		},
		{
			name:     "nodes' podCIDRs in a pool without a step",
			pools:    []plan.DesiredPool{desired(ippool.IPv4, ""), ofFileAt(ippool.IPv4, "filed", "10.2.0.0/16")},
			existing: []v3.IPPool{poolstest.Default4(), poolstest.Stored("mine", "10.1.0.0/16")},
			known:    facts.Facts{Survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.1.1.0/24")}}},
		},
		{
			name:     "nodes' podCIDRs in no pool",
			pools:    []plan.DesiredPool{desired(ippool.IPv4, ""), ofFileAt(ippool.IPv4, "filed", "10.2.0.0/16")},
			existing: []v3.IPPool{poolstest.Default4(), poolstest.Stored("mine", "10.1.0.0/16")},
			known:    facts.Facts{Survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.3.1.0/24")}}},
			want:     []string{"OutsideNodePodCIDR filed"},
			all:      []string{"OutsideNodePodCIDR " + ipv4Name, "OutsideNodePodCIDR filed"},
		},
		{
			name:  "the cluster's pod CIDR",
			pools: []plan.DesiredPool{desired(ippool.IPv4, "10.1.0.0/16")},
			known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.3.0.0/16")}},
			want:  []string{"OutsidePodCIDR " + ipv4Name},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := made(t, tt.onDrift, datastore.Snapshot{Pools: poolstest.Records(tt.existing...), Unreadable: tt.unreadable}, tt.pools...)
			assert.Equal(t, tt.want, lines(Check(p, tt.known, false)))
			if tt.all == nil {
				tt.all = tt.want
			}
			assert.Equal(t, tt.all, lines(Check(p, tt.known, true)))
			assert.Equal(t, made(t, tt.onDrift, datastore.Snapshot{Pools: poolstest.Records(tt.existing...), Unreadable: tt.unreadable}, tt.pools...), p, "the plan is not modified")
		})
	}
}

// A random range is checked like any other once it is drawn.
func TestCheckOfARandomRange(t *testing.T) {
	t.Parallel()
	p := made(t, plan.DriftReport, datastore.Snapshot{}, desired(ippool.IPv6, ""))
	known := facts.Facts{
		Networks: factstest.At(origin.Host("interface eth0"), "fd12:3456:789a:1::/64", "fd01::/64"),
		Survey:   facts.Survey{Nodes: []facts.Node{factstest.Node("a", "fd12:3456:789a::/64")}},
	}
	assert.Equal(t, []string{"OutsideNodePodCIDR " + ipv6Name}, lines(Check(p, known, false)), "the range is not drawn yet")

	settled, err := p.Settle(known, netip.MustParsePrefix("fd12:3456:789a::/48"))
	require.NoError(t, err)
	found := Check(settled, known, false)
	require.Equal(t, []string{"HostInterfaceOverlap " + ipv6Name}, lines(found))
	assert.Equal(t, `IPPool "default-ipv6-ippool": cidr "fd12:3456:789a::/48" (default (random ULA)) overlaps fd12:3456:789a:1::/64 (interface eth0 on this host): `+
		"hosts there become unreachable from pods, and traffic from pods to them is not masqueraded; set another range with ipv6.pool.cidr", found[0].Text)
	assert.Equal(t, &facts.Located{Prefix: netip.MustParsePrefix("fd12:3456:789a::/48"), Source: origin.DefaultBecause("random ULA")}, found[0].CIDR)
}

// A ULA without NAT is a note if no setting or cluster names it, otherwise a finding.
func TestNotesOfARandomRange(t *testing.T) {
	t.Parallel()
	const tail = " is unique local, and natOutgoing is false (%s): such addresses are not routed on the internet, so pods can't reach IPv6 hosts outside the cluster; set natOutgoing to true with ipv6.pool.natOutgoing%s, or set a global range"
	const none = ", or none if pods need no IPv6, with ipv6.pool.cidr"
	cluster := facts.Facts{PodCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "fd12:3456:789a::/48")}}
	only4 := facts.Facts{PodCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16")}}
	drawn := netip.MustParsePrefix("fd12:3456:789a::/48")
	stored := func(name, cidr string, changes ...func(*v3.IPPool)) []v3.IPPool {
		return []v3.IPPool{poolstest.Stored(name, cidr, append([]func(*v3.IPPool){withoutNAT}, changes...)...)}
	}
	withoutNATOfFile := ofFileAt(ippool.IPv6, "filed", "fd12:3456:789a::/48")
	withoutNATOfFile.Pool.Spec.NATOutgoing = false
	unset := value("natOutgoing", false, origin.Default)
	tests := []struct {
		name     string
		want     plan.DesiredPool
		existing []v3.IPPool
		known    facts.Facts
		random   netip.Prefix
		note     string // empty: none
		found    []string
	}{
		{"not drawn yet", desired(ippool.IPv6, "", unset), nil, facts.Facts{}, netip.Prefix{},
			`IPPool "default-ipv6-ippool": the random ULA /48 that is generated for it` + fmt.Sprintf(tail, "default", "") + none, nil},
		{"drawn", desired(ippool.IPv6, "", unset), nil, only4, drawn,
			`IPPool "default-ipv6-ippool": cidr "fd12:3456:789a::/48" (default (random ULA))` + fmt.Sprintf(tail, "default", "") + none, []string{"FamilyNotInCluster " + ipv6Name}},
		{"drawn, with NAT", desired(ippool.IPv6, "", value("natOutgoing", true, origin.Env("N"))), nil, facts.Facts{}, drawn, "", nil},
		{"drawn by an earlier run", desired(ippool.IPv6, ""), stored(ipv6Name, drawn.String()), facts.Facts{}, netip.Prefix{},
			`IPPool "default-ipv6-ippool": cidr "fd12:3456:789a::/48" (datastore)` + fmt.Sprintf(tail, "datastore", " and onDrift=update"), nil},
		{"named by a setting", desired(ippool.IPv6, "fd12:3456:789a::/48", unset), nil, facts.Facts{}, netip.Prefix{}, "", []string{"ULAWithoutNAT " + ipv6Name}},
		{"named by a setting, existing", desired(ippool.IPv6, "fd12:3456:789a::/48"), stored(ipv6Name, drawn.String()), facts.Facts{}, netip.Prefix{}, "", []string{"ULAWithoutNAT " + ipv6Name}},
		{"named by the cluster", desired(ippool.IPv6, "", unset), nil, cluster, drawn, "", []string{"ULAWithoutNAT " + ipv6Name}},
		{"named by the cluster, existing", desired(ippool.IPv6, ""), stored(ipv6Name, drawn.String()), cluster, netip.Prefix{}, "", []string{"ULAWithoutNAT " + ipv6Name}},
		{"named by a file", withoutNATOfFile, nil, facts.Facts{}, netip.Prefix{}, "", []string{"ULAWithoutNAT filed"}},
		{"existing, of another length", desired(ippool.IPv6, ""), stored(ipv6Name, "fd12:3456:789a::/64"), facts.Facts{}, netip.Prefix{}, "", []string{"ULAWithoutNAT " + ipv6Name}},
		{"existing, of fc00::/8", desired(ippool.IPv6, ""), stored(ipv6Name, "fc12:3456:789a::/48"), facts.Facts{}, netip.Prefix{}, "", []string{"ULAWithoutNAT " + ipv6Name}},
		{"existing, of another name", desired(ippool.IPv6, ""), stored("mine", drawn.String()), facts.Facts{}, netip.Prefix{}, "", []string{"ULAWithoutNAT mine"}},
		{"existing, disabled", desired(ippool.IPv6, ""), stored(ipv6Name, drawn.String(), poolstest.Disabled), facts.Facts{}, netip.Prefix{}, "", []string{"NoUsablePool "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := made(t, plan.DriftReport, datastore.Snapshot{Pools: poolstest.Records(tt.existing...)}, tt.want).Settle(tt.known, tt.random)
			require.NoError(t, err)
			var want []string
			if tt.note != "" {
				want = []string{tt.note}
			}
			assert.Equal(t, want, Notes(p, tt.known, true))
			assert.Equal(t, tt.found, lines(Check(p, tt.known, true)))
			if tt.existing != nil {
				assert.Empty(t, Notes(p, tt.known, false), "an existing pool is not checked")
			}
		})
	}
}

// A finding has the source of each value, and a remedy.
func TestCheckHasRemedies(t *testing.T) {
	t.Parallel()
	const private = " is private, and natOutgoing is false (%s): pods reach only hosts with a return route to them, such as by BGP; %s, or ensure that return routes exist"
	noNAT := value("natOutgoing", false, flagOf(ippool.IPv4, "nat-outgoing"))
	fileNoNAT := ofFileAt(ippool.IPv4, "filed", "10.2.0.0/16")
	fileNoNAT.Pool.Spec.NATOutgoing = false
	fileNoNAT.Values = append(fileNoNAT.Values, value("natOutgoing", false, origin.Line("pools.yaml", 5)))
	tests := []struct {
		name     string
		want     plan.DesiredPool
		onDrift  plan.OnDrift
		existing []v3.IPPool
		text     string
	}{
		{"the default pool, created", desired(ippool.IPv4, "10.1.0.0/16", noNAT), plan.DriftReport, nil,
			`IPPool "default-ipv4-ippool": cidr "10.1.0.0/16" (flag --ipv4-pool-cidr)` +
				fmt.Sprintf(private, "flag --ipv4-pool-nat-outgoing", "set natOutgoing to true with ipv4.pool.natOutgoing")},
		{"the default pool, updated", desired(ippool.IPv4, "", noNAT), plan.DriftUpdate, []v3.IPPool{poolstest.Default4()},
			`IPPool "default-ipv4-ippool": cidr "10.244.0.0/16" (datastore)` +
				fmt.Sprintf(private, "flag --ipv4-pool-nat-outgoing", "set natOutgoing to true with ipv4.pool.natOutgoing")},
		{"the default pool, unchanged", desired(ippool.IPv4, ""), plan.DriftReport, []v3.IPPool{poolstest.Default4(withoutNAT)},
			`IPPool "default-ipv4-ippool": cidr "10.244.0.0/16" (datastore)` +
				fmt.Sprintf(private, "datastore", "set natOutgoing to true with ipv4.pool.natOutgoing and onDrift=update")},
		{"the default pool, with drift", desired(ippool.IPv4, "", value("natOutgoing", true, flagOf(ippool.IPv4, "nat-outgoing"))), plan.DriftReport, []v3.IPPool{poolstest.Default4(withoutNAT)},
			`IPPool "default-ipv4-ippool": cidr "10.244.0.0/16" (datastore)` +
				fmt.Sprintf(private, "datastore", "set natOutgoing to true with ipv4.pool.natOutgoing and onDrift=update")},
		{"another pool in place of the default pool", desired(ippool.IPv4, ""), plan.DriftReport, []v3.IPPool{poolstest.Stored("mine", "10.3.0.0/16", withoutNAT)},
			`IPPool "mine": cidr "10.3.0.0/16" (datastore)` + fmt.Sprintf(private, "datastore", "set natOutgoing to true in the IPPool")},
		{"Helm's", desired(ippool.IPv4, ""), plan.DriftUpdate, []v3.IPPool{poolstest.Default4(withoutNAT, managedByHelm)},
			`IPPool "default-ipv4-ippool": cidr "10.244.0.0/16" (datastore)` + fmt.Sprintf(private, "datastore", "have Helm set natOutgoing to true")},
		{"a file's, created", fileNoNAT, plan.DriftReport, nil,
			`IPPool "filed": cidr "10.2.0.0/16" (file pools.yaml:4)` + fmt.Sprintf(private, "file pools.yaml:5", "set natOutgoing to true in file pools.yaml:5")},
		{"a file's, updated", fileNoNAT, plan.DriftUpdate, []v3.IPPool{poolstest.Stored("filed", "10.2.0.0/16", withNAT)},
			`IPPool "filed": cidr "10.2.0.0/16" (datastore)` + fmt.Sprintf(private, "file pools.yaml:5", "set natOutgoing to true in file pools.yaml:5")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := Check(made(t, tt.onDrift, datastore.Snapshot{Pools: poolstest.Records(tt.existing...)}, tt.want), facts.Facts{}, true)
			require.Len(t, found, 1)
			assert.Equal(t, tt.text, found[0].Text)
		})
	}
}

func TestPoolTerminating(t *testing.T) {
	t.Parallel()
	p := made(t, plan.DriftReport, datastore.Snapshot{Pools: poolstest.Records(poolstest.Default4(), poolstest.Stored("old", "10.1.7.7/16", deleted))}, desired(ippool.IPv4, ""))
	assert.Equal(t, []Finding{{
		Code: PoolTerminating, Pool: "old", CIDR: &facts.Located{Prefix: netip.MustParsePrefix("10.1.0.0/16"), Source: origin.Datastore},
		Text: `IPPool "old" is being deleted and counts as an IPv4 pool until the deletion completes; run again afterwards`,
	}}, Check(p, facts.Facts{}, false))
}

// A pool that is not changed is checked only with all set; a step without a pool never.
func TestChecks(t *testing.T) {
	t.Parallel()
	for _, action := range []plan.Action{plan.Created, plan.Updated, plan.Unchanged} {
		step := plan.Step{Action: action, Pool: ippool.New("a")}
		assert.Equal(t, action != plan.Unchanged, Checks(step, false), action)
		assert.True(t, Checks(step, true), action)
	}
	for _, all := range []bool{false, true} {
		assert.False(t, Checks(plan.Step{Action: plan.Skipped}, all))
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	one, two, three := Finding{Code: ULAWithoutNAT, Pool: "a"}, Finding{Code: NoUsablePool}, Finding{Code: ULAWithoutNAT, Pool: "b"}
	found, allowed := Allowed([]Finding{one, two, three}, []FindingCode{HostRouteOverlap, ULAWithoutNAT})
	assert.Equal(t, []Finding{two}, found)
	assert.Equal(t, []Finding{one, three}, allowed)
	found, allowed = Allowed([]Finding{one, two}, nil)
	assert.Equal(t, []Finding{one, two}, found)
	assert.Empty(t, allowed)
}

func TestFindingsError(t *testing.T) {
	t.Parallel()
	err := &FindingsError{Source: origin.Env("P"), Findings: []Finding{{Code: ULAWithoutNAT, Text: "one"}, {Code: NoUsablePool, Text: "two"}, {Code: NoUsablePool, Text: "three"}}}
	require.EqualError(t, err, `ULAWithoutNAT: one
NoUsablePool: two
NoUsablePool: three
env P makes preflight findings errors: fix these, or allow those that are intended with allow=ULAWithoutNAT,NoUsablePool, or set preflight=warn`)
	require.ErrorIs(t, fmt.Errorf("run: %w", err), ErrFindings)
	assert.NotErrorIs(t, err, plan.ErrDrift)
}
