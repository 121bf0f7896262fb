// Package settings reads settings from flags, environment variables and files, and
// resolves them into the desired pools.
//
// [FromEnv] reads environment variables, [Settings.AddFlags] adds flags, and [FromFile]
// reads a CalicoAPIConfig file; [Merge] combines them, and [Load] does all of this for
// a program. A caller can also set fields of [Settings] itself, with [Given].
//
// A [Setting] is the unparsed text of a setting, with its origin. [Settings.Resolve]
// parses and validates all settings and returns a [Config] with the desired pools, or
// an [Error] with all faults at once.
package settings

import (
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Settings are all settings, each with its origin and not validated yet. In the zero
// value everything is unset, so defaults apply. [Settings.Resolve] validates them.
// [Definitions] lists their flags and variables.
type Settings struct {
	IPv4 IPv4PoolSettings // settings of the default IPv4 pool
	IPv6 IPv6PoolSettings // settings of the default IPv6 pool

	NoDefaultPools   Setting // a boolean; true: create no default pools
	IPv6Support      Setting // a boolean; false: create no IPv6 pools
	WaitForDatastore Setting // a boolean; true: no timeout unless Timeout is set
	Timeout          Setting // a duration for time.ParseDuration; 0: no timeout

	// PoolsFile is a file with IPPools, or a directory of such files.
	PoolsFile Setting

	// ClusterCIDR are the cluster's pod CIDRs as its installer knows them, at most one
	// of each family, separated by commas. A default pool without a CIDR gets the one
	// of its family, and preflight reports pools outside of it. It takes precedence
	// over what the cluster names, and works with every datastore.
	ClusterCIDR Setting

	// ServiceCIDR are the ranges of the Services' cluster IPs, CIDRs separated by commas, as
	// the cluster's installer knows them. They are added to those that the cluster names:
	// on etcd, no other are known. Pools of NoNATTo leave them out, no pool gets a chosen
	// CIDR that overlaps them, and preflight reports pools that do.
	ServiceCIDR Setting

	// NetworkingBackend is that of calico-node: bird, vxlan or none. Preflight checks the
	// encapsulation of pools against it; unset: it does not. Nothing else uses it.
	NetworkingBackend Setting

	// NoNATTo are ranges to which traffic of pods is not masqueraded, CIDRs separated by
	// commas that don't overlap: see [plan.NoNAT].
	NoNATTo Setting

	// Unknown are variables that look like settings but are not. FromEnv sets
	// them, and Resolve warns of them.
	Unknown []Setting

	// PoolManifests are the contents of PoolsFile. ReadPoolsFile sets them; a
	// caller can set them without a file. Nil means not read.
	PoolManifests []PoolManifest

	OnDrift   Setting // report, update or fail
	Preflight Setting // warn, strict or off
	Allow     Setting // finding codes, separated by commas
	Strict    Setting // a boolean; true: warnings about settings and sources are errors

	// Datastore selects the datastore and configures the connection.
	Datastore DatastoreSettings

	// logLevel and logFormat are for programs, which read them with
	// [Definition.Of].
	logLevel, logFormat Setting
}

// PoolSettings are the settings of the default pool of either family. The environment
// variables have the prefix CALICO_IPV4POOL_ or CALICO_IPV6POOL_.
type PoolSettings struct {
	CIDR             Setting // a CIDR of the family; "none": no default pool of the family
	Name             Setting // a DNS subdomain name
	BlockSize        Setting // a decimal prefix length
	VXLAN            Setting // a v3.VXLANMode in calico-node's spelling
	NATOutgoing      Setting // a boolean
	NodeSelector     Setting // a Calico selector
	DisableBGPExport Setting // a boolean
}

// IPv4PoolSettings are the settings of the default IPv4 pool.
type IPv4PoolSettings struct {
	PoolSettings
	IPIP Setting // a v3.IPIPMode in calico-node's spelling
}

// IPv6PoolSettings are the settings of the default IPv6 pool. IP-in-IP does not support
// IPv6.
type IPv6PoolSettings struct {
	PoolSettings
}

// DatastoreSettings select the datastore and configure the connection. Each has two
// environment variables: its name, such as ETCD_ENDPOINTS, and the same name with the
// prefix CALICO_, which takes precedence.
type DatastoreSettings struct {
	DatastoreType Setting // etcdv3 or kubernetes

	EtcdEndpoints    Setting // URLs, separated by commas
	EtcdDiscoverySRV Setting // a domain whose SRV records name the members; not with endpoints
	EtcdUsername     Setting // requires a password
	EtcdPassword     Setting `json:"-"` // requires a user name
	EtcdCACertFile   Setting // the path of a PEM file
	EtcdCertFile     Setting // the path of a PEM file; requires a key
	EtcdKeyFile      Setting // the path of a PEM file; requires a certificate

	Kubeconfig               Setting // a path, or several, separated as in PATH
	K8sAPIEndpoint           Setting // a URL; not with a kubeconfig
	K8sCAFile                Setting // the path of a PEM file
	K8sCertFile              Setting // the path of a PEM file; requires a key
	K8sKeyFile               Setting // the path of a PEM file; requires a certificate
	K8sAPIToken              Setting `json:"-"` // a bearer token
	K8sInsecureSkipTLSVerify Setting // a boolean; true: the API server is not authenticated
	K8sCurrentContext        Setting // a context of the kubeconfig
	K8sClientQPS             Setting // average requests per second
	K8sClientBurst           Setting // burst of requests above the average
	CalicoAPIGroup           Setting // the string of ippool.CRDV1 or v3.SchemeGroupVersion

	// The following are inline content instead of file paths. They have no
	// variables, because an environment is easily printed; a CalicoAPIConfig
	// file sets them.
	EtcdCACert       Setting // content of EtcdCACertFile
	EtcdCert         Setting // content of EtcdCertFile
	EtcdKey          Setting `json:"-"` // content of EtcdKeyFile
	KubeconfigInline Setting `json:"-"` // content of Kubeconfig

	// Ambient is used to find the Kubernetes API if no setting selects it.
	Ambient Ambient

	// Names returns how messages name a setting, in errors of settings, plans,
	// preflight findings and hints of datastores. Nil: its identity, such as
	// etcd.endpoints. FromEnv sets VariableNames; FlagNames is for a program with
	// the flags of AddFlags.
	Names origin.Names `json:"-"`
}

// Ambient holds properties of the process that are not settings. FromEnv sets them.
type Ambient struct {
	KubernetesServiceHost Setting // set in pods
	KubernetesServicePort Setting // set in pods

	// HomeKubeconfig is the path of ~/.kube/config, even if the file does not
	// exist. Unset: it is not used.
	HomeKubeconfig Setting

	// Similar are variables that look like a setting of the datastore but are
	// none: ETCD_ENDPOINT, or etcdctl's ETCDCTL_ENDPOINTS.
	Similar []origin.Origin
}

// pool returns the pool settings of the family.
func (s *Settings) pool(family ippool.Family) *PoolSettings {
	if family == ippool.IPv6 {
		return &s.IPv6.PoolSettings
	}
	return &s.IPv4.PoolSettings
}

// Merge combines layers of settings. For each setting, and for Names, the first layer in
// which it is set takes precedence.
//
//	s := settings.Merge(flags, environment)
func Merge(layers ...Settings) Settings {
	var merged Settings
	for _, at := range everySetting() {
		for i := range layers {
			if setting := at(&layers[i]); setting.IsSet() || setting.Unreadable() {
				*at(&merged) = *setting
				break
			}
		}
	}
	for _, layer := range layers {
		if layer.Names() != nil {
			merged.Datastore.Names = layer.Names()
			break
		}
	}
	for _, layer := range layers {
		if layer.HasPoolManifests() {
			// Manifests belong to the PoolsFile that they were read from.
			merged.PoolsFile, merged.PoolManifests = layer.PoolsFile, layer.PoolManifests
			break
		}
	}
	for _, layer := range layers {
		merged.Unknown = append(merged.Unknown, layer.Unknown...)
		ambient := &merged.Datastore.Ambient
		ambient.Similar = append(ambient.Similar, layer.Datastore.Ambient.Similar...)
	}
	return merged
}
