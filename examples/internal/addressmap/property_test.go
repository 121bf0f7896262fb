package addressmap_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	. "github.com/calico-bootstrap/calico-bootstrap/examples/internal/addressmap"
)

var useKinds = []Kind{Interface, Route, NodeAddress, ServiceCIDR, PodCIDR, NodePodCIDR, Pool, LoadBalancer, NoNAT}

var privateCIDRs = []string{"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}

// usesFrom returns uses that often nest, in and around private ranges. Their sources are
// distinct.
func usesFrom(data []byte) []Use {
	var all []Use
	for ; len(data) >= 4; data = data[4:] {
		var one netip.Prefix
		switch data[0] % 4 {
		case 0:
			one = netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfc + data[0]>>7, data[2], 15: data[2]}), int(data[1])%129)
		case 1:
			one = netip.PrefixFrom(netip.AddrFrom4([4]byte{172, data[2], data[0]}), int(data[1])%33)
		default:
			one = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, data[2], data[0] >> 6, data[2]}), int(data[1])%33)
		}
		all = append(all, Use{Prefix: one, Kind: useKinds[int(data[3])%len(useKinds)], Source: string(rune('a' + len(all)))})
	}
	return all
}

// FuzzMap checks, without the algorithm, that rows nest by containment, that the free and
// the used ranges together are the private ranges, that each use is in a row, and that a
// comparison of all pairs finds the same overlaps.
func FuzzMap(f *testing.F) {
	f.Add([]byte{2, 8, 0, 6, 2, 16, 244, 4, 66, 24, 244, 5, 1, 12, 16, 1, 0, 48, 7, 6, 0, 64, 7, 3, 3, 0, 0, 1, 2, 32, 1, 2, 2, 32, 9, 2})
	f.Add([]byte{2, 16, 0, 6, 2, 16, 0, 6, 2, 16, 0, 0, 2, 16, 0, 1, 2, 6, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		uses := usesFrom(data)
		rows := New(uses).Rows
		again := slices.Clone(uses)
		slices.Reverse(again)
		assert.Equal(t, rows, New(again).Rows, "the order of the uses has no effect")

		assertNested(t, rows)
		assertComplete(t, uses, rows)
		for _, private := range privateCIDRs {
			assertPartition(t, prefix(private), uses, rows)
		}
		assertOverlaps(t, uses, rows)
		assertWellFormed(t, New(uses).SVG("Address ranges", []string{"a <note> & \x01"}))
	})
}

// assertNested checks that each row is inside of the last row before it that is less deep.
func assertNested(t *testing.T, rows []Row) {
	t.Helper()
	var around []Row
	for i, row := range rows {
		require.False(t, row.Last.Less(row.First))
		if i > 0 {
			require.False(t, row.First.Less(rows[i-1].First), "sorted")
		}
		for len(around) > 0 && around[len(around)-1].Depth >= row.Depth {
			around = around[:len(around)-1]
		}
		require.Len(t, around, row.Depth, "%s", row.Range())
		if row.Depth > 0 {
			parent := around[row.Depth-1]
			assert.True(t, parent.Prefix.Contains(row.First) && parent.Prefix.Contains(row.Last), "%s in %s", row.Range(), parent.Range())
		}
		if row.Count == 1 && row.Kind != Free {
			around = append(around, row) // nothing is inside of the others
		}
	}
}

// assertComplete checks that each shown use is in a row.
func assertComplete(t *testing.T, uses []Use, rows []Row) {
	t.Helper()
	for _, use := range uses {
		found := slices.ContainsFunc(rows, func(row Row) bool {
			same := row.Kind == use.Kind || use.Kind == Route && row.Kind == Interface
			if row.Count == 1 {
				return same && row.Prefix == use.Prefix.Masked() && slices.Contains(row.Sources, use.Source)
			}
			return same && !use.Prefix.Masked().Addr().Less(row.First) && !row.Last.Less(use.Prefix.Masked().Addr())
		})
		assert.True(t, found, "%v", use)
	}
}

// conflict reports whether two kinds conflict, which TestOverlaps checks.
var conflict = func() map[[2]Kind]bool {
	all := map[[2]Kind]bool{}
	for _, a := range useKinds {
		for _, b := range useKinds {
			for _, row := range New([]Use{in(a, "30.0.0.0/8", "a"), in(b, "30.0.0.0/9", "b")}).Rows {
				all[[2]Kind{a, b}] = all[[2]Kind{a, b}] || row.OverlapCount > 0
			}
		}
	}
	return all
}()

// assertOverlaps compares the number of overlaps of each row with a comparison of all
// pairs of uses.
func assertOverlaps(t *testing.T, uses []Use, rows []Row) {
	t.Helper()
	type ranged struct {
		prefix netip.Prefix
		kind   Kind
		pool   string // pools are never merged
	}
	distinct := map[ranged]bool{}
	for _, use := range uses {
		one := ranged{prefix: use.Prefix.Masked(), kind: use.Kind}
		switch use.Kind {
		case Pool, LoadBalancer, NoNAT:
			one.pool = use.Source
		case Route:
			one.kind = Interface // they conflict with the same kinds
		}
		distinct[one] = true
	}
	for _, row := range rows {
		assert.Equal(t, row.OverlapCount > 0, len(row.Overlaps) > 0)
		assert.LessOrEqual(t, len(row.Overlaps), row.OverlapCount)
		if row.Count > 1 || row.Kind == Free || row.Kind == Private {
			continue
		}
		count := 0
		for other := range distinct {
			self := other.prefix == row.Prefix && other.kind == row.Kind && slices.Contains(row.Sources, other.pool)
			if !self && other.prefix.Overlaps(row.Prefix) && conflict[[2]Kind{row.Kind, other.kind}] {
				count++
			}
		}
		assert.Equal(t, count, row.OverlapCount, "%s %s %s", row.Range(), row.Called(), row.Name())
	}
}

// assertPartition checks that each address at an edge of a range is in a use or in one
// free range, and not in both.
func assertPartition(t *testing.T, private netip.Prefix, uses []Use, rows []Row) {
	t.Helper()
	edges := []netip.Addr{private.Addr()}
	for _, use := range uses {
		edges = append(edges, use.Prefix.Masked().Addr())
	}
	grouped := false
	for _, row := range rows {
		if row.Kind == Free {
			edges = append(edges, row.First, row.Last)
			grouped = grouped || row.Count > 1
		}
	}
	if grouped {
		return // the hull of small free ranges has uses in it
	}
	for _, edge := range edges {
		for _, addr := range []netip.Addr{edge.Prev(), edge, edge.Next()} {
			if !private.Contains(addr) {
				continue
			}
			used, free := false, 0
			for _, use := range uses {
				used = used || use.Prefix.Contains(addr)
			}
			for _, row := range rows {
				if row.Kind == Free && !addr.Less(row.First) && !row.Last.Less(addr) {
					free++
				}
			}
			assert.Equal(t, map[bool]int{true: 0, false: 1}[used], free, "%s", addr)
		}
	}
}
