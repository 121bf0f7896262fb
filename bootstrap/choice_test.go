package bootstrap

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestRenderChooses(t *testing.T) {
	t.Parallel()
	reads := 0
	host := fakeHost{networks: factstest.Prefixes("192.168.1.0/24"), reads: &reads}
	pools, warnings, err := Render(t.Context(), settings.Settings{}, WithHost(host), WithRandom(&counting{}))
	require.NoError(t, err)
	const chosen = " was chosen for this run and may differ on another host or in the next run: set one with "
	assert.Equal(t, []string{
		"the CIDR 172.16.0.0/16" + chosen + "ipv4.pool.cidr",
		"the CIDR fd01:203:405::/48" + chosen + "ipv6.pool.cidr",
	}, warnings)
	require.Len(t, pools, 2)
	assert.Equal(t, "172.16.0.0/16", pools[0].Spec.CIDR)
	assert.Equal(t, "fd01:203:405::/48", pools[1].Spec.CIDR, "fd, and the 40 bits 01 02 03 04 05")
	assert.Equal(t, 1, reads)
}

// Render reads the host and draws a random range only for a CIDR that must be chosen. It
// warns of a pool that is missing because of the host, not of one that no setting asks for.
func TestRenderChoosesOnlyWhatIsNeeded(t *testing.T) {
	t.Parallel()
	noIPv6 := []string{"no default IPv6 pool: IPv6 is not supported: it is old"}
	tests := []struct {
		name         string
		lines        []string
		ipv6Disabled string
		want         []string
		warnings     []string
	}{
		{"both set", []string{"CALICO_IPV4POOL_CIDR=10.0.0.0/16", "CALICO_IPV6POOL_CIDR=fd00::/64"}, "",
			[]string{"default-ipv4-ippool 10.0.0.0/16", "default-ipv6-ippool fd00::/64"}, nil},
		{"neither desired", []string{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=none"}, "", nil, nil},
		{"no default pools", []string{"NO_DEFAULT_POOLS=yes"}, "", nil, nil},
		{"no IPv6 support", []string{"CALICO_IPV4POOL_CIDR=none", "FELIX_IPV6SUPPORT=false"}, "", nil, nil},
		{"neither desired, on a host without IPv6", []string{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=None"}, "it is old", nil, nil},
		{"host without IPv6", []string{"CALICO_IPV4POOL_CIDR=none"}, "it is old", nil, noIPv6},
		{"host without IPv6, with an IPv6 CIDR", []string{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=fd00::/64"}, "it is old", nil, noIPv6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pools, warnings, err := Render(t.Context(), settingstest.Given(t, tt.lines...), WithHost(fakeHost{t: t, ipv6Disabled: tt.ipv6Disabled}), WithRandom(noRandom{t}))
			require.NoError(t, err)
			assert.Equal(t, tt.warnings, warnings)
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
	reads := 0
	broken := fakeHost{err: fmt.Errorf("no netlink"), reads: &reads}
	pools, warnings, err := Render(t.Context(), settingstest.Given(t, "CALICO_IPV6POOL_CIDR=fd00::7/64"), WithHost(broken))
	require.NoError(t, err)
	assert.Len(t, pools, 2)
	assert.Equal(t, []string{
		`env CALICO_IPV6POOL_CIDR: "fd00::7/64" has host bits, which are ignored: the pool is fd00::/64`,
		"overlaps with networks of this host are not checked: no netlink",
		"the CIDR 192.168.0.0/16 was chosen for this run and may differ on another host or in the next run: set one with ipv4.pool.cidr",
	}, warnings)

	_, _, err = Render(t.Context(), settingstest.Given(t, "CALICO_IPV6POOL_CIDR=x"), WithHost(broken))
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	assert.Equal(t, 1, reads, "with invalid settings the host is not read")

	_, _, err = Render(t.Context(), settingstest.Given(t, "CALICO_IPV4POOL_CIDR=none"), WithHost(broken), WithRandom(noRandom{silentTB{t}}))
	assert.EqualError(t, err, "generating a random IPv6 prefix: unexpected EOF")
}

// silentTB is a testing.TB that ignores errors.
type silentTB struct{ testing.TB }

func (silentTB) Error(...any) {}

func TestRenderedPoolsAreComplete(t *testing.T) {
	t.Parallel()
	reads := 0
	pools, _, err := Render(t.Context(), settings.Settings{}, WithHost(fakeHost{reads: &reads}))
	require.NoError(t, err)
	require.Len(t, pools, 2)
	assert.Empty(t, ippool.ValidateSet(pools))
	want := ippool.New("default-ipv4-ippool")
	want.Spec.CIDR, want.Spec.NATOutgoing = "192.168.0.0/16", true
	ippool.Default(want)
	assert.Equal(t, want, pools[0])
}

// Plans, preflight findings and their errors name a setting as Names returns it.
func TestNamesInMessages(t *testing.T) {
	t.Parallel()
	given := settingstest.Given(t, "--ipv4-pool-nat-outgoing=false", "--ipv6-pool-cidr=none", "--preflight=strict", "--on-drift=fail")
	given.Datastore.Names = settings.FlagNames
	var reads int
	_, warnings, err := Render(t.Context(), given, WithHost(fakeHost{reads: &reads}))
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "set one with --ipv4-pool-cidr")

	_, err = run(t, newStore(poolstest.Default4()), given)
	require.ErrorContains(t, err, "exists with natOutgoing true; --on-drift=update changes it")
	_, err = run(t, newStore(), given)
	require.ErrorContains(t, err, "set natOutgoing to true with --ipv4-pool-nat-outgoing, or")
	require.ErrorContains(t, err, "with --allow=PrivateWithoutNAT, or set --preflight=warn")
}
