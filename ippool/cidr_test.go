package ippool_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestParseCIDR(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, canonical string }{
		{"10.244.0.0/16", "10.244.0.0/16"},
		{"10.244.5.7/16", "10.244.0.0/16"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"255.255.255.255/32", "255.255.255.255/32"},
		{"192.168.1.1/0", "0.0.0.0/0"},
		{"fd00:10:244::/64", "fd00:10:244::/64"},
		{"FD00:010:0244:0000::/64", "fd00:10:244::/64"},
		{"fd00:0:0:1:0:0:0:1/128", "fd00:0:0:1::1/128"},
		{"::/0", "::/0"},
		{"::1.2.3.4/128", "::102:304/128"},
		{"64:ff9b::10.0.0.1/96", "64:ff9b::/96"},
		{"::ffff/112", "::/112"}, // not mapped: ffff is the last group
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			prefix, err := ippool.ParseCIDR(test.text)
			require.NoError(t, err)
			assert.Equal(t, netip.MustParsePrefix(test.text), prefix, "host bits are kept")
			canonical, err := ippool.Canonical(test.text)
			require.NoError(t, err)
			assert.Equal(t, test.canonical, canonical)
		})
	}
}

func TestParseCIDRRefuses(t *testing.T) {
	t.Parallel()
	const other = "not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64"
	const length = "an address without a prefix length such as "
	for _, test := range []struct{ text, message string }{
		{"", other},
		{"/", other},
		{"/16", other},
		{"none", other},
		{"10.244.0.0/", other},
		{"10.244.0.0/+8", other},
		{"10.244.0.0/08", other},
		{"10.244.0.0/33", other},
		{"10.244.0.0/16/16", other},
		{"10.244.0.256/16", other},
		{"10.244/16", other},
		{"0xa.0.0.0/8", other},
		{"10.244.0.0/16\n", other},
		{"10.244.0.0/16 ", other},
		{"10.244.0.0/255.255.0.0", other},
		{"fd00::/129", other},
		{"fd00:::/64", other},
		{"fd00::g/64", other},
		{"[fd00::]/64", other},
		{"fe80::%eth0/64", other}, // for netip, an address with the zone eth0/64
		{"٤.0.0.0/8", other},

		{"10.244.0.0", length + "/16"},
		{"FD00::1", length + "/64"},
		{"fd00::1%eth0", length + "/64"},
		{"::ffff:10.0.0.1", length + "/64"},

		{"::ffff:10.0.0.0/104", ippool.ErrMapped.Error()},
		{"::FFFF:a00:0/128", ippool.ErrMapped.Error()},
		{"::ffff:10.0.0.0/8", ippool.ErrMapped.Error()},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			prefix, err := ippool.ParseCIDR(test.text)
			require.EqualError(t, err, test.message)
			assert.Zero(t, prefix)
			assert.Equal(t, test.message == ippool.ErrMapped.Error(), errors.Is(err, ippool.ErrMapped))

			canonical, err := ippool.Canonical(test.text)
			require.EqualError(t, err, test.message)
			assert.Empty(t, canonical)
		})
	}
}

func TestContains(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		outer, inner string
		want         bool
	}{
		{"10.0.0.0/8", "10.0.0.0/8", true},
		{"10.0.0.0/8", "10.255.255.255/32", true},
		{"10.0.0.0/8", "10.0.0.0/7", false},
		{"10.0.0.0/8", "11.0.0.0/16", false},
		{"10.0.0.0/8", "9.255.255.255/32", false},
		{"0.0.0.0/0", "10.0.0.0/8", true},
		{"10.7.7.7/8", "10.1.2.3/16", true}, // host bits are ignored
		{"fd00::/8", "fd00:1::/64", true},
		{"fd00:1::/64", "fd00::/8", false},
		{"::/0", "10.0.0.0/8", false},
		{"0.0.0.0/0", "::/0", false},
		{"10.0.0.0/8", "::ffff:10.0.0.0/104", false},
		{"::ffff:0:0/96", "10.0.0.0/8", false},
	} {
		t.Run(test.outer+" "+test.inner, func(t *testing.T) {
			t.Parallel()
			outer, inner := netip.MustParsePrefix(test.outer), netip.MustParsePrefix(test.inner)
			assert.Equal(t, test.want, ippool.Contains(outer, inner))
		})
	}
	some := netip.MustParsePrefix("0.0.0.0/0")
	assert.False(t, ippool.Contains(netip.Prefix{}, some))
	assert.False(t, ippool.Contains(some, netip.Prefix{}))
	assert.False(t, ippool.Contains(netip.Prefix{}, netip.Prefix{}))
}

