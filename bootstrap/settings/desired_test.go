package settings_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// value returns a field of a pool with its source.
func value(field string, value any, source origin.Origin) plan.Value {
	return plan.Value{Field: field, Value: value, Source: source}
}

func TestResolveDefaults(t *testing.T) {
	t.Parallel()
	automatic := v3.Automatic
	uses := []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseWorkload, v3.IPPoolAllowedUseTunnel}
	ipv4, ipv6 := ippool.New("default-ipv4-ippool"), ippool.New("default-ipv6-ippool")
	ipv4.Spec = v3.IPPoolSpec{
		VXLANMode: "Never", IPIPMode: "Never", NATOutgoing: true, BlockSize: 26, NodeSelector: "all()",
		AllowedUses: uses, AssignmentMode: &automatic,
	}
	ipv6.Spec = v3.IPPoolSpec{
		VXLANMode: "Never", IPIPMode: "Never", BlockSize: 122, NodeSelector: "all()",
		AllowedUses: uses, AssignmentMode: &automatic,
	}
	values := func(name string, nat bool, blockSize int) []plan.Value {
		return []plan.Value{
			value("name", name, origin.Default),
			value("cidr", "", origin.Default),
			value("vxlanMode", v3.VXLANModeNever, origin.Default),
			value("ipipMode", v3.IPIPModeNever, origin.Default),
			value("natOutgoing", nat, origin.Default),
			value("disableBGPExport", false, origin.Default),
			value("blockSize", blockSize, origin.Default),
			value("nodeSelector", "all()", origin.Default),
		}
	}
	assert.Equal(t, settings.Config{
		Desired: plan.Desired{Pools: []plan.DesiredPool{
			{Family: ippool.IPv4, Default: true, Pool: ipv4, Values: values("default-ipv4-ippool", true, 26)},
			{Family: ippool.IPv6, Default: true, Pool: ipv6, Values: values("default-ipv6-ippool", false, 122)},
		}},
		Datastore: datastore.Kubernetes,
		Timeout:   60 * time.Second,
		OnDrift:   plan.DriftReport,
		Preflight: preflight.Warn,
	}, settingstest.Resolved(t))
}

func TestResolveEverySetting(t *testing.T) {
	t.Parallel()
	pools := settingstest.Resolved(t,
		"CALICO_IPV4POOL_NAME=four", "--ipv4-pool-cidr=10.244.0.0/16", "CALICO_IPV4POOL_BLOCK_SIZE=024",
		"--ipv4-pool-vxlan=off", "CALICO_IPV4POOL_IPIP=cross-subnet", "CALICO_IPV4POOL_NAT_OUTGOING=no",
		"CALICO_IPV4POOL_DISABLE_BGP_EXPORT=t", "--ipv4-pool-node-selector=zone == 'a'",
		"CALICO_IPV6POOL_NAME=six.example.com", "CALICO_IPV6POOL_CIDR=FD00:10:244:0:0::/64", "--ipv6-pool-block-size=128",
		"CALICO_IPV6POOL_VXLAN=ALWAYS", "--ipv6-pool-nat-outgoing=1", "--ipv6-pool-disable-bgp-export=yes",
		"CALICO_IPV6POOL_NODE_SELECTOR=!has(gpu)",
	).Desired.Pools

	ipv4 := ippool.New("four")
	ipv4.Spec = v3.IPPoolSpec{
		CIDR: "10.244.0.0/16", IPIPMode: "CrossSubnet", DisableBGPExport: true, BlockSize: 24, NodeSelector: "zone == 'a'",
	}
	ippool.Default(ipv4)
	ipv6 := ippool.New("six.example.com")
	ipv6.Spec = v3.IPPoolSpec{
		CIDR: "fd00:10:244::/64", VXLANMode: "Always", NATOutgoing: true, DisableBGPExport: true, BlockSize: 128, NodeSelector: "!has(gpu)",
	}
	ippool.Default(ipv6)
	assert.Equal(t, []plan.DesiredPool{
		{Family: ippool.IPv4, Default: true, Pool: ipv4, Values: []plan.Value{
			value("name", "four", origin.Env("CALICO_IPV4POOL_NAME")),
			value("cidr", "10.244.0.0/16", origin.Flag("ipv4-pool-cidr")),
			value("vxlanMode", v3.VXLANModeNever, origin.Flag("ipv4-pool-vxlan")),
			value("ipipMode", v3.IPIPModeCrossSubnet, origin.Env("CALICO_IPV4POOL_IPIP")),
			value("natOutgoing", false, origin.Env("CALICO_IPV4POOL_NAT_OUTGOING")),
			value("disableBGPExport", true, origin.Env("CALICO_IPV4POOL_DISABLE_BGP_EXPORT")),
			value("blockSize", 24, origin.Env("CALICO_IPV4POOL_BLOCK_SIZE")),
			value("nodeSelector", "zone == 'a'", origin.Flag("ipv4-pool-node-selector")),
		}},
		{Family: ippool.IPv6, Default: true, Pool: ipv6, Values: []plan.Value{
			value("name", "six.example.com", origin.Env("CALICO_IPV6POOL_NAME")),
			value("cidr", "fd00:10:244::/64", origin.Env("CALICO_IPV6POOL_CIDR")),
			value("vxlanMode", v3.VXLANModeAlways, origin.Env("CALICO_IPV6POOL_VXLAN")),
			value("ipipMode", v3.IPIPModeNever, origin.Default),
			value("natOutgoing", true, origin.Flag("ipv6-pool-nat-outgoing")),
			value("disableBGPExport", true, origin.Flag("ipv6-pool-disable-bgp-export")),
			value("blockSize", 128, origin.Flag("ipv6-pool-block-size")),
			value("nodeSelector", "!has(gpu)", origin.Env("CALICO_IPV6POOL_NODE_SELECTOR")),
		}},
	}, pools)
}

