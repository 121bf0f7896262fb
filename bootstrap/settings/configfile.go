package settings

import (
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings/internal/apiconfig"
	"github.com/calico-bootstrap/calico-bootstrap/internal/files"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// FromFile returns the datastore settings of a CalicoAPIConfig file, YAML or
// JSON, of at most 1 MiB. Fields that Calico doesn't know are errors. The error is an *Error, whose
// faults have origin.File(path) as their Source.
func FromFile(path string) (Settings, error) {
	data, err := files.Read(path, files.MaxConfig)
	if err != nil {
		var faults Faults
		faults.Add(Setting{Source: origin.File(path)}, "%s", text.Unreadable(err, "a CalicoAPIConfig file"))
		return Settings{}, faults.Err()
	}
	return readConfig(path, data)
}

func readConfig(path string, data []byte) (Settings, error) {
	var faults Faults
	file := Setting{Source: origin.File(path)}
	config, err := apiconfig.Decode(data)
	if err != nil {
		faults.Add(file, "%s", text.Undecodable(err, "a CalicoAPIConfig"))
		return Settings{}, faults.Err()
	}
	for _, problem := range config.Problems() {
		faults.Add(file, "%s", problem)
	}
	return fromSpec(config.Spec, path), faults.Err()
}

func fromSpec(s apiconfig.Spec, path string) Settings {
	var settings Settings
	d := &settings.Datastore
	insecure := ""
	if s.K8sInsecureSkipTLSVerify {
		insecure = "true"
	}
	for _, given := range []struct {
		field string
		value string
		into  *Setting
	}{
		{"datastoreType", s.DatastoreType, &d.DatastoreType},
		{"etcdEndpoints", s.EtcdEndpoints, &d.EtcdEndpoints},
		{"etcdDiscoverySrv", s.EtcdDiscoverySRV, &d.EtcdDiscoverySRV},
		{"etcdUsername", s.EtcdUsername, &d.EtcdUsername},
		{"etcdPassword", s.EtcdPassword, &d.EtcdPassword},
		{"etcdCACertFile", s.EtcdCACertFile, &d.EtcdCACertFile},
		{"etcdCertFile", s.EtcdCertFile, &d.EtcdCertFile},
		{"etcdKeyFile", s.EtcdKeyFile, &d.EtcdKeyFile},
		{"etcdCACert", s.EtcdCACert, &d.EtcdCACert},
		{"etcdCert", s.EtcdCert, &d.EtcdCert},
		{"etcdKey", s.EtcdKey, &d.EtcdKey},
		{"kubeconfig", s.Kubeconfig, &d.Kubeconfig},
		{"kubeconfigInline", s.KubeconfigInline, &d.KubeconfigInline},
		{"k8sAPIEndpoint", s.K8sAPIEndpoint, &d.K8sAPIEndpoint},
		{"k8sCAFile", s.K8sCAFile, &d.K8sCAFile},
		{"k8sCertFile", s.K8sCertFile, &d.K8sCertFile},
		{"k8sKeyFile", s.K8sKeyFile, &d.K8sKeyFile},
		{"k8sAPIToken", s.K8sAPIToken, &d.K8sAPIToken},
		{"k8sInsecureSkipTLSVerify", insecure, &d.K8sInsecureSkipTLSVerify},
		{"k8sCurrentContext", s.K8sCurrentContext, &d.K8sCurrentContext},
		{"k8sClientQPS", s.K8sClientQPS.String(), &d.K8sClientQPS},
		{"k8sClientBurst", s.K8sClientBurst.String(), &d.K8sClientBurst},
		{"calicoAPIGroup", s.CalicoAPIGroup, &d.CalicoAPIGroup},
	} {
		if given.value != "" {
			*given.into = Given(given.value, origin.File(fmt.Sprintf("%s spec.%s", path, given.field)))
		}
	}
	return settings
}

// Load merges flags, the config file and environment variables, in this order of
// precedence, reads the resulting PoolsFile, and returns the settings with warnings. An
// empty configFile means none.
//
// As with calicoctl, a config file replaces all datastore variables; Load warns of each
// that is set. With an error, Load returns the settings that could be read, so that the
// caller can validate them too and report all faults at once.
func Load(flags Settings, configFile string) (Settings, []string, error) {
	environment, err := FromEnv()
	if err != nil {
		return Settings{}, nil, err
	}
	if configFile == "" {
		settings := Merge(flags, environment)
		return settings, nil, settings.ReadPoolsFile()
	}
	file, err := FromFile(configFile)
	var warnings []string
	for _, d := range definitions() {
		if setting := d.Of(&environment); d.Prefixed && setting.IsSet() {
			warnings = append(warnings, fmt.Sprintf("%s has no effect: %s configures the datastore",
				setting.Source, origin.File(configFile).String()))
		}
	}
	environment.Datastore = DatastoreSettings{Ambient: environment.Datastore.Ambient}
	settings := Merge(flags, file, environment)
	var faults Faults
	faults.gather(err)
	faults.gather(settings.ReadPoolsFile())
	return settings, warnings, faults.Err()
}
