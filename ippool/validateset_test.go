package ippool_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// aSet returns pools p0, p1, … with these CIDRs.
func aSet(cidrs ...string) []*v3.IPPool {
	pools := make([]*v3.IPPool, len(cidrs))
	for i, cidr := range cidrs {
		pools[i] = aPool(cidr, disabled) // a disabled pool may have any size
		pools[i].Name = fmt.Sprintf("p%d", i)
	}
	return pools
}

func TestValidateSetOverlaps(t *testing.T) {
	t.Parallel()
	overlap := func(later int, cidr, name string) fault {
		return fault{invalid, fmt.Sprintf("items[%d].spec.cidr", later), fmt.Sprintf("overlaps %s of pool %q", cidr, name)}
	}
	for _, test := range []struct {
		name  string
		cidrs []string
		want  []fault
	}{
		{"nothing", nil, nil},
		{"one", []string{"10.0.0.0/16"}, nil},
		{"neighbours", []string{"10.1.0.0/16", "10.0.0.0/16", "10.2.0.0/15", "fd00:0:0:1::/64", "fd00::/64"}, nil},
		{"families", []string{"10.0.0.0/8", "a00::/8", "64.0.0.0/2", "4000::/2"}, nil},
		{"equal", []string{"10.0.0.0/16", "10.0.0.0/16"}, []fault{overlap(1, "10.0.0.0/16", "p0")}},
		{"equal, other spelling", []string{"fd00::/64", "FD00:0:0:0::/64"}, []fault{overlap(1, "fd00::/64", "p0")}},
		{"three equal", []string{"10.0.0.0/16", "10.0.0.0/16", "10.0.0.0/16"}, []fault{
			overlap(1, "10.0.0.0/16", "p0"), overlap(2, "10.0.0.0/16", "p0"),
		}},
		{"nested, wide first", []string{"10.0.0.0/8", "10.1.0.0/16"}, []fault{overlap(1, "10.0.0.0/8", "p0")}},
		{"nested, narrow first", []string{"10.1.0.0/16", "10.0.0.0/8"}, []fault{overlap(1, "10.1.0.0/16", "p0")}},
		{"nested, IPv6", []string{"fd00:1::/64", "fd00::/16"}, []fault{overlap(1, "fd00:1::/64", "p0")}},
		{"nested twice, wide first", []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24"}, []fault{
			overlap(1, "10.0.0.0/8", "p0"), overlap(2, "10.1.0.0/16", "p1"),
		}},
		{"nested twice, the middle one last", []string{"10.0.0.0/8", "10.1.1.0/24", "10.1.0.0/16"}, []fault{
			overlap(1, "10.0.0.0/8", "p0"), overlap(2, "10.0.0.0/8", "p0"),
		}},
		{"nested twice, narrow first", []string{"10.1.1.0/24", "10.1.0.0/16", "10.0.0.0/8"}, []fault{
			overlap(1, "10.1.1.0/24", "p0"), overlap(2, "10.1.1.0/24", "p0"),
		}},
		{"several inside, in reverse order", []string{"10.2.0.0/16", "10.1.0.0/16", "10.0.0.0/8"}, []fault{
			overlap(2, "10.2.0.0/16", "p0"),
		}},
		{"several inside", []string{"10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "11.0.0.0/8"}, []fault{
			overlap(1, "10.0.0.0/8", "p0"), overlap(2, "10.0.0.0/8", "p0"),
		}},
		{"nested, then its neighbour", []string{"10.0.0.0/8", "10.1.0.0/16", "10.9.0.0/16"}, []fault{
			overlap(1, "10.0.0.0/8", "p0"), overlap(2, "10.0.0.0/8", "p0"),
		}},
		{"both families", []string{"fd00::/16", "10.0.0.0/8", "10.1.0.0/16", "fd00:1::/32"}, []fault{
			overlap(2, "10.0.0.0/8", "p1"), overlap(3, "fd00::/16", "p0"),
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assertFaults(t, test.want, ippool.ValidateSet(aSet(test.cidrs...)))
		})
	}
}

// The faults of each pool come first, in the order of pools, then the overlaps.
func TestValidateSetOrder(t *testing.T) {
	t.Parallel()
	pools := aSet("10.1.0.0/16", "pods", "10.0.0.1/8", "fd00::/64", "10.2.0.0/16")
	pools[0].Spec.NodeSelector = "rack"
	pools[2].Name = "p0"
	pools[3].Spec.IPIPMode = v3.IPIPModeAlways
	pools[4].Name = "p0"
	got := ippool.ValidateSet(pools)
	assertFaults(t, []fault{
		{invalid, "items[0].spec.nodeSelector", "column 5"},
		{invalid, "items[1].spec.cidr", "not a CIDR"},
		{invalid, "items[2].spec.cidr", "host bits"},
		{duplicate, "items[2].metadata.name", "items[0] has the same name"},
		{forbidden, "items[3].spec.ipipMode", "does not carry IPv6"},
		{duplicate, "items[4].metadata.name", "items[0] has the same name"},
		// Ranges with host bits overlap, too.
		{invalid, "items[2].spec.cidr", `overlaps 10.1.0.0/16 of pool "p0"`},
		{invalid, "items[4].spec.cidr", `overlaps 10.0.0.1/8 of pool "p0"`},
	}, got)
	assert.Equal(t, "p0", got[3].BadValue)
	assert.Equal(t, "10.0.0.1/8", got[6].BadValue)
	assert.Equal(t, `items[4].metadata.name: Duplicate value: "p0": items[0] has the same name`, got[5].Error())
}

