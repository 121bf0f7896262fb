package bootstrap

import "github.com/calico-bootstrap/calico-bootstrap/ippool"

// Settings are all settings as they were given, each with its place. The zero
// value has nothing set: everything is at its default. [Settings.Resolve]
// judges them.
//
// The tags name environment variables for envconfig; [Definitions] has the
// whole table.
type Settings struct {
	IPv4 IPv4PoolSettings `envconfig:"CALICO_IPV4POOL"` // of the default IPv4 pool
	IPv6 IPv6PoolSettings `envconfig:"CALICO_IPV6POOL"` // of the default IPv6 pool

	NoDefaultPools   Setting `envconfig:"NO_DEFAULT_POOLS"`          // a boolean
	IPv6Support      Setting `envconfig:"FELIX_IPV6SUPPORT"`         // a boolean; false: no IPv6 pool
	WaitForDatastore Setting `envconfig:"WAIT_FOR_DATASTORE"`        // a boolean; true: no limit unless Timeout says one
	Timeout          Setting `envconfig:"CALICO_IPPOOLS_TIMEOUT"`    // a duration as time.ParseDuration reads it; 0 is no limit
	LogLevel         Setting `envconfig:"CALICO_STARTUP_LOGLEVEL"`   // debug, info, warning or error
	LogFormat        Setting `envconfig:"CALICO_IPPOOLS_LOG_FORMAT"` // a LogFormat

	// PoolsFile is a file with IPPools, or a directory of such files.
	PoolsFile Setting `envconfig:"CALICO_IPPOOLS_FILE"`

	// Unknown are variables that look like settings and are none: FromEnv finds
	// them, and Resolve warns of them.
	Unknown []Setting `ignored:"true"`

	// PoolManifests are what PoolsFile holds: ReadPoolsFile fills them in, and
	// who has the texts already can give them without a file. Nil: not read.
	PoolManifests []PoolManifest `ignored:"true"`

	OnDrift   Setting `envconfig:"CALICO_IPPOOLS_ON_DRIFT"`  // an OnDrift
	Preflight Setting `envconfig:"CALICO_IPPOOLS_PREFLIGHT"` // a Preflight
	Allow     Setting `envconfig:"CALICO_IPPOOLS_ALLOW"`     // FindingCodes, separated by commas
	Strict    Setting `envconfig:"CALICO_IPPOOLS_STRICT"`    // a boolean; true: warnings about settings are errors

	// Datastore is read apart, because each of its variables has two names.
	Datastore DatastoreSettings `ignored:"true"`
}

// PoolSettings are the settings of the default pool of either family. In the
// environment their names follow CALICO_IPV4POOL_ or CALICO_IPV6POOL_.
//
// No field has an envconfig tag: inside a prefix envconfig would take the
// tag alone, such as CIDR or NAME, for a second name of the variable.
type PoolSettings struct {
	CIDR             Setting `split_words:"true"` // of the family; none: no default pool of it
	Name             Setting `split_words:"true"` // a DNS subdomain name
	BlockSize        Setting `split_words:"true"` // a prefix length in decimal
	VXLAN            Setting `split_words:"true"` // an v3.VXLANMode, as calico-node spells it
	NATOutgoing      Setting `split_words:"true"` // a boolean
	NodeSelector     Setting `split_words:"true"` // a selector of Calico's
	DisableBGPExport Setting `split_words:"true"` // a boolean
}

// IPv4PoolSettings are the settings of the default IPv4 pool.
type IPv4PoolSettings struct {
	PoolSettings
	IPIP Setting `split_words:"true"` // an v3.IPIPMode, as calico-node spells it
}

// IPv6PoolSettings are the settings of the default IPv6 pool. IP-in-IP carries
// no IPv6, so there is no setting for it.
type IPv6PoolSettings struct {
	PoolSettings
}

