package settings_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// visitSettings calls visit for every Setting in the value, however deep.
func visitSettings(value reflect.Value, path string, visit func(path string, setting *settings.Setting)) {
	if setting, ok := value.Addr().Interface().(*settings.Setting); ok {
		visit(path, setting)
		return
	}
	if value.Kind() != reflect.Struct {
		return // PoolManifests
	}
	for i := range value.NumField() {
		if !value.Type().Field(i).IsExported() {
			continue // the program's, which only its definition returns
		}
		visitSettings(value.Field(i), path+"."+value.Type().Field(i).Name, visit)
	}
}

// A setting that Merge does not copy would be lost.
func TestMergeCopiesEverySetting(t *testing.T) {
	t.Parallel()
	var all settings.Settings
	n := 0
	visitSettings(reflect.ValueOf(&all).Elem(), "Settings", func(path string, setting *settings.Setting) {
		*setting = settings.Given(path, origin.Caller("test"))
		n++
	})
	require.Equal(t, len(poolVariables)+len(runVariables)+len(datastoreVariables)+5, n, "seven have no variable, and two only a definition")
	for _, d := range settings.Definitions() {
		*d.Of(&all) = settings.Given(d.Flag, origin.Caller("test"))
	}
	assert.Equal(t, all, settings.Merge(all))
	assert.Equal(t, all, settings.Merge(settings.Settings{}, all))
}

func TestMerge(t *testing.T) {
	t.Parallel()
	top := settingstest.Given(t, "--ipv4-pool-cidr=10.1.0.0/16", "--timeout=")
	middle := settingstest.Given(t, "CALICO_IPV4POOL_CIDR=10.2.0.0/16", "CALICO_IPPOOLS_TIMEOUT=5s", "CALICO_IPV6POOL_NAME=")
	bottom := settings.Settings{}
	bottom.IPv6.Name = settings.Given("six", origin.Caller("caller"))
	bottom.Timeout = settings.Given("9s", origin.Caller("caller"))

	var want settings.Settings
	want.IPv4.CIDR = settings.Given("10.1.0.0/16", origin.Flag("ipv4-pool-cidr"))
	want.Timeout = settings.Given("5s", origin.Env("CALICO_IPPOOLS_TIMEOUT"))
	want.IPv6.Name = settings.Given("six", origin.Caller("caller"))
	assert.Equal(t, want, settings.Merge(top, middle, bottom))
	assert.Equal(t, settings.Settings{}, settings.Merge())
	assert.Equal(t, settings.Settings{}, settings.Merge(settingstest.Given(t, "--timeout=")), "an empty setting is unset, and has no source")
}

// No two definitions share a name or a setting.
func TestDefinitionsAreDistinct(t *testing.T) {
	t.Parallel()
	var given settings.Settings
	flags, variables, places := map[string]bool{}, map[string]bool{}, map[*settings.Setting]bool{}
	for _, d := range settings.Definitions() {
		assert.False(t, flags[d.Flag], d.Flag)
		assert.False(t, variables[d.Env], d.Env)
		assert.False(t, places[d.Of(&given)], d.Flag)
		flags[d.Flag], variables[d.Env], places[d.Of(&given)] = true, true, true
		assert.NotEmpty(t, d.Usage, d.Flag)
		assert.NotEmpty(t, d.Accepted, d.Flag)
		assert.Equal(t, d.Flag == "etcd-password" || d.Flag == "k8s-api-token", d.Secret, d.Flag)
	}
}

// Definition.Default is the value that an unset setting resolves to.
func TestDefinitionsHaveTheDefaults(t *testing.T) {
	t.Parallel()
	for _, d := range settings.Definitions() {
		switch {
		case d.Default == "" || d.Prefixed || d.Env == "CALICO_IPV4POOL_CIDR" || d.Env == "CALICO_IPV6POOL_CIDR":
			continue // none, or a description
		}
		var given settings.Settings
		*d.Of(&given) = settings.Given(d.Default, origin.Default)
		got, err := given.Resolve()
		require.NoError(t, err, d.Flag)
		assert.Equal(t, settingstest.Resolved(t), got, d.Flag)
	}
}

// Every value of Definition.Words is accepted, and no other.
func TestWordsAreAccepted(t *testing.T) {
	t.Parallel()
	of := map[string][]string{}
	for _, d := range settings.Definitions() {
		if d.Words == nil {
			continue
		}
		of[d.Flag] = d.Words
		for _, word := range append(d.Words, "nonsense") {
			var given settings.Settings
			*d.Of(&given) = settings.Given(word, origin.Flag(d.Flag))
			switch d.Flag {
			case "calico-api-group", "k8s-insecure-skip-tls-verify":
				continue // which bootstrap/datastore/kubernetes reads
			case "log-level", "log-format":
				continue // which the program reads
			}
			assert.Equal(t, word == "nonsense", given.Validate() != nil, "%s=%s", d.Flag, word)
		}
	}
	assert.Equal(t, []string{"report", "update", "fail"}, of["on-drift"])
	assert.Equal(t, []string{"true", "false"}, of["strict"])
	assert.Equal(t, []string{"debug", "info", "warning", "error"}, of["log-level"])
	assert.Equal(t, []string{"auto", "text", "json"}, of["log-format"])
	assert.Equal(t, []string{"crd.projectcalico.org/v1", "projectcalico.org/v3"}, of["calico-api-group"])
	assert.NotContains(t, of, "timeout")
	assert.NotContains(t, of, "ipv4-pool-cidr")
	assert.NotContains(t, of, "allow")
}
