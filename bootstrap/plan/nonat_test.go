package plan_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// wanting returns a desired default IPv4 pool, and ranges that are not masqueraded. Without a
// CIDR, one is chosen.
func wanting(cidr string, noNAT ...string) plan.Desired {
	pool := ippool.New("default-ipv4-ippool")
	pool.Spec.CIDR, pool.Spec.NATOutgoing, pool.Spec.BlockSize = cidr, true, 26
	ippool.Default(pool)
	desired := plan.Desired{Pools: []plan.DesiredPool{{Family: ippool.IPv4, Default: true, Pool: pool, Values: []plan.Value{{Field: "cidr", Value: cidr, Source: origin.Default}}}}}
	for _, prefix := range factstest.Prefixes(noNAT...) {
		desired.NoNATTo = append(desired.NoNATTo, plan.NoNAT{Prefix: prefix, Source: origin.Flag("no-nat-to")})
	}
	return desired
}

// settled returns the plan of the desired pools.
func settled(desired plan.Desired, known facts.Facts, existing ...v3.IPPool) (plan.Plan, error) {
	snapshot := datastore.Snapshot{Pools: poolstest.Records(existing...), CLI: datastore.CLI{Program: datastore.Kubectl, Resource: "ippools.crd.projectcalico.org"}}
	p, err := plan.Compute(desired, snapshot, plan.DriftReport)
	if err != nil {
		return plan.Plan{}, err
	}
	return p.Settle(known, netip.Prefix{})
}

// after returns the pools that exist after the plan was carried out.
func after(p plan.Plan, existing ...v3.IPPool) []v3.IPPool {
	for _, step := range p.Steps {
		if step.Action == plan.Created {
			existing = append(existing, *step.Pool)
		}
	}
	return existing
}

// actions returns name, CIDR and action of each step for a range.
func actions(p plan.Plan) []string {
	var all []string
	for _, step := range p.Steps {
		if !step.NoNATTo.IsValid() {
			continue
		}
		line := step.Name + " " + string(step.Action)
		if step.Pool == nil {
			line += ": " + step.Reason
		}
		all = append(all, line)
	}
	return all
}

func TestNoNATPool(t *testing.T) {
	t.Parallel()
	p, err := settled(wanting("10.244.0.0/16", "10.244.0.0/15", "172.16.0.0/12"), facts.Facts{})
	require.NoError(t, err)
	assert.Equal(t, []string{"no-nat-to-10-245-0-0-16 created", "no-nat-to-172-16-0-0-12 created"}, actions(p))
	pool := p.Steps[1].Pool
	assert.Equal(t, map[string]string{"calico-bootstrap/no-nat-to": "10-244-0-0-15"}, pool.Labels)
	want := ippool.New("x")
	want.Spec.CIDR, want.Spec.Disabled, want.Spec.DisableBGPExport = "10.245.0.0/16", true, true
	ippool.Default(want)
	assert.Equal(t, want.Spec, pool.Spec)
	assert.Equal(t, "a part of 10.244.0.0/15: traffic to it is not masqueraded", p.Steps[1].PlannedReason())
	assert.Equal(t, []string{"disabled pools cover 10.244.0.0/15, 172.16.0.0/12: no later pool fits inside them; hosts there see the addresses of pods and need return routes to them",
		"no Service CIDR is known: if noNATTo contains addresses of Services that BGP advertises, set serviceCIDR, which leaves them out, because BGP does not export routes inside the pools"}, p.NoNATNotes(facts.Facts{}))
	assert.Empty(t, p.Warnings)
}

