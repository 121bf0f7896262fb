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

func TestFault(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault settings.Fault
		want  string
	}{
		{"all fields", settings.Fault{Source: origin.Env("X"), Value: "1", Problem: "wrong; want 2"}, `env X: "1": wrong; want 2`},
		{"no source", settings.Fault{Value: "1", Problem: "wrong"}, `"1": wrong`},
		{"no value", settings.Fault{Source: origin.Env("X"), Problem: "missing"}, `env X: missing`},
		{"only the problem", settings.Fault{Problem: "wrong"}, `wrong`},
		{"secret", settings.Fault{Source: origin.Env("X"), Secret: true, Problem: "wrong"}, `env X: ***: wrong`},
		{"secret with a value", settings.Fault{Source: origin.Env("X"), Value: "hunter2", Secret: true, Problem: "wrong"}, `env X: ***: wrong`},
		{"lines", settings.Fault{Source: origin.File("a\nb"), Value: "1\n2\r3", Problem: "\nfirst:\n\t second\r\n\n third\n"},
			`file ***: ***: first: second; third`},
		{"control characters", settings.Fault{Source: origin.Caller("x"), Value: "\x1b[31m\u202e", Problem: "a\x1b[2J\u2028b\tc\u0085d"},
			`x: ***: a [2J b c d`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, tt.fault.Error())
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	var faults settings.Faults
	require.NoError(t, faults.Err())
	faults.Add(settings.Given("1", origin.Env("A")), "%d is wrong", 1)
	faults.AddSecret(settings.Given("hunter2", origin.Env("B")), "%s", "too short")
	faults.Add(settings.Setting{}, "100%% wrong")
	faults.AddSecret(settings.Setting{Source: origin.Env("C")}, "missing")

	err := faults.Err()
	require.EqualError(t, err, "env A: \"1\": 1 is wrong\nenv B: ***: too short\n100% wrong\nenv C: missing")
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	var settingsError *settings.Error
	require.ErrorAs(t, err, &settingsError)
	assert.Equal(t, []settings.Fault{
		{Source: origin.Env("A"), Value: "1", Problem: "1 is wrong"},
		{Source: origin.Env("B"), Secret: true, Problem: "too short"},
		{Problem: "100% wrong"},
		{Source: origin.Env("C"), Problem: "missing"},
	}, settingsError.Faults)
}

// A warning that is an error names the setting that makes it one.
func TestStrictWarnings(t *testing.T) {
	t.Parallel()
	lines := []string{"CALICO_IPV4POOL_CIDR=10.1.2.3/16", "CALICO_IPV6POOL_NAT_OUTGOING=off"}
	require.Len(t, settingstest.Resolved(t, append(lines, "--strict=false")...).Warnings, 2)
	config, err := settingstest.Given(t, append(lines, "--strict")...).Resolve()
	require.NoError(t, err, "an empty setting is unset")
	require.Len(t, config.Warnings, 2)
	config, err = settingstest.Given(t, append(lines, "CALICO_IPPOOLS_STRICT=yes")...).Resolve()
	require.EqualError(t, err, `env CALICO_IPV4POOL_CIDR: "10.1.2.3/16" has host bits, which are ignored: the pool is 10.1.0.0/16 (an error because of env CALICO_IPPOOLS_STRICT)
env CALICO_IPV6POOL_NAT_OUTGOING: "off" is read as false here; calico-node reads it as true (an error because of env CALICO_IPPOOLS_STRICT)`)
	assert.Empty(t, config.Warnings)
}

// hostile has values that would spoil a message if they were printed unescaped.
var hostile = map[string]string{
	"newlines":       "10.0.0.0/8\nenv X: all is well\r\n",
	"long":           strings.Repeat("x", 10_000),
	"long digits":    strings.Repeat("0", 10_000) + "26",
	"long zone":      "fe80::1%" + strings.Repeat("z", 10_000),
	"zone":           "fe80::1%\n\x1b[2J\u2028",
	"controls":       "\x00\x07\x1b[31m\x7f\u0085\u202e",
	"long controls":  strings.Repeat("\x01", 10_000),
	"no UTF-8":       "\xff\xfe" + strings.Repeat("\x80", 300),
	"format":         "%s%d%!v(MISSING)",
	"quotes":         `"'` + "`",
	"long selector":  strings.Repeat("has(a)||", 2_000) + "all()",
	"strange string": "zone == 'a\u2028b\x1b[2J' nonsense\nmore",
	"white space":    " \t ",
}

func TestFaultsOfHostileValues(t *testing.T) {
	t.Parallel()
	for name, value := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, d := range settings.Definitions() {
				var given settings.Settings
				*d.Of(&given) = settings.Given(value, origin.Env(d.Env))
				if err := given.Validate(); err != nil {
					settingstest.CheckFaults(t, err)
				}
			}
		})
	}
}

