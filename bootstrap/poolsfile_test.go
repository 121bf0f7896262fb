package bootstrap

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writeFiles writes name, text, name, text and so on, and returns the directory.
func writeFiles(t testing.TB, nameText ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(nameText); i += 2 {
		path := filepath.Join(dir, nameText[i])
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(nameText[i+1]), 0o644))
	}
	return dir
}

// flat is a pool as a manifest has it.
func flat(name, cidr string) string { return fmt.Sprintf("- name: %s\n  cidr: %s\n", name, cidr) }

func poolsFrom(t testing.TB, path string) Settings {
	t.Helper()
	settings := given(t, "--pools-file="+path)
	require.NoError(t, settings.ReadPoolsFile())
	return settings
}

// read are the paths of what was read, and what was left aside and why.
func read(settings Settings, dir string) []string {
	var lines []string
	for _, manifest := range settings.PoolManifests {
		line := strings.TrimPrefix(manifest.Path, dir+string(filepath.Separator))
		if manifest.LeftAside != "" {
			line += ": " + manifest.LeftAside
		}
		lines = append(lines, line)
	}
	return lines
}

func TestReadPoolsFile(t *testing.T) {
	t.Parallel()
	var none Settings
	require.NoError(t, none.ReadPoolsFile())
	assert.Nil(t, none.PoolManifests)

	dir := writeFiles(t, "pools", "any text")
	path := filepath.Join(dir, "pools")
	assert.Equal(t, []PoolManifest{{Path: path, Data: []byte("any text")}}, poolsFrom(t, path).PoolManifests,
		"a file that is named is read whatever its name")
}

func TestReadPoolsFileDirectory(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, "b.yml", "b", "a.yaml", "a", "c.json", "c", "README.md", "r", "b.yml~", "old", ".hidden.yaml", "h",
		"sub/d.yaml", "d", "sub.yaml/e.yaml", "e", "UPPER.YAML", "u")
	require.NoError(t, os.Symlink(filepath.Join(dir, "sub", "d.yaml"), filepath.Join(dir, "z.yaml")))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(dir, "zero.yaml"))) // which never ends
	require.NoError(t, os.Chmod(dir, 0o555))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	const noName, noDirectory = "its name doesn't end in .yaml, .yml or .json", "it is a directory in a directory"
	settings := poolsFrom(t, dir+"/")
	assert.Equal(t, []string{"README.md: " + noName, "UPPER.YAML: " + noName, "a.yaml", "b.yml", "b.yml~: " + noName, "c.json",
		"sub: " + noDirectory, "sub.yaml: " + noDirectory, "z.yaml", "zero.yaml: it is no regular file"}, read(settings, dir))
	assert.Equal(t, "d", string(settings.PoolManifests[8].Data))
	assert.Nil(t, settings.PoolManifests[0].Data)
}

// A kubelet mounts a ConfigMap as links through a link that it swaps.
func TestReadPoolsFileOfAConfigMap(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, "..2026_11_22_17_45_23.1/a.yaml", flat("a", "10.1.0.0/16"), "..2026_11_22_17_45_23.1/b.json", `[{"name":"b","cidr":"10.2.0.0/16"}]`)
	require.NoError(t, os.Symlink("..2026_11_22_17_45_23.1", filepath.Join(dir, "..data")))
	for _, name := range []string{"a.yaml", "b.json"} {
		require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
	settings := poolsFrom(t, dir)
	assert.Equal(t, []string{"a.yaml", "b.json"}, read(settings, dir))
	config, err := settings.Resolve()
	require.NoError(t, err)
	assert.Empty(t, config.Warnings)
	require.Len(t, config.Desired.Pools, 4)
	assert.Equal(t, "b", config.Desired.Pools[3].Pool.Name)
}

