package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// steps returns a line per step of a plan.
func steps(made plan.Plan) []string {
	var lines []string
	for _, step := range made.Steps {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", step.Family, step.Name, step.Action, step.Reason))
	}
	return lines
}

const (
	fresh4 = "IPv4 default-ipv4-ippool created: no IPv4 pool existed"
	fresh6 = "IPv6 default-ipv6-ippool created: no IPv6 pool existed"
)

func TestCompute(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		given      []string
		existing   []v3.IPPool
		unreadable []string
		want       []string
		warnings   []string
		err        []string // one per line; nil: none
	}{
		{
			name: "no pool exists",
			want: []string{fresh4, fresh6},
		},
		{
			name:     "both exist",
			existing: []v3.IPPool{poolstest.Stored("default-ipv4-ippool", "10.0.0.0/16"), poolstest.Stored("default-ipv6-ippool", "fd00::/64")},
			want:     []string{"IPv4 default-ipv4-ippool unchanged: exists", "IPv6 default-ipv6-ippool unchanged: exists"},
		},
		{
			name:     "only IPv4 exists",
			existing: []v3.IPPool{poolstest.Stored("default-ipv4-ippool", "10.0.0.0/16")},
			want:     []string{"IPv4 default-ipv4-ippool unchanged: exists", fresh6},
		},
		{
			name:     "only IPv6 exists",
			existing: []v3.IPPool{poolstest.Stored("default-ipv6-ippool", "fd00::/64")},
			want:     []string{fresh4, "IPv6 default-ipv6-ippool unchanged: exists"},
		},
		{
			name:     "another name, another use, disabled: they count",
			existing: []v3.IPPool{poolstest.Stored("services", "10.0.0.0/16", poolstest.ForLoadBalancers), poolstest.Stored("old", "fd00::/64", poolstest.Disabled)},
			want:     []string{"IPv4 services unchanged: exists", "IPv6 old unchanged: exists"},
		},
		{
			name:     "a CIDR with host bits counts",
			existing: []v3.IPPool{poolstest.Stored("a", "10.244.5.7/16")},
			want:     []string{"IPv4 a unchanged: exists", fresh6},
		},
		{
			name: "other names",
			given: []string{
				"CALICO_IPV4POOL_NAME=four", "CALICO_IPV6POOL_NAME=six", "CALICO_IPV4POOL_CIDR=10.0.0.0/8",
			},
			existing: []v3.IPPool{poolstest.Stored("default-ipv4-ippool", "fd00::/64")},
			want:     []string{"IPv4 four created: no IPv4 pool existed", `IPv6 default-ipv4-ippool unchanged: exists, but the desired "six" does not`},
			warnings: []string{
				`env CALICO_IPV6POOL_NAME: "six" has no effect: IPPool "six" does not exist; existing: default-ipv4-ippool; to manage it, set ipv6.pool.name=default-ipv4-ippool`,
			},
		},
		{
			name:     "several, with the default one: the step has that one",
			existing: []v3.IPPool{poolstest.Stored("a", "10.1.0.0/16"), poolstest.Stored("default-ipv4-ippool", "10.2.0.0/16"), poolstest.Stored("z", "10.3.0.0/16")},
			want:     []string{"IPv4 default-ipv4-ippool unchanged: 3 IPv4 pools exist: a, default-ipv4-ippool, z", fresh6},
		},
		{
			name:     "several, without the default one: the step has the first",
			existing: []v3.IPPool{poolstest.Stored("a", "fd00:1::/64"), poolstest.Stored("b", "fd00:2::/64")},
			want:     []string{fresh4, "IPv6 a unchanged: 2 IPv6 pools exist: a, b"},
		},
		{
			name:     "five are named",
			existing: numbered(5),
			want:     []string{"IPv4 p1 unchanged: 5 IPv4 pools exist: p1, p2, p3, p4, p5", fresh6},
		},
		{
			name:     "the sixth is not named",
			existing: numbered(6),
			want:     []string{"IPv4 p1 unchanged: 6 IPv4 pools exist: p1, p2, p3, p4, p5, 1 more", fresh6},
		},
		{
			name:     "nor is the seventh",
			existing: numbered(7),
			want:     []string{"IPv4 p1 unchanged: 7 IPv4 pools exist: p1, p2, p3, p4, p5, 2 more", fresh6},
		},
		{
			name:     "none, with and without pools",
			given:    []string{"CALICO_IPV4POOL_CIDR=none", "--ipv6-pool-cidr=None"},
			existing: []v3.IPPool{poolstest.Stored("default-ipv4-ippool", "10.0.0.0/16")},
			want: []string{
				`IPv4 default-ipv4-ippool skipped: env CALICO_IPV4POOL_CIDR is "none"`,
				`IPv6 default-ipv6-ippool skipped: flag --ipv6-pool-cidr is "None"`,
			},
		},
		{
			name:  "NO_DEFAULT_POOLS",
			given: []string{"NO_DEFAULT_POOLS=1"},
			want: []string{
				`IPv4 default-ipv4-ippool skipped: env NO_DEFAULT_POOLS is "1"`,
				`IPv6 default-ipv6-ippool skipped: env NO_DEFAULT_POOLS is "1"`,
			},
		},
		{
			name:     "no support for IPv6",
			given:    []string{"FELIX_IPV6SUPPORT=no"},
			existing: []v3.IPPool{poolstest.Stored("default-ipv6-ippool", "fd00::/64")},
			want: []string{
				fresh4,
				`IPv6 default-ipv6-ippool skipped: IPv6 is not supported: env FELIX_IPV6SUPPORT is "no"`,
			},
		},
		{
			name:     "the IPv4 name is taken by an IPv6 pool",
			existing: []v3.IPPool{poolstest.Stored("default-ipv4-ippool", "fd00::/64")},
			err: []string{
				`conflicts with existing pools: the name "default-ipv4-ippool" of the default IPv4 pool is taken by an IPv6 pool, fd00::/64: choose another with ipv4.pool.name`,
			},
		},
		{
			name:     "the IPv6 name is taken by an IPv4 pool",
			existing: []v3.IPPool{poolstest.Stored("default-ipv6-ippool", "10.0.0.0/16")},
			err: []string{
				`conflicts with existing pools: the name "default-ipv6-ippool" of the default IPv6 pool is taken by an IPv4 pool, 10.0.0.0/16: choose another with ipv6.pool.name`,
			},
		},
		{
			name:     "a taken name does not matter if nothing is created",
			given:    []string{"CALICO_IPV6POOL_CIDR=none", "CALICO_IPV4POOL_NAME=b"},
			existing: []v3.IPPool{poolstest.Stored("a", "10.1.0.0/16"), poolstest.Stored("default-ipv6-ippool", "10.2.0.0/16")},
			want: []string{
				`IPv4 a unchanged: 2 IPv4 pools exist: a, default-ipv6-ippool, but the desired "b" does not`,
				`IPv6 default-ipv6-ippool skipped: env CALICO_IPV6POOL_CIDR is "none"`,
			},
			warnings: []string{
				`env CALICO_IPV4POOL_NAME: "b" has no effect: IPPool "b" does not exist; existing: a, default-ipv6-ippool; to manage one of them, set ipv4.pool.name`,
			},
		},
		{
			name:     "an invalid CIDR has no address family",
			existing: []v3.IPPool{poolstest.Stored("a", "10.0.0.0"), poolstest.Stored("b", "")},
			want:     []string{fresh4, fresh6},
			warnings: []string{
				`IPPool "a" is ignored: invalid CIDR: "10.0.0.0" is an address without a prefix length such as /16; repair or delete it`,
				`IPPool "b" is ignored: invalid CIDR: "" is not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64; repair or delete it`,
			},
		},
		{
			name:     "unusual CIDRs that Calico accepts count",
			existing: []v3.IPPool{poolstest.Stored("mapped", "::ffff:10.0.0.0/104"), poolstest.Stored("zeros", "FD00::1/064")},
			want:     []string{"IPv4 mapped unchanged: exists", "IPv6 zeros unchanged: exists"},
		},
		{
			name:       "the CIDR of a malformed record counts",
			unreadable: []string{"x 192.168.0.0/16"},
			want:       []string{"IPv4 x unchanged: exists", fresh6},
			warnings: []string{
				`IPPool "x" is malformed and is not modified; by its CIDR 192.168.0.0/16 it counts as an IPv4 pool: no JSON; of all things; repair or delete it`,
			},
		},
		{
			name:       "a malformed record without a CIDR has no address family",
			unreadable: []string{"x", "y"},
			want:       []string{fresh4, fresh6},
			warnings: []string{
				`IPPool "x" is malformed and is ignored: no JSON; of all things; repair or delete it`,
				`IPPool "y" is malformed and is ignored: no JSON; of all things; repair or delete it`,
			},
		},
		{
			name:       "both names are taken by malformed records",
			existing:   []v3.IPPool{poolstest.Stored("default-ipv4-ippool", "nonsense")},
			unreadable: []string{"default-ipv6-ippool"},
			err: []string{
				`conflicts with existing pools: the name "default-ipv4-ippool" of the default IPv4 pool is taken by a malformed record: invalid CIDR: "nonsense" is not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64: repair or delete it, or choose another name with ipv4.pool.name`,
				`conflicts with existing pools: the name "default-ipv6-ippool" of the default IPv6 pool is taken by a malformed record: no JSON; of all things: repair or delete it, or choose another name with ipv6.pool.name`,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inputs := func() (plan.Desired, datastore.Snapshot) {
				existing := datastore.Snapshot{Revision: "7"}
				for _, pool := range tt.existing {
					existing.Pools = append(existing.Pools, ippool.NewRecord(&pool))
				}
				for _, record := range tt.unreadable {
					name, cidr, _ := strings.Cut(record, " ")
					existing.Unreadable = append(existing.Unreadable, datastore.Unreadable{Name: name, CIDR: cidr, Err: errors.New("no JSON\nof all things")})
				}
				return settingstest.Resolved(t, tt.given...).Desired, existing
			}
			desired, existing := inputs()
			made, err := plan.Compute(desired, existing, plan.DriftReport)
			assert.Equal(t, tt.want, steps(made))
			assert.Equal(t, tt.warnings, made.Warnings)
			if tt.err == nil {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, strings.Join(tt.err, "\n"))
				require.ErrorIs(t, err, plan.ErrIncompatible)
				assert.Empty(t, made.Steps, "no steps, for neither family")
			}

			again, againErr := plan.Compute(desired, existing, plan.DriftReport)
			assert.Equal(t, made, again)
			assert.Equal(t, err, againErr)

			// A plan shares no memory with its inputs, so that a caller may modify it.
			for i := range made.Steps {
				if pool := made.Steps[i].Pool; pool != nil && pool.Spec.AssignmentMode != nil {
					pool.Name, pool.Spec.CIDR, pool.Spec.AllowedUses[0] = "changed", "changed", "changed"
					*pool.Spec.AssignmentMode = "changed"
				}
			}
			wantDesired, wantExisting := inputs()
			assert.Equal(t, wantDesired, desired)
			assert.Equal(t, wantExisting, existing)
		})
	}
}

