package ippool_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestValidateBlocks(t *testing.T) {
	t.Parallel()
	prefixes := func(texts ...string) []netip.Prefix {
		out := make([]netip.Prefix, len(texts))
		for i, text := range texts {
			out[i] = netip.MustParsePrefix(text)
		}
		return out
	}
	for _, test := range []struct {
		name   string
		pool   *v3.IPPool
		blocks []netip.Prefix
		detail string
	}{
		{"no blocks", aPool("10.0.0.0/16"), nil, ""},
		{"of the default size", aPool("10.0.0.0/16"), prefixes("10.0.0.0/26", "10.0.255.192/26"), ""},
		{"of the pool's size", aPool("10.0.0.0/16", blockSize(28)), prefixes("10.0.0.0/28"), ""},
		{"of the default size, not the pool's", aPool("10.0.0.0/16", blockSize(28)), prefixes("10.0.0.0/26"), "1 IPAM block(s)"},
		{"outside the pool", aPool("10.0.0.0/16"), prefixes("10.1.0.0/28", "9.255.255.240/28", "fd00::/120"), ""},
		{"of the other family", aPool("::/1"), prefixes("10.0.0.0/28"), ""},
		{"IPv6", aPool("fd00::/64"), prefixes("fd00::/122", "fd00::40/122"), ""},
		{"IPv6, another size", aPool("fd00::/64"), prefixes("fd00::/122", "fd00::1:0/120"), "the first is fd00::1:0/120"},
		{"as large as the pool", aPool("10.0.0.0/26"), prefixes("10.0.0.0/26"), ""},
		{"around the pool", aPool("10.0.0.0/26"), prefixes("10.0.0.0/24"), "the first is 10.0.0.0/24"},
		{"first and last address", aPool("10.0.0.0/16"), prefixes("10.0.255.255/32", "10.0.0.0/32"), "2 IPAM block(s) inside 10.0.0.0/16 have a different size, the first is 10.0.0.0/32"},
		{"the wider first", aPool("10.0.0.0/16"), prefixes("10.0.0.0/28", "10.0.0.0/24", "10.0.0.0/26"), "2 IPAM block(s) inside 10.0.0.0/16 have a different size, the first is 10.0.0.0/24"},
		{"the wider first, with host bits", aPool("10.0.0.0/16"), prefixes("10.0.0.4/28", "10.0.0.9/27"), "the first is 10.0.0.9/27"},
		{"invalid block", aPool("10.0.0.0/16"), []netip.Prefix{{}}, ""},
		{"a pool without a CIDR", aPool(""), prefixes("10.0.0.0/28"), ""},
		{"a pool with an invalid CIDR", aPool("pods"), prefixes("10.0.0.0/28"), ""},
		// A disabled pool still owns its blocks.
		{"disabled", aPool("10.0.0.0/16", disabled), prefixes("10.0.0.0/28"), "1 IPAM block(s)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var want []fault
			if test.detail != "" {
				want = []fault{{invalid, "spec.blockSize", test.detail}}
			}
			got := ippool.ValidateBlocks(test.pool, test.blocks)
			assertFaults(t, want, got)

			// A datastore may return blocks in any order.
			random := rand.New(rand.NewPCG(1, 2))
			for range 5 {
				random.Shuffle(len(test.blocks), func(i, j int) {
					test.blocks[i], test.blocks[j] = test.blocks[j], test.blocks[i]
				})
				assert.Equal(t, got, ippool.ValidateBlocks(test.pool, test.blocks))
			}
		})
	}
}

func TestValidateBlocksReportsTheDefaultSize(t *testing.T) {
	t.Parallel()
	blocks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/28")}
	faults := ippool.ValidateBlocks(aPool("10.0.0.0/16"), blocks)
	assert.Equal(t, 26, faults[0].BadValue)
}