func TestNoNATSteps(t *testing.T) {
	t.Parallel()
	services := facts.Facts{Survey: facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("s"), "10.96.0.0/12")}}
	pods := poolstest.Stored("pods", "10.244.0.0/16", func(p *v3.IPPool) { p.Spec.NATOutgoing = true })
	lb := poolstest.Stored("lb", "10.0.0.0/9", poolstest.ForLoadBalancers)
	off := poolstest.Stored("corp", "10.0.0.0/9", poolstest.Disabled)
	inside := func(in string) string { return "conflicts with existing pools: flag --no-nat-to: " + in }
	for name, tt := range map[string]struct {
		desired  plan.Desired
		known    facts.Facts
		existing []v3.IPPool
		want     []string
		err      string
	}{
		"a hole":                  {wanting("", "10.240.0.0/13"), facts.Facts{}, []v3.IPPool{pods}, []string{"no-nat-to-10-240-0-0-14 created", "no-nat-to-10-245-0-0-16 created", "no-nat-to-10-246-0-0-15 created"}, ""},
		"Services":                {wanting("10.244.0.0/16", "10.64.0.0/10"), services, nil, []string{"no-nat-to-10-112-0-0-12 created", "no-nat-to-10-64-0-0-11 created"}, ""},
		"inside Services":         {wanting("10.244.0.0/16", "10.97.0.0/16"), services, nil, []string{"no-nat-to-10-97-0-0-16 skipped: it is in a range of Services: the backend decides whether traffic to it is masqueraded"}, ""},
		"all of it in pools":      {wanting("", "10.0.0.0/8"), facts.Facts{}, []v3.IPPool{off, poolstest.Stored("other", "10.128.0.0/9")}, []string{"no-nat-to-10-0-0-0-8 skipped: other pools and Services cover all of it"}, ""},
		"a disabled pool":         {wanting("172.16.0.0/16", "10.1.0.0/16"), facts.Facts{}, []v3.IPPool{off}, []string{`no-nat-to-10-1-0-0-16 skipped: IPPool "corp", which is disabled, contains it: traffic to it is not masqueraded`}, ""},
		"load balancers":          {wanting("", "10.0.0.0/8"), facts.Facts{}, []v3.IPPool{pods, lb}, []string{"no-nat-to-10-128-0-0-10 created", "no-nat-to-10-192-0-0-11 created", "no-nat-to-10-224-0-0-12 created", "no-nat-to-10-240-0-0-14 created", "no-nat-to-10-245-0-0-16 created", "no-nat-to-10-246-0-0-15 created", "no-nat-to-10-248-0-0-13 created"}, ""},
		"inside load balancers":   {wanting("", "10.1.0.0/16"), facts.Facts{}, []v3.IPPool{pods, lb}, nil, inside(`10.1.0.0/16 is inside 10.0.0.0/9 of IPPool "lb", which is for load balancers: such a pool does not exempt, and no other pool fits inside it; leave the range out`)},
		"inside an existing pool": {wanting("", "10.244.1.0/24"), facts.Facts{}, []v3.IPPool{pods}, nil, inside(`10.244.1.0/24 is inside 10.244.0.0/16 of IPPool "pods": traffic to a pool is never masqueraded, and no other pool fits inside it; leave the range out`)},
		"equal to a pool":         {wanting("10.244.0.0/16", "10.244.0.0/16"), facts.Facts{}, nil, nil, inside(`10.244.0.0/16 is inside 10.244.0.0/16 of IPPool "default-ipv4-ippool": traffic to a pool is never masqueraded, and no other pool fits inside it; leave the range out`)},
		"the name is taken":       {wanting("10.244.0.0/16", "10.0.0.0/9"), facts.Facts{}, []v3.IPPool{poolstest.Stored("no-nat-to-10-0-0-0-9", "192.0.2.0/24")}, nil, `conflicts with existing pools: the name "no-nat-to-10-0-0-0-9" (flag --no-nat-to) is taken by another pool: rename that, or set other ranges`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := settled(tt.desired, tt.known, tt.existing...)
			if tt.err != "" {
				require.ErrorIs(t, err, plan.ErrIncompatible)
				assert.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, actions(p))
		})
	}
}

// The choice of the default range prefers one that the ranges don't overlap.
func TestChoiceBesideNoNAT(t *testing.T) {
	t.Parallel()
	for ranges, want := range map[string]string{
		"10.0.0.0/8":                                 "192.168.0.0/16 default",
		"192.168.0.0/16":                             "172.16.0.0/16 default (192.168.0.0/16 overlaps noNATTo)",
		"172.16.0.0/12 192.168.1.0/24":               "172.16.0.0/16 default (192.168.0.0/16 overlaps noNATTo)",
		"10.0.0.0/8 172.16.0.0/12 192.168.0.0/16":    "172.16.0.0/16 default (192.168.0.0/16 overlaps noNATTo)",
		"172.16.0.0/16 172.18.0.0/15 192.168.0.0/17": "172.17.0.0/16 default (192.168.0.0/16 overlaps noNATTo)",
	} {
		p, err := settled(wanting("", strings.Fields(ranges)...), facts.Facts{})
		require.NoError(t, err, ranges)
		assert.Equal(t, want, p.Steps[0].Values[0].Value.(string)+" "+p.Steps[0].Values[0].Source.String(), ranges)
	}
}