func TestResolveCIDR(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line, want string
		warning    string
	}{
		{"CALICO_IPV4POOL_CIDR=10.0.0.0/8", "10.0.0.0/8", ""},
		{"CALICO_IPV4POOL_CIDR=10.0.0.64/26", "10.0.0.64/26", ""},
		{"CALICO_IPV4POOL_CIDR=169.253.0.0/16", "169.253.0.0/16", ""},
		{"CALICO_IPV4POOL_CIDR=10.244.5.7/16", "10.244.0.0/16",
			`env CALICO_IPV4POOL_CIDR: "10.244.5.7/16" has host bits, which are ignored: the pool is 10.244.0.0/16`},
		{"CALICO_IPV6POOL_CIDR=FD00:0010::/48", "fd00:10::/48", ""},
		{"CALICO_IPV6POOL_CIDR=fd00::/122", "fd00::/122", ""},
		{"--ipv6-pool-cidr=fd00::1:0/112", "fd00::1:0/112", ""},
		{"--ipv6-pool-cidr=FD00::1/64", "fd00::/64",
			`flag --ipv6-pool-cidr: "FD00::1/64" has host bits, which are ignored: the pool is fd00::/64`},
	}
	for _, tt := range tests {
		config := settingstest.Resolved(t, tt.line)
		pool := config.Desired.Pools[0]
		if strings.Contains(tt.want, ":") {
			pool = config.Desired.Pools[1]
		}
		assert.Equal(t, tt.want, pool.Pool.Spec.CIDR, tt.line)
		assert.Equal(t, tt.want, pool.Values[1].Value, tt.line)
		assert.Empty(t, pool.Skip)
		if tt.warning == "" {
			assert.Empty(t, config.Warnings, tt.line)
		} else {
			assert.Equal(t, []string{tt.warning}, config.Warnings)
		}
	}
}

func TestResolveNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"none", "None", "NONE", "nOnE"} {
		pools := settingstest.Resolved(t, "CALICO_IPV4POOL_CIDR="+text, "--ipv6-pool-cidr="+text).Desired.Pools
		assert.Equal(t, `env CALICO_IPV4POOL_CIDR is "`+text+`"`, pools[0].Skip)
		assert.Equal(t, `flag --ipv6-pool-cidr is "`+text+`"`, pools[1].Skip)
	}
	for _, text := range []string{" none", "none ", "no", "nil", "ｎone"} {
		assert.EqualError(t, settingstest.Given(t, "CALICO_IPV4POOL_CIDR="+text).Validate(),
			`env CALICO_IPV4POOL_CIDR: "`+text+`": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64; must be an IPv4 CIDR, or none`+spaceHint(text))
	}
}

func TestResolveBlockSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"20": 20, "26": 26, "026": 26, "0000032": 32, "32": 32} {
		assert.Equal(t, want, settingstest.Resolved(t, "CALICO_IPV4POOL_BLOCK_SIZE="+text).Desired.Pools[0].Pool.Spec.BlockSize, text)
	}
	for text, want := range map[string]int{"116": 116, "0122": 122, "128": 128} {
		assert.Equal(t, want, settingstest.Resolved(t, "CALICO_IPV6POOL_BLOCK_SIZE="+text).Desired.Pools[1].Pool.Spec.BlockSize, text)
	}
	for _, cidr := range []string{"", "10.0.0.0/8", "10.0.0.0/30"} {
		for _, text := range []string{"0", "00", "1", "19", "33", "122", "99999999999999999999"} {
			assert.EqualError(t, settingstest.Given(t, "CALICO_IPV4POOL_BLOCK_SIZE="+text, "CALICO_IPV4POOL_CIDR="+cidr).Validate(),
				`env CALICO_IPV4POOL_BLOCK_SIZE: "`+text+`": must be between 20 and 32 for IPv4`)
		}
		for _, text := range []string{"0x1a", "0b11010", "0o32", "1a", "26.0", "2_6", "+26", "-26", " 26", "26 ", "/26", "٢٦", "twenty"} {
			assert.EqualError(t, settingstest.Given(t, "CALICO_IPV4POOL_BLOCK_SIZE="+text, "CALICO_IPV4POOL_CIDR="+cidr).Validate(),
				`env CALICO_IPV4POOL_BLOCK_SIZE: "`+text+`": not a decimal number; must be a prefix length from 20 to 32`+spaceHint(text))
		}
	}
	for _, text := range []string{"0", "26", "115", "129"} {
		assert.EqualError(t, settingstest.Given(t, "--ipv6-pool-block-size="+text).Validate(),
			`flag --ipv6-pool-block-size: "`+text+`": must be between 116 and 128 for IPv6`)
	}
}

