package bootstrap

import (
	"encoding/json"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

// apiConfig is Calico's CalicoAPIConfig, as calicoctl reads it from
// /etc/calico/calicoctl.cfg.
type apiConfig struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata"`
	Spec       apiConfigSpec  `json:"spec"`
}

type apiConfigSpec struct {
	DatastoreType    string `json:"datastoreType"`
	EtcdEndpoints    string `json:"etcdEndpoints"`
	EtcdDiscoverySRV string `json:"etcdDiscoverySrv"`
	EtcdUsername     string `json:"etcdUsername"`
	EtcdPassword     string `json:"etcdPassword"`
	EtcdCACertFile   string `json:"etcdCACertFile"`
	EtcdCertFile     string `json:"etcdCertFile"`
	EtcdKeyFile      string `json:"etcdKeyFile"`
	EtcdCACert       string `json:"etcdCACert"`
	EtcdCert         string `json:"etcdCert"`
	EtcdKey          string `json:"etcdKey"`

	Kubeconfig               string      `json:"kubeconfig"`
	KubeconfigInline         string      `json:"kubeconfigInline"`
	K8sAPIEndpoint           string      `json:"k8sAPIEndpoint"`
	K8sKeyFile               string      `json:"k8sKeyFile"`
	K8sCertFile              string      `json:"k8sCertFile"`
	K8sCAFile                string      `json:"k8sCAFile"`
	K8sAPIToken              string      `json:"k8sAPIToken"`
	K8sInsecureSkipTLSVerify bool        `json:"k8sInsecureSkipTLSVerify"`
	K8sClientQPS             json.Number `json:"k8sClientQPS"`
	K8sClientBurst           json.Number `json:"k8sClientBurst"`
	K8sCurrentContext        string      `json:"k8sCurrentContext"`
	CalicoAPIGroup           string      `json:"calicoAPIGroup"`

	// For parts of Calico that are no concern here.
	K8sDisableNodePoll bool `json:"k8sDisableNodePoll"`
	UsePodCIDR         bool `json:"usePodCIDR"`
}

// FromFile returns the datastore settings of a CalicoAPIConfig file, YAML or
// JSON. Fields that Calico doesn't know are refused. The error is a
// *SettingsError.
func FromFile(path string) (Settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		var faults Faults
		faults.AddUnreadable(Given(path, SourceFlag("config")), err, "a CalicoAPIConfig file")
		return Settings{}, faults.Err()
	}
	return readConfig(path, data)
}

func readConfig(path string, data []byte) (Settings, error) {
	var (
		faults Faults
		file   = Given(path, SourceFlag("config"))
		config apiConfig
	)
	if err := yaml.UnmarshalStrict(data, &config); err != nil {
		faults.AddUndecodable(file, err, "a CalicoAPIConfig")
		return Settings{}, faults.Err()
	}
	const apiVersion, kind = "projectcalico.org/v3", "CalicoAPIConfig"
	if config.APIVersion != apiVersion {
		faults.Add(file, "apiVersion is %q; want %s", config.APIVersion, apiVersion)
	}
	if config.Kind != kind {
		faults.Add(file, "kind is %q; want %s", config.Kind, kind)
	}
	return config.Spec.settings(path), faults.Err()
}

func (s apiConfigSpec) settings(path string) Settings {
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
			*given.into = Given(given.value, Source(fmt.Sprintf("file %s spec.%s", path, given.field)))
		}
	}
	return settings
}

// Load lays the flags over the file and the file over the environment, reads the
// PoolsFile that comes of it, and returns that with warnings. An empty configFile
// means that there is none.
//
// A file speaks for the whole datastore, as it does for calicoctl: the
// variables for it are not read then, and each that is set is warned of. With
// an error, the settings are what could be read nevertheless, so that a caller
// can judge them too and tell everything at once.
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
			warnings = append(warnings, fmt.Sprintf("%s has no effect: %s %s says how to reach the datastore",
				setting.Source, SourceFlag("config"), configFile))
		}
	}
	environment.Datastore = DatastoreSettings{Surroundings: environment.Datastore.Surroundings}
	settings := Merge(flags, file, environment)
	var faults Faults
	faults.gather(err)
	faults.gather(settings.ReadPoolsFile())
	return settings, warnings, faults.Err()
}
