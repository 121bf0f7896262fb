package settings_test

import (
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// inCases returns a word in several cases.
func inCases(word string) []string {
	mixed := []byte(word)
	for i := 1; i < len(mixed); i += 2 {
		mixed[i] = strings.ToUpper(word)[i]
	}
	return []string{word, strings.ToUpper(word), strings.ToUpper(word[:1]) + word[1:], string(mixed)}
}

// booleans maps the boolean settings to the values that they set.
var booleans = map[string]func(settings.Config) bool{
	"CALICO_IPV4POOL_NAT_OUTGOING":       func(c settings.Config) bool { return c.Desired.Pools[0].Pool.Spec.NATOutgoing },
	"CALICO_IPV6POOL_NAT_OUTGOING":       func(c settings.Config) bool { return c.Desired.Pools[1].Pool.Spec.NATOutgoing },
	"CALICO_IPV4POOL_DISABLE_BGP_EXPORT": func(c settings.Config) bool { return c.Desired.Pools[0].Pool.Spec.DisableBGPExport },
	"CALICO_IPV6POOL_DISABLE_BGP_EXPORT": func(c settings.Config) bool { return c.Desired.Pools[1].Pool.Spec.DisableBGPExport },
	"NO_DEFAULT_POOLS":                   func(c settings.Config) bool { return c.Desired.Pools[0].Skip != "" && c.Desired.Pools[1].Skip != "" },
	"FELIX_IPV6SUPPORT":                  func(c settings.Config) bool { return c.Desired.Pools[1].Skip == "" },
	"WAIT_FOR_DATASTORE":                 func(c settings.Config) bool { return c.Timeout == 0 },
}

func TestBooleans(t *testing.T) {
	t.Parallel()
	for name, read := range booleans {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, word := range []string{"true", "1", "t", "yes", "y", "on", "enabled"} {
				for _, text := range inCases(word) {
					assert.True(t, read(settingstest.Resolved(t, name+"="+text)), text)
				}
			}
			for _, word := range []string{"false", "0", "f", "no", "n", "off", "disabled"} {
				for _, text := range inCases(word) {
					assert.False(t, read(settingstest.Resolved(t, name+"="+text)), text)
				}
			}
			assert.Equal(t, read(settingstest.Resolved(t)), read(settingstest.Resolved(t, name+"=")), "empty is the default")
		})
	}
}

func TestInvalidBooleans(t *testing.T) {
	t.Parallel()
	const want = `: not a boolean; must be one of true 1 t yes y on enabled, false 0 f no n off disabled`
	for name := range booleans {
		assert.EqualError(t, settingstest.Given(t, name+"=ture").Validate(), "env "+name+`: "ture"`+want)
	}
	for _, word := range []string{"2", "10", "-1", "00", "tru", "truee", "none", "never", "null", "yesno", " ", "true ", "\ttrue", "true,false", "ｔｒｕｅ"} {
		setting := settings.Given(word, origin.Caller("here"))
		assert.EqualError(t, readFault(setting), "here: "+text.Quote(word)+want+spaceHint(word))
	}
}

func readFault(setting settings.Setting) error {
	var faults settings.Faults
	setting.Bool(false, &faults)
	return faults.Err()
}

// calico-node reads some words as true that are false here.
func TestWarningsOfFalseWords(t *testing.T) {
	t.Parallel()
	warned := []string{
		"CALICO_IPV4POOL_NAT_OUTGOING", "CALICO_IPV6POOL_NAT_OUTGOING",
		"CALICO_IPV4POOL_DISABLE_BGP_EXPORT", "CALICO_IPV6POOL_DISABLE_BGP_EXPORT", "FELIX_IPV6SUPPORT",
	}
	for _, name := range warned {
		for _, text := range append(inCases("off"), inCases("disabled")...) {
			assert.Equal(t, []string{"env " + name + `: "` + text + `" is read as false here; calico-node reads it as true`},
				settingstest.Resolved(t, name+"="+text).Warnings)
		}
		for _, text := range []string{"false", "0", "f", "no", "n", "FALSE", "No", "true", "1", "on", "enabled", "yes"} {
			assert.Empty(t, settingstest.Resolved(t, name+"="+text).Warnings, "%s=%s: both read the same", name, text)
		}
	}
	// calico-node reads these as false unless they are "true".
	for _, name := range []string{"NO_DEFAULT_POOLS", "WAIT_FOR_DATASTORE"} {
		assert.Empty(t, settingstest.Resolved(t, name+"=off").Warnings, name)
	}
	// calico-node has no flags.
	assert.Empty(t, settingstest.Resolved(t, "--ipv4-pool-nat-outgoing=off", "--ipv6-support=disabled").Warnings)
}

func TestModes(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"off": "Never", "never": "Never", "always": "Always", "crosssubnet": "CrossSubnet", "cross-subnet": "CrossSubnet",
	}
	for word, mode := range want {
		for _, text := range inCases(word) {
			pools := settingstest.Resolved(t, "CALICO_IPV4POOL_IPIP="+text, "CALICO_IPV6POOL_VXLAN="+text).Desired.Pools
			assert.Equal(t, v3.IPIPMode(mode), pools[0].Pool.Spec.IPIPMode, text)
			assert.Equal(t, v3.VXLANModeNever, pools[0].Pool.Spec.VXLANMode, text)
			assert.Equal(t, v3.IPIPModeNever, pools[1].Pool.Spec.IPIPMode, text)
			assert.Equal(t, v3.VXLANMode(mode), pools[1].Pool.Spec.VXLANMode, text)

			pool := settingstest.Resolved(t, "CALICO_IPV4POOL_VXLAN="+text).Desired.Pools[0].Pool
			assert.Equal(t, v3.VXLANMode(mode), pool.Spec.VXLANMode, text)
		}
	}
}

