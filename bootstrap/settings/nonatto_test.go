package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// noNATTo returns settings with ranges that are not masqueraded.
func noNATTo(value string) settings.Settings {
	return settings.Settings{NoNATTo: settings.Given(value, origin.Env("CALICO_IPPOOLS_NO_NAT_TO"))}
}

func TestNoNATTo(t *testing.T) {
	t.Parallel()
	const env = "env CALICO_IPPOOLS_NO_NAT_TO: "
	for value, want := range map[string]struct{ ranges, warnings []string }{
		"":                             {},
		"10.0.0.0/8":                   {ranges: []string{"10.0.0.0/8"}},
		" fd00::/8 ,, 10.0.0.1/32,":    {ranges: []string{"fd00::/8", "10.0.0.1/32"}},
		"10.0.0.0/9,10.128.0.0/9":      {ranges: []string{"10.0.0.0/9", "10.128.0.0/9"}},
		"10.1.2.3/8,FD00:0::1/16,::/1": {[]string{"10.0.0.0/8", "fd00::/16", "::/1"}, []string{env + `"10.1.2.3/8" has host bits, which are ignored: the range is 10.0.0.0/8`, env + `"FD00:0::1/16" has host bits, which are ignored: the range is fd00::/16`}},
	} {
		config, err := noNATTo(value).Resolve()
		require.NoError(t, err, value)
		assert.Equal(t, want.warnings, config.Warnings, value)
		var ranges []string
		for _, r := range config.Desired.NoNATTo {
			ranges = append(ranges, r.Prefix.String())
			assert.Equal(t, origin.Env("CALICO_IPPOOLS_NO_NAT_TO"), r.Source)
		}
		assert.Equal(t, want.ranges, ranges, value)
	}
}

func TestInvalidNoNATTo(t *testing.T) {
	t.Parallel()
	const must = "; must be CIDRs separated by commas that don't overlap"
	for value, want := range map[string][]string{
		"none":                   {`"none": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64` + must},
		",":                      {`",": not a CIDR` + must},
		"10.0.0.1":               {`"10.0.0.1": an address without a prefix length such as /16` + must},
		"::ffff:10.0.0.0/104":    {`"::ffff:10.0.0.0/104": an IPv4-mapped IPv6 CIDR: write it as IPv4` + must},
		"10.0.0.0/33,fe80::/129": {`"10.0.0.0/33": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64` + must, `"fe80::/129": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64` + must},
		"10.0.0.0/8,10.0.0.0/8":  {`"10.0.0.0/8": a duplicate; set each range once`},
		"10.0.0.0/8,10.0.0.1/8":  {`"10.0.0.1/8": a duplicate; set each range once`},
		"10.1.0.0/16,fd00::/8,10.0.0.0/8,fd00:1::/64": {`"10.0.0.0/8": overlaps 10.1.0.0/16` + must, `"fd00:1::/64": overlaps fd00::/8` + must},
		"0.0.0.0/0":                            {`"0.0.0.0/0": all of IPv4, so that nothing would be masqueraded; set ipv4.pool.natOutgoing=false in its place`},
		"10.0.0.0/8,1.2.3.4/0,::/0":            {`"1.2.3.4/0": all of IPv4, so that nothing would be masqueraded; set ipv4.pool.natOutgoing=false in its place`, `"::/0": all of IPv6, so that nothing would be masqueraded; set ipv6.pool.natOutgoing=false in its place`},
		"169.254.1.0/24,fe80::/64,128.0.0.0/1": {`"169.254.1.0/24": overlaps the link-local range 169.254.0.0/16; must be outside it`, `"fe80::/64": overlaps the link-local range fe80::/10; must be outside it`, `"128.0.0.0/1": overlaps the link-local range 169.254.0.0/16; must be outside it`},
		"http://u:secret@h/,10/8":              {"***: looks like a URL with a password or a token; not a CIDR" + must},
	} {
		err := noNATTo(value).Validate()
		settingstest.CheckFaults(t, err)
		var lines []string
		for _, fault := range want {
			lines = append(lines, "env CALICO_IPPOOLS_NO_NAT_TO: "+fault)
		}
		assert.Equal(t, lines, strings.Split(err.Error(), "\n"), value)
	}
}

