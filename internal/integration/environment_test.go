package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
)

// variable is an environment variable with values to try. The first value changes
// the record and is compatible with the first value of every other variable.
type variable struct {
	name   string
	values []string
}

var environment = []variable{
	{"CALICO_IPV4POOL_CIDR", []string{
		"10.244.0.0/16", "10.244.5.7/16", "none", "NONE", "10.0.0.0/8", "10.9.8.0/26", "10.9.8.0/27",
		"fd00::/64", "10.244.0.0", "10.244.0.0/33", "010.0.0.0/8", " 10.0.0.0/8", "169.254.1.0/24", "0.0.0.0/0", "::ffff:10.0.0.0/104", "all",
	}},
	{"CALICO_IPV4POOL_NAME", []string{"my-pool.v4", "default-ipv6-ippool", "My_Pool", "a/b", strings.Repeat("a", 254)}},
	{"CALICO_IPV4POOL_BLOCK_SIZE", []string{"24", "026", "20", "32", "19", "33", "0x1a", "+26", "26.0", "-1", "24 ", "99999999999999999999"}},
	{"CALICO_IPV4POOL_IPIP", []string{"Always", "off", "NEVER", "crosssubnet", "Cross-Subnet", "on", "true"}},
	{"CALICO_IPV4POOL_VXLAN", []string{"never", "Always", "off", "CrossSubnet", "cross-subnet", "vxlan"}},
	{"CALICO_IPV4POOL_NAT_OUTGOING", []string{"false", "true", "1", "0", "No", "YES", "t", "F", "on", "off", "Enabled", "disabled", "nope", "TRUE ", "2"}},
	{"CALICO_IPV4POOL_NODE_SELECTOR", []string{
		`zone == "a" && !has(edge)`, "all()", "  ", "rack in {'1','2'} || x<y", "zone = 'a'", "global()", "has(a", "zone == 'ä' & b",
	}},
	{"CALICO_IPV4POOL_DISABLE_BGP_EXPORT", []string{"true", "false", "off", "maybe"}},

	{"CALICO_IPV6POOL_CIDR", []string{
		"fd00:10:244::/64", "FD00:0010:0244:0000::/64", "fd00:10:244::1/64", "none", "None",
		"10.0.0.0/16", "fe80::/64", "fd00::/123", "fd00::/122", "fd00::1", "fd00::%eth0/64", "::/0",
	}},
	{"CALICO_IPV6POOL_NAME", []string{"my-pool.v6", "default-ipv4-ippool", "-"}},
	{"CALICO_IPV6POOL_BLOCK_SIZE", []string{"116", "128", "122", "0122", "26", "115", "129", "/122"}},
	{"CALICO_IPV6POOL_VXLAN", []string{"Always", "never", "CROSSSUBNET", "ipip"}},
	{"CALICO_IPV6POOL_NAT_OUTGOING", []string{"true", "false", "y", "N", "disabled", "-"}},
	{"CALICO_IPV6POOL_NODE_SELECTOR", []string{"has(ipv6)", "all( )", "all ()", "'a' == b"}},
	{"CALICO_IPV6POOL_DISABLE_BGP_EXPORT", []string{"yes", "no", "ja"}},

	{"NO_DEFAULT_POOLS", []string{"false", "true", "1", "0", "none"}},
	{"FELIX_IPV6SUPPORT", []string{"true", "false", "0", "auto"}},
	{"WAIT_FOR_DATASTORE", []string{"true", "false", "always"}},
	{"CALICO_IPPOOLS_TIMEOUT", []string{"90s", "0", "1h30m", "90", "-1s", "soon"}},
	{"CALICO_STARTUP_LOGLEVEL", []string{"debug", "INFO", "warning", "error", "loud"}},
	{"CALICO_IPPOOLS_LOG_FORMAT", []string{"json", "text", "xml"}},
	{"CALICO_IPPOOLS_FILE", []string{"no-such-file.yaml"}},
	{"CALICO_IPPOOLS_CLUSTER_CIDR", []string{"10.244.0.0/16", "fd00:10:244::/56, 10.244.0.0/16", "10.1.0.0/16,10.2.0.0/16", "none", "10.244.5.7/16"}},
	{"CALICO_IPPOOLS_SERVICE_CIDR", []string{"10.96.0.0/12,fd00:96::/108", "10.96.0.1/12", "none"}},
	{"CALICO_NETWORKING_BACKEND", []string{"vxlan", "bird", "none", "BIRD", "VXLAN", "gobgp"}},
	{"CALICO_IPPOOLS_NO_NAT_TO", []string{"10.0.0.0/8,10.1.0.0/16", "none"}}, // valid ones are in the suites
	{"CALICO_IPPOOLS_ON_DRIFT", []string{"Update", "report", "fail", "overwrite"}},
	{"CALICO_IPPOOLS_PREFLIGHT", []string{"off", "WARN", "on"}},
	{"CALICO_IPPOOLS_ALLOW", []string{"ULAWithoutNAT", "ulawithoutnat, NoUsablePool,", "everything, ULAWithoutNAT"}},
	{"CALICO_IPPOOLS_STRICT", []string{"true", "false", "very"}},
}