func numbered(n int) []v3.IPPool {
	var pools []v3.IPPool
	for i := range n {
		pools = append(pools, poolstest.Stored(fmt.Sprintf("p%d", i+1), fmt.Sprintf("10.%d.0.0/16", i+1)))
	}
	return pools
}

// The address families are independent: the existing pools of one do not affect the
// other.
func TestComputeFamiliesAreIndependent(t *testing.T) {
	t.Parallel()
	type state struct {
		pools   []v3.IPPool
		outcome string // if a pool of the family is desired
	}
	states := func(family ippool.Family) []state {
		of := func(name string, n int, changes ...func(*v3.IPPool)) v3.IPPool {
			if family == ippool.IPv6 {
				return poolstest.Stored(name+"6", fmt.Sprintf("fd00:%d::/64", n), changes...)
			}
			return poolstest.Stored(name+"4", fmt.Sprintf("10.%d.0.0/16", n), changes...)
		}
		usual := of("x", 0)
		usual.Name = fmt.Sprintf("default-ipv%d-ippool", family)
		return []state{
			{nil, fmt.Sprintf("%s default-ipv%d-ippool created: no %[1]s pool existed", family, family)},
			{[]v3.IPPool{usual}, fmt.Sprintf("%s default-ipv%d-ippool unchanged: exists", family, family)},
			{[]v3.IPPool{of("other", 1)}, fmt.Sprintf("%s other%d unchanged: exists", family, family)},
			{[]v3.IPPool{of("lb", 1, poolstest.ForLoadBalancers)}, fmt.Sprintf("%s lb%d unchanged: exists", family, family)},
			{[]v3.IPPool{of("old", 1, poolstest.Disabled)}, fmt.Sprintf("%s old%d unchanged: exists", family, family)},
			{
				[]v3.IPPool{of("a", 1), of("b", 2, poolstest.Disabled), of("c", 3, poolstest.ForLoadBalancers)},
				fmt.Sprintf("%s a%d unchanged: 3 %[1]s pools exist: a%[2]d, b%[2]d, c%[2]d", family, family),
			},
		}
	}
	plans := 0
	for _, ipv4 := range states(ippool.IPv4) {
		for _, ipv6 := range states(ippool.IPv6) {
			for _, desired := range []struct{ ipv4, ipv6 bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
				var given []string
				want := []string{ipv4.outcome, ipv6.outcome}
				if !desired.ipv4 {
					given = append(given, "CALICO_IPV4POOL_CIDR=none")
					want[0] = `IPv4 default-ipv4-ippool skipped: env CALICO_IPV4POOL_CIDR is "none"`
				}
				if !desired.ipv6 {
					given = append(given, "CALICO_IPV6POOL_CIDR=none")
					want[1] = `IPv6 default-ipv6-ippool skipped: env CALICO_IPV6POOL_CIDR is "none"`
				}
				made, err := plan.Compute(settingstest.Resolved(t, given...).Desired, datastore.Snapshot{Pools: poolstest.Records(slices.Concat(ipv6.pools, ipv4.pools)...)}, plan.DriftReport)
				require.NoError(t, err)
				require.Equal(t, want, steps(made))
				require.Empty(t, made.Warnings)
				plans++
			}
		}
	}
	require.Equal(t, 6*6*4, plans)
}

