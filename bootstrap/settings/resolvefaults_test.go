package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/golden"
)

// subdomain is the end of the error for an invalid name.
const subdomain = `; must be a DNS subdomain name such as rack-a: up to 253 lower-case letters, digits, "-" and ".", with a letter or a digit at its ends and beside each "."`

func TestResolveFaults(t *testing.T) {
	t.Parallel()
	const (
		wantFour = "; must be an IPv4 CIDR, or none"
		wantSix  = "; must be an IPv6 CIDR, or none"
		noCIDR   = "not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64"
		mapped   = "an IPv4-mapped IPv6 CIDR: write it as IPv4"
		noLength = "an address without a prefix length such as /16"
		linkFour = "overlaps the link-local range 169.254.0.0/16; must be outside it"
		linkSix  = "overlaps the link-local range fe80::/10; must be outside it"
	)
	tests := []struct {
		name  string
		given []string
		want  []string
	}{
		{"not a CIDR", []string{"CALICO_IPV4POOL_CIDR=pods"},
			[]string{`env CALICO_IPV4POOL_CIDR: "pods": ` + noCIDR + wantFour}},
		{"a mask in place of a length", []string{"CALICO_IPV4POOL_CIDR=10.0.0.0/255.0.0.0"},
			[]string{`env CALICO_IPV4POOL_CIDR: "10.0.0.0/255.0.0.0": ` + noCIDR + wantFour}},
		{"length too long", []string{"CALICO_IPV4POOL_CIDR=10.0.0.0/33"},
			[]string{`env CALICO_IPV4POOL_CIDR: "10.0.0.0/33": ` + noCIDR + wantFour}},
		{"leading zeros", []string{"CALICO_IPV4POOL_CIDR=010.0.0.0/8"},
			[]string{`env CALICO_IPV4POOL_CIDR: "010.0.0.0/8": ` + noCIDR + wantFour}},
		{"two CIDRs", []string{"--ipv4-pool-cidr=10.0.0.0/8,fd00::/64"},
			[]string{`flag --ipv4-pool-cidr: "10.0.0.0/8,fd00::/64": several CIDRs; must be one: set ipv4.pool.cidr and ipv6.pool.cidr`}},
		{"no length", []string{"CALICO_IPV4POOL_CIDR=10.0.0.0"},
			[]string{`env CALICO_IPV4POOL_CIDR: "10.0.0.0": ` + noLength + wantFour}},
		{"IPv6 for IPv4", []string{"CALICO_IPV4POOL_CIDR=fd00::/64"},
			[]string{`env CALICO_IPV4POOL_CIDR: "fd00::/64": an IPv6 CIDR` + wantFour}},
		{"IPv4 for IPv6", []string{"CALICO_IPV6POOL_CIDR=10.0.0.0/8"},
			[]string{`env CALICO_IPV6POOL_CIDR: "10.0.0.0/8": an IPv4 CIDR` + wantSix}},
		{"mapped, for IPv4", []string{"CALICO_IPV4POOL_CIDR=::ffff:10.0.0.0/104"},
			[]string{`env CALICO_IPV4POOL_CIDR: "::ffff:10.0.0.0/104": ` + mapped + wantFour}},
		{"mapped, for IPv6", []string{"CALICO_IPV6POOL_CIDR=::ffff:a00:0/104"},
			[]string{`env CALICO_IPV6POOL_CIDR: "::ffff:a00:0/104": ` + mapped + wantSix}},
		{"link-local", []string{"CALICO_IPV4POOL_CIDR=169.254.7.0/24"},
			[]string{`env CALICO_IPV4POOL_CIDR: "169.254.7.0/24": ` + linkFour}},
		{"around link-local", []string{"CALICO_IPV4POOL_CIDR=169.0.0.0/8"},
			[]string{`env CALICO_IPV4POOL_CIDR: "169.0.0.0/8": ` + linkFour}},
		{"link-local IPv6", []string{"CALICO_IPV6POOL_CIDR=febf::/16"},
			[]string{`env CALICO_IPV6POOL_CIDR: "febf::/16": ` + linkSix}},
		{"all addresses", []string{"CALICO_IPV4POOL_CIDR=0.0.0.0/0", "CALICO_IPV6POOL_CIDR=::/0"}, []string{
			`env CALICO_IPV4POOL_CIDR: "0.0.0.0/0": ` + linkFour,
			`env CALICO_IPV6POOL_CIDR: "::/0": ` + linkSix,
		}},

		{"smaller than the default block", []string{"CALICO_IPV4POOL_CIDR=10.0.0.0/27"}, []string{
			`env CALICO_IPV4POOL_CIDR: "10.0.0.0/27": is smaller than one block of /26: Calico can't assign addresses from it; widen it to at least /26, or use blocks of /27 to /32`,
		}},
		{"smaller than the default IPv6 block", []string{"--ipv6-pool-cidr=fd00::/123"}, []string{
			`flag --ipv6-pool-cidr: "fd00::/123": is smaller than one block of /122: Calico can't assign addresses from it; widen it to at least /122, or use blocks of /123 to /128`,
		}},
		{"smaller than the given block", []string{"CALICO_IPV4POOL_CIDR=10.0.0.0/24", "--ipv4-pool-block-size=020"}, []string{
			`env CALICO_IPV4POOL_CIDR: "10.0.0.0/24": is smaller than one block of /20: Calico can't assign addresses from it; widen it to at least /20, or use blocks of /24 to /32 (flag --ipv4-pool-block-size is "020")`,
		}},
		{"smaller than a block size with many zeros",
			[]string{"CALICO_IPV4POOL_CIDR=10.0.0.0/24", "CALICO_IPV4POOL_BLOCK_SIZE=" + strings.Repeat("0", 1000) + "20"}, []string{
				`env CALICO_IPV4POOL_CIDR: "10.0.0.0/24": is smaller than one block of /20: Calico can't assign addresses from it; widen it to at least /20, or use blocks of /24 to /32 (env CALICO_IPV4POOL_BLOCK_SIZE is "` + strings.Repeat("0", 200) + `"… (1002 bytes))`,
			}},

		{"both encapsulations", []string{"CALICO_IPV4POOL_IPIP=Always", "--ipv4-pool-vxlan=crosssubnet"}, []string{
			`flag --ipv4-pool-vxlan: "crosssubnet": contradicts env CALICO_IPV4POOL_IPIP "Always": only one encapsulation can be enabled; set one of them to never`,
		}},

		{"not a selector", []string{"CALICO_IPV4POOL_NODE_SELECTOR=zone = 'a'"},
			[]string{`env CALICO_IPV4POOL_NODE_SELECTOR: "zone = 'a'": column 6: expected ==, !=, in, not in, contains, starts with or ends with, found "="`}},
		{"a truncated selector", []string{"CALICO_IPV6POOL_NODE_SELECTOR=all() &&"},
			[]string{`env CALICO_IPV6POOL_NODE_SELECTOR: "all() &&": column 9: expected a label, all(), has(), "!" or "(", found end of selector`}},
		{"global()", []string{"CALICO_IPV4POOL_NODE_SELECTOR=has(a) || global()"},
			[]string{`env CALICO_IPV4POOL_NODE_SELECTOR: "has(a) || global()": column 11: global() is valid only in policies, not in IP pools`}},
		{"global( in quotes", []string{"CALICO_IPV4POOL_NODE_SELECTOR=a == 'global()'"},
			[]string{`env CALICO_IPV4POOL_NODE_SELECTOR: "a == 'global()'": must not contain "global("`}},

		{"upper case in a name", []string{"CALICO_IPV4POOL_NAME=Default"}, []string{`env CALICO_IPV4POOL_NAME: "Default": has 'D'` + subdomain}},
		{"space in a name", []string{"--ipv6-pool-name=my pool"}, []string{`flag --ipv6-pool-name: "my pool": has ' '` + subdomain}},
		{"slash in a name", []string{"CALICO_IPV4POOL_NAME=a/b"}, []string{`env CALICO_IPV4POOL_NAME: "a/b": has '/'` + subdomain}},
		{"long name", []string{"CALICO_IPV4POOL_NAME=" + strings.Repeat("a", 254)},
			[]string{`env CALICO_IPV4POOL_NAME: "` + strings.Repeat("a", 200) + `"… (254 bytes): has 254 characters` + subdomain}},

		{"NO_DEFAULT_POOLS and CIDRs", []string{"NO_DEFAULT_POOLS=1", "CALICO_IPV4POOL_CIDR=10.0.0.0/8", "--ipv6-pool-cidr=fd00::/64"}, []string{
			`env CALICO_IPV4POOL_CIDR: "10.0.0.0/8": contradicts env NO_DEFAULT_POOLS "1"; set one of the two`,
			`flag --ipv6-pool-cidr: "fd00::/64": contradicts env NO_DEFAULT_POOLS "1"; set one of the two`,
		}},

		{"one CIDR with two faults", []string{"CALICO_IPV4POOL_CIDR=169.254.0.0/30"}, []string{
			`env CALICO_IPV4POOL_CIDR: "169.254.0.0/30": ` + linkFour,
			`env CALICO_IPV4POOL_CIDR: "169.254.0.0/30": is smaller than one block of /26: Calico can't assign addresses from it; widen it to at least /26, or use blocks of /30 to /32`,
		}},
		{"NO_DEFAULT_POOLS and an invalid CIDR", []string{"NO_DEFAULT_POOLS=1", "CALICO_IPV4POOL_CIDR=x", "CALICO_IPV6POOL_CIDR=none"}, []string{
			`env CALICO_IPV4POOL_CIDR: "x": contradicts env NO_DEFAULT_POOLS "1"; set one of the two`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := settingstest.Given(t, tt.given...).Validate()
			require.EqualError(t, err, strings.Join(tt.want, "\n"))
			settingstest.CheckFaults(t, err)
		})
	}
}