// TestEnvironmentTableIsComplete checks that the table has every setting.
func TestEnvironmentTableIsComplete(t *testing.T) {
	t.Parallel()
	var defined, tried []string
	for _, d := range settings.Definitions() {
		if !d.Prefixed {
			defined = append(defined, d.Env)
		}
	}
	for _, v := range environment {
		tried = append(tried, v.name)
	}
	assert.ElementsMatch(t, defined, tried)
}

// TestEnvironmentWithoutFlags sets one variable at a time, to each of its values.
func TestEnvironmentWithoutFlags(t *testing.T) {
	world := newEtcdWorld(t)
	var cases []map[string]string
	cases = append(cases, nil)
	for _, v := range environment {
		for _, value := range v.values {
			cases = append(cases, map[string]string{v.name: value})
		}
	}
	compareWithGolden(t, world, "environment-alone.txt", cases)
}

// TestEnvironmentPairs sets each pair of variables to their first values, and some
// pairs to values that contradict each other.
func TestEnvironmentPairs(t *testing.T) {
	world := newEtcdWorld(t)
	var cases []map[string]string
	for i, a := range environment {
		for _, b := range environment[i+1:] {
			cases = append(cases, map[string]string{a.name: a.values[0], b.name: b.values[0]})
		}
	}
	cases = append(cases,
		map[string]string{"CALICO_IPV4POOL_IPIP": "Always", "CALICO_IPV4POOL_VXLAN": "CrossSubnet"},
		map[string]string{"CALICO_IPV4POOL_IPIP": "off", "CALICO_IPV4POOL_VXLAN": "Always"},
		map[string]string{"CALICO_IPV4POOL_CIDR": "10.9.8.0/25", "CALICO_IPV4POOL_BLOCK_SIZE": "24"},
		map[string]string{"CALICO_IPV4POOL_CIDR": "10.9.8.0/28", "CALICO_IPV4POOL_BLOCK_SIZE": "28"},
		map[string]string{"CALICO_IPV6POOL_CIDR": "fd00::/121", "CALICO_IPV6POOL_BLOCK_SIZE": "120"},
		map[string]string{"CALICO_IPV4POOL_NAME": "same", "CALICO_IPV6POOL_NAME": "same"},
		map[string]string{"CALICO_IPV4POOL_CIDR": "none", "CALICO_IPV6POOL_NAME": "default-ipv4-ippool"},
		map[string]string{"CALICO_IPV4POOL_CIDR": "none", "CALICO_IPV6POOL_CIDR": "none"},
		map[string]string{"NO_DEFAULT_POOLS": "true", "CALICO_IPV4POOL_CIDR": "10.244.0.0/16"},
		map[string]string{"NO_DEFAULT_POOLS": "yes", "CALICO_IPV6POOL_CIDR": "none"},
		map[string]string{"NO_DEFAULT_POOLS": "1", "CALICO_IPV4POOL_BLOCK_SIZE": "64"},
		map[string]string{"FELIX_IPV6SUPPORT": "false", "CALICO_IPV6POOL_CIDR": "fd00:10:244::/64"},
		map[string]string{"FELIX_IPV6SUPPORT": "false", "CALICO_IPV6POOL_BLOCK_SIZE": "26"},
		map[string]string{"WAIT_FOR_DATASTORE": "perhaps", "CALICO_IPPOOLS_TIMEOUT": "never"},
		map[string]string{"CALICO_IPV4POOL_CIDR": "bad", "CALICO_IPV6POOL_CIDR": "worse"},
	)
	compareWithGolden(t, world, "environment-pairs.txt", cases)
}

