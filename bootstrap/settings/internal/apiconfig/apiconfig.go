// Package apiconfig decodes a CalicoAPIConfig, the format of calicoctl's
// /etc/calico/calicoctl.cfg.
package apiconfig

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Config is a CalicoAPIConfig.
type Config struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata"`
	Spec       Spec           `json:"spec"`
}

// Spec configures the connection to the datastore.
type Spec struct {
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

	// The following fields are for other parts of Calico.
	K8sDisableNodePoll bool `json:"k8sDisableNodePoll"`
	UsePodCIDR         bool `json:"usePodCIDR"`
}

// Decode decodes YAML or JSON strictly. Its error is from the decoder and may quote
// values.
func Decode(data []byte) (Config, error) {
	var config Config
	err := yaml.UnmarshalStrict(data, &config)
	return config, err
}

// Problems returns the problems of apiVersion and kind.
func (c Config) Problems() []string {
	const apiVersion, kind = "projectcalico.org/v3", "CalicoAPIConfig"
	var problems []string
	if c.APIVersion != apiVersion {
		problems = append(problems, fmt.Sprintf("apiVersion is %s; must be %s", text.Quote(c.APIVersion), apiVersion))
	}
	if c.Kind != kind {
		problems = append(problems, fmt.Sprintf("kind is %s; must be %s", text.Quote(c.Kind), kind))
	}
	return problems
}