func TestInvalidModes(t *testing.T) {
	t.Parallel()
	const want = ": unknown mode; must be one of off, never, always, crosssubnet, cross-subnet"
	for _, name := range []string{"CALICO_IPV4POOL_IPIP", "CALICO_IPV4POOL_VXLAN", "CALICO_IPV6POOL_VXLAN"} {
		for _, text := range []string{"true", "on", "cross subnet", "cross_subnet", "Always ", "alway", "1"} {
			assert.EqualError(t, settingstest.Given(t, name+"="+text).Validate(), "env "+name+`: "`+text+`"`+want+spaceHint(text))
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	tests := []struct {
		lines []string
		want  time.Duration
	}{
		{nil, time.Minute},
		{[]string{"CALICO_IPPOOLS_TIMEOUT="}, time.Minute},
		{[]string{"CALICO_IPPOOLS_TIMEOUT=90s"}, 90 * time.Second},
		{[]string{"CALICO_IPPOOLS_TIMEOUT=1h2m3.5s"}, time.Hour + 2*time.Minute + 3500*time.Millisecond},
		{[]string{"CALICO_IPPOOLS_TIMEOUT=0"}, 0},
		{[]string{"CALICO_IPPOOLS_TIMEOUT=0s"}, 0},
		{[]string{"WAIT_FOR_DATASTORE=true"}, 0},
		{[]string{"WAIT_FOR_DATASTORE=false"}, time.Minute},
		{[]string{"WAIT_FOR_DATASTORE=true", "CALICO_IPPOOLS_TIMEOUT=5m"}, 5 * time.Minute},
		{[]string{"WAIT_FOR_DATASTORE=true", "CALICO_IPPOOLS_TIMEOUT=60s"}, time.Minute},
		{[]string{"WAIT_FOR_DATASTORE=false", "CALICO_IPPOOLS_TIMEOUT=0"}, 0},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, settingstest.Resolved(t, tt.lines...).Timeout, "%q", tt.lines)
	}
}

func TestInvalidTimeout(t *testing.T) {
	t.Parallel()
	const form = "must be a Go duration such as 90s or 5m; 0 means no limit"
	tests := []struct{ text, want string }{
		{"60", "a duration without a unit; did you mean 60s?"},
		{"1", "a duration without a unit; did you mean 1s?"},
		{"-60", "not a duration; " + form},
		{"1.5", "not a duration; " + form},
		{"1m30", "not a duration; " + form},
		{"1 m", "not a duration; " + form},
		{"1d", "not a duration; " + form},
		{"s", "not a duration; " + form},
		{"99999999999h", "not a duration; " + form},
		{"99999999999", "not a duration; " + form},
		{"none", "not a duration; " + form},
		{"-5s", "negative; " + form},
		{"-1ns", "negative; " + form},
	}
	for _, tt := range tests {
		assert.EqualError(t, settingstest.Given(t, "CALICO_IPPOOLS_TIMEOUT="+tt.text).Validate(),
			`env CALICO_IPPOOLS_TIMEOUT: "`+tt.text+`": `+tt.want)
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	all := text.Join(preflight.FindingCodes())
	assert.Empty(t, settingstest.Resolved(t, "--allow= , ").Allow)
	assert.Equal(t, []preflight.FindingCode{preflight.ULAWithoutNAT, preflight.PoolTerminating},
		settingstest.Resolved(t, "CALICO_IPPOOLS_ALLOW=ulawithoutnat, ,PoolTERMINATING").Allow)
	assert.Equal(t, preflight.FindingCodes(), settingstest.Resolved(t, "--allow="+all).Allow)
	assert.EqualError(t, settingstest.Given(t, "--allow=NoUsablePool,NoSuchThing,NoReturnRoutes").Validate(),
		`flag --allow: "NoSuchThing": unknown finding code; must be a code that a finding begins with, such as HostRouteOverlap: docs/FINDINGS.md lists them, and plan shows those of a cluster
flag --allow: "NoReturnRoutes": unknown finding code; did you mean NoReturnRoute?`)
}

// Of a list with many unknown codes, five are reported; a text too long for any list is
// reported as a whole.
func TestAllowMany(t *testing.T) {
	t.Parallel()
	given := func(text string) settings.Settings {
		return settings.Settings{Allow: settings.Given(text, origin.Caller("test"))}
	}
	config, err := given(strings.Repeat("ULAWithoutNAT,", 200)).Resolve()
	require.NoError(t, err)
	assert.Equal(t, []preflight.FindingCode{preflight.ULAWithoutNAT}, config.Allow)

	var invalid *settings.Error
	require.ErrorAs(t, given(strings.Repeat("x,", 1000)).Validate(), &invalid)
	require.Len(t, invalid.Faults, 6)
	assert.Equal(t, "test: 995 more unknown finding codes", invalid.Faults[5].Error())

	begin := time.Now()
	require.ErrorAs(t, given(strings.Repeat("x,", 5_000_000)).Validate(), &invalid)
	require.Len(t, invalid.Faults, 1)
	assert.Less(t, time.Since(begin), 20*time.Second)
}
