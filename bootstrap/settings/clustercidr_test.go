package settings_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// clusterCIDR returns settings with a value of ClusterCIDR.
func clusterCIDR(value string) settings.Settings {
	return settings.Settings{ClusterCIDR: settings.Given(value, origin.Flag("cluster-cidr"))}
}

func TestClusterCIDR(t *testing.T) {
	t.Parallel()
	const hostBits = `flag --cluster-cidr: "10.244.5.7/16" has host bits, which are ignored: the pod CIDR is 10.244.0.0/16`
	for value, want := range map[string]struct {
		prefixes []netip.Prefix
		warnings []string
	}{
		"":                                   {},
		"10.244.0.0/16":                      {factstest.Prefixes("10.244.0.0/16"), nil},
		"fd00:10:244::/56":                   {factstest.Prefixes("fd00:10:244::/56"), nil},
		" fd00:10:244::/56 , 10.244.0.0/16 ": {factstest.Prefixes("fd00:10:244::/56", "10.244.0.0/16"), nil},
		"10.244.0.0/16,":                     {factstest.Prefixes("10.244.0.0/16"), nil}, // no value for IPv6
		"10.244.5.7/16":                      {factstest.Prefixes("10.244.0.0/16"), []string{hostBits}},
	} {
		config, err := clusterCIDR(value).Resolve()
		require.NoError(t, err, value)
		assert.Equal(t, want.prefixes, config.ClusterCIDR.Prefixes, value)
		assert.Equal(t, want.warnings, config.Warnings, value)
		for _, pool := range config.Desired.Pools {
			assert.Empty(t, pool.Pool.Spec.CIDR, "it is chosen when the pool is created")
		}
	}
}

func TestInvalidClusterCIDR(t *testing.T) {
	t.Parallel()
	const must = "; must be CIDRs separated by commas, at most one of each family"
	const other = "; set another CIDR with ipv4.pool.cidr"
	for value, want := range map[string][]string{
		"10.244.0.0":                  {`"10.244.0.0": an address without a prefix length such as /16` + must},
		"none":                        {`"none": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64` + must},
		",":                           {`",": not a CIDR` + must},
		"::ffff:10.0.0.0/112":         {`"::ffff:10.0.0.0/112": an IPv4-mapped IPv6 CIDR: write it as IPv4` + must},
		"10.0.0.0/33,fd00::/129":      {`"10.0.0.0/33": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64` + must, `"fd00::/129": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64` + must},
		"10.1.0.0/16,10.2.0.0/16":     {`"10.2.0.0/16": a second IPv4 CIDR, after 10.1.0.0/16` + must},
		"fd00:1::/48,::/0,10.0.0.0/8": {`"::/0": is every address, so no pod CIDR` + must},
		"0.0.0.0/0":                   {`"0.0.0.0/0": is every address, so no pod CIDR` + must},
		"10.0.0.0/27":                 {`"10.0.0.0/27": no valid pool: is smaller than one block of /26: Calico can't assign addresses from it; widen it to at least /26, or use blocks of /27 to /32` + other},
		`"10.0.0.0/8"`:                {`"\"10.0.0.0/8\"": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64` + must + "; remove the quotes around it"},
		"http://u:secret@h/,10/8":     {"***: looks like a URL with a password or a token; not a CIDR" + must},
	} {
		err := clusterCIDR(value).Validate()
		settingstest.CheckFaults(t, err)
		var lines []string
		for _, fault := range want {
			lines = append(lines, "flag --cluster-cidr: "+fault)
		}
		assert.Equal(t, lines, strings.Split(err.Error(), "\n"), value)
	}
}

// A range that can be no pool is valid where no default pool needs it.
func TestClusterCIDRThatNoPoolNeeds(t *testing.T) {
	t.Parallel()
	small := clusterCIDR("10.0.0.0/27")
	small.IPv4.CIDR = settings.Given("10.1.0.0/16", origin.Flag("ipv4-pool-cidr"))
	require.NoError(t, small.Validate())
	small.IPv4.CIDR = settings.Given("none", origin.Flag("ipv4-pool-cidr"))
	require.NoError(t, small.Validate())
	small.IPv4.CIDR, small.NoDefaultPools = settings.Setting{}, settings.Given("true", origin.Flag("no-default-pools"))
	require.NoError(t, small.Validate())
	small.NoDefaultPools, small.IPv4.BlockSize = settings.Setting{}, settings.Given("28", origin.Flag("ipv4-pool-block-size"))
	require.NoError(t, small.Validate())
}

// A pod CIDR of every address is a fault, too, if no pool is made from it.
func TestClusterCIDROfEveryAddress(t *testing.T) {
	t.Parallel()
	for _, cidr := range []string{"0.0.0.0/0", "10.0.0.0/0", "::/0"} {
		s := settingstest.Given(t, settingstest.CIDRs...)
		s.ClusterCIDR = clusterCIDR(cidr).ClusterCIDR
		_, err := s.Resolve()
		require.ErrorContains(t, err, "is every address, so no pod CIDR", cidr)
	}
}
