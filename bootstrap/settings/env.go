package settings

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// envPrefix is the prefix of the second name of each datastore variable.
const envPrefix = "CALICO_"

// FromEnv returns the settings of the process's environment variables. It does not
// validate them. The error is always nil.
//
// FromEnv is the only function of the library that reads environment variables.
func FromEnv() (Settings, error) {
	var settings Settings
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
	var replaced []Setting // of older names that have no effect
	for _, name := range names {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		if before := *variables[name]; isOlder(before.Source.Name()) && !strings.EqualFold(before.Value, value) {
			replaced = append(replaced, before)
		}
		*variables[name] = Given(value, origin.Env(name))
	}
	if home, err := os.UserHomeDir(); err == nil { // without a home directory there is no kubeconfig in it
		ambient.HomeKubeconfig = Given(filepath.Join(home, ".kube", "config"), origin.Default)
	}
	environ := os.Environ()
	settings.Unknown = append(unknownVariables(environ), replaced...)
	ambient.Similar = similarVariables(environ)
	return settings, nil
}