func TestFirstFree(t *testing.T) {
	t.Parallel()
	parse := func(texts string) []netip.Prefix {
		var prefixes []netip.Prefix
		for _, text := range strings.Fields(texts) {
			prefixes = append(prefixes, netip.MustParsePrefix(text))
		}
		return prefixes
	}
	const candidates = "192.168.0.0/16 172.16.0.0/16 172.17.0.0/16"
	for _, test := range []struct{ name, candidates, used, want string }{
		{"nothing used", candidates, "", "192.168.0.0/16"},
		{"used ranges outside", candidates, "10.0.0.0/8 fd00::/8 192.167.0.0/16 192.169.0.0/24", "192.168.0.0/16"},
		{"used inside", candidates, "192.168.7.0/24", "172.16.0.0/16"},
		{"used around", candidates, "192.0.0.0/8", "172.16.0.0/16"},
		{"used addresses with host bits", candidates, "192.168.7.9/24 172.16.0.1/12", ""},
		{"the last one", candidates, "172.16.0.1/32 192.168.255.255/32", "172.17.0.0/16"},
		{"in the candidates' order", "172.17.0.0/16 172.16.0.0/16", "192.168.0.0/16", "172.17.0.0/16"},
		{"all used", candidates, "172.0.0.0/8 192.168.0.0/24", ""},
		{"no candidates", "", "", ""},
		{"IPv6", "fd00::/48 fd00:1::/48", "fd00::5/64", "fd00:1::/48"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, found := ippool.FirstFree(parse(test.candidates), parse(test.used))
			assert.Equal(t, test.want != "", found)
			if test.want == "" {
				assert.Zero(t, got)
				return
			}
			assert.Equal(t, netip.MustParsePrefix(test.want), got)
		})
	}
}

func TestRandomULA(t *testing.T) {
	t.Parallel()
	random := bytes.NewReader([]byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xff, 0xff})
	prefix, err := ippool.RandomULA(random)
	require.NoError(t, err)
	assert.Equal(t, netip.MustParsePrefix("fd01:2345:6789::/48"), prefix)
	assert.Equal(t, 2, random.Len(), "exactly 40 bits are read")

	// A reader may return fewer bytes than requested.
	prefix, err = ippool.RandomULA(iotest.OneByteReader(strings.NewReader("\xff\xff\xff\xff\xff")))
	require.NoError(t, err)
	assert.Equal(t, netip.MustParsePrefix("fdff:ffff:ffff::/48"), prefix)
}

func TestRandomULAIsAPool(t *testing.T) {
	t.Parallel()
	seen := map[netip.Prefix]bool{}
	for range 100 {
		prefix, err := ippool.RandomULA(rand.Reader)
		require.NoError(t, err)
		assert.Equal(t, prefix, prefix.Masked())
		assert.True(t, ippool.Contains(netip.MustParsePrefix("fd00::/8"), prefix))
		assert.Nil(t, ippool.Validate(aPool(prefix.String())))
		seen[prefix] = true
	}
	assert.Len(t, seen, 100, "40 random bits that repeat within 100 draws are not random")
}

func TestRandomULAFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("no entropy")
	for name, test := range map[string]struct {
		reader io.Reader
		want   error
	}{
		"error":      {iotest.ErrReader(broken), broken},
		"empty":      {strings.NewReader(""), io.EOF},
		"too little": {strings.NewReader("1234"), io.ErrUnexpectedEOF},
		"in between": {io.MultiReader(strings.NewReader("1234"), iotest.ErrReader(broken)), broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prefix, err := ippool.RandomULA(test.reader)
			require.ErrorIs(t, err, test.want)
			assert.Zero(t, prefix)
		})
	}
}