func TestComputeCarriesPoolsAndValues(t *testing.T) {
	t.Parallel()
	desired := settingstest.Resolved(t, "CALICO_IPV6POOL_CIDR=fd00:10:244::/64", "--ipv6-pool-nat-outgoing=yes").Desired
	existing := poolstest.Stored("mine", "10.0.0.0/16", poolstest.Disabled)
	made, err := plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(existing)}, plan.DriftReport)
	require.NoError(t, err)
	assert.Equal(t, []plan.Step{
		{Action: plan.Unchanged, Family: ippool.IPv4, Default: true, Name: "mine", Desired: "default-ipv4-ippool", Reason: "exists", Pool: &existing, CIDRUnset: true},
		{
			Action: plan.Created, Family: ippool.IPv6, Default: true, Name: "default-ipv6-ippool", Desired: "default-ipv6-ippool", Reason: "no IPv6 pool existed",
			Pool: desired.Pools[1].Pool, Values: desired.Pools[1].Values,
		},
	}, made.Steps)
	assert.Equal(t, []plan.Existing{{Family: ippool.IPv4, Pool: &existing}}, made.Existing)
	assert.Equal(t, []datastore.Change{{Create: desired.Pools[1].Pool}}, made.Changes())
	made.Changes()[0].Create.Name = "changed"
	assert.Equal(t, "default-ipv6-ippool", made.Steps[1].Pool.Name, "changes have copies")
}

