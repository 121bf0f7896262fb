package bootstrap

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// FuzzResolve checks that any settings are either rejected, with a readable line per
// fault, or give valid pools. Settings with the values of those pools give the same
// pools again.
func FuzzResolve(f *testing.F) {
	f.Add("", "", "", "", "", "", "", "", "", "")
	f.Add("10.244.0.0/16", "four", "026", "off", "Always", "zone == 'a'", "fd00:10:244::/64", "six", "122", "CrossSubnet")
	f.Add("10.244.5.7/16", "same", "32", "CrossSubnet", "never", "!has(a)", "FD00::1/64", "same", "128", "off")
	f.Add("none", "", "0", "", "", " ", "NONE", "", "0", "")
	f.Add("10.0.0.0/30", "Upper", "0x1a", "always", "always", "global()", "::ffff:10.0.0.0/104", "a/b", "-1", "on")
	f.Add("169.254.0.0/16", "a..b", "99999999999999999999", "", "", "a == '\xff'", "fe80::1%eth0", strings.Repeat("a", 254), "00000116", "")
	f.Add("0.0.0.0/0", "\n", "20", "", "", "(", "::/0", "\x1b", "116", "")
	f.Add("none", "", "", "Always", "CrossSubnet", "! has(a)", "none", "", "26", "Always")
	f.Add("\"10.0.0.0/16\"", "", "26\r", " Always", "'Never'", "\"all()\"", "fd00:10:244::/56\r", "", "0x7a", "Never ")
	f.Add("10.244.0.0/16,fd00:10:244::/56", "", "", "", "", "", "10.244.0.0/16,fd00:10:244::/56", "", "", "")
	f.Add("\"\"", "''", "\"\"", "", "", "", "1100::/52", "", "", "")
	f.Fuzz(func(t *testing.T, cidr4, name4, size4, ipip4, vxlan4, selector, cidr6, name6, size6, vxlan6 string) {
		given := settingstest.Given(t,
			"CALICO_IPV4POOL_CIDR="+cidr4, "CALICO_IPV4POOL_NAME="+name4, "CALICO_IPV4POOL_BLOCK_SIZE="+size4,
			"CALICO_IPV4POOL_IPIP="+ipip4, "CALICO_IPV4POOL_VXLAN="+vxlan4, "CALICO_IPV4POOL_NODE_SELECTOR="+selector,
			"CALICO_IPV6POOL_CIDR="+cidr6, "CALICO_IPV6POOL_NAME="+name6, "CALICO_IPV6POOL_BLOCK_SIZE="+size6,
			"CALICO_IPV6POOL_VXLAN="+vxlan6,
		)
		config, err := given.Resolve()
		again, againErr := given.Resolve()
		require.Equal(t, config, again)
		require.Equal(t, err, againErr)
		if err != nil {
			settingstest.CheckFaults(t, err)
			return
		}
		for _, warning := range config.Warnings {
			assert.NotContains(t, warning, "\n")
		}
		pools, _, err := Render(t.Context(), given, WithHost(fakeHost{reads: new(int)}), WithRandom(&counting{}))
		require.NoError(t, err)
		lines := []string{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=none"}
		for _, pool := range pools {
			lines = append(lines, settingsFor(t, pool)...)
		}
		require.Empty(t, ippool.ValidateSet(pools))

		same, _, err := Render(t.Context(), settingstest.Given(t, lines...), WithHost(fakeHost{t: t}), WithRandom(noRandom{t}))
		require.NoError(t, err)
		require.Equal(t, pools, same)
	})
}

// settingsFor returns settings with all values of a pool.
func settingsFor(t testing.TB, pool *v3.IPPool) []string {
	prefix, err := ippool.ParseCIDR(pool.Spec.CIDR)
	require.NoError(t, err)
	family := ippool.FamilyOf(prefix)
	require.Equal(t, prefix.Masked().String(), pool.Spec.CIDR, "canonical")
	lines := []string{
		"CIDR=" + pool.Spec.CIDR, "NAME=" + pool.Name, "BLOCK_SIZE=" + fmt.Sprint(pool.Spec.BlockSize),
		"VXLAN=" + string(pool.Spec.VXLANMode), "NODE_SELECTOR=" + pool.Spec.NodeSelector,
		"NAT_OUTGOING=" + fmt.Sprint(pool.Spec.NATOutgoing), "DISABLE_BGP_EXPORT=" + fmt.Sprint(pool.Spec.DisableBGPExport),
	}
	if family == ippool.IPv4 {
		lines = append(lines, "IPIP="+string(pool.Spec.IPIPMode))
	}
	for i := range lines {
		lines[i] = fmt.Sprintf("CALICO_IPV%dPOOL_%s", family, lines[i])
	}
	return lines
}

// FuzzWords checks the same of the settings of the run.
func FuzzWords(f *testing.F) {
	f.Add("", "", "", "", "", "", "")
	f.Add("true", "off", "YES", "90s", "warning", "JSON", "etcdv3")
	f.Add("ture", "2", "\n", "60", "fatal", "xml", "etcd")
	f.Add("0", "Disabled", "on", "-1ns", "Debug", "text", "Kubernetes")
	f.Add("false", "false", "true", "0", "NONE", "auto", "etcdv3")
	f.Add("\"true\"", "true\r", " true", "60 s", "CRITICAL", "", "etcdv2")
	f.Fuzz(func(t *testing.T, noPools, ipv6, wait, timeout, level, format, datastore string) {
		given := settingstest.Given(t, "NO_DEFAULT_POOLS="+noPools, "FELIX_IPV6SUPPORT="+ipv6, "WAIT_FOR_DATASTORE="+wait,
			"CALICO_IPPOOLS_TIMEOUT="+timeout, "CALICO_STARTUP_LOGLEVEL="+level, "CALICO_IPPOOLS_LOG_FORMAT="+format,
			"CALICO_DATASTORE_TYPE="+datastore)
		config, err := given.Resolve()
		if err != nil {
			settingstest.CheckFaults(t, err)
			return
		}
		assert.GreaterOrEqual(t, config.Timeout, time.Duration(0))
		same := settingstest.Given(t,
			"NO_DEFAULT_POOLS="+fmt.Sprint(config.Desired.Pools[0].Skip != ""),
			"FELIX_IPV6SUPPORT="+fmt.Sprint(config.Desired.Pools[1].Skip == "" || config.Desired.Pools[0].Skip != ""),
			"CALICO_IPPOOLS_TIMEOUT="+config.Timeout.String(),
			"CALICO_DATASTORE_TYPE="+string(config.Datastore))
		again, err := same.Resolve()
		require.NoError(t, err)
		assert.Equal(t, config.Timeout, again.Timeout)
		assert.Equal(t, config.Datastore, again.Datastore)
		for i := range config.Desired.Pools {
			assert.Equal(t, config.Desired.Pools[i].Skip == "", again.Desired.Pools[i].Skip == "")
		}
	})
}
