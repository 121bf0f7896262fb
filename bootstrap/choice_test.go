package bootstrap

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// seconds gives 172.from.0.0/16 to 172.to.0.0/16.
func seconds(from, to int) []netip.Prefix {
	var all []netip.Prefix
	for second := from; second <= to; second++ {
		all = append(all, netip.MustParsePrefix(fmt.Sprintf("172.%d.0.0/16", second)))
	}
	return all
}

func TestChooseIPv4(t *testing.T) {
	t.Parallel()
	const inUse = "default (192.168.0.0/16 is in use on this host)"
	host := prefixes("192.168.1.0/24")
	tests := []struct {
		name     string
		networks []netip.Prefix
		want     string
		source   Source
	}{
		{"no networks", nil, "192.168.0.0/16", SourceDefault},
		{"others", prefixes("127.0.0.0/8", "10.0.0.0/8", "192.167.0.0/16", "192.169.0.0/16", "172.16.0.0/12", "fd00::/8", "::/0"),
			"192.168.0.0/16", SourceDefault},
		{"the same", prefixes("192.168.0.0/16"), "172.16.0.0/16", inUse},
		{"one inside", host, "172.16.0.0/16", inUse},
		{"one address at the end", prefixes("192.168.255.255/32"), "172.16.0.0/16", inUse},
		{"one around", prefixes("192.0.0.0/8"), "172.16.0.0/16", inUse},
		{"the first fallback too", append(host, prefixes("172.16.5.0/24")...), "172.17.0.0/16", inUse},
		{"a gap is taken", append(host, append(seconds(16, 19), seconds(21, 31)...)...), "172.20.0.0/16", inUse},
		{"two fallbacks at once", append(host, prefixes("172.16.0.0/15")...), "172.18.0.0/16", inUse},
		{"only the last is left", append(host, seconds(16, 30)...), "172.31.0.0/16", inUse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, choice{prefix: netip.MustParsePrefix(tt.want), source: tt.source}, chooseIPv4(tt.networks))
		})
	}
}

func TestChooseIPv4WithNoneFree(t *testing.T) {
	t.Parallel()
	want := choice{
		prefix:  netip.MustParsePrefix("192.168.0.0/16"),
		source:  SourceDefault,
		warning: "this host has networks in 192.168.0.0/16 and in all of 172.16.0.0/16 to 172.31.0.0/16: the IPv4 pool overlaps one; name a free range with flag --ipv4-pool-cidr",
	}
	assert.Equal(t, want, chooseIPv4(append(seconds(16, 31), prefixes("192.168.7.0/24")...)))
	assert.Equal(t, want, chooseIPv4(prefixes("192.168.0.0/24", "172.16.0.0/12")), "one network over all fallbacks")
	assert.Equal(t, want, chooseIPv4(prefixes("0.0.0.0/0")))
}

func TestWithCIDR(t *testing.T) {
	t.Parallel()
	before := resolved(t, "CALICO_IPV4POOL_NAME=mine").Desired.Pools[0]
	after := before.withCIDR(choice{prefix: netip.MustParsePrefix("172.20.0.0/16"), source: "here"})

	assert.Equal(t, resolved(t, "CALICO_IPV4POOL_NAME=mine").Desired.Pools[0], before, "the old one stays as it is")
	assert.Equal(t, "172.20.0.0/16", after.Pool.Spec.CIDR)
	assert.Equal(t, Value{"name", "mine", "env CALICO_IPV4POOL_NAME"}, after.Values[0])
	assert.Equal(t, Value{"cidr", "172.20.0.0/16", "here"}, after.Values[1])
	assert.Equal(t, before.Values[2:], after.Values[2:])
}