func TestComputeOrder(t *testing.T) {
	t.Parallel()
	desired := settingstest.Resolved(t).Desired
	desired.Pools = append(desired.Pools, desiredByFile("b", "10.2.0.0/16", true), desiredByFile("c", "fd00:3::/64", true), desiredByFile("a", "10.1.0.0/16", true))
	const named = " created: no pool of this name existed"
	for range 2 {
		made, err := plan.Compute(desired, datastore.Snapshot{}, plan.DriftReport)
		require.NoError(t, err)
		assert.Equal(t, []string{fresh4, fresh6, "IPv4 a" + named, "IPv4 b" + named, "IPv6 c" + named}, steps(made))
		slices.Reverse(desired.Pools)
	}
}

func TestComputeOfNothing(t *testing.T) {
	t.Parallel()
	made, err := plan.Compute(plan.Desired{}, datastore.Snapshot{}, plan.DriftReport)
	require.NoError(t, err)
	assert.Equal(t, plan.Plan{}, made)
	assert.Empty(t, made.Changes())
}

// A step that an earlier attempt of the run carried out keeps its action, but is not
// written again.
func TestStepsThatAreDone(t *testing.T) {
	t.Parallel()
	desired := with(t, []plan.DesiredPool{desiredByFile("a", "10.9.0.0/16", true)}, append(settingstest.CIDRs, "--ipv4-pool-nat-outgoing=false")...)
	made, err := plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(poolstest.Default4())}, plan.DriftUpdate)
	require.NoError(t, err)
	writes := func() []string {
		var names []string
		for _, step := range made.Steps {
			if step.Writes() {
				names = append(names, step.Name+": "+step.PlannedReason())
			}
		}
		require.Len(t, made.Changes(), len(names))
		for i, change := range made.Changes() {
			require.True(t, strings.HasPrefix(names[i], change.Name()+": "))
		}
		return names
	}
	const update = "default-ipv4-ippool: natOutgoing: true -> false"
	assert.Equal(t, []string{update, "default-ipv6-ippool: no IPv6 pool exists", "a: no pool of this name exists"}, writes())
	made.Steps[2].Done = true
	assert.Equal(t, []string{update, "default-ipv6-ippool: no IPv6 pool exists"}, writes())
	assert.Equal(t, "no pool of this name existed", made.Steps[2].PlannedReason())
	made.Steps[0].Done = true
	assert.Equal(t, []string{"default-ipv6-ippool: no IPv6 pool exists"}, writes())
	made.Steps[1].BesideFiles = true
	assert.Equal(t, []string{"default-ipv6-ippool: no IPv6 pool exists except those of files"}, writes())

	assert.Equal(t, poolstest.BothFamilies, made.Families(func(plan.Step) bool { return true }))
	assert.Equal(t, []ippool.Family{ippool.IPv6}, made.Families(plan.Step.Writes))
	assert.Empty(t, made.Families(func(step plan.Step) bool { return step.Action == plan.Skipped }))
	assert.Len(t, made.Differences(), 1)
}

