package ranges_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
)

// prefixesFrom returns prefixes that often nest, of both families, some IPv4-mapped.
func prefixesFrom(data []byte) []netip.Prefix {
	var all []netip.Prefix
	for ; len(data) >= 3; data = data[3:] {
		switch data[0] % 4 {
		case 0:
			all = append(all, netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, data[0] >> 6, 7: data[2]}), int(data[1])%129))
		case 1:
			all = append(all, netip.PrefixFrom(netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: 10, 14: data[2]}), int(data[1])%129))
		default:
			all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, data[0] >> 6, data[2] & 0xc3}), int(data[1])%34))
		}
	}
	return all
}

// FuzzOverlapping compares the index with a comparison of all pairs.
func FuzzOverlapping(f *testing.F) {
	f.Add([]byte{2, 8, 0, 2, 16, 0, 66, 16, 0, 2, 24, 1, 3, 33, 0, 0, 48, 0, 0, 64, 9, 1, 104, 3, 0, 0, 0, 2, 0, 0})
	f.Add([]byte{2, 16, 0, 2, 16, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		prefixes := prefixesFrom(data)
		index := ranges.New(prefixes)
		require.True(t, slices.IsSortedFunc(index.Prefixes, ranges.Compare))
		for _, p := range append(prefixes, netip.Prefix{}, netip.MustParsePrefix("10.0.0.0/12"), netip.MustParsePrefix("::/0")) {
			var around, inside []netip.Prefix
			for _, other := range index.Prefixes {
				switch {
				case !p.IsValid() || !other.Overlaps(p):
				case other.Bits() <= p.Bits():
					around = append(around, other)
				default:
					inside = append(inside, other)
				}
			}
			positions, from, to := index.Overlapping(p)
			var found []netip.Prefix
			for _, i := range positions {
				found = append(found, index.Prefixes[i])
			}
			assert.Equal(t, around, found, "around %s", p)
			assert.Equal(t, inside, append([]netip.Prefix(nil), index.Prefixes[from:to]...), "inside %s", p)
			assert.Equal(t, len(around) > 0, index.Covers(p))

			var narrowFirst, containing []netip.Prefix
			for i := index.Narrowest(p.Addr()); i >= 0; i = index.Around(i) {
				narrowFirst = append(narrowFirst, index.Prefixes[i])
			}
			for _, other := range slices.Backward(index.Prefixes) {
				if other.Contains(p.Addr()) {
					containing = append(containing, other)
				}
			}
			assert.Equal(t, containing, narrowFirst, "containing %s", p.Addr())
		}
		for _, p := range prefixes {
			assert.Equal(t, p.IsValid(), slices.Contains(index.Prefixes, p.Masked()))
		}
	})
}
