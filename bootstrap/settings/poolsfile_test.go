package settings_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// read returns the paths of the manifests, with the reasons of those that were skipped.
func read(given settings.Settings, dir string) []string {
	var lines []string
	for _, manifest := range given.PoolManifests {
		line := strings.TrimPrefix(manifest.Path, dir+string(filepath.Separator))
		if manifest.Skipped != "" {
			line += ": " + manifest.Skipped
		}
		lines = append(lines, line)
	}
	return lines
}

func TestReadPoolsFile(t *testing.T) {
	t.Parallel()
	var none settings.Settings
	require.NoError(t, none.ReadPoolsFile())
	assert.Nil(t, none.PoolManifests)

	dir := settingstest.WriteFiles(t, "pools", "any text")
	path := filepath.Join(dir, "pools")
	assert.Equal(t, []settings.PoolManifest{{Path: path, Data: []byte("any text")}}, settingstest.PoolsFrom(t, path).PoolManifests,
		"the file of the setting may have any name")
}

func TestReadPoolsFileDirectory(t *testing.T) {
	t.Parallel()
	dir := settingstest.WriteFiles(t, "b.yml", "b", "a.yaml", "a", "c.json", "c", "README.md", "r", "b.yml~", "old", ".hidden.yaml", "h",
		"sub/d.yaml", "d", "sub.yaml/e.yaml", "e", "UPPER.YAML", "u")
	require.NoError(t, os.Symlink(filepath.Join(dir, "sub", "d.yaml"), filepath.Join(dir, "z.yaml")))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(dir, "zero.yaml"))) // which never ends
	require.NoError(t, os.Chmod(dir, 0o555))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	const noName, noDirectory = "its name doesn't end in .yaml, .yml or .json", "it is a subdirectory"
	given := settingstest.PoolsFrom(t, dir+"/")
	assert.Equal(t, []string{"README.md: " + noName, "UPPER.YAML: " + noName, "a.yaml", "b.yml", "b.yml~: " + noName, "c.json",
		"sub: " + noDirectory, "sub.yaml: " + noDirectory, "z.yaml", "zero.yaml: it is not a regular file"}, read(given, dir))
	assert.Equal(t, "d", string(given.PoolManifests[8].Data))
	assert.Nil(t, given.PoolManifests[0].Data)
}

// A kubelet mounts a ConfigMap as symlinks through a symlink that it replaces.
func TestReadPoolsFileOfAConfigMap(t *testing.T) {
	t.Parallel()
	dir := settingstest.WriteFiles(t, "..2026_11_22_17_45_23.1/a.yaml", settingstest.Flat("a", "10.1.0.0/16"), "..2026_11_22_17_45_23.1/b.json", `[{"name":"b","cidr":"10.2.0.0/16"}]`)
	require.NoError(t, os.Symlink("..2026_11_22_17_45_23.1", filepath.Join(dir, "..data")))
	for _, name := range []string{"a.yaml", "b.json"} {
		require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
	given := settingstest.PoolsFrom(t, dir)
	assert.Equal(t, []string{"a.yaml", "b.json"}, read(given, dir))
	config, err := given.Resolve()
	require.NoError(t, err)
	assert.Empty(t, config.Warnings)
	require.Len(t, config.Desired.Pools, 4)
	assert.Equal(t, "b", config.Desired.Pools[3].Pool.Name)
}

func TestReadPoolsFileFaults(t *testing.T) {
	t.Parallel()
	dir := settingstest.WriteFiles(t, "empty/x", "", "empty/.a.yaml", "", "good/a.yaml", settingstest.Flat("A", "10.1.0.0/16"))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "good", "b.yaml")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "good", "c.txt")))
	const want = "; must be a file with IPPools, or a directory of such .yaml, .yml and .json files"
	tests := []struct {
		path, want string
		read       int
	}{
		{"missing", `flag --pools-file: "DIR/missing": can't be read: no such file or directory` + want, 0},
		{"empty", `flag --pools-file: "DIR/empty": a directory without a .yaml, .yml or .json file; must be a file with IPPools, or a directory of such .yaml, .yml and .json files`, 1},
		{"good", `file DIR/good/b.yaml: can't be read: no such file or directory; must be a file with IPPools`, 2},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			given := settingstest.Given(t, "--pools-file="+filepath.Join(dir, tt.path))
			err := given.ReadPoolsFile()
			require.ErrorIs(t, err, settings.ErrInvalidSettings)
			require.EqualError(t, err, strings.ReplaceAll(tt.want, "DIR", dir))
			require.NotNil(t, given.PoolManifests, "it was read")
			assert.Len(t, given.PoolManifests, tt.read)
		})
	}
	given := settingstest.Given(t, "--pools-file=/dev/zero")
	require.EqualError(t, given.ReadPoolsFile(), `flag --pools-file: "/dev/zero": can't be read: it is larger than 8 MiB`+want)
}

