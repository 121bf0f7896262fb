package bootstrap

import "github.com/calico-bootstrap/calico-bootstrap/ippool"

// Settings are all settings as they were given, each with its place. The zero
// value has nothing set: everything is at its default. [Settings.Resolve]
// judges them.
//
// The tags name environment variables for envconfig; [Definitions] has the
// whole table.
type Settings struct {
	IPv4 IPv4PoolSettings `envconfig:"CALICO_IPV4POOL"`
	IPv6 IPv6PoolSettings `envconfig:"CALICO_IPV6POOL"`

	NoDefaultPools   Setting `envconfig:"NO_DEFAULT_POOLS"`
	IPv6Support      Setting `envconfig:"FELIX_IPV6SUPPORT"`
	WaitForDatastore Setting `envconfig:"WAIT_FOR_DATASTORE"`
	Timeout          Setting `envconfig:"CALICO_IPPOOLS_TIMEOUT"`
	LogLevel         Setting `envconfig:"CALICO_STARTUP_LOGLEVEL"`
	LogFormat        Setting `envconfig:"CALICO_IPPOOLS_LOG_FORMAT"`

	PoolsFile Setting `envconfig:"CALICO_IPPOOLS_FILE"`
	// Unknown are variables that look like settings and are none: FromEnv finds
	// them, and Resolve warns of them.
	Unknown []Setting `ignored:"true"`

	// PoolManifests are what PoolsFile holds: ReadPoolsFile fills them in, and
	// who has the texts already can give them without a file. Nil: not read.
	PoolManifests []PoolManifest `ignored:"true"`

	OnDrift   Setting `envconfig:"CALICO_IPPOOLS_ON_DRIFT"`
	Preflight Setting `envconfig:"CALICO_IPPOOLS_PREFLIGHT"`
	Allow     Setting `envconfig:"CALICO_IPPOOLS_ALLOW"`
	Strict    Setting `envconfig:"CALICO_IPPOOLS_STRICT"`

	// Datastore is read apart, because each of its variables has two names.
	Datastore DatastoreSettings `ignored:"true"`
}

// PoolSettings are the settings of the default pool of either family. In the
// environment their names follow CALICO_IPV4POOL_ or CALICO_IPV6POOL_.
//
// No field has an envconfig tag: inside a prefix envconfig would take the
// tag alone, such as CIDR or NAME, for a second name of the variable.
type PoolSettings struct {
	CIDR             Setting `split_words:"true"`
	Name             Setting `split_words:"true"`
	BlockSize        Setting `split_words:"true"`
	VXLAN            Setting `split_words:"true"`
	NATOutgoing      Setting `split_words:"true"`
	NodeSelector     Setting `split_words:"true"`
	DisableBGPExport Setting `split_words:"true"`
}

// IPv4PoolSettings are the settings of the default IPv4 pool.
type IPv4PoolSettings struct {
	PoolSettings
	IPIP Setting `split_words:"true"`
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
	DatastoreType Setting `split_words:"true"`

	EtcdEndpoints    Setting `split_words:"true"`
	EtcdDiscoverySRV Setting `split_words:"true"`
	EtcdUsername     Setting `split_words:"true"`
	EtcdPassword     Setting `split_words:"true" json:"-"`
	EtcdCACertFile   Setting `split_words:"true"`
	EtcdCertFile     Setting `split_words:"true"`
	EtcdKeyFile      Setting `split_words:"true"`

	Kubeconfig               Setting `split_words:"true"`
	K8sAPIEndpoint           Setting `split_words:"true"`
	K8sCAFile                Setting `split_words:"true"`
	K8sCertFile              Setting `split_words:"true"`
	K8sKeyFile               Setting `split_words:"true"`
	K8sAPIToken              Setting `split_words:"true" json:"-"`
	K8sInsecureSkipTLSVerify Setting `split_words:"true"`
	K8sCurrentContext        Setting `split_words:"true"`
	K8sClientQPS             Setting `split_words:"true"`
	K8sClientBurst           Setting `split_words:"true"`
	CalicoAPIGroup           Setting `split_words:"true"`

	// The PEM texts and the kubeconfig themselves. Only a CalicoAPIConfig file
	// can give them: an environment is too easily printed.
	EtcdCACert       Setting `ignored:"true"`
	EtcdCert         Setting `ignored:"true"`
	EtcdKey          Setting `ignored:"true" json:"-"`
	KubeconfigInline Setting `ignored:"true" json:"-"`

	// Surroundings are where a Kubernetes API is found that no setting names.
	Surroundings Surroundings `ignored:"true"`
}

// Surroundings are what a process finds around it, and nobody set for this
// purpose: FromEnv fills them in.
type Surroundings struct {
	// KubernetesServiceHost and KubernetesServicePort are in the environment
	// of every process in a pod.
	KubernetesServiceHost Setting `split_words:"true"`
	KubernetesServicePort Setting `split_words:"true"`

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
