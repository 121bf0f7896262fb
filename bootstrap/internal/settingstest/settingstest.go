// Package settingstest provides helpers for tests with settings.
package settingstest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// Sentinels are errors that must be distinguishable.
var Sentinels = []error{
	settings.ErrInvalidSettings, plan.ErrIncompatible, datastore.ErrConflict, datastore.ErrUnreachable, datastore.ErrTLS, datastore.ErrUnauthorized, datastore.ErrForbidden,
}

// IsOnly asserts that err matches exactly the wanted sentinels.
func IsOnly(t *testing.T, err error, want ...error) {
	t.Helper()
	for _, sentinel := range Sentinels {
		expected := false
		for _, w := range want {
			expected = expected || w == sentinel
		}
		assert.Equal(t, expected, errors.Is(err, sentinel), "%v", sentinel)
	}
}

// CheckFaults asserts the form of an error of Resolve: one line per fault, printable, of
// limited length, with a source and a problem.
func CheckFaults(t testing.TB, err error) {
	t.Helper()
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	var settingsError *settings.Error
	require.ErrorAs(t, err, &settingsError)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, len(settingsError.Faults))
	for i, fault := range settingsError.Faults {
		assert.Equal(t, fault.Error(), lines[i])
		assert.NotEmpty(t, fault.Source)
		assert.NotEmpty(t, fault.Problem)
		assert.LessOrEqual(t, len(lines[i]), 650)
		assert.True(t, utf8.ValidString(lines[i]), "%q", lines[i])
		for _, r := range lines[i] {
			assert.True(t, unicode.IsGraphic(r), "%q in %q", r, lines[i])
		}
	}
}

// WithFiles returns settings with pool manifests: path, text, path, text and so on.
func WithFiles(t testing.TB, lines []string, nameText ...string) settings.Settings {
	t.Helper()
	given := Given(t, append(lines, "--pools-file=/etc/pools")...)
	given.PoolManifests = []settings.PoolManifest{}
	for i := 0; i < len(nameText); i += 2 {
		given.PoolManifests = append(given.PoolManifests, settings.PoolManifest{Path: nameText[i], Data: []byte(nameText[i+1])})
	}
	return given
}

// Racks is a manifest of two IPPools.
const Racks = `apiVersion: projectcalico.org/v3
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

// Given returns settings from lines such as "CALICO_IPV4POOL_CIDR=10.0.0.0/8"
// and "--ipv4-pool-cidr=10.0.0.0/8", without touching the environment.
func Given(t testing.TB, lines ...string) settings.Settings {
	t.Helper()
	var given settings.Settings
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		*Named(t, &given, name) = settings.Given(value, OriginOf(name))
	}
	return given
}

// OriginOf returns the origin of a flag or a variable.
func OriginOf(name string) origin.Origin {
	if flag, ok := strings.CutPrefix(name, "--"); ok {
		return origin.Flag(flag)
	}
	return origin.Env(name)
}

// Named returns a setting by its flag or its variable.
func Named(t testing.TB, given *settings.Settings, name string) *settings.Setting {
	t.Helper()
	for _, d := range settings.Definitions() {
		if name == d.Env || name == "--"+d.Flag || d.Prefixed && name == "CALICO_"+d.Env {
			return d.Of(given)
		}
	}
	require.FailNow(t, "no such setting", name)
	return nil
}

// Resolved returns the resolved settings of the lines.
func Resolved(t testing.TB, lines ...string) settings.Config {
	t.Helper()
	config, err := Given(t, lines...).Resolve()
	require.NoError(t, err)
	return config
}

// AssertLines asserts that each text is one printable line.
func AssertLines(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for _, r := range text {
			require.True(t, unicode.IsGraphic(r), "%q in %q", r, text)
		}
	}
}

// WriteFiles writes name, text, name, text and so on, and returns the directory.
func WriteFiles(t testing.TB, nameText ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(nameText); i += 2 {
		path := filepath.Join(dir, nameText[i])
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(nameText[i+1]), 0o644))
	}
	return dir
}

// Flat returns a pool as a manifest entry.
func Flat(name, cidr string) string { return fmt.Sprintf("- name: %s\n  cidr: %s\n", name, cidr) }

// PoolsFrom returns settings with the pools of a file.
func PoolsFrom(t testing.TB, path string) settings.Settings {
	t.Helper()
	given := Given(t, "--pools-file="+path)
	require.NoError(t, given.ReadPoolsFile())
	return given
}

// CIDRs are settings with both CIDRs, so that none has to be chosen.
var CIDRs = []string{"CALICO_IPV4POOL_CIDR=10.244.0.0/16", "CALICO_IPV6POOL_CIDR=fd00:10:244::/64"}