// A second run finds everything, without Services that the first run read; a pool that is
// deleted is created again; drift is reported.
func TestNoNATSecondRun(t *testing.T) {
	t.Parallel()
	desired := wanting("10.244.0.0/16", "10.0.0.0/8", "192.168.0.0/16")
	services := facts.Facts{Survey: facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("s"), "10.96.0.0/12")}}
	first, err := settled(desired, services)
	require.NoError(t, err)
	stored := after(first)
	for i := range stored {
		stored[i].UID = "1"
	}
	second, err := settled(desired, facts.Facts{}, stored...)
	require.NoError(t, err)
	assert.Empty(t, second.Changes())
	assert.Empty(t, second.Warnings)
	assert.Len(t, first.NoNATNotes(services), 1, "Services are known")
	assert.Empty(t, second.NoNATNotes(facts.Facts{}))
	for _, step := range second.Steps {
		assert.Equal(t, plan.Unchanged, step.Action, step.Name)
	}
	assert.Len(t, second.Steps, len(stored))

	third, err := settled(desired, facts.Facts{}, stored[:len(stored)-1]...)
	require.NoError(t, err)
	require.Len(t, third.Changes(), 1)
	assert.Equal(t, stored[len(stored)-1].Name, third.Changes()[0].Name())

	last := &stored[len(stored)-1]
	last.Spec.Disabled, last.Spec.BlockSize = false, 28
	drifted, err := settled(desired, facts.Facts{}, stored...)
	require.NoError(t, err)
	require.Len(t, drifted.Differences(), 1, "the block size has no effect")
	assert.Equal(t, `flag --no-nat-to: "true" has no effect: IPPool "no-nat-to-192-168-0-0-16" exists with disabled false; onDrift=update changes it`, drifted.Differences()[0].String())
}

// Ranges that are changed or dropped, and pools that come later.
func TestNoNATChanges(t *testing.T) {
	t.Parallel()
	at := func(noNAT ...string) []v3.IPPool {
		p, err := settled(wanting("172.30.0.0/16", noNAT...), facts.Facts{})
		require.NoError(t, err)
		return after(p)
	}
	const remove = "; if that is not intended, delete it: kubectl delete ippools.crd.projectcalico.org no-nat-to-10-0-0-0-8"
	const between = ", and run again; in between, traffic to the requested ranges is masqueraded"
	later := poolstest.Stored("later", "10.9.0.0/16")
	for name, tt := range map[string]struct {
		existing []v3.IPPool
		noNAT    []string
		want     []string
		warnings []string
	}{
		"dropped":  {at("10.0.0.0/8"), nil, nil, []string{`IPPool "no-nat-to-10-0-0-0-8": 10.0.0.0/8 is not requested by noNATTo: traffic to it is still not masqueraded` + remove}},
		"replaced": {at("10.0.0.0/8"), []string{"192.168.0.0/16"}, []string{"no-nat-to-192-168-0-0-16 created"}, []string{`IPPool "no-nat-to-10-0-0-0-8": 10.0.0.0/8 is not requested by noNATTo: traffic to it is still not masqueraded` + remove}},
		"narrowed": {at("10.0.0.0/8"), []string{"10.64.0.0/10"}, []string{"no-nat-to-10-0-0-0-8 unchanged"}, []string{`IPPool "no-nat-to-10-0-0-0-8": 10.0.0.0/8 is wider than requested by noNATTo: traffic to it is still not masqueraded` + remove + between}},
		"split":    {at("10.0.0.0/8"), []string{"10.0.0.0/9", "10.128.0.0/9"}, []string{"no-nat-to-10-0-0-0-8 unchanged"}, nil},
		"widened":  {at("10.64.0.0/10"), []string{"10.0.0.0/8"}, []string{"no-nat-to-10-0-0-0-10 created", "no-nat-to-10-128-0-0-9 created", "no-nat-to-10-64-0-0-10 unchanged"}, nil},
		"a pool that comes later": {append(at("10.0.0.0/8"), later), []string{"10.0.0.0/8"}, []string{"no-nat-to-10-0-0-0-8 unchanged"},
			[]string{`IPPool "no-nat-to-10-0-0-0-8": 10.0.0.0/8 overlaps 10.9.0.0/16 of IPPool "later": overlapping pools end Felix in nftables mode; delete it: kubectl delete ippools.crd.projectcalico.org no-nat-to-10-0-0-0-8, and run again, which splits the range around the other pool; in between, traffic to it is masqueraded`}},
		"and after the deletion": {append(at(), later), []string{"10.8.0.0/15"}, []string{"no-nat-to-10-8-0-0-16 created"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := settled(wanting("172.30.0.0/16", tt.noNAT...), facts.Facts{}, tt.existing...)
			require.NoError(t, err)
			assert.Equal(t, tt.want, actions(p))
			assert.Equal(t, tt.warnings, p.Warnings)
			assert.Equal(t, "172.30.0.0/16", p.Steps[0].Pool.Spec.CIDR)
		})
	}

	// A pool to create does not fit inside an existing one.
	_, err := settled(wanting("10.9.0.0/16", "10.0.0.0/8"), facts.Facts{}, at("10.0.0.0/8")[1:]...)
	assert.ErrorContains(t, err, `overlaps 10.0.0.0/8 of IPPool "no-nat-to-10-0-0-0-8": choose another range, or delete it: kubectl delete ippools.crd.projectcalico.org no-nat-to-10-0-0-0-8, and run again, which splits the range around the new pool; in between, traffic to it is masqueraded`)
}