// DatastoreSettings say which datastore to use and how to reach it. In the
// environment each has a name, such as ETCD_ENDPOINTS, and the same name with
// the prefix CALICO_, which wins.
type DatastoreSettings struct {
	DatastoreType Setting `split_words:"true"` // a DatastoreType

	EtcdEndpoints    Setting `split_words:"true"`          // URLs, separated by commas
	EtcdDiscoverySRV Setting `split_words:"true"`          // a domain whose SRV records name the members, in place of endpoints
	EtcdUsername     Setting `split_words:"true"`          // with a password
	EtcdPassword     Setting `split_words:"true" json:"-"` // with a user name
	EtcdCACertFile   Setting `split_words:"true"`          // the path of a PEM file
	EtcdCertFile     Setting `split_words:"true"`          // the path of a PEM file; with a key
	EtcdKeyFile      Setting `split_words:"true"`          // the path of a PEM file; with a certificate

	Kubeconfig               Setting `split_words:"true"`          // a path, or several, separated as in PATH
	K8sAPIEndpoint           Setting `split_words:"true"`          // a URL, in place of a kubeconfig
	K8sCAFile                Setting `split_words:"true"`          // the path of a PEM file
	K8sCertFile              Setting `split_words:"true"`          // the path of a PEM file; with a key
	K8sKeyFile               Setting `split_words:"true"`          // the path of a PEM file; with a certificate
	K8sAPIToken              Setting `split_words:"true" json:"-"` // a bearer token
	K8sInsecureSkipTLSVerify Setting `split_words:"true"`          // a boolean; true: anybody can pose as the API server
	K8sCurrentContext        Setting `split_words:"true"`          // a context of the kubeconfig
	K8sClientQPS             Setting `split_words:"true"`          // requests a second, on average
	K8sClientBurst           Setting `split_words:"true"`          // requests at once, beyond the average
	CalicoAPIGroup           Setting `split_words:"true"`          // ippool.CRDV1 or v3.SchemeGroupVersion, as a text

	// The PEM texts and the kubeconfig themselves. Only a CalicoAPIConfig file
	// can give them: an environment is too easily printed.
	EtcdCACert       Setting `ignored:"true"`          // in place of EtcdCACertFile
	EtcdCert         Setting `ignored:"true"`          // in place of EtcdCertFile
	EtcdKey          Setting `ignored:"true" json:"-"` // in place of EtcdKeyFile
	KubeconfigInline Setting `ignored:"true" json:"-"` // in place of Kubeconfig

	// Surroundings are where a Kubernetes API is found that no setting names.
	Surroundings Surroundings `ignored:"true"`
}

// Surroundings are what a process finds around it, and nobody set for this
// purpose: FromEnv fills them in.
type Surroundings struct {
	KubernetesServiceHost Setting `split_words:"true"` // in every process of a pod
	KubernetesServicePort Setting `split_words:"true"` // beside it

	// HomeKubeconfig is the path of ~/.kube/config, whether it is there or not.
	HomeKubeconfig Setting `ignored:"true"`
}

// pool returns the settings that both families have.
func (s *Settings) pool(family ippool.Family) *PoolSettings {
	if family == ippool.IPv6 {
		return &s.IPv6.PoolSettings
	}
	return &s.IPv4.PoolSettings
}

// Merge lays settings over each other: of each setting, the first layer that
// gives it wins.
//
//	settings := bootstrap.Merge(flags, environment)
func Merge(layers ...Settings) Settings {
	var merged Settings
	for _, at := range everySetting() {
		for i := range layers {
			if setting := at(&layers[i]); setting.IsSet() {
				*at(&merged) = *setting
				break
			}
		}
	}
	for _, layer := range layers {
		if layer.havePools() {
			// A text belongs to the setting that it was read by.
			merged.PoolsFile, merged.PoolManifests = layer.PoolsFile, layer.PoolManifests
			break
		}
	}
	for _, layer := range layers {
		merged.Unknown = append(merged.Unknown, layer.Unknown...)
	}
	return merged
}
