package bootstrap

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// visitSettings calls visit for every Setting in the value, however deep.
func visitSettings(value reflect.Value, path string, visit func(path string, setting *Setting)) {
	if setting, ok := value.Addr().Interface().(*Setting); ok {
		visit(path, setting)
		return
	}
	if value.Kind() != reflect.Struct {
		return // PoolManifests
	}
	for i := range value.NumField() {
		visitSettings(value.Field(i), path+"."+value.Type().Field(i).Name, visit)
	}
}

// A setting that Merge forgets would be read from the environment, and lost.
func TestMergeKnowsEverySetting(t *testing.T) {
	t.Parallel()
	var all Settings
	n := 0
	visitSettings(reflect.ValueOf(&all).Elem(), "Settings", func(path string, setting *Setting) {
		*setting = Given(path, "test")
		n++
	})
	require.Equal(t, len(poolVariables)+len(runVariables)+len(datastoreVariables)+7, n, "seven have no variable of ours")
	assert.Equal(t, all, Merge(all))
	assert.Equal(t, all, Merge(Settings{}, all))
}

func TestMerge(t *testing.T) {
	t.Parallel()
	top := given(t, "--ipv4-pool-cidr=10.1.0.0/16", "--timeout=")
	middle := given(t, "CALICO_IPV4POOL_CIDR=10.2.0.0/16", "CALICO_IPPOOLS_TIMEOUT=5s", "CALICO_IPV6POOL_NAME=")
	bottom := Settings{}
	bottom.IPv6.Name = Given("six", "elsewhere")
	bottom.Timeout = Given("9s", "elsewhere")

	var want Settings
	want.IPv4.CIDR = Given("10.1.0.0/16", "flag --ipv4-pool-cidr")
	want.Timeout = Given("5s", "env CALICO_IPPOOLS_TIMEOUT")
	want.IPv6.Name = Given("six", "elsewhere")
	assert.Equal(t, want, Merge(top, middle, bottom))
	assert.Equal(t, Settings{}, Merge())
	assert.Equal(t, Settings{}, Merge(given(t, "--timeout=")), "what is empty is unset, and has no source")
}

// Every definition has its own names and its own setting.
func TestDefinitionsAreApart(t *testing.T) {
	t.Parallel()
	var settings Settings
	flags, variables, places := map[string]bool{}, map[string]bool{}, map[*Setting]bool{}
	for _, d := range Definitions() {
		assert.False(t, flags[d.Flag], d.Flag)
		assert.False(t, variables[d.Env], d.Env)
		assert.False(t, places[d.Of(&settings)], d.Flag)
		flags[d.Flag], variables[d.Env], places[d.Of(&settings)] = true, true, true
		assert.NotEmpty(t, d.Usage, d.Flag)
		assert.NotEmpty(t, d.Accepted, d.Flag)
		assert.Equal(t, d.Flag == "etcd-password" || d.Flag == "k8s-api-token", d.Secret, d.Flag)
	}
}

// The defaults in words are what unset settings resolve to.
func TestDefinitionsTellTheDefaults(t *testing.T) {
	t.Parallel()
	for _, d := range Definitions() {
		switch {
		case d.Default == "" || d.Prefixed || d.Env == "CALICO_IPV4POOL_CIDR" || d.Env == "CALICO_IPV6POOL_CIDR":
			continue // nothing, or a sentence
		}
		var settings Settings
		*d.Of(&settings) = Given(d.Default, SourceDefault)
		got, err := settings.Resolve()
		require.NoError(t, err, d.Flag)
		assert.Equal(t, resolved(t), got, d.Flag)
	}
}

// Words are all that is accepted, and each of them is.
func TestWordsAreAccepted(t *testing.T) {
	t.Parallel()
	of := map[string][]string{}
	for _, d := range Definitions() {
		if d.Words() == nil {
			continue
		}
		of[d.Flag] = d.Words()
		for _, word := range append(d.Words(), "nonsense") {
			var settings Settings
			*d.Of(&settings) = Given(word, SourceFlag(d.Flag))
			if d.Flag == "calico-api-group" || d.Flag == "k8s-insecure-skip-tls-verify" {
				continue // which bootstrap/kubernetes reads
			}
			assert.Equal(t, word == "nonsense", settings.Validate() != nil, "%s=%s", d.Flag, word)
		}
	}
	assert.Equal(t, []string{"report", "update", "fail"}, of["on-drift"])
	assert.Equal(t, []string{"true", "false"}, of["strict"])
	assert.Equal(t, []string{"crd.projectcalico.org/v1", "projectcalico.org/v3"}, of["calico-api-group"])
	assert.NotContains(t, of, "timeout")
	assert.NotContains(t, of, "ipv4-pool-cidr")
	assert.NotContains(t, of, "allow")
}