// A pool that exempts Services which the settings name later is reported, and split again
// after it was deleted. A range that is inside of the Services gets no pool.
func TestNoNATOverServices(t *testing.T) {
	t.Parallel()
	before, err := settled(wanting("172.16.0.0/16", "10.0.0.0/8"), facts.Facts{})
	require.NoError(t, err)
	desired := wanting("172.16.0.0/16", "10.0.0.0/8", "192.168.1.0/24")
	desired.Services = factstest.At(origin.Flag("service-cidr"), "192.168.0.0/16", "10.128.0.0/9")
	known := facts.Facts{Survey: facts.Survey{ServiceCIDRs: desired.Services}}
	const inside = "no-nat-to-192-168-1-0-24 skipped: it is in a range of Services: the backend decides whether traffic to it is masqueraded"

	p, err := settled(desired, known, after(before)...)
	require.NoError(t, err)
	assert.Equal(t, []string{"no-nat-to-10-0-0-0-8 unchanged", inside}, actions(p))
	assert.Equal(t, []string{`IPPool "no-nat-to-10-0-0-0-8": 10.0.0.0/8 overlaps the Service CIDR 10.128.0.0/9 (flag --service-cidr): BGP does not export routes to Services inside a pool with disableBGPExport; ` +
		"delete it: kubectl delete ippools.crd.projectcalico.org no-nat-to-10-0-0-0-8, and run again, which leaves the Services out; in between, traffic to it is masqueraded"}, p.Warnings)

	p, err = settled(desired, known, after(before)[:1]...)
	require.NoError(t, err)
	assert.Equal(t, []string{"no-nat-to-10-0-0-0-9 created", inside}, actions(p))
	p, err = settled(desired, known, after(p, after(before)[0])...)
	require.NoError(t, err)
	assert.Equal(t, []string{"no-nat-to-10-0-0-0-9 unchanged", inside}, actions(p))
	assert.Empty(t, p.Warnings)

	// What the settings name is left out of the plan before anything is read.
	draft, err := plan.Compute(desired, datastore.Snapshot{}, plan.DriftReport)
	require.NoError(t, err)
	assert.Equal(t, []string{"no-nat-to-10-0-0-0-9 created", inside}, actions(draft))
}

// Pools with the label are never those of a family, and a family without natOutgoing is
// reported.
func TestNoNATIsNoPoolOfTheFamily(t *testing.T) {
	t.Parallel()
	labelled := poolstest.Stored("no-nat-to-10-0-0-0-8", "10.0.0.0/8", poolstest.Disabled, func(p *v3.IPPool) { p.Labels = map[string]string{plan.NoNATLabel: "10-0-0-0-8"} })
	annotated := poolstest.Stored("no-nat-to-10-0-0-0-8", "10.0.0.0/8", poolstest.Disabled, func(p *v3.IPPool) {
		p.Annotations = map[string]string{"projectcalico.org/metadata": `{"labels":{"calico-bootstrap/no-nat-to":"10-0-0-0-8"}}`}
	})
	for _, existing := range []v3.IPPool{labelled, annotated} {
		p, err := settled(wanting(""), facts.Facts{}, existing)
		require.NoError(t, err)
		assert.Equal(t, plan.Created, p.Steps[0].Action)
	}
	without := wanting("10.244.0.0/16", "172.16.0.0/12", "fd00::/8")
	p, err := settled(without, facts.Facts{})
	require.NoError(t, err)
	assert.Equal(t, []string{"flag --no-nat-to: fd00::/8 has no effect: no IPv6 pool has natOutgoing, so nothing is masqueraded; disabled pools cover it nevertheless; set natOutgoing of an IPv6 pool to true, or leave the range out"}, p.Warnings)

	without.NoNATTo[1].Skip = "IPv6 is not supported"
	p, err = settled(without, facts.Facts{})
	require.NoError(t, err)
	assert.Empty(t, p.Warnings)
	assert.Equal(t, []string{"no-nat-to-172-16-0-0-12 created", "no-nat-to-fd00---8 skipped: IPv6 is not supported"}, actions(p))
}

