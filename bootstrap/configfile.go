package bootstrap

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

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

	// Fields of the Kubernetes datastore, which stand in such a file too.
	Kubeconfig               string  `json:"kubeconfig"`
	KubeconfigInline         string  `json:"kubeconfigInline"`
	K8sAPIEndpoint           string  `json:"k8sAPIEndpoint"`
	K8sKeyFile               string  `json:"k8sKeyFile"`
	K8sCertFile              string  `json:"k8sCertFile"`
	K8sCAFile                string  `json:"k8sCAFile"`
	K8sAPIToken              string  `json:"k8sAPIToken"`
	K8sInsecureSkipTLSVerify bool    `json:"k8sInsecureSkipTLSVerify"`
	K8sDisableNodePoll       bool    `json:"k8sDisableNodePoll"`
	UsePodCIDR               bool    `json:"usePodCIDR"`
	K8sClientQPS             float32 `json:"k8sClientQPS"`
	K8sCurrentContext        string  `json:"k8sCurrentContext"`
	CalicoAPIGroup           string  `json:"calicoAPIGroup"`
}

// FromFile returns the datastore settings of a CalicoAPIConfig file, YAML or
// JSON. Fields that Calico doesn't know are refused. The error is a
// *SettingsError.
func FromFile(path string) (Settings, error) {
	var (
		faults Faults
		file   = Given(path, SourceFlag("config"))
		config apiConfig
	)
	data, err := os.ReadFile(path)
	if err != nil {
		faults.AddUnreadable(file, err, "a CalicoAPIConfig file")
		return Settings{}, faults.Err()
	}
	if err := yaml.UnmarshalStrict(data, &config); err != nil {
		faults.Add(file, "not a CalicoAPIConfig: %s", yamlProblem(err))
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
	} {
		if given.value != "" {
			*given.into = Given(given.value, Source(fmt.Sprintf("file %s spec.%s", path, given.field)))
		}
	}
	return settings
}

// valuesInYAMLErrors are the places where the YAML decoder quotes a value. The
// likeliest is the alias that an unquoted password with * in front looks like.
const valuesInYAMLErrors = "(unknown anchor )'[^']*'|(invalid map key: ).*|`.*"

// yamlProblem is what the decoder finds wrong, without the values in it, which
// may be secrets, and without the steps of decoding in front, which differ from
// one version of the decoder to the next.
func yamlProblem(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	text := strings.TrimPrefix(err.Error(), "while decoding JSON: ")
	return regexp.MustCompile(valuesInYAMLErrors).ReplaceAllString(text, "$1$2***")
}

// Load lays the flags over the file and the file over the environment, and
// returns that with warnings. An empty configFile means that there is none.
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
		return Merge(flags, environment), nil, nil
	}
	file, err := FromFile(configFile)
	var warnings []string
	for _, d := range Definitions() {
		if setting := d.Of(&environment); d.Prefixed && setting.IsSet() {
			warnings = append(warnings, fmt.Sprintf("%s has no effect: %s %s says how to reach the datastore",
				setting.Source, SourceFlag("config"), configFile))
		}
	}
	environment.Datastore = DatastoreSettings{}
	return Merge(flags, file, environment), warnings, err
}
