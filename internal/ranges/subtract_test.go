package ranges_test

import (
	"math/big"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func TestSubtract(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		from   string
		others []netip.Prefix
		want   []netip.Prefix
	}{
		"nothing":          {"10.0.0.0/8", nil, prefixes("10.0.0.0/8")},
		"elsewhere":        {"10.0.0.0/8", prefixes("11.0.0.0/8", "fd00::/8"), prefixes("10.0.0.0/8")},
		"all":              {"10.0.0.0/8", prefixes("10.0.0.0/8"), nil},
		"more than all":    {"10.0.0.0/8", prefixes("0.0.0.0/0"), nil},
		"all in parts":     {"10.0.0.0/8", prefixes("10.0.0.0/9", "10.128.0.0/9"), nil},
		"a half":           {"10.0.0.0/8", prefixes("10.128.0.0/9"), prefixes("10.0.0.0/9")},
		"nested others":    {"10.0.0.0/8", prefixes("10.0.0.0/10", "10.1.0.0/16"), prefixes("10.64.0.0/10", "10.128.0.0/9")},
		"a single address": {"10.0.0.0/30", prefixes("10.0.0.1/32"), prefixes("10.0.0.0/32", "10.0.0.2/31")},
		"address itself":   {"10.0.0.1/32", prefixes("10.0.0.1/32"), nil},
		"IPv6":             {"fd00::/126", prefixes("fd00::3/128"), prefixes("fd00::/127", "fd00::2/128")},
		"host bits":        {"10.0.0.1/8", prefixes("10.128.0.1/9"), prefixes("10.0.0.0/9")},
		"everything":       {"::/0", prefixes("8000::/1"), prefixes("::/1")},
	} {
		assert.Equal(t, tt.want, ranges.Subtract(netip.MustParsePrefix(tt.from), ranges.New(tt.others)), name)
	}
	assert.Nil(t, ranges.Subtract(netip.Prefix{}, ranges.Index{}))
}

// The pieces are exactly the addresses of the range that are in no other prefix, they don't
// overlap, and no two of them are one prefix, so that they are the fewest.
func TestSubtractIsExactAndMinimal(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, base := range prefixes("10.0.0.0/24", "10.0.0.0/22", "fd00::/120", "fd00::/118") {
		for range 300 {
			var others []netip.Prefix
			for range random.IntN(12) {
				bits := base.Bits() + random.IntN(base.Addr().BitLen()-base.Bits()+1)
				bytes := base.Addr().AsSlice()
				for i := len(bytes) - 2; i < len(bytes); i++ {
					bytes[i] |= byte(random.IntN(256))
				}
				addr, _ := netip.AddrFromSlice(bytes)
				if !base.Contains(addr) {
					addr = base.Addr()
				}
				others = append(others, netip.PrefixFrom(addr, bits).Masked())
			}
			index := ranges.New(others)
			pieces := ranges.Subtract(base, index)
			left, want := ranges.New(pieces), new(big.Int)
			for addr := base.Addr(); base.Contains(addr); addr = addr.Next() {
				free := index.Narrowest(addr) < 0
				if free != (left.Narrowest(addr) >= 0) {
					t.Fatalf("%s in %s without %s", addr, base, others)
				}
				if free {
					want.Add(want, big.NewInt(1))
				}
			}
			sum := new(big.Int)
			for i, piece := range pieces {
				sum.Add(sum, new(big.Int).Lsh(big.NewInt(1), uint(piece.Addr().BitLen()-piece.Bits())))
				assert.Equal(t, piece.Masked(), piece)
				if i > 0 {
					before := pieces[i-1]
					assert.Negative(t, ranges.Compare(before, piece))
					parent := netip.PrefixFrom(before.Addr(), before.Bits()-1).Masked()
					assert.False(t, before.Bits() == piece.Bits() && parent.Contains(piece.Addr()), "%s and %s are one prefix", before, piece)
				}
			}
			assert.Equal(t, want, sum, "pieces overlap")
		}
	}
}