// Invalid and contradictory settings of a family without a default pool are warnings, as
// for calico-node; --strict makes them errors.
func TestResolveFaultsOfSkippedPools(t *testing.T) {
	t.Parallel()
	const (
		noIPv4 = `; no effect because there is no default IPv4 pool: env CALICO_IPV4POOL_CIDR is "none"`
		noIPv6 = "; no effect because there is no default IPv6 pool: "
		off    = `IPv6 is not supported: env FELIX_IPV6SUPPORT is "false"`
	)
	for name, tt := range map[string]struct{ given, want []string }{
		"name": {[]string{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV4POOL_NAME=A"}, []string{`env CALICO_IPV4POOL_NAME: "A": has 'A'` + subdomain + noIPv4}},
		"both encapsulations": {[]string{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV4POOL_IPIP=Always", "CALICO_IPV4POOL_VXLAN=CrossSubnet"}, []string{
			`env CALICO_IPV4POOL_VXLAN: "CrossSubnet": contradicts env CALICO_IPV4POOL_IPIP "Always": only one encapsulation can be enabled; set one of them to never` + noIPv4}},
		"block size": {[]string{"CALICO_IPV6POOL_CIDR=NONE", "--ipv6-pool-block-size=64"}, []string{`flag --ipv6-pool-block-size: "64": must be between 116 and 128 for IPv6` + noIPv6 + `env CALICO_IPV6POOL_CIDR is "NONE"`}},
		"IPv6 CIDR":  {[]string{"FELIX_IPV6SUPPORT=false", "CALICO_IPV6POOL_CIDR=x"}, []string{`env CALICO_IPV6POOL_CIDR: "x": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64; must be an IPv6 CIDR, or none` + noIPv6 + off}},
		"boolean":    {[]string{"NO_DEFAULT_POOLS=true", "CALICO_IPV4POOL_NAT_OUTGOING=maybe"}, []string{`env CALICO_IPV4POOL_NAT_OUTGOING: "maybe": not a boolean; must be one of true 1 t yes y on enabled, false 0 f no n off disabled; no effect because there is no default IPv4 pool: env NO_DEFAULT_POOLS is "true"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := settingstest.Resolved(t, tt.given...)
			for _, want := range tt.want {
				assert.Contains(t, config.Warnings, want)
			}
			strict := settingstest.Given(t, append(tt.given, "--strict=true")...).Validate()
			for _, want := range tt.want {
				assert.ErrorContains(t, strict, want[:30])
			}
		})
	}
}

// A value that requests what happens anyway is no warning.
func TestResolveIdleSettingsThatChangeNothing(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{
		{"FELIX_IPV6SUPPORT=false", "CALICO_IPV6POOL_VXLAN=Never"},
		{"FELIX_IPV6SUPPORT=false", "CALICO_IPV6POOL_CIDR=none"},
		{"NO_DEFAULT_POOLS=true", "CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=None"},
		{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV4POOL_IPIP=NEVER"},
	} {
		assert.Empty(t, settingstest.Resolved(t, append(lines, "--strict=true")...).Warnings, lines)
	}
	for _, never := range []string{"Never", "off", "NEVER"} {
		given := settings.Settings{Unknown: []settings.Setting{settings.Given(never, origin.Env("CALICO_IPV6POOL_IPIP"))}}
		config, err := given.Resolve()
		require.NoError(t, err)
		assert.Empty(t, config.Warnings)
	}
	assert.NotEmpty(t, settingstest.Resolved(t, "FELIX_IPV6SUPPORT=false", "CALICO_IPV6POOL_CIDR=fd00::/64").Warnings)
}

// All faults are returned together, one per line, in a fixed order.
func TestResolveFaultsTogether(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, name := range append(append([]string{}, poolVariables...), runVariables...) {
		lines = append(lines, name+"=? wrong")
	}
	lines = append(lines,
		"CALICO_DATASTORE_TYPE=? wrong", "CALICO_ETCD_PASSWORD=hunter2", "ETCD_ENDPOINTS=https://root:hunter2@10.0.0.1:2379")
	err := settingstest.Given(t, lines...).Validate()
	settingstest.CheckFaults(t, err)
	golden.Check(t, "faults.golden", err.Error()+"\n")
	assert.NotContains(t, err.Error(), "hunter2")
	for range 10 {
		assert.Equal(t, err, settingstest.Given(t, lines...).Validate())
	}
}

// Resolve does not validate the settings of the connection: the datastore's package does.
func TestResolveDoesNotValidateTheConnection(t *testing.T) {
	t.Parallel()
	given := settingstest.Given(t, "ETCD_PASSWORD=hunter2", "ETCD_ENDPOINTS=nonsense", "ETCD_CA_CERT_FILE=missing")
	given.Datastore.EtcdKey = settings.Given("hunter2", origin.Caller("file"))
	config, err := given.Resolve()
	require.NoError(t, err)
	assert.Empty(t, config.Warnings)
	assert.Equal(t, datastore.EtcdV3, config.Datastore)
}

func TestResolveWarningsTogether(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{
		`env CALICO_IPV4POOL_CIDR: "10.0.0.1/8" has host bits, which are ignored: the pool is 10.0.0.0/8`,
		`env CALICO_IPV4POOL_NAT_OUTGOING: "off" is read as false here; calico-node reads it as true`,
		`env CALICO_IPV4POOL_DISABLE_BGP_EXPORT: "Disabled" is read as false here; calico-node reads it as true`,
		`flag --ipv6-pool-cidr: "fd00::1/64" has host bits, which are ignored: the pool is fd00::/64`,
		`env FELIX_IPV6SUPPORT: "off" is read as false here; calico-node reads it as true`,
		`flag --ipv6-pool-cidr "fd00::1/64": no effect because there is no default IPv6 pool: IPv6 is not supported: env FELIX_IPV6SUPPORT is "off"`,
	}, settingstest.Resolved(t,
		"FELIX_IPV6SUPPORT=off", "--ipv6-pool-cidr=fd00::1/64", "CALICO_IPV4POOL_DISABLE_BGP_EXPORT=Disabled",
		"CALICO_IPV4POOL_NAT_OUTGOING=off", "CALICO_IPV4POOL_CIDR=10.0.0.1/8",
	).Warnings)
}
