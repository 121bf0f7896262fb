package settings_test

import (
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/golden"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestResolvePoolsFile(t *testing.T) {
	t.Parallel()
	config, err := settingstest.WithFiles(t, nil, "racks.yaml", settingstest.Racks).Resolve()
	require.NoError(t, err)
	var got strings.Builder
	for _, desired := range config.Desired.Pools {
		fmt.Fprintf(&got, "%s pool %s (%s)\n", desired.Family, desired.Pool.Name, desired.Skip)
		for _, value := range desired.Values {
			fmt.Fprintf(&got, "  %s = %v: %s\n", value.Field, value.Value, value.Source)
		}
	}
	golden.Check(t, "poolsfile-desired.golden", got.String())
	assert.Equal(t, []string{"file racks.yaml:15: fields that only a server sets are ignored: metadata.uid, metadata.resourceVersion"}, config.Warnings)
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
	again, err := settingstest.WithFiles(t, nil, "racks.yaml", settingstest.Racks).Resolve()
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
		{"values of another chart only", nil, []string{"a.yaml", coredns, "b.yaml", "[]"}},
		{"form and rules, by line", nil, []string{"a.yaml", "- name: A\n  cidr: x\n  nat: true\n- {cidr: 10.0.0.1/8}\n", "b.json", "[{\n\"name\": 1\n}]"}},
		{"rules and their values", nil, []string{"a.yaml", "- {name: a, cidr: 10.0.0.0/8, blockSize: 33, allowedUses: [Tunnel, Tunnel], ipipMode: Always,\n   vxlanMode: Always}\n"}},
		{"a name twice in a file", nil, []string{"a.yaml", settingstest.Flat("a", "10.0.0.0/16") + settingstest.Flat("a", "10.1.0.0/16")}},
		{"a name thrice in files", nil, []string{"a.yaml", settingstest.Flat("a", "10.0.0.0/16"), "b.yaml", settingstest.Flat("a", "10.1.0.0/16"), "c.yaml", settingstest.Flat("a", "10.2.0.0/16")}},
		{"overlaps in files", nil, []string{"a.yaml", settingstest.Flat("a", "10.0.0.0/8"), "b.yaml", settingstest.Flat("b", "10.1.0.0/16") + settingstest.Flat("c", "10.0.0.0/8") + settingstest.Flat("d", "11.0.0.0/8")}},
		{"all the same", nil, []string{"a.yaml", settingstest.Flat("a", "10.0.0.0/8") + settingstest.Flat("a", "10.0.0.0/8")}},
		{"name of a default pool", cidr, []string{"a.yaml", settingstest.Flat("mine", "10.1.0.0/16")}},
		{"default name of a default pool", []string{"--ipv6-pool-cidr=fd00::/64"}, []string{"a.yaml", settingstest.Flat("default-ipv6-ippool", "10.1.0.0/16")}},
		{"overlap of a default pool", cidr, []string{"a.yaml", settingstest.Flat("a", "10.0.1.0/24")}},
		{"strange names", nil, []string{"a\nb.yaml", "- {name: \"a\\nb\", cidr: 10.0.0.0/8}\n- {name: c, cidr: 10.0.0.0/8}\n"}},
		{"no YAML", []string{"--timeout=x"}, []string{"a.yaml", "[", "b.yaml", "x: [\n"}},
	}
	var got strings.Builder
	for _, tt := range tests {
		_, err := settingstest.WithFiles(t, tt.lines, tt.files...).Resolve()
		settingstest.CheckFaults(t, err)
		fmt.Fprintf(&got, "# %s\n%v\n\n", tt.name, err)
	}
	golden.Check(t, "poolsfile-faults.golden", got.String())
}

func TestResolvePoolsFileNotRead(t *testing.T) {
	t.Parallel()
	require.EqualError(t, settingstest.Given(t, "--pools-file=/etc/pools").Validate(),
		`flag --pools-file: "/etc/pools": not read; call ReadPoolsFile first`)
}