// compareWithGolden bootstraps an empty etcd in each environment and compares the
// results with the golden file. If the environment is valid, it also compares the
// records with those of a model of calico-node.
func compareWithGolden(t *testing.T, world *etcdWorld, name string, cases []map[string]string) {
	t.Helper()
	for _, d := range settings.Definitions() {
		t.Setenv(d.Env, "")
		if d.Prefixed {
			t.Setenv("CALICO_"+d.Env, "")
		}
	}
	t.Setenv("ETCD_ENDPOINTS", strings.Join(world.server.Endpoints(), ","))

	var golden strings.Builder
	valid := 0
	for _, env := range cases {
		text, records, err := bootstrapIn(t, world.empty(t), env)
		golden.WriteString(text)
		if err == nil {
			valid++
			assert.Equal(t, modelRecords(env), records, "%v", env)
		} else {
			assert.Empty(t, records, "%v: nothing is written if a setting is invalid", env)
			assert.Empty(t, world.server.RPCs()[:len(world.server.RPCs())-1], "%v: nothing is contacted", env)
		}
	}
	assert.Greater(t, valid, len(cases)/4)

	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(golden.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), golden.String())
}

// bootstrapIn does one run in the environment and describes its result.
func bootstrapIn(t *testing.T, world *etcdWorld, env map[string]string) (text string, records []string, err error) {
	t.Helper()
	var (
		out   strings.Builder
		given []string
	)
	for _, v := range environment {
		value, set := env[v.name]
		t.Setenv(v.name, value)
		if set {
			given = append(given, fmt.Sprintf("%s=%q", v.name, value))
		}
	}
	fmt.Fprintln(&out, "#", strings.Join(given, " "))

	s, _, err := settings.Load(settings.Settings{}, "")
	if err != nil { // an unreadable file; Run reports it with all other errors
		require.ErrorIs(t, err, settings.ErrInvalidSettings)
	}
	config, warnings, err := etcdv3.FromSettings(s.Datastore)
	require.NoError(t, err)
	require.Empty(t, warnings)
	b := bootstrap.New(open(t, config),
		bootstrap.WithHost(suite.Host{}),
		bootstrap.WithRandom(&countingReader{}),
		bootstrap.WithClock(func() time.Time { return time.Date(2026, 11, 22, 17, 45, 23, 999, time.UTC) }))
	report, err := b.Run(t.Context(), s)
	if err != nil {
		require.ErrorIs(t, err, settings.ErrInvalidSettings)
		for _, line := range strings.Split(err.Error(), "\n") {
			fmt.Fprintf(&out, "  error: %s\n", line)
		}
	}
	for _, warning := range report.Warnings {
		fmt.Fprintf(&out, "  warning: %s\n", warning)
	}
	for _, pool := range report.Pools {
		fmt.Fprintf(&out, "  %s %s: %s\n", pool.Name, pool.Action, pool.Reason)
	}
	for _, record := range world.records(t) {
		fmt.Fprintf(&out, "  %s\n", record.value)
		records = append(records, record.value)
	}
	return out.String(), records, err
}

// countingReader returns the bytes 0, 1, 2, … as random bytes.
type countingReader struct{ next byte }

func (r *countingReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.next
		r.next++
	}
	return len(p), nil
}