// A directory has a limit on the number of its files and on their size.
func TestReadPoolsFileLimits(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("#", 8<<20)
	var sizes, many []string
	for i := range 5 {
		sizes = append(sizes, fmt.Sprintf("sizes/%d.yaml", i), large)
	}
	for i := range 1001 {
		many = append(many, fmt.Sprintf("many/%04d.yaml", i), "")
	}
	dir := settingstest.WriteFiles(t, slices.Concat(sizes, many, []string{"a.yaml", large, "b.yaml", large + "#"})...)
	for name, want := range map[string]string{
		"sizes":  "a directory with more than 32 MiB in its .yaml, .yml and .json files",
		"many":   "a directory of more than 1000 .yaml, .yml and .json files; put more pools in a file",
		"b.yaml": "can't be read: it is larger than 8 MiB; must be a file with IPPools, or a directory of such .yaml, .yml and .json files",
	} {
		given := settingstest.Given(t, "--pools-file="+filepath.Join(dir, name))
		assert.EqualError(t, given.ReadPoolsFile(), fmt.Sprintf("flag --pools-file: %q: %s", filepath.Join(dir, name), want))
	}
	assert.Len(t, settingstest.PoolsFrom(t, filepath.Join(dir, "a.yaml")).PoolManifests[0].Data, len(large))
}

// The pools of all files have a limit.
func TestTooManyPools(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 10_001 {
		text.WriteString(settingstest.Flat(fmt.Sprintf("p%d", i), fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)))
	}
	given := settings.Settings{PoolManifests: []settings.PoolManifest{
		{Path: "a.yaml", Data: []byte(text.String())}, {Path: "b.yaml", Data: []byte(text.String())}, {Path: "c.yaml", Data: []byte("{")},
	}}
	assert.EqualError(t, given.Validate(), "file b.yaml: more than 20000 pools up to this file; the rest are not read")
}

func TestLoadReadsThePoolsFile(t *testing.T) {
	clearEnv(t)
	dir := settingstest.WriteFiles(t, "a.yaml", settingstest.Flat("a", "10.1.0.0/16"), "calicoctl.cfg", inEtcd+"  etcdUsername: filed\n", "wrong.cfg", "kind: CalicoAPIConfig\nspec: {datastoreType: etcdv3}\n")
	t.Setenv("CALICO_IPPOOLS_FILE", filepath.Join(dir, "a.yaml"))
	for _, config := range []string{"", filepath.Join(dir, "calicoctl.cfg")} {
		given, _, err := settings.Load(settings.Settings{}, config)
		require.NoError(t, err)
		assert.Equal(t, []string{"a.yaml"}, read(given, dir))
	}
	given, _, err := settings.Load(settingstest.Given(t, "--pools-file="+dir+"/missing"), filepath.Join(dir, "wrong.cfg"))
	assert.EqualError(t, err, strings.ReplaceAll(`file DIR/wrong.cfg:1: apiVersion: is missing; must be projectcalico.org/v3
flag --pools-file: "DIR/missing": can't be read: no such file or directory; must be a file with IPPools, or a directory of such .yaml, .yml and .json files`, "DIR", dir))
	assert.Empty(t, given.PoolManifests)
}

// Merge keeps manifests together with the setting that they were read for.
func TestMergePoolsFile(t *testing.T) {
	t.Parallel()
	dir := settingstest.WriteFiles(t, "a.yaml", "a", "b.yaml", "b")
	a, b := settingstest.PoolsFrom(t, filepath.Join(dir, "a.yaml")), settingstest.PoolsFrom(t, filepath.Join(dir, "b.yaml"))
	assert.Equal(t, a, settings.Merge(a, b))
	assert.Equal(t, b, settings.Merge(settings.Settings{}, b, a))
	unread := settingstest.Given(t, "--pools-file=x")
	assert.Equal(t, unread, settings.Merge(unread, b))
	inMemory := settings.Settings{PoolManifests: []settings.PoolManifest{{Path: "built in", Data: []byte("c")}}}
	assert.Equal(t, inMemory, settings.Merge(inMemory, b))
}

// ReadAndResolve reads the pools file if necessary, and returns all errors together.
func TestReadAndResolve(t *testing.T) {
	t.Parallel()
	dir := settingstest.WriteFiles(t, "a.yaml", settingstest.Flat("a", "10.1.0.0/16"), "README.md", "r")
	given := settingstest.Given(t, "--pools-file="+dir)
	config, err := given.ReadAndResolve()
	require.NoError(t, err)
	require.Len(t, config.Desired.Pools, 3)
	assert.Equal(t, "a", config.Desired.Pools[2].Pool.Name)
	assert.Nil(t, given.PoolManifests, "the settings are not modified")

	given.PoolManifests = []settings.PoolManifest{{Path: "built in", Data: []byte(settingstest.Flat("b", "10.2.0.0/16"))}}
	config, err = given.ReadAndResolve()
	require.NoError(t, err)
	assert.Equal(t, "b", config.Desired.Pools[2].Pool.Name, "existing manifests are not read again")

	_, err = settingstest.Given(t, "--pools-file="+dir+"/missing", "--timeout=5").ReadAndResolve()
	require.EqualError(t, err, `flag --pools-file: "`+dir+`/missing": can't be read: no such file or directory; must be a file with IPPools, or a directory of such .yaml, .yml and .json files`+
		"\n"+`flag --timeout: "5": a duration without a unit; did you mean 5s?`)
}
