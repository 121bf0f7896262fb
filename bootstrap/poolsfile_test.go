package bootstrap

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func TestPoolsFileAndDefaultPools(t *testing.T) {
	t.Parallel()
	const fromFile = "the pools come from flag --pools-file /etc/pools"
	tests := []struct {
		name       string
		lines      []string
		ipv4, ipv6 string
		wantWarned []string
	}{
		{"no other settings", nil, fromFile, fromFile, nil},
		{"a CIDR", []string{"CALICO_IPV4POOL_CIDR=10.9.0.0/16"}, "", fromFile, nil},
		{"both CIDRs", []string{"CALICO_IPV4POOL_CIDR=10.9.0.0/16", "CALICO_IPV6POOL_CIDR=fd09::/64"}, "", "", nil},
		{"none", []string{"CALICO_IPV4POOL_CIDR=none"}, `env CALICO_IPV4POOL_CIDR is "none"`, fromFile, nil},
		{"NO_DEFAULT_POOLS", []string{"NO_DEFAULT_POOLS=true"}, `env NO_DEFAULT_POOLS is "true"`, `env NO_DEFAULT_POOLS is "true"`, nil},
		{"settings without a pool", []string{"CALICO_IPV4POOL_IPIP=Always", "--ipv4-pool-block-size=28"}, fromFile, fromFile, []string{
			`flag --ipv4-pool-block-size "28", env CALICO_IPV4POOL_IPIP "Always": no effect because there is no default IPv4 pool: ` + fromFile}},
		{"equal names", []string{"CALICO_IPV4POOL_NAME=a", "CALICO_IPV6POOL_NAME=a"}, fromFile, fromFile, []string{
			`env CALICO_IPV4POOL_NAME "a": no effect because there is no default IPv4 pool: ` + fromFile,
			`env CALICO_IPV6POOL_NAME "a": no effect because there is no default IPv6 pool: ` + fromFile}},
		{"no IPv6", []string{"FELIX_IPV6SUPPORT=false"}, fromFile, fromFile, []string{
			`file a.yaml:4: IPPool "b" is skipped: IPv6 is not supported: env FELIX_IPV6SUPPORT is "false"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config, err := settingstest.WithFiles(t, tt.lines, "a.yaml", settingstest.Flat("a", "10.1.0.0/16")+settingstest.Flat("b", "fd00::/64")).Resolve()
			require.NoError(t, err)
			require.Len(t, config.Desired.Pools, 4)
			assert.Equal(t, tt.ipv4, config.Desired.Pools[0].Skip)
			assert.Equal(t, tt.ipv6, config.Desired.Pools[1].Skip)
			assert.Empty(t, config.Desired.Pools[2].Skip)
			wantSkip := ""
			if tt.name == "no IPv6" {
				wantSkip = `IPv6 is not supported: env FELIX_IPV6SUPPORT is "false"`
			}
			assert.Equal(t, wantSkip, config.Desired.Pools[3].Skip)
			assert.Equal(t, tt.wantWarned, config.Warnings)
		})
	}
}

func TestManyPoolsInFiles(t *testing.T) {
	t.Parallel()
	var files []string
	for i := range 500 {
		text := settingstest.Flat(fmt.Sprintf("pool-%03d", 499-i), fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))
		if i%2 == 0 {
			text = fmt.Sprintf(`{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"pool-%03d"},"spec":{"cidr":"10.%d.%d.0/24"}}`, 499-i, i/256, i%256)
		}
		files = append(files, fmt.Sprintf("%03d.%s", i, []string{"json", "yaml"}[i%2]), text)
	}
	given := settingstest.PoolsFrom(t, settingstest.WriteFiles(t, files...))
	require.Len(t, given.PoolManifests, 500)
	config, err := given.Resolve()
	require.NoError(t, err)
	require.Len(t, config.Desired.Pools, 502)
	for i, desired := range config.Desired.Pools[2:] {
		assert.Equal(t, fmt.Sprintf("pool-%03d", i), desired.Pool.Name)
	}
	pools, _, err := Render(t.Context(), settingstest.Given(t, "--pools-file="+given.PoolsFile.Value), WithHost(fakeHost{t: t}))
	require.NoError(t, err)
	assert.Len(t, pools, 500)
}

func TestRunAndRenderReadThePoolsFile(t *testing.T) {
	t.Parallel()
	given := settingstest.Given(t, "--pools-file="+settingstest.WriteFiles(t, "racks.yaml", settingstest.Racks))
	pools, _, err := Render(t.Context(), given, WithHost(fakeHost{reads: new(int)}))
	require.NoError(t, err)
	require.Len(t, pools, 2)
	assert.Equal(t, "rack-a", pools[0].Name)
	assert.Equal(t, map[string]string{"zone": "b", "team": "core"}, pools[1].Labels)
	assert.Equal(t, map[string]string{"example.com/note": "second"}, pools[1].Annotations)
	assert.Equal(t, "fd00:10::/64", pools[1].Spec.CIDR)

	report, err := run(t, newStore(), given)
	require.NoError(t, err)
	var names []string
	for _, pool := range report.Pools {
		if pool.Action == plan.Created {
			names = append(names, pool.Name)
		}
	}
	assert.ElementsMatch(t, []string{"rack-a", "rack-b"}, names)
}

// Without IPv6, the warning about a skipped pool of a file has the name of the pool. With
// --strict it is an error, as in apply.
func TestRenderReportsSkippedPools(t *testing.T) {
	t.Parallel()
	dir := settingstest.WriteFiles(t, "a.yaml", settingstest.Flat("a", "10.1.0.0/16")+settingstest.Flat("six", "fd00::/64"))
	_, warnings, err := Render(t.Context(), settingstest.Given(t, "--pools-file="+dir, "--ipv6-support=false"), WithHost(fakeHost{t: t}))
	require.NoError(t, err)
	assert.Equal(t, []string{
		"file " + filepath.Join(dir, "a.yaml") + `:4: IPPool "six" is skipped: IPv6 is not supported: flag --ipv6-support is "false"`,
	}, warnings)
	strict := settingstest.Given(t, "--pools-file="+dir, "--ipv6-support=false", "--strict=true")
	_, _, err = Render(t.Context(), strict, WithHost(fakeHost{t: t}))
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	store := newStore()
	_, err = run(t, store, strict)
	require.ErrorContains(t, err, `IPPool "six" is skipped`)
	assert.Empty(t, store.calls)
}

// The errors of unreadable files, readable files and settings are returned together.
func TestPoolsFileErrorsAreReturnedTogether(t *testing.T) {
	t.Parallel()
	dir := settingstest.WriteFiles(t, "a.yaml", settingstest.Flat("a", "10.1.0.0/33"))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "b.yaml")))
	given := settingstest.Given(t, "--pools-file="+dir, "--timeout=soon")
	want := strings.ReplaceAll(`file DIR/b.yaml: can't be read: no such file or directory; must be a file with IPPools
file DIR/a.yaml:2: "10.1.0.0/33": [0].cidr: not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64
flag --timeout: "soon": not a duration; must be a Go duration such as 90s or 5m; 0 means no limit`, "DIR", dir)
	_, err := run(t, newStore(), given)
	require.EqualError(t, err, want)
	_, _, err = Render(t.Context(), given)
	require.EqualError(t, err, want)
	assert.Nil(t, given.PoolManifests, "the caller's settings are not modified")

	given = settingstest.Given(t, "--pools-file="+filepath.Join(dir, "missing"))
	require.ErrorIs(t, given.ReadPoolsFile(), settings.ErrInvalidSettings)
	require.NoError(t, given.Validate(), "already reported")
	_, err = run(t, newStore(), given)
	require.ErrorIs(t, err, settings.ErrInvalidSettings, "an error that was dropped is reported again")

	dir = settingstest.WriteFiles(t, "a.txt", "")
	want = `flag --pools-file: "` + dir + `": a directory without a .yaml, .yml or .json file; must be a file with IPPools, or a directory of such .yaml, .yml and .json files`
	given = settingstest.Given(t, "--pools-file="+dir)
	_, err = run(t, newStore(), given)
	require.EqualError(t, err, want, "once")
	require.EqualError(t, given.ReadPoolsFile(), want)
	require.NoError(t, given.Validate(), "already reported")
	_, err = run(t, newStore(), given)
	require.EqualError(t, err, want, "reported again")
}