func TestReadPoolsFileFaults(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, "empty/x", "", "empty/.a.yaml", "", "good/a.yaml", flat("A", "10.1.0.0/16"))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "good", "b.yaml")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "good", "c.txt")))
	const want = "; want a file with IPPools, or a directory of such .yaml, .yml and .json files"
	tests := []struct {
		path, want string
		read       int
	}{
		{"missing", `flag --pools-file: "DIR/missing": can't be read: no such file or directory` + want, 0},
		{"empty", `flag --pools-file: "DIR/empty": a directory without a .yaml, .yml or .json file` + want, 1},
		{"good", `file DIR/good/b.yaml: can't be read: no such file or directory; want a file with IPPools`, 2},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			settings := given(t, "--pools-file="+filepath.Join(dir, tt.path))
			err := settings.ReadPoolsFile()
			require.ErrorIs(t, err, ErrInvalidSettings)
			require.EqualError(t, err, strings.ReplaceAll(tt.want, "DIR", dir))
			require.NotNil(t, settings.PoolManifests, "it was read")
			assert.Len(t, settings.PoolManifests, tt.read)
		})
	}
	settings := given(t, "--pools-file=/dev/zero")
	require.EqualError(t, settings.ReadPoolsFile(), `flag --pools-file: "/dev/zero": can't be read: it is larger than 64 MiB`+want)
}

// What can't be read hides nothing of what can, nor of the settings.
func TestPoolsFileFaultsAreToldTogether(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, "a.yaml", flat("a", "10.1.0.0/33"))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "b.yaml")))
	settings := given(t, "--pools-file="+dir, "--timeout=soon")
	want := strings.ReplaceAll(`file DIR/b.yaml: can't be read: no such file or directory; want a file with IPPools
file DIR/a.yaml:2: "10.1.0.0/33": [0].cidr: not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64
flag --timeout: "soon": not a duration; want a Go duration such as 90s or 5m; 0 is no limit`, "DIR", dir)
	_, err := run(t, newStore(), settings)
	require.EqualError(t, err, want)
	_, _, err = Render(settings)
	require.EqualError(t, err, want)
	assert.Nil(t, settings.PoolManifests, "the caller's settings stay as they are")

	settings = given(t, "--pools-file="+filepath.Join(dir, "missing"))
	require.ErrorIs(t, settings.ReadPoolsFile(), ErrInvalidSettings)
	require.NoError(t, settings.Validate(), "told already")
	_, err = run(t, newStore(), settings)
	require.ErrorIs(t, err, ErrInvalidSettings, "an error that was lost comes again")

	dir = writeFiles(t, "a.txt", "")
	want = `flag --pools-file: "` + dir + `": a directory without a .yaml, .yml or .json file; want ` + wantPoolsFile
	settings = given(t, "--pools-file="+dir)
	_, err = run(t, newStore(), settings)
	require.EqualError(t, err, want, "once")
	require.EqualError(t, settings.ReadPoolsFile(), want)
	require.NoError(t, settings.Validate(), "told already")
	_, err = run(t, newStore(), settings)
	require.EqualError(t, err, want, "and once again")
}

func TestLoadReadsThePoolsFile(t *testing.T) {
	clearEnv(t)
	dir := writeFiles(t, "a.yaml", flat("a", "10.1.0.0/16"), "calicoctl.cfg", configHead+"spec:\n  etcdUsername: filed\n", "wrong.cfg", "kind: CalicoAPIConfig\n")
	t.Setenv("CALICO_IPPOOLS_FILE", filepath.Join(dir, "a.yaml"))
	for _, config := range []string{"", filepath.Join(dir, "calicoctl.cfg")} {
		settings, _, err := Load(Settings{}, config)
		require.NoError(t, err)
		assert.Equal(t, []string{"a.yaml"}, read(settings, dir))
	}
	settings, _, err := Load(given(t, "--pools-file="+dir+"/missing"), filepath.Join(dir, "wrong.cfg"))
	assert.EqualError(t, err, strings.ReplaceAll(`flag --config: "DIR/wrong.cfg": apiVersion is ""; want projectcalico.org/v3
flag --pools-file: "DIR/missing": can't be read: no such file or directory; want a file with IPPools, or a directory of such .yaml, .yml and .json files`, "DIR", dir))
	assert.Empty(t, settings.PoolManifests)
}

// A text belongs to the setting that it was read by.
func TestMergePoolsFile(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, "a.yaml", "a", "b.yaml", "b")
	a, b := poolsFrom(t, filepath.Join(dir, "a.yaml")), poolsFrom(t, filepath.Join(dir, "b.yaml"))
	assert.Equal(t, a, Merge(a, b))
	assert.Equal(t, b, Merge(Settings{}, b, a))
	unread := given(t, "--pools-file=x")
	assert.Equal(t, unread, Merge(unread, b))
	inMemory := Settings{PoolManifests: []PoolManifest{{Path: "built in", Data: []byte("c")}}}
	assert.Equal(t, inMemory, Merge(inMemory, b))
}
