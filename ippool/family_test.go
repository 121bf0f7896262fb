package ippool_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestFamilyOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ippool.Family{
		"10.0.0.0/8":          ippool.IPv4,
		"0.0.0.0/0":           ippool.IPv4,
		"fd00::/64":           ippool.IPv6,
		"::/0":                ippool.IPv6,
		"::ffff:10.0.0.0/104": ippool.IPv6,
	} {
		assert.Equal(t, want, ippool.FamilyOf(netip.MustParsePrefix(text)), text)
	}
	assert.Zero(t, ippool.FamilyOf(netip.Prefix{}))
	assert.Zero(t, ippool.FamilyOf(netip.PrefixFrom(netip.MustParseAddr("10.0.0.0"), 33)), "invalid prefix")
}

func TestFamily(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		family                       ippool.Family
		text                         string
		smallest, largest, byDefault int
		number                       int
	}{
		{ippool.IPv4, "IPv4", 20, 32, 26, 4},
		{ippool.IPv6, "IPv6", 116, 128, 122, 6},
	} {
		assert.Equal(t, test.text, test.family.String())
		assert.Equal(t, test.number, int(test.family))
		smallest, largest := test.family.BlockSizes()
		assert.Equal(t, test.smallest, smallest)
		assert.Equal(t, test.largest, largest)
		assert.Equal(t, test.byDefault, test.family.DefaultBlockSize())
	}
	assert.Equal(t, "no address family", ippool.Family(0).String())
	assert.Equal(t, "no address family", ippool.Family(5).String())
}
