package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/kelseyhightower/envconfig"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// envPrefix is the prefix of the second name of each datastore variable.
const envPrefix = "CALICO_"

// FromEnv returns the settings of the process's environment variables. It does not
// validate them: it returns an error only because of a bug in this package.
//
// Datastore.Names is [VariableNames]: messages name the variables. In [Merge], Names of a
// layer before it take precedence, such as [FlagNames]; a caller can also replace it.
//
// FromEnv is the only function of the library that reads environment variables.
func FromEnv() (Settings, error) {
	var settings Settings
	settings.Datastore.Names = VariableNames
	ambient := &settings.Datastore.Ambient
	variables := map[string]*Setting{
		"KUBERNETES_SERVICE_HOST": &ambient.KubernetesServiceHost,
		"KUBERNETES_SERVICE_PORT": &ambient.KubernetesServicePort,
	}
	names := []string{"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}
	for _, d := range definitions() { // of two names, the last takes precedence
		for _, name := range d.Variables() {
			names, variables[name] = append(names, name), d.Of(&settings)
		}
	}
	values, err := readVariables(names)
	if err != nil {
		return Settings{}, fmt.Errorf("reading the environment: %w", err)
	}
	var replaced []Setting // of older names that have no effect
	for i, name := range names {
		if values[i] == "" {
			continue
		}
		if before := *variables[name]; isOlder(before.Source.Name()) && !strings.EqualFold(before.Value, values[i]) {
			replaced = append(replaced, before)
		}
		*variables[name] = Given(values[i], origin.Env(name))
	}
	if home, err := os.UserHomeDir(); err == nil { // without a home directory there is no kubeconfig in it
		ambient.HomeKubeconfig = Given(filepath.Join(home, ".kube", "config"), origin.Default)
	}
	environ := os.Environ()
	unknown := unknownVariables(environ)
	ambient.Similar = similarVariables(unknown, environ)
	settings.Unknown = append(unknown, replaced...)
	return settings, nil
}

// readVariables reads the variables as strings with envconfig, whose own types would
// read 026 as octal and accept other booleans.
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