func TestResolveSkips(t *testing.T) {
	t.Parallel()
	const (
		no4    = `env CALICO_IPV4POOL_CIDR is "none"`
		no6    = `env CALICO_IPV6POOL_CIDR is "none"`
		none   = `env NO_DEFAULT_POOLS is "true"`
		noIPv6 = `IPv6 is not supported: env FELIX_IPV6SUPPORT is "false"`
	)
	tests := []struct {
		lines      []string
		ipv4, ipv6 string
	}{
		{nil, "", ""},
		{[]string{"NO_DEFAULT_POOLS=false", "FELIX_IPV6SUPPORT=true"}, "", ""},
		{[]string{"CALICO_IPV4POOL_CIDR=none"}, no4, ""},
		{[]string{"CALICO_IPV6POOL_CIDR=none"}, "", no6},
		{[]string{"NO_DEFAULT_POOLS=true"}, none, none},
		{[]string{"FELIX_IPV6SUPPORT=false"}, "", noIPv6},
		{[]string{"FELIX_IPV6SUPPORT=false", "CALICO_IPV6POOL_CIDR=fd00::/64"}, "", noIPv6},
		{[]string{"FELIX_IPV6SUPPORT=false", "CALICO_IPV6POOL_CIDR=none"}, "", no6},
		{[]string{"FELIX_IPV6SUPPORT=false", "NO_DEFAULT_POOLS=true"}, none, none},
	}
	for _, tt := range tests {
		pools := settingstest.Resolved(t, tt.lines...).Desired.Pools
		assert.Equal(t, []string{tt.ipv4, tt.ipv6}, []string{pools[0].Skip, pools[1].Skip}, "%q", tt.lines)
	}
}

// Equal names conflict only if both pools are desired.
func TestResolveEqualNames(t *testing.T) {
	t.Parallel()
	both := []string{"CALICO_IPV4POOL_NAME=pods", "CALICO_IPV6POOL_NAME=pods"}
	for _, line := range []string{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=none", "NO_DEFAULT_POOLS=1", "FELIX_IPV6SUPPORT=0"} {
		assert.NoError(t, settingstest.Given(t, append(both, line)...).Validate(), line)
	}
	const problem = `both default pools have this name; names must be unique`
	assert.EqualError(t, settingstest.Given(t, both...).Validate(), `env CALICO_IPV6POOL_NAME: "pods": `+problem)
	assert.EqualError(t, settingstest.Given(t, "CALICO_IPV4POOL_NAME=default-ipv6-ippool").Validate(),
		`env CALICO_IPV4POOL_NAME: "default-ipv6-ippool": `+problem)
	assert.EqualError(t, settingstest.Given(t, "--ipv6-pool-name=default-ipv4-ippool").Validate(),
		`flag --ipv6-pool-name: "default-ipv4-ippool": `+problem)
	assert.NoError(t, settingstest.Given(t, "CALICO_IPV4POOL_NAME=default-ipv6-ippool", "CALICO_IPV6POOL_NAME=default-ipv4-ippool").Validate())
}

// Resolve returns new values each time, so that a caller may modify them.
func TestResolveSharesNothing(t *testing.T) {
	t.Parallel()
	given := settingstest.Given(t, "CALICO_IPV4POOL_CIDR=10.0.0.0/8")
	one, err := given.Resolve()
	require.NoError(t, err)
	one.Desired.Pools[0].Pool.Spec.AllowedUses[0] = "changed"
	one.Desired.Pools[0].Values[0].Value = "changed"
	two, err := given.Resolve()
	require.NoError(t, err)
	assert.Equal(t, settingstest.Resolved(t, "CALICO_IPV4POOL_CIDR=10.0.0.0/8"), two)
}

func TestValidateIsResolve(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{nil, {"CALICO_IPV4POOL_CIDR=x"}, {"NO_DEFAULT_POOLS=maybe", "CALICO_IPPOOLS_TIMEOUT=1"}} {
		given := settingstest.Given(t, lines...)
		_, err := given.Resolve()
		assert.Equal(t, err, given.Validate())
		assert.Equal(t, lines != nil, errors.Is(err, settings.ErrInvalidSettings))
	}
}