// More than a thousand pools are an error.
func TestNoNATLimit(t *testing.T) {
	t.Parallel()
	var existing []v3.IPPool
	for i := range 1100 {
		existing = append(existing, poolstest.Stored(fmt.Sprintf("p%d", i), fmt.Sprintf("10.%d.%d.0/26", i/200, i%200)))
	}
	_, err := settled(wanting("", "10.0.0.0/8"), facts.Facts{}, existing...)
	require.ErrorIs(t, err, plan.ErrIncompatible)
	assert.ErrorContains(t, err, "10.0.0.0/8: more than 1000 pools are needed to cover the ranges around other pools; set narrower ranges")
}

// The label and the name of the pools are ones that the Kubernetes API accepts, of each prefix
// length and family.
func TestNoNATNamesAreValid(t *testing.T) {
	t.Parallel()
	for _, addr := range []netip.Addr{netip.IPv4Unspecified(), netip.MustParseAddr("255.255.255.255"), netip.IPv6Unspecified(), netip.MustParseAddr("::1"), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")} {
		for bits := 1; bits <= addr.BitLen(); bits++ {
			prefix := netip.PrefixFrom(addr, bits).Masked()
			pool := plan.NoNATPool(prefix, prefix)
			assert.Empty(t, validation.IsDNS1123Subdomain(pool.Name), prefix)
			assert.Empty(t, validation.IsValidLabelValue(pool.Labels[plan.NoNATLabel]), prefix)
		}
	}
}

// For any pools and Services, the created pools are what is left of the range, they overlap
// nothing, and a second run changes nothing. What is deleted is created again.
func TestNoNATProperties(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(19, 7))
	drawn := func(n int, bits int) []netip.Prefix {
		var all []netip.Prefix
		for range random.IntN(n) {
			addr := netip.AddrFrom4([4]byte{10, byte(random.IntN(256)), byte(random.IntN(256)), byte(random.IntN(256))})
			prefix := netip.PrefixFrom(addr, bits+random.IntN(26-bits)).Masked()
			overlaps := false
			for _, other := range all {
				overlaps = overlaps || other.Overlaps(prefix)
			}
			if !overlaps {
				all = append(all, prefix)
			}
		}
		return all
	}
	for range 300 {
		noNAT, pools, services := drawn(4, 8), drawn(6, 12), drawn(3, 12)
		var existing []v3.IPPool
		for i, prefix := range pools {
			existing = append(existing, poolstest.Stored(fmt.Sprintf("p%d", i), prefix.String(), func(p *v3.IPPool) { p.Spec.NATOutgoing = true }))
		}
		var texts []string
		for _, prefix := range noNAT {
			texts = append(texts, prefix.String())
		}
		desired := wanting("172.31.0.0/16", texts...)
		known := facts.Facts{Survey: facts.Survey{ServiceCIDRs: factstest.Locate(origin.Cluster("s"), services...)}}
		p, err := settled(desired, known, existing...)
		if err != nil {
			require.ErrorContains(t, err, "is inside")
			continue
		}
		var want, got []string
		for _, prefix := range noNAT {
			for _, part := range ranges.Subtract(prefix, ranges.New(append(append([]netip.Prefix{}, pools...), services...))) {
				want = append(want, part.String())
			}
		}
		all := after(p, existing...)
		for _, step := range p.Steps {
			if step.NoNATTo.IsValid() && step.Action == plan.Created {
				got = append(got, step.Pool.Spec.CIDR)
			}
		}
		assert.ElementsMatch(t, want, got)
		var pointers []*v3.IPPool
		for i := range all {
			pointers = append(pointers, &all[i])
		}
		require.Empty(t, ippool.Overlaps(pointers))

		again, err := settled(desired, known, all...)
		require.NoError(t, err)
		assert.Empty(t, again.Changes())
		if len(all) > len(existing)+1 {
			lost := len(existing) + random.IntN(len(all)-len(existing))
			name := all[lost].Name
			rest := append(append([]v3.IPPool{}, all[:lost]...), all[lost+1:]...)
			healed, err := settled(desired, known, rest...)
			require.NoError(t, err)
			if name != "default-ipv4-ippool" || len(existing) == 0 {
				require.Len(t, healed.Changes(), 1, name)
				assert.Equal(t, name, healed.Changes()[0].Name())
			}
		}
	}
}
