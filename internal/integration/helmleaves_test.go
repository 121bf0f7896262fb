package integration

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// leafPaths returns the paths of the values that have no others in them.
func leafPaths(value any, path ...string) [][]string {
	fields, is := value.(values)
	if !is || len(fields) == 0 {
		return [][]string{path}
	}
	var paths [][]string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		paths = append(paths, leafPaths(fields[name], append(slices.Clone(path), name)...)...)
	}
	return paths
}

// valueAt returns the value at the path, and whether there is one.
func valueAt(of values, path []string) (any, bool) {
	value, is := of[path[0]]
	if inner, isMap := value.(values); len(path) > 1 {
		if !isMap {
			return nil, false
		}
		return valueAt(inner, path[1:])
	}
	return value, is
}

// with returns a copy of the values with another one at the path.
func with(of values, path []string, value any) values {
	changed := maps.Clone(of)
	if changed == nil {
		changed = values{}
	}
	if len(path) > 1 {
		inner, _ := changed[path[0]].(values)
		value = with(inner, path[1:], value)
	}
	changed[path[0]] = value
	return changed
}

// otherValues are values that the files in ci do not change.
var otherValues = map[string]any{
	"image.repository": "registry.example.com/other", "hook.enabled": false, "test.enabled": false, "openshift": true, "settings.datastoreType": "etcdv3",
	"settings.ipv6Support": false, "settings.noDefaultPools": true, "settings.k8sApiEndpoint": "https://10.0.0.1:6443", "settings.etcdDiscoverySrv": "example.com",
	"settings.etcdCaCertFile": "/ca.pem", "settings.timeout": "3m", "settings.waitForDatastore": false,
	"job.activeDeadlineSeconds": 280,
}

// leaf is a value of values.yaml, and the values of the chart before and after it is changed.
type leaf struct {
	name          string
	base, changed values
}

// leaves returns every value of values.yaml.
func leaves(t *testing.T) []leaf {
	t.Helper()
	read := func(file string) values {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		var read values
		require.NoError(t, yaml.Unmarshal(content, &read))
		return read
	}
	defaults := read(chart + "/values.yaml")
	var all []leaf
	for _, path := range leafPaths(defaults) {
		name := strings.Join(path, ".")
		value, found := otherValues[name]
		for _, file := range chartValues(t) {
			if before, _ := valueAt(defaults, path); !found {
				value, found = valueAt(read(file), path)
				found = found && !assert.ObjectsAreEqual(before, value)
			}
		}
		require.True(t, found, "%s: no file in ci has another value", name)
		base := values{"image": values{"repository": "registry.example.com/calico-bootstrap", "tag": "v2"}}
		switch of, field, _ := strings.Cut(name, "."); {
		case name == "settings.etcdDiscoverySrv", name == "settings.etcdEndpoints":
		case of == "etcdSecret" && field != "name":
			base["etcdSecret"] = values{"name": "etcd"}
			fallthrough
		case of == "etcdSecret", strings.HasPrefix(field, "etcd"):
			base["settings"] = values{"etcdEndpoints": "https://10.0.0.2:2379"}
		case name == "serviceAccount.create":
			base["serviceAccount"] = values{"name": "network"}
		}
		all = append(all, leaf{name, base, with(base, path, value)})
	}
	return all
}

// TestHelmEveryValueMatters changes each value: the objects of the chart change. So does the
// name of a plain Job, since a Job is immutable, unless the value is not one of the Job's.
func TestHelmEveryValueMatters(t *testing.T) {
	t.Parallel()
	notOfJob := []string{"hook.weight", "hook.jobDeletePolicy", "test.enabled", "rbac.create", "serviceAccount.create", "serviceAccount.annotations"}
	var each []values
	all := leaves(t)
	for _, leaf := range all {
		each = append(each, leaf.base, leaf.changed, with(leaf.base, []string{"hook", "enabled"}, false), with(leaf.changed, []string{"hook", "enabled"}, false))
	}
	documents := renderedEach(t, each)
	for i, leaf := range all {
		of := documents[4*i : 4*i+4]
		assert.True(t, of[0] != of[1], leaf.name)
		if leaf.name == "hook.enabled" {
			continue
		}
		before, after := jobOf(t, of[2]).Name, jobOf(t, of[3]).Name
		assert.Equal(t, slices.Contains(notOfJob, leaf.name), before == after, "%s: %s, %s", leaf.name, before, after)
		if len(leaf.base) == 1 {
			assert.Equal(t, jobOf(t, documents[2]).Name, before, "the same values")
		}
	}
}