func TestValidateSetDoesNotModifyThePools(t *testing.T) {
	t.Parallel()
	pools := aSet("10.1.0.0/16", "10.0.0.0/8", "pods", "10.1.0.0/16")
	ippool.ValidateSet(pools)
	assert.Equal(t, aSet("10.1.0.0/16", "10.0.0.0/8", "pods", "10.1.0.0/16"), pools)
}

// randomCIDRs returns CIDRs of which some nest, some are equal and some disjoint.
func randomCIDRs(random *rand.Rand, n int) []string {
	cidrs := make([]string, n)
	for i := range cidrs {
		switch random.IntN(10) {
		case 0:
			cidrs[i] = "invalid"
		case 1, 2, 3, 4:
			addr := netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(4)) << 6, byte(random.IntN(4)) << 6})
			cidrs[i] = netip.PrefixFrom(addr, 8+random.IntN(20)).String() // with host bits, too
		default:
			addr := [16]byte{0xfd, 7: byte(random.IntN(8)) << 5, 15: byte(random.IntN(256))}
			cidrs[i] = netip.PrefixFrom(netip.AddrFrom16(addr), random.IntN(10)*12+20).Masked().String()
		}
	}
	return cidrs
}

// partner returns the pool that an overlap of pools[i] must name, by a slow search:
// the narrowest earlier range that contains it, else the earliest one inside it.
func partner(prefixes []netip.Prefix, i int) (place int, found bool) {
	around, inside := -1, -1
	for j := range i {
		switch {
		case !prefixes[j].IsValid() || !prefixes[i].IsValid():
		case ippool.Contains(prefixes[j], prefixes[i]):
			if around < 0 || prefixes[j].Bits() > prefixes[around].Bits() {
				around = j
			}
		case inside < 0 && ippool.Contains(prefixes[i], prefixes[j]):
			inside = j
		}
	}
	if around < 0 {
		around = inside
	}
	return around, around >= 0
}

func TestValidateSetAgainstSlowSearch(t *testing.T) {
	t.Parallel()
	reported := 0
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 1))
		pools := aSet(randomCIDRs(random, 1+random.IntN(40))...)
		prefixes := make([]netip.Prefix, len(pools))
		for i, pool := range pools {
			if prefix, err := ippool.ParseCIDR(pool.Spec.CIDR); err == nil {
				prefixes[i] = prefix.Masked()
			}
		}

		var want []fault
		single := 0 // the faults of single pools
		for i := range pools {
			single += len(ippool.Validate(pools[i]))
			if j, found := partner(prefixes, i); found {
				want = append(want, fault{invalid, fmt.Sprintf("items[%d].spec.cidr", i),
					fmt.Sprintf("overlaps %s of pool %q", pools[j].Spec.CIDR, pools[j].Name)})
			}
		}
		got := ippool.ValidateSet(pools)
		require.Len(t, got, single+len(want), "seed %d", seed)
		if len(want) > 0 {
			assertFaults(t, want, got[single:])
		}
		reported += len(want)
		checkRest(t, pools, prefixes, len(want))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	assert.Greater(t, reported, 1000, "the random sets have too few overlaps")
}

// checkRest checks that the pools without a reported overlap don't overlap each
// other.
func checkRest(t *testing.T, pools []*v3.IPPool, prefixes []netip.Prefix, reported int) {
	t.Helper()
	require.Less(t, reported, len(pools))
	var rest []*v3.IPPool
	for i, pool := range pools {
		if _, found := partner(prefixes, i); !found && prefixes[i].IsValid() {
			pool = pool.DeepCopy()
			pool.Spec.CIDR = prefixes[i].String()
			rest = append(rest, pool)
		}
	}
	require.Nil(t, ippool.ValidateSet(rest))
}

// disjointSet returns n neighbouring /24 ranges in reverse order.
func disjointSet(n int) []*v3.IPPool {
	cidrs := make([]string, n)
	for i := range cidrs {
		at := n - 1 - i
		cidrs[i] = fmt.Sprintf("10.%d.%d.0/24", at>>8, at&255)
	}
	return aSet(cidrs...)
}

// nestedSet returns chains of 96 nested IPv6 ranges, the narrowest first, the worst
// case of a simple search.
func nestedSet(n int) []*v3.IPPool {
	cidrs := make([]string, n)
	for i := range cidrs {
		chain, depth := i/96, i%96
		addr := [16]byte{0xfd, 2: byte(chain >> 8), 3: byte(chain)}
		cidrs[i] = netip.PrefixFrom(netip.AddrFrom16(addr), 128-depth).String()
	}
	return aSet(cidrs...)
}

// crowdedSet returns n/2 small ranges, then n/2 times a range that contains them
// all.
func crowdedSet(n int) []*v3.IPPool {
	pools := disjointSet(n)
	for _, pool := range pools[n/2:] {
		pool.Spec.CIDR = "10.0.0.0/8"
	}
	return pools
}

func BenchmarkValidateSet(b *testing.B) {
	const n = 10_000
	for _, bench := range []struct {
		name   string
		pools  []*v3.IPPool
		faults int
	}{
		{"disjoint", disjointSet(n), 0},
		{"nested", nestedSet(n), n - (n+95)/96},
		{"crowded", crowdedSet(n), n / 2},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := len(ippool.ValidateSet(bench.pools)); got != bench.faults {
					b.Fatalf("%d faults, want %d", got, bench.faults)
				}
			}
		})
	}
}
