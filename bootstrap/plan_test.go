package bootstrap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// steps is a plan, short: a line a pool.
func steps(plan Plan) []string {
	var lines []string
	for _, step := range plan.Steps {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", step.Family, step.Name, step.Action, step.Reason))
	}
	return lines
}

const (
	fresh4 = "IPv4 default-ipv4-ippool created: no IPv4 pool existed"
	fresh6 = "IPv6 default-ipv6-ippool created: no IPv6 pool existed"
)

func TestNewPlan(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		asked      []string
		existing   []v3.IPPool
		unreadable []string
		want       []string
		warnings   []string
		err        []string // a text a line; nil: none
	}{
		{
			name: "nothing there",
			want: []string{fresh4, fresh6},
		},
		{
			name:     "both there",
			existing: []v3.IPPool{stored("default-ipv4-ippool", "10.0.0.0/16"), stored("default-ipv6-ippool", "fd00::/64")},
			want:     []string{"IPv4 default-ipv4-ippool unchanged: exists", "IPv6 default-ipv6-ippool unchanged: exists"},
		},
		{
			name:     "only IPv4 there",
			existing: []v3.IPPool{stored("default-ipv4-ippool", "10.0.0.0/16")},
			want:     []string{"IPv4 default-ipv4-ippool unchanged: exists", fresh6},
		},
		{
			name:     "only IPv6 there",
			existing: []v3.IPPool{stored("default-ipv6-ippool", "fd00::/64")},
			want:     []string{fresh4, "IPv6 default-ipv6-ippool unchanged: exists"},
		},
		{
			name:     "another name, another use, disabled: they count",
			existing: []v3.IPPool{stored("services", "10.0.0.0/16", forLoadBalancers), stored("old", "fd00::/64", disabled)},
			want:     []string{"IPv4 services unchanged: exists", "IPv6 old unchanged: exists"},
		},
		{
			name:     "a CIDR with host bits counts",
			existing: []v3.IPPool{stored("a", "10.244.5.7/16")},
			want:     []string{"IPv4 a unchanged: exists", fresh6},
		},
		{
			name: "the names of other settings",
			asked: []string{
				"CALICO_IPV4POOL_NAME=four", "CALICO_IPV6POOL_NAME=six", "CALICO_IPV4POOL_CIDR=10.0.0.0/8",
			},
			existing: []v3.IPPool{stored("default-ipv4-ippool", "fd00::/64")},
			want:     []string{"IPv4 four created: no IPv4 pool existed", `IPv6 default-ipv4-ippool unchanged: exists, but not "six", which was asked for`},
			warnings: []string{
				`env CALICO_IPV6POOL_NAME: "six" has no effect: there is no IPPool "six" but default-ipv4-ippool; to manage that one, name it with flag --ipv6-pool-name=default-ipv4-ippool`,
			},
		},
		{
			name:     "several, the default one among them: it stands for them",
			existing: []v3.IPPool{stored("a", "10.1.0.0/16"), stored("default-ipv4-ippool", "10.2.0.0/16"), stored("z", "10.3.0.0/16")},
			want:     []string{"IPv4 default-ipv4-ippool unchanged: 3 IPv4 pools exist: a, default-ipv4-ippool, z", fresh6},
		},
		{
			name:     "several, the default one not among them: the first stands for them",
			existing: []v3.IPPool{stored("a", "fd00:1::/64"), stored("b", "fd00:2::/64")},
			want:     []string{fresh4, "IPv6 a unchanged: 2 IPv6 pools exist: a, b"},
		},
		{
			name:     "five are named",
			existing: numbered(5),
			want:     []string{"IPv4 p1 unchanged: 5 IPv4 pools exist: p1, p2, p3, p4, p5", fresh6},
		},
		{
			name:     "the sixth is counted",
			existing: numbered(6),
			want:     []string{"IPv4 p1 unchanged: 6 IPv4 pools exist: p1, p2, p3, p4, p5, 1 more", fresh6},
		},
		{
			name:     "more than six are counted",
			existing: numbered(7),
			want:     []string{"IPv4 p1 unchanged: 7 IPv4 pools exist: p1, p2, p3, p4, p5, 2 more", fresh6},
		},
		{
			name:     "none, with and without pools",
			asked:    []string{"CALICO_IPV4POOL_CIDR=none", "--ipv6-pool-cidr=None"},
			existing: []v3.IPPool{stored("default-ipv4-ippool", "10.0.0.0/16")},
			want: []string{
				`IPv4 default-ipv4-ippool skipped: env CALICO_IPV4POOL_CIDR is "none"`,
				`IPv6 default-ipv6-ippool skipped: flag --ipv6-pool-cidr is "None"`,
			},
		},
		{
			name:  "NO_DEFAULT_POOLS",
			asked: []string{"NO_DEFAULT_POOLS=1"},
			want: []string{
				`IPv4 default-ipv4-ippool skipped: env NO_DEFAULT_POOLS is "1"`,
				`IPv6 default-ipv6-ippool skipped: env NO_DEFAULT_POOLS is "1"`,
			},
		},
		{
			name:     "no support for IPv6",
			asked:    []string{"FELIX_IPV6SUPPORT=no"},
			existing: []v3.IPPool{stored("default-ipv6-ippool", "fd00::/64")},
			want: []string{
				fresh4,
				`IPv6 default-ipv6-ippool skipped: IPv6 is not supported: env FELIX_IPV6SUPPORT is "no"`,
			},
		},
		{
			name:     "the IPv4 name is taken by an IPv6 pool",
			existing: []v3.IPPool{stored("default-ipv4-ippool", "fd00::/64")},
			err: []string{
				`incompatible with what the datastore holds: the name "default-ipv4-ippool" of the default IPv4 pool is taken by an IPv6 pool, fd00::/64: choose another with flag --ipv4-pool-name`,
			},
		},
		{
			name:     "the IPv6 name is taken by an IPv4 pool, which itself is no reason to write IPv6",
			existing: []v3.IPPool{stored("default-ipv6-ippool", "10.0.0.0/16")},
			err: []string{
				`incompatible with what the datastore holds: the name "default-ipv6-ippool" of the default IPv6 pool is taken by an IPv4 pool, 10.0.0.0/16: choose another with flag --ipv6-pool-name`,
			},
		},
		{
			name:     "a name that is taken doesn't matter where nothing is to be created",
			asked:    []string{"CALICO_IPV6POOL_CIDR=none", "CALICO_IPV4POOL_NAME=b"},
			existing: []v3.IPPool{stored("a", "10.1.0.0/16"), stored("default-ipv6-ippool", "10.2.0.0/16")},
			want: []string{
				`IPv4 a unchanged: 2 IPv4 pools exist: a, default-ipv6-ippool, but not "b", which was asked for`,
				`IPv6 default-ipv6-ippool skipped: env CALICO_IPV6POOL_CIDR is "none"`,
			},
			warnings: []string{
				`env CALICO_IPV4POOL_NAME: "b" has no effect: there is no IPPool "b" but a, default-ipv6-ippool; to manage one of them, name it with flag --ipv4-pool-name`,
			},
		},
		{
			name:     "a CIDR that can't be read is of no family",
			existing: []v3.IPPool{stored("a", "10.0.0.0"), stored("b", "")},
			want:     []string{fresh4, fresh6},
			warnings: []string{
				`IPPool "a" is left as it is and counts for no family: its CIDR "10.0.0.0" is an address without a prefix length such as /16`,
				`IPPool "b" is left as it is and counts for no family: its CIDR "" is not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64`,
			},
		},
		{
			name:     "a CIDR that Calico reads counts, however odd",
			existing: []v3.IPPool{stored("mapped", "::ffff:10.0.0.0/104"), stored("zeros", "FD00::1/064")},
			want:     []string{"IPv4 mapped unchanged: exists", "IPv6 zeros unchanged: exists"},
		},
		{
			name:       "of a record that can't be read whole the CIDR counts",
			unreadable: []string{"x 192.168.0.0/16"},
			want:       []string{"IPv4 x unchanged: exists", fresh6},
			warnings: []string{
				`IPPool "x" can't be read whole and is left as it is; by its CIDR 192.168.0.0/16 it counts as an IPv4 pool: no JSON; of all things`,
			},
		},
		{
			name:       "a record that can't be read is of no family",
			unreadable: []string{"x", "y"},
			want:       []string{fresh4, fresh6},
			warnings: []string{
				`IPPool "x" can't be read and is left as it is: no JSON; of all things`,
				`IPPool "y" can't be read and is left as it is: no JSON; of all things`,
			},
		},
		{
			name:       "names taken by what can't be read: both are told, with the reason",
			existing:   []v3.IPPool{stored("default-ipv4-ippool", "nonsense")},
			unreadable: []string{"default-ipv6-ippool"},
			err: []string{
				`incompatible with what the datastore holds: the name "default-ipv4-ippool" of the default IPv4 pool is taken by a pool whose CIDR can't be read: choose another with flag --ipv4-pool-name`,
				`incompatible with what the datastore holds: the name "default-ipv6-ippool" of the default IPv6 pool is taken by a record that can't be read: no JSON; of all things: choose another with flag --ipv6-pool-name`,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inputs := func() (Desired, Snapshot) {
				existing := Snapshot{Revision: "7"}
				for _, pool := range tt.existing {
					existing.Pools = append(existing.Pools, ippool.NewRecord(&pool))
				}
				for _, record := range tt.unreadable {
					name, cidr, _ := strings.Cut(record, " ")
					existing.Unreadable = append(existing.Unreadable, Unreadable{Name: name, CIDR: cidr, Err: errors.New("no JSON\nof all things")})
				}
				return resolved(t, tt.asked...).Desired, existing
			}
			desired, existing := inputs()
			plan, err := NewPlan(desired, existing, DriftReport)
			assert.Equal(t, tt.want, steps(plan))
			assert.Equal(t, tt.warnings, plan.Warnings)
			if tt.err == nil {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, strings.Join(tt.err, "\n"))
				require.ErrorIs(t, err, ErrIncompatible)
				assert.Empty(t, plan.Steps, "nothing for either family")
			}

			again, againErr := NewPlan(desired, existing, DriftReport)
			assert.Equal(t, plan, again)
			assert.Equal(t, err, againErr)

			// What a plan holds is the caller's: changing it may not reach back.
			for i := range plan.Steps {
				if pool := plan.Steps[i].Pool; pool != nil && pool.Spec.AssignmentMode != nil {
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
		pools = append(pools, stored(fmt.Sprintf("p%d", i+1), fmt.Sprintf("10.%d.0.0/16", i+1)))
	}
	return pools
}

// The families don't look at each other: whatever stands in one, the other's
// outcome is the same.
func TestNewPlanFamiliesAreApart(t *testing.T) {
	t.Parallel()
	type state struct {
		pools   []v3.IPPool
		outcome string // for the family that asks for a pool
	}
	states := func(family ippool.Family) []state {
		of := func(name string, n int, changes ...func(*v3.IPPool)) v3.IPPool {
			if family == ippool.IPv6 {
				return stored(name+"6", fmt.Sprintf("fd00:%d::/64", n), changes...)
			}
			return stored(name+"4", fmt.Sprintf("10.%d.0.0/16", n), changes...)
		}
		usual := of("x", 0)
		usual.Name = defaultPoolName(family)
		return []state{
			{nil, fmt.Sprintf("%s default-ipv%d-ippool created: no %[1]s pool existed", family, family)},
			{[]v3.IPPool{usual}, fmt.Sprintf("%s default-ipv%d-ippool unchanged: exists", family, family)},
			{[]v3.IPPool{of("other", 1)}, fmt.Sprintf("%s other%d unchanged: exists", family, family)},
			{[]v3.IPPool{of("lb", 1, forLoadBalancers)}, fmt.Sprintf("%s lb%d unchanged: exists", family, family)},
			{[]v3.IPPool{of("old", 1, disabled)}, fmt.Sprintf("%s old%d unchanged: exists", family, family)},
			{
				[]v3.IPPool{of("a", 1), of("b", 2, disabled), of("c", 3, forLoadBalancers)},
				fmt.Sprintf("%s a%d unchanged: 3 %[1]s pools exist: a%[2]d, b%[2]d, c%[2]d", family, family),
			},
		}
	}
	plans := 0
	for _, four := range states(ippool.IPv4) {
		for _, six := range states(ippool.IPv6) {
			for _, wanted := range []struct{ four, six bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
				var asked []string
				want := []string{four.outcome, six.outcome}
				if !wanted.four {
					asked = append(asked, "CALICO_IPV4POOL_CIDR=none")
					want[0] = `IPv4 default-ipv4-ippool skipped: env CALICO_IPV4POOL_CIDR is "none"`
				}
				if !wanted.six {
					asked = append(asked, "CALICO_IPV6POOL_CIDR=none")
					want[1] = `IPv6 default-ipv6-ippool skipped: env CALICO_IPV6POOL_CIDR is "none"`
				}
				plan, err := NewPlan(resolved(t, asked...).Desired, Snapshot{Pools: records(slices.Concat(six.pools, four.pools)...)}, DriftReport)
				require.NoError(t, err)
				require.Equal(t, want, steps(plan))
				require.Empty(t, plan.Warnings)
				plans++
			}
		}
	}
	require.Equal(t, 6*6*4, plans)
}

func TestNewPlanCarriesPoolsAndValues(t *testing.T) {
	t.Parallel()
	desired := resolved(t, "CALICO_IPV6POOL_CIDR=fd00:10:244::/64", "--ipv6-pool-nat-outgoing=yes").Desired
	existing := stored("mine", "10.0.0.0/16", disabled)
	plan, err := NewPlan(desired, Snapshot{Pools: records(existing)}, DriftReport)
	require.NoError(t, err)
	assert.Equal(t, []Step{
		{Action: Unchanged, Family: ippool.IPv4, Default: true, Name: "mine", Reason: "exists", Pool: &existing},
		{
			Action: Created, Family: ippool.IPv6, Default: true, Name: "default-ipv6-ippool", Reason: "no IPv6 pool existed",
			Pool: desired.Pools[1].Pool, Values: desired.Pools[1].Values,
		},
	}, plan.Steps)
	assert.Equal(t, []Change{{Create: desired.Pools[1].Pool}}, plan.changes())
}

func TestNewPlanOrder(t *testing.T) {
	t.Parallel()
	desired := resolved(t).Desired
	desired.Pools = append(desired.Pools, wantedByFile("b", "10.2.0.0/16", true), wantedByFile("c", "fd00:3::/64", true), wantedByFile("a", "10.1.0.0/16", true))
	const named = " created: no pool of this name existed"
	for range 2 {
		plan, err := NewPlan(desired, Snapshot{}, DriftReport)
		require.NoError(t, err)
		assert.Equal(t, []string{fresh4, fresh6, "IPv4 a" + named, "IPv4 b" + named, "IPv6 c" + named}, steps(plan))
		slices.Reverse(desired.Pools)
	}
}

func TestNewPlanOfNothing(t *testing.T) {
	t.Parallel()
	plan, err := NewPlan(Desired{}, Snapshot{}, DriftReport)
	require.NoError(t, err)
	assert.Equal(t, Plan{}, plan)
	assert.Empty(t, plan.changes())
}