func TestPoolsWithoutAFile(t *testing.T) {
	t.Parallel()
	given := settings.Settings{PoolManifests: []settings.PoolManifest{{Path: "built in", Data: []byte(settingstest.Flat("a", "10.1.0.0/16"))}, {Path: "x\ny", Skipped: "why not"}}}
	config, err := given.Resolve()
	require.NoError(t, err)
	assert.Equal(t, "the pools come from file built in", config.Desired.Pools[0].Skip)
	assert.Equal(t, "a", config.Desired.Pools[2].Pool.Name)
	assert.Equal(t, []string{"file *** is skipped: why not"}, config.Warnings)

	given.PoolManifests = []settings.PoolManifest{{Path: "x", Skipped: "why not"}}
	require.EqualError(t, given.Validate(), "file x: must contain one or more IPPools")

	given.PoolManifests = []settings.PoolManifest{{Path: "built in"}}
	require.EqualError(t, given.Validate(), "file built in: must contain one or more IPPools")
}

// An empty list of manifests is an error. It does not skip the default pools.
func TestEmptyListOfPoolManifests(t *testing.T) {
	t.Parallel()
	empty := []settings.PoolManifest{}
	const problem = "an empty list of pool manifests; must have one or more, or be nil to have none"
	_, err := settings.Settings{PoolManifests: empty}.Resolve()
	require.EqualError(t, err, problem)
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	_, err = settings.Settings{PoolManifests: empty}.ReadAndResolve()
	require.EqualError(t, err, problem, "reported once")

	// It is reported with all other faults, whatever the other settings are.
	given := settingstest.Given(t, "--timeout=x", "NO_DEFAULT_POOLS=true")
	given.PoolManifests = empty
	require.EqualError(t, given.Validate(), problem+"\n"+settingstest.Given(t, "--timeout=x").Validate().Error())

	// If ReadPoolsFile finds no files, it sets an empty list and returns an error.
	given = settingstest.Given(t, "--pools-file="+t.TempDir())
	require.ErrorContains(t, given.ReadPoolsFile(), "a directory without a .yaml, .yml or .json file")
	require.NotNil(t, given.PoolManifests)
	require.NoError(t, given.Validate(), "the fault is not reported again")
}

// A file gives one warning, however many pools it has.
func TestPoolsFileWarnsOnceOfAnExport(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	list.WriteString("ip_pools:\n")
	for i := range 300 {
		fmt.Fprintf(&list, "- {metadata: {name: p%d, uid: x, annotations: {projectcalico.org/metadata: x}}, spec: {cidr: 10.%d.%d.0/24}, status: {}}\n", i, i/256, i%256)
	}
	list.WriteString("- {name: flat, cidr: 11.0.0.0/8, annotations: {projectcalico.org/metadata: x}}\n")
	config, err := settingstest.WithFiles(t, nil, "a.yaml", list.String()).Resolve()
	require.NoError(t, err)
	assert.Equal(t, []string{"file a.yaml:2: fields that only a server sets are ignored: metadata.uid, metadata.annotations[projectcalico.org/metadata], status, " +
		"annotations[projectcalico.org/metadata]"}, config.Warnings)
}