// Plan.Existing has every existing pool with a valid CIDR, sorted by name.
func TestComputeKeepsWhatExists(t *testing.T) {
	t.Parallel()
	z, a, none := poolstest.Stored("z", "10.1.7.7/16"), poolstest.Stored("a", "fd00::/64", poolstest.Disabled), poolstest.Stored("b", "nonsense")
	made, err := plan.Compute(plan.Desired{}, datastore.Snapshot{
		Pools: poolstest.Records(z, a, none),
		Unreadable: []datastore.Unreadable{
			{Name: "m", CIDR: "10.2.0.0/16", Err: errors.New("no JSON")}, {Name: "n", Err: errors.New("no JSON")},
		},
	}, plan.DriftReport)
	require.NoError(t, err)
	part := ippool.New("m")
	part.Spec.CIDR = "10.2.0.0/16"
	assert.Equal(t, []plan.Existing{
		{Family: ippool.IPv6, Pool: &a}, {Family: ippool.IPv4, Pool: part, Partial: true}, {Family: ippool.IPv4, Pool: &z},
	}, made.Existing)
}

// Warnings fit on a line each, even if they quote stored values.
func TestWarningsAreLines(t *testing.T) {
	t.Parallel()
	made, err := plan.Compute(plan.Desired{}, datastore.Snapshot{
		Pools:      poolstest.Records(poolstest.Stored("a\nb", "fe80::1%\n\x1b[2J"), poolstest.Stored("c", "x\ny")),
		Unreadable: []datastore.Unreadable{{Name: "d\ne", Err: errors.New("no\nJSON\x1b[2J")}},
	}, plan.DriftReport)
	require.NoError(t, err)
	require.Len(t, made.Warnings, 3)
	settingstest.AssertLines(t, made.Warnings...)
}
