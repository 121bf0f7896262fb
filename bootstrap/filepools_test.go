package bootstrap

import (
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/golden"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// withFiles are settings with pools as files hold them: name, text and so on.
func withFiles(t testing.TB, lines []string, nameText ...string) Settings {
	t.Helper()
	settings := given(t, append(lines, "--pools-file=/etc/pools")...)
	settings.PoolManifests = []PoolManifest{}
	for i := 0; i < len(nameText); i += 2 {
		settings.PoolManifests = append(settings.PoolManifests, PoolManifest{Path: nameText[i], Data: []byte(nameText[i+1])})
	}
	return settings
}

const racks = `apiVersion: projectcalico.org/v3
kind: IPPool
metadata:
  name: rack-b
  labels: {zone: b, team: core}
  annotations:
    example.com/note: second
spec:
  cidr: fd00:0010::/64
  nodeSelector: zone == 'b'
  natOutgoing: false
---
apiVersion: crd.projectcalico.org/v1
kind: IPPool
metadata: {name: rack-a, uid: x, resourceVersion: '1'}
spec: {cidr: 10.1.0.0/16, vxlanMode: Always, blockSize: 0, allowedUses: [Workload],
  namespaceSelector: has(team), disabled: true, disableBGPExport: true, ipipMode: '', assignmentMode: Manual}
`

func TestResolvePoolsFile(t *testing.T) {
	t.Parallel()
	config, err := withFiles(t, nil, "racks.yaml", racks).Resolve()
	require.NoError(t, err)
	var got strings.Builder
	for _, desired := range config.Desired.Pools {
		fmt.Fprintf(&got, "%s pool %s (%s)\n", desired.Family, desired.Pool.Name, desired.Skip)
		for _, value := range desired.Values {
			fmt.Fprintf(&got, "  %s = %v: %s\n", value.Field, value.Value, value.Source)
		}
	}
	golden.Check(t, "poolsfile-desired.golden", got.String())
	assert.Equal(t, []string{"file racks.yaml:15: what only a server sets is left out: metadata.uid, metadata.resourceVersion"}, config.Warnings)
	var pools []*v3.IPPool
	for _, desired := range config.Desired.Pools {
		assert.Equal(t, strings.HasPrefix(desired.Pool.Name, "default-"), desired.Default)
		if !desired.Default {
			assert.Empty(t, desired.Skip)
			pools = append(pools, desired.Pool)
		}
	}
	require.Len(t, pools, 2)
	assert.Empty(t, ippool.ValidateSet(pools))
	again, err := withFiles(t, nil, "racks.yaml", racks).Resolve()
	require.NoError(t, err)
	assert.Equal(t, config, again)
}

func TestResolvePoolsFileFaults(t *testing.T) {
	t.Parallel()
	cidr := []string{"--ipv4-pool-cidr=10.0.0.0/16", "CALICO_IPV4POOL_NAME=mine"}
	tests := []struct {
		name  string
		lines []string
		files []string
	}{
		{"no pool in one file", nil, []string{"a.yaml", "# none\n"}},
		{"no pool in two files", nil, []string{"a.yaml", "[]", "b.json", ""}},
		{"form and rules, by line", nil, []string{"a.yaml", "- name: A\n  cidr: x\n  nat: true\n- {cidr: 10.0.0.1/8}\n", "b.json", "[{\n\"name\": 1\n}]"}},
		{"rules and their values", nil, []string{"a.yaml", "- {name: a, cidr: 10.0.0.0/8, blockSize: 33, allowedUses: [Tunnel, Tunnel], ipipMode: Always,\n   vxlanMode: Always}\n"}},
		{"a name twice in a file", nil, []string{"a.yaml", flat("a", "10.0.0.0/16") + flat("a", "10.1.0.0/16")}},
		{"a name thrice in files", nil, []string{"a.yaml", flat("a", "10.0.0.0/16"), "b.yaml", flat("a", "10.1.0.0/16"), "c.yaml", flat("a", "10.2.0.0/16")}},
		{"overlaps in files", nil, []string{"a.yaml", flat("a", "10.0.0.0/8"), "b.yaml", flat("b", "10.1.0.0/16") + flat("c", "10.0.0.0/8") + flat("d", "11.0.0.0/8")}},
		{"all the same", nil, []string{"a.yaml", flat("a", "10.0.0.0/8") + flat("a", "10.0.0.0/8")}},
		{"name of a default pool", cidr, []string{"a.yaml", flat("mine", "10.1.0.0/16")}},
		{"default name of a default pool", []string{"--ipv6-pool-cidr=fd00::/64"}, []string{"a.yaml", flat("default-ipv6-ippool", "10.1.0.0/16")}},
		{"overlap of a default pool", cidr, []string{"a.yaml", flat("a", "10.0.1.0/24")}},
		{"strange names", nil, []string{"a\nb.yaml", "- {name: \"a\\nb\", cidr: 10.0.0.0/8}\n- {name: c, cidr: 10.0.0.0/8}\n"}},
		{"no YAML", []string{"--timeout=x"}, []string{"a.yaml", "[", "b.yaml", "x: [\n"}},
	}
	var got strings.Builder
	for _, tt := range tests {
		_, err := withFiles(t, tt.lines, tt.files...).Resolve()
		checkFaults(t, err)
		fmt.Fprintf(&got, "# %s\n%v\n\n", tt.name, err)
	}
	golden.Check(t, "poolsfile-faults.golden", got.String())
}

func TestResolvePoolsFileNotRead(t *testing.T) {
	t.Parallel()
	require.EqualError(t, given(t, "--pools-file=/etc/pools").Validate(),
		`flag --pools-file: "/etc/pools": not read yet: call ReadPoolsFile before`)
}

func TestPoolsFileAndDefaultPools(t *testing.T) {
	t.Parallel()
	const fromFile = "the pools come from flag --pools-file /etc/pools"
	tests := []struct {
		name       string
		lines      []string
		four, six  string
		wantWarned []string
	}{
		{"nothing else", nil, fromFile, fromFile, nil},
		{"a CIDR", []string{"CALICO_IPV4POOL_CIDR=10.9.0.0/16"}, "", fromFile, nil},
		{"both CIDRs", []string{"CALICO_IPV4POOL_CIDR=10.9.0.0/16", "CALICO_IPV6POOL_CIDR=fd09::/64"}, "", "", nil},
		{"none", []string{"CALICO_IPV4POOL_CIDR=none"}, `env CALICO_IPV4POOL_CIDR is "none"`, fromFile, nil},
		{"NO_DEFAULT_POOLS", []string{"NO_DEFAULT_POOLS=true"}, `env NO_DEFAULT_POOLS is "true"`, `env NO_DEFAULT_POOLS is "true"`, nil},
		{"settings without a pool", []string{"CALICO_IPV4POOL_IPIP=Always", "--ipv4-pool-block-size=28"}, fromFile, fromFile, []string{
			`flag --ipv4-pool-block-size "28", env CALICO_IPV4POOL_IPIP "Always": no effect, as there is no default IPv4 pool: ` + fromFile}},
		{"names that would clash", []string{"CALICO_IPV4POOL_NAME=a", "CALICO_IPV6POOL_NAME=a"}, fromFile, fromFile, []string{
			`env CALICO_IPV4POOL_NAME "a": no effect, as there is no default IPv4 pool: ` + fromFile,
			`env CALICO_IPV6POOL_NAME "a": no effect, as there is no default IPv6 pool: ` + fromFile}},
		{"no IPv6", []string{"FELIX_IPV6SUPPORT=false"}, fromFile, fromFile, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config, err := withFiles(t, tt.lines, "a.yaml", flat("a", "10.1.0.0/16")+flat("b", "fd00::/64")).Resolve()
			require.NoError(t, err)
			require.Len(t, config.Desired.Pools, 4)
			assert.Equal(t, tt.four, config.Desired.Pools[0].Skip)
			assert.Equal(t, tt.six, config.Desired.Pools[1].Skip)
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

func TestPoolsWithoutAFile(t *testing.T) {
	t.Parallel()
	settings := Settings{PoolManifests: []PoolManifest{{Path: "built in", Data: []byte(flat("a", "10.1.0.0/16"))}, {Path: "x\ny", LeftAside: "why not"}}}
	config, err := settings.Resolve()
	require.NoError(t, err)
	assert.Equal(t, "the pools come from file built in", config.Desired.Pools[0].Skip)
	assert.Equal(t, "a", config.Desired.Pools[2].Pool.Name)
	assert.Equal(t, []string{"file x; y is left aside: why not"}, config.Warnings)

	settings.PoolManifests = []PoolManifest{} // read, and nothing was there
	config, err = settings.Resolve()
	require.NoError(t, err)
	require.Len(t, config.Desired.Pools, 2)
	assert.Equal(t, "the pools come from no file", config.Desired.Pools[0].Skip)

	settings.PoolManifests = []PoolManifest{{Path: "built in"}}
	require.EqualError(t, settings.Validate(), "file built in: no IPPool is in it; want one or more")
}

// One warning a file, however many pools an export has.
func TestPoolsFileWarnsOnceOfAnExport(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	list.WriteString("ip_pools:\n")
	for i := range 300 {
		fmt.Fprintf(&list, "- {metadata: {name: p%d, uid: x, annotations: {projectcalico.org/metadata: x}}, spec: {cidr: 10.%d.%d.0/24}, status: {}}\n", i, i/256, i%256)
	}
	list.WriteString("- {name: flat, cidr: 11.0.0.0/8, annotations: {projectcalico.org/metadata: x}}\n")
	config, err := withFiles(t, nil, "a.yaml", list.String()).Resolve()
	require.NoError(t, err)
	assert.Equal(t, []string{"file a.yaml:2: what only a server sets is left out: metadata.uid, metadata.annotations[projectcalico.org/metadata], status, " +
		"annotations[projectcalico.org/metadata]"}, config.Warnings)
}

func TestManyPoolsInFiles(t *testing.T) {
	t.Parallel()
	var files []string
	for i := range 500 {
		text := flat(fmt.Sprintf("pool-%03d", 499-i), fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))
		if i%2 == 0 {
			text = fmt.Sprintf(`{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"pool-%03d"},"spec":{"cidr":"10.%d.%d.0/24"}}`, 499-i, i/256, i%256)
		}
		files = append(files, fmt.Sprintf("%03d.%s", i, []string{"json", "yaml"}[i%2]), text)
	}
	settings := poolsFrom(t, writeFiles(t, files...))
	require.Len(t, settings.PoolManifests, 500)
	config, err := settings.Resolve()
	require.NoError(t, err)
	require.Len(t, config.Desired.Pools, 502)
	for i, desired := range config.Desired.Pools[2:] {
		assert.Equal(t, fmt.Sprintf("pool-%03d", i), desired.Pool.Name)
	}
	pools, _, err := Render(given(t, "--pools-file="+settings.PoolsFile.Value), WithHost(fakeHost{t: t}))
	require.NoError(t, err)
	assert.Len(t, pools, 500)
}

func TestRunAndRenderReadThePoolsFile(t *testing.T) {
	t.Parallel()
	settings := given(t, "--pools-file="+writeFiles(t, "racks.yaml", racks))
	pools, _, err := Render(settings, WithHost(fakeHost{asked: new(int)}))
	require.NoError(t, err)
	require.Len(t, pools, 2)
	assert.Equal(t, "rack-a", pools[0].Name)
	assert.Equal(t, map[string]string{"zone": "b", "team": "core"}, pools[1].Labels)
	assert.Equal(t, map[string]string{"example.com/note": "second"}, pools[1].Annotations)
	assert.Equal(t, "fd00:10::/64", pools[1].Spec.CIDR)

	report, err := run(t, newStore(), settings)
	require.NoError(t, err)
	var names []string
	for _, pool := range report.Pools {
		if pool.Action == Created {
			names = append(names, pool.Name)
		}
	}
	assert.ElementsMatch(t, []string{"rack-a", "rack-b"}, names)
}

// FuzzResolvePoolsFile holds any two files to this: they are refused with a
// readable line a fault, or their pools are valid together, and the same pools
// come of them in either order.
func FuzzResolvePoolsFile(f *testing.F) {
	f.Add([]byte(racks), []byte(flat("a", "10.2.0.0/16")))
	f.Add([]byte(flat("a", "10.0.0.0/8")), []byte(flat("a", "10.1.0.0/16")))
	f.Add([]byte("ip_pools:\n- {name: \"\\e\", cidr: FD00::/64, labels: {\"\\n\": x}}\n"), []byte("{"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		config, err := withFiles(t, []string{"CALICO_IPV4POOL_CIDR=192.168.0.0/16"}, "a.yaml", string(a), "b.yaml", string(b)).Resolve()
		for _, warning := range config.Warnings {
			assert.NotContains(t, warning, "\n")
		}
		if err != nil {
			checkFaults(t, err)
			return
		}
		var pools []*v3.IPPool
		for _, desired := range config.Desired.Pools {
			if desired.Skip == "" {
				pools = append(pools, desired.Pool)
			}
		}
		require.Empty(t, ippool.ValidateSet(pools))
		turned, err := withFiles(t, []string{"CALICO_IPV4POOL_CIDR=192.168.0.0/16"}, "b.yaml", string(b), "a.yaml", string(a)).Resolve()
		require.NoError(t, err)
		require.Equal(t, config.Desired, turned.Desired)
	})
}

// Without IPv6 a pool of a file is left out by its name, unlike a default pool.
func TestRenderTellsWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, "a.yaml", flat("a", "10.1.0.0/16")+flat("six", "fd00::/64"))
	_, warnings, err := Render(given(t, "--pools-file="+dir, "--ipv6-support=false"), WithHost(fakeHost{t: t}))
	require.NoError(t, err)
	assert.Equal(t, []string{
		`IPPool "six" is left out: IPv6 is not supported: flag --ipv6-support is "false"`,
	}, warnings)
}