// FuzzResolvePoolsFile checks that any two files are either rejected, with a readable line
// per fault, or give pools that are valid together. The order of the files does not
// matter.
func FuzzResolvePoolsFile(f *testing.F) {
	f.Add([]byte(settingstest.Racks), []byte(settingstest.Flat("a", "10.2.0.0/16")))
	f.Add([]byte(settingstest.Flat("a", "10.0.0.0/8")), []byte(settingstest.Flat("a", "10.1.0.0/16")))
	f.Add([]byte("ip_pools:\n- {name: \"\\e\", cidr: FD00::/64, labels: {\"\\n\": x}}\n"), []byte("{"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		config, err := settingstest.WithFiles(t, []string{"CALICO_IPV4POOL_CIDR=192.168.0.0/16"}, "a.yaml", string(a), "b.yaml", string(b)).Resolve()
		for _, warning := range config.Warnings {
			assert.NotContains(t, warning, "\n")
		}
		if err != nil {
			settingstest.CheckFaults(t, err)
			return
		}
		var pools []*v3.IPPool
		for _, desired := range config.Desired.Pools {
			if desired.Skip == "" {
				pools = append(pools, desired.Pool)
			}
		}
		require.Empty(t, ippool.ValidateSet(pools))
		swapped, err := settingstest.WithFiles(t, []string{"CALICO_IPV4POOL_CIDR=192.168.0.0/16"}, "b.yaml", string(b), "a.yaml", string(a)).Resolve()
		require.NoError(t, err)
		require.Equal(t, config.Desired, swapped.Desired)
	})
}

// Without IPv6 support, the IPv6 pools of files are skipped, too.
func TestPoolsOfFilesWithoutIPv6(t *testing.T) {
	t.Parallel()
	config, err := settingstest.WithFiles(t, []string{"FELIX_IPV6SUPPORT=false"}, "racks.yaml", settingstest.Racks).Resolve()
	require.NoError(t, err)
	require.Len(t, config.Desired.Pools, 4)
	assert.Empty(t, config.Desired.Pools[2].Skip)
	assert.Equal(t, `IPv6 is not supported: env FELIX_IPV6SUPPORT is "false"`, config.Desired.Pools[3].Skip)
}

// Pools of calicoctl 1 are read if the caller asks for that, each change with its line.
func TestResolveV1(t *testing.T) {
	t.Parallel()
	const v1 = "apiVersion: v1\nkind: ipPool\nmetadata:\n  cidr: 10.1.0.0/16\nspec: {ipip: {enabled: true}}\n"
	s := settings.Settings{PoolManifests: []settings.PoolManifest{{Path: "v1.yaml", Data: []byte(v1), V1: true}}}
	config, err := s.Resolve()
	require.NoError(t, err)
	require.Len(t, config.Desired.Pools, 3)
	pool := config.Desired.Pools[2]
	assert.Equal(t, "10-1-0-0-16", pool.Pool.Name)
	assert.Equal(t, v3.IPIPModeAlways, pool.Pool.Spec.IPIPMode)
	assert.Equal(t, []string{
		"file v1.yaml:4: metadata.cidr: is spec.cidr in projectcalico.org/v3",
		`file v1.yaml:4: metadata.name: is not set, as in every pool of v1; the name is "10-1-0-0-16"`,
		"file v1.yaml:5: spec.ipip: is spec.ipipMode in projectcalico.org/v3",
	}, config.Warnings)

	s.PoolManifests[0].V1 = false
	_, err = s.Resolve()
	assert.EqualError(t, err, `file v1.yaml:2: "ipPool": kind: is of calicoctl 1 (apiVersion v1); to convert the file to projectcalico.org/v3: calico-bootstrap render --from-v1 FILE`)
}

const coredns = "apiVersion: helm.cattle.io/v1\nkind: HelmChartConfig\nmetadata: {name: rke2-coredns}\nspec:\n  valuesContent: |\n    autoscaler: {enabled: false}\n"

// The values of another chart beside pools are a warning, in any file.
func TestOtherChartBesidePools(t *testing.T) {
	t.Parallel()
	config, err := settingstest.WithFiles(t, nil, "a.yaml", coredns, "b.yaml", settingstest.Flat("a", "10.0.0.0/16")).Resolve()
	require.NoError(t, err)
	assert.Equal(t, []string{"file a.yaml:6: spec.valuesContent: values of another chart than tigera-operator; no pools are read from them"}, config.Warnings)
	_, err = settingstest.WithFiles(t, []string{"--strict=true"}, "a.yaml", coredns+"---\n"+settingstest.Flat("a", "10.0.0.0/16")).Resolve()
	require.ErrorContains(t, err, "values of another chart")
}
