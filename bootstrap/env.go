package bootstrap

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kelseyhightower/envconfig"
)

// envPrefix stands before the second name of each datastore variable.
const envPrefix = "CALICO"

// FromEnv returns the settings that the environment of the process gives. It
// judges none of them: the error is not about values, and can't come but from
// a mistake in this package.
//
// This is the only place in the library that reads the environment.
func FromEnv() (Settings, error) {
	var settings, prefixed Settings
	for _, read := range []struct {
		prefix string
		into   any
	}{
		{"", &settings},
		{"", &settings.Datastore},
		{"", &settings.Datastore.Surroundings},
		{envPrefix, &prefixed.Datastore},
	} {
		if err := envconfig.Process(read.prefix, read.into); err != nil {
			return Settings{}, fmt.Errorf("reading the environment: %w", err)
		}
	}
	for _, d := range definitions() {
		setting := d.Of(&settings)
		setting.Source = SourceEnv(d.Env)
		if d.Prefixed {
			if second := d.Of(&prefixed); second.IsSet() {
				*setting = Given(second.Value, SourceEnv(envPrefix+"_"+d.Env))
			}
		}
		if !setting.IsSet() {
			*setting = Setting{}
		}
	}
	around := &settings.Datastore.Surroundings
	if around.KubernetesServiceHost.IsSet() {
		around.KubernetesServiceHost.Source = SourceEnv("KUBERNETES_SERVICE_HOST")
	}
	if around.KubernetesServicePort.IsSet() {
		around.KubernetesServicePort.Source = SourceEnv("KUBERNETES_SERVICE_PORT")
	}
	if home, err := os.UserHomeDir(); err == nil { // else there is none
		around.HomeKubeconfig = Given(filepath.Join(home, ".kube", "config"), SourceDefault)
	}
	settings.Unknown = unknownVariables(os.Environ())
	return settings, nil
}
