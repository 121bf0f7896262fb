package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/kelseyhightower/envconfig"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// envPrefix stands before the second name of each datastore variable.
const envPrefix = "CALICO_"

// FromEnv returns the settings that the environment of the process gives. It
// validates none of them: the error is not about values, and can't come but from
// a mistake in this package.
//
// This is the only place in the library that reads the environment.
func FromEnv() (Settings, error) {
	var settings Settings
	ambient := &settings.Datastore.Ambient
	variables := map[string]*Setting{
		"KUBERNETES_SERVICE_HOST": &ambient.KubernetesServiceHost,
		"KUBERNETES_SERVICE_PORT": &ambient.KubernetesServicePort,
	}
	names := []string{"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}
	for _, d := range definitions() { // of two names, the later one wins
		for _, name := range d.Variables() {
			names, variables[name] = append(names, name), d.Of(&settings)
		}
	}
	values, err := readVariables(names)
	if err != nil {
		return Settings{}, fmt.Errorf("reading the environment: %w", err)
	}
	for i, name := range names {
		if values[i] != "" {
			*variables[name] = Given(values[i], origin.Env(name))
		}
	}
	if home, err := os.UserHomeDir(); err == nil { // else there is none
		ambient.HomeKubeconfig = Given(filepath.Join(home, ".kube", "config"), origin.Default)
	}
	settings.Unknown = unknownVariables(os.Environ())
	return settings, nil
}

// readVariables has envconfig read the variables as texts: it would take 026 for
// octal, and knows other booleans.
func readVariables(names []string) ([]string, error) {
	fields := make([]reflect.StructField, len(names))
	for i, name := range names {
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("V%d", i), Type: reflect.TypeFor[string](), Tag: reflect.StructTag(`envconfig:"` + name + `"`),
		}
	}
	into := reflect.New(reflect.StructOf(fields))
	err := envconfig.Process("", into.Interface())
	values := make([]string, len(names))
	for i := range names {
		values[i] = into.Elem().Field(i).String()
	}
	return values, err
}