func TestRenderChooses(t *testing.T) {
	t.Parallel()
	asked := 0
	host := fakeHost{networks: prefixes("192.168.1.0/24"), asked: &asked}
	pools, warnings, err := Render(Settings{}, WithHost(host), WithRandom(&counting{}))
	require.NoError(t, err)
	const chosen = " was chosen here and now, and may be another elsewhere or the next time: name one with flag --"
	assert.Equal(t, []string{
		"the CIDR 172.16.0.0/16" + chosen + "ipv4-pool-cidr",
		"the CIDR fd01:203:405::/48" + chosen + "ipv6-pool-cidr",
	}, warnings)
	require.Len(t, pools, 2)
	assert.Equal(t, "172.16.0.0/16", pools[0].Spec.CIDR)
	assert.Equal(t, "fd01:203:405::/48", pools[1].Spec.CIDR, "fd, and the 40 bits 01 02 03 04 05")
	assert.Equal(t, 1, asked)
}

// Nothing is drawn, and the host isn't asked, for what is named or not wanted.
func TestRenderChoosesOnlyWhatIsNeeded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		lines  []string
		noIPv6 string
		want   []string
	}{
		{"both named", []string{"CALICO_IPV4POOL_CIDR=10.0.0.0/16", "CALICO_IPV6POOL_CIDR=fd00::/64"}, "",
			[]string{"default-ipv4-ippool 10.0.0.0/16", "default-ipv6-ippool fd00::/64"}},
		{"neither wanted", []string{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=none"}, "", nil},
		{"no default pools", []string{"NO_DEFAULT_POOLS=yes"}, "", nil},
		{"no IPv6 support", []string{"CALICO_IPV4POOL_CIDR=none", "FELIX_IPV6SUPPORT=false"}, "", nil},
		{"host without IPv6", []string{"CALICO_IPV4POOL_CIDR=none"}, "it is old", nil},
		{"host without IPv6 that is asked for it", []string{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=fd00::/64"}, "it is old", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pools, warnings, err := Render(given(t, tt.lines...), WithHost(fakeHost{t: t, noIPv6: tt.noIPv6}), WithRandom(noRandom{t}))
			require.NoError(t, err)
			assert.Len(t, warnings, 2-len(pools), "each family that is left out is told of")
			for _, warning := range warnings {
				assert.Regexp(t, "^no default IPv[46] pool: ", warning)
			}
			var got []string
			for _, pool := range pools {
				got = append(got, pool.Name+" "+pool.Spec.CIDR)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestRenderWarnsAndFails(t *testing.T) {
	t.Parallel()
	asked := 0
	broken := fakeHost{err: fmt.Errorf("no netlink"), asked: &asked}
	pools, warnings, err := Render(given(t, "CALICO_IPV6POOL_CIDR=fd00::7/64"), WithHost(broken))
	require.NoError(t, err)
	assert.Len(t, pools, 2)
	assert.Equal(t, []string{
		`env CALICO_IPV6POOL_CIDR: "fd00::7/64" has host bits, which are cleared: the pool is fd00::/64`,
		"a pool may overlap a network of this host: no netlink",
		"the CIDR 192.168.0.0/16 was chosen here and now, and may be another elsewhere or the next time: name one with flag --ipv4-pool-cidr",
	}, warnings)

	_, _, err = Render(given(t, "CALICO_IPV6POOL_CIDR=x"), WithHost(broken))
	require.ErrorIs(t, err, ErrInvalidSettings)
	assert.Equal(t, 1, asked, "wrong settings ask for nothing")

	_, _, err = Render(given(t, "CALICO_IPV4POOL_CIDR=none"), WithHost(broken), WithRandom(noRandom{silent{t}}))
	assert.EqualError(t, err, "drawing a random IPv6 prefix: unexpected EOF")
}

// silent takes the place of a test that may not fail.
type silent struct{ testing.TB }

func (silent) Error(...any) {}

func TestRenderedPoolsAreWhole(t *testing.T) {
	t.Parallel()
	asked := 0
	pools, _, err := Render(Settings{}, WithHost(fakeHost{asked: &asked}))
	require.NoError(t, err)
	require.Len(t, pools, 2)
	assert.Empty(t, ippool.ValidateSet(pools))
	want := ippool.New("default-ipv4-ippool")
	want.Spec.CIDR, want.Spec.NATOutgoing = "192.168.0.0/16", true
	ippool.Default(want)
	assert.Equal(t, want, pools[0])
}