// The characters that an env file or a shell left around a value are named.
func TestFaultsOfWrappedValues(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`"10.0.0.0/16"`: "; remove the quotes around it", `'10.0.0.0/16'`: "; remove the quotes around it",
		"10.0.0.0/16\r": "; remove the carriage return at its end", " 10.0.0.0/16": "; remove the white space around it",
		"10.0.0.0/16 ": "; remove the white space around it", "10.0.0.0/16\t": "; remove the white space around it",
		`""`: "; remove the quotes around it",
	} {
		for _, name := range []string{"CALICO_IPV4POOL_CIDR", "CALICO_IPV4POOL_BLOCK_SIZE", "CALICO_IPV4POOL_IPIP", "CALICO_IPV4POOL_NAT_OUTGOING"} {
			err := settingstest.Given(t, name+"="+value).Validate()
			require.ErrorContains(t, err, "env "+name+": ", "%q", value)
			assert.True(t, strings.HasSuffix(err.Error(), want), "%s %q: %v", name, value, err)
		}
	}
	require.EqualError(t, settingstest.Given(t, "CALICO_IPV4POOL_CIDR=10.244.0.0/16,fd00:10:244::/56").Validate(),
		`env CALICO_IPV4POOL_CIDR: "10.244.0.0/16,fd00:10:244::/56": several CIDRs; must be one: set ipv4.pool.cidr and ipv6.pool.cidr`)
}

// spaceHint returns the end of the error of a value with white space around it.
func spaceHint(value string) string {
	if strings.TrimSpace(value) == value {
		return ""
	}
	return "; remove the white space around it"
}

// A value that is a template gets that as its problem, once, whatever its setting.
func TestTemplatesOfSettings(t *testing.T) {
	t.Parallel()
	const unrendered = ": is a template, which must be rendered first"
	for variable, want := range map[string]string{
		"CALICO_IPV4POOL_CIDR={{ cidr }}": "env CALICO_IPV4POOL_CIDR: ***", "CALICO_IPV4POOL_CIDR=__CIDR__": `env CALICO_IPV4POOL_CIDR: "__CIDR__"`,
		"CALICO_IPV4POOL_NAME=<name>": `env CALICO_IPV4POOL_NAME: "<name>"`, "CALICO_IPV4POOL_NODE_SELECTOR=zone == '${ZONE}'": `env CALICO_IPV4POOL_NODE_SELECTOR: "zone == '${ZONE}'"`,
		"CALICO_IPV4POOL_IPIP=$(MODE)": `env CALICO_IPV4POOL_IPIP: "$(MODE)"`, "CALICO_IPPOOLS_TIMEOUT=${T}s": `env CALICO_IPPOOLS_TIMEOUT: "${T}s"`,
		"--ipv4-pool-block-size=__BITS__": `flag --ipv4-pool-block-size: "__BITS__"`, "NO_DEFAULT_POOLS={{ x }}": "env NO_DEFAULT_POOLS: ***",
	} {
		err := settingstest.Given(t, variable).Validate()
		require.Error(t, err, variable)
		assert.Contains(t, err.Error(), unrendered, variable)
		assert.Len(t, strings.Split(err.Error(), "\n"), 1, variable)
		assert.Equal(t, want+unrendered, err.Error())
	}
}

// CheckText never shows a value; a secret is a template only as a whole.
func TestCheckText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"hunter2\r": "env ETCD_PASSWORD ends with a carriage return, which is used as a part of the value; remove it",
		`"hunter2"`: "env ETCD_PASSWORD has quotes around it, which are used as a part of the value; remove them",
		"'hunter2'": "env ETCD_PASSWORD has quotes around it, which are used as a part of the value; remove them",
		"hunter2":   "", "": "", "a{{b}}<c>$D": "", `a"`: "",
	} {
		var faults settings.Faults
		assert.Equal(t, want, faults.CheckText(settings.Given(value, origin.Env("ETCD_PASSWORD"))), value)
		assert.Empty(t, faults, value)
	}
	for _, value := range []string{"{{ password }}", "${PASSWORD}", "$(PASSWORD)", "__PASSWORD__", "<password>"} {
		var faults settings.Faults
		assert.Empty(t, faults.CheckText(settings.Given(value, origin.Env("ETCD_PASSWORD"))), value)
		faults.AddSecret(settings.Given(value, origin.Env("ETCD_PASSWORD")), "a password without a user")
		assert.EqualError(t, faults.Err(), "env ETCD_PASSWORD: ***: is a template, which must be rendered first", value)
	}
	var faults settings.Faults
	assert.Empty(t, faults.CheckText(settings.Given(`"hunter2"`, origin.File("F:3 spec.etcdPassword"))), "the quotes of a file are gone")
}