// A range inside a desired pool is an error, but not inside one that is not created.
func TestNoNATToInsideAPool(t *testing.T) {
	t.Parallel()
	const inside = `env CALICO_IPPOOLS_NO_NAT_TO: "10.244.1.0/24": inside 10.244.0.0/16 of IPPool "default-ipv4-ippool": traffic to a pool is never masqueraded, and no other pool fits inside it; leave the range out`
	named := noNATTo("10.244.1.0/24")
	named.IPv4.CIDR = settings.Given("10.244.0.0/16", origin.Flag("ipv4-pool-cidr"))
	require.EqualError(t, named.Validate(), inside)
	cluster := noNATTo("10.244.1.0/24")
	cluster.ClusterCIDR = settings.Given("10.244.0.0/16", origin.Flag("cluster-cidr"))
	require.EqualError(t, cluster.Validate(), inside)

	for line, want := range map[string]string{"": "inside", "disabled: true": ""} {
		file := noNATTo("10.1.0.0/16")
		file.PoolManifests = []settings.PoolManifest{{Path: "pools.yaml", Data: []byte("ip_pools:\n- name: a\n  cidr: 10.1.0.0/16\n  " + line + "\n")}}
		if err := file.Validate(); want != "" {
			assert.ErrorContains(t, err, `inside 10.1.0.0/16 of IPPool "a"`)
		} else {
			assert.NoError(t, err)
		}
	}
	around := noNATTo("10.0.0.0/8")
	around.IPv4.CIDR = named.IPv4.CIDR
	require.NoError(t, around.Validate())
	cluster.NoDefaultPools = settings.Given("true", origin.Flag("no-default-pools"))
	require.NoError(t, cluster.Validate())
}

// Without IPv6, an IPv6 range has no effect, and is validated nevertheless.
func TestNoNATToWithoutIPv6(t *testing.T) {
	t.Parallel()
	off := noNATTo("fd00::/8,10.0.0.0/8")
	off.IPv6Support = settings.Given("false", origin.Env("FELIX_IPV6SUPPORT"))
	config, err := off.Resolve()
	require.NoError(t, err)
	assert.Equal(t, `IPv6 is not supported: env FELIX_IPV6SUPPORT is "false"`, config.Desired.NoNATTo[0].Skip)
	assert.Empty(t, config.Desired.NoNATTo[1].Skip)
}

// Beside a flag, the setting for everything is a flag; beside a variable, a variable.
func TestNoNATToEverything(t *testing.T) {
	t.Parallel()
	for source, want := range map[origin.Origin]string{
		origin.Flag("no-nat-to"):               "--ipv4-pool-nat-outgoing=false",
		origin.Env("CALICO_IPPOOLS_NO_NAT_TO"): "CALICO_IPV4POOL_NAT_OUTGOING=false",
	} {
		s := settings.Settings{NoNATTo: settings.Given("0.0.0.0/0", source)}
		s.Datastore.Names = settings.FlagNames
		assert.ErrorContains(t, s.Validate(), "so that nothing would be masqueraded; set "+want+" in its place")
	}
}

// Loopback, multicast and other ranges that nothing forwards to are a warning, as for pools.
func TestNoNATToReserved(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"127.0.0.0/8": "127.0.0.0/8 (loopback)", "127.0.0.1/32": "127.0.0.0/8 (loopback)", "::1/128": "::1/128 (loopback)",
		"239.1.0.0/16": "224.0.0.0/4 (multicast)", "ff02::/16": "ff00::/8 (multicast)", "240.0.0.0/5": "240.0.0.0/4 (reserved)", "2001:db8:1::/48": "2001:db8::/32 (documentation)",
		"10.0.0.0/8": "", "192.0.0.0/8": "", "0.0.0.0/1": "", "64:ff9b::/96": "", "::/1": "",
	} {
		config, err := noNATTo(value).Resolve()
		require.NoError(t, err, value)
		require.Len(t, config.Desired.NoNATTo, 1)
		if want == "" {
			assert.Empty(t, config.Warnings, value)
			continue
		}
		assert.Equal(t, []string{"env CALICO_IPPOOLS_NO_NAT_TO: " + value + " is in " + want + ": hosts and routers do not forward packets of such addresses, so it has no effect; leave it out"}, config.Warnings)
	}
}
