// Package settings reads every setting, from flags, the environment and files, and
// resolves them into the desired pools, with all errors at once.
package settings

import (
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Settings are all settings as they were given, each with its place. The zero
// value has nothing set: everything is at its default. [Settings.Resolve]
// validates them. [Definitions] has the table of their flags and variables.
type Settings struct {
	IPv4 IPv4PoolSettings // of the default IPv4 pool
	IPv6 IPv6PoolSettings // of the default IPv6 pool

	NoDefaultPools   Setting // a boolean
	IPv6Support      Setting // a boolean; false: no IPv6 pool
	WaitForDatastore Setting // a boolean; true: no limit unless Timeout says one
	Timeout          Setting // a duration as time.ParseDuration reads it; 0 is no limit

	// PoolsFile is a file with IPPools, or a directory of such files.
	PoolsFile Setting

	// Unknown are variables that look like settings and are none: FromEnv finds
	// them, and Resolve warns of them.
	Unknown []Setting

	// PoolManifests are what PoolsFile holds: ReadPoolsFile fills them in, and
	// who has the texts already can give them without a file. Nil: not read.
	PoolManifests []PoolManifest

	OnDrift   Setting // report, update or fail
	Preflight Setting // warn, strict or off
	Allow     Setting // codes of findings, separated by commas
	Strict    Setting // a boolean; true: warnings about settings are errors

	// Datastore is read apart, because each of its variables has two names.
	Datastore DatastoreSettings

	// Of the program that logs: [Definition.Of] leads there.
	logLevel, logFormat Setting
}

// PoolSettings are the settings of the default pool of either family. In the
// environment their names follow CALICO_IPV4POOL_ or CALICO_IPV6POOL_.
type PoolSettings struct {
	CIDR             Setting // of the family; none: no default pool of it
	Name             Setting // a DNS subdomain name
	BlockSize        Setting // a prefix length in decimal
	VXLAN            Setting // a v3.VXLANMode, as calico-node spells it
	NATOutgoing      Setting // a boolean
	NodeSelector     Setting // a selector of Calico's
	DisableBGPExport Setting // a boolean
}

// IPv4PoolSettings are the settings of the default IPv4 pool.
type IPv4PoolSettings struct {
	PoolSettings
	IPIP Setting // an v3.IPIPMode, as calico-node spells it
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
	DatastoreType Setting // etcdv3 or kubernetes

	EtcdEndpoints    Setting // URLs, separated by commas
	EtcdDiscoverySRV Setting // a domain whose SRV records name the members, in place of endpoints
	EtcdUsername     Setting // with a password
	EtcdPassword     Setting `json:"-"` // with a user name
	EtcdCACertFile   Setting // the path of a PEM file
	EtcdCertFile     Setting // the path of a PEM file; with a key
	EtcdKeyFile      Setting // the path of a PEM file; with a certificate

	Kubeconfig               Setting // a path, or several, separated as in PATH
	K8sAPIEndpoint           Setting // a URL, in place of a kubeconfig
	K8sCAFile                Setting // the path of a PEM file
	K8sCertFile              Setting // the path of a PEM file; with a key
	K8sKeyFile               Setting // the path of a PEM file; with a certificate
	K8sAPIToken              Setting `json:"-"` // a bearer token
	K8sInsecureSkipTLSVerify Setting // a boolean; true: anybody can pose as the API server
	K8sCurrentContext        Setting // a context of the kubeconfig
	K8sClientQPS             Setting // requests a second, on average
	K8sClientBurst           Setting // requests at once, beyond the average
	CalicoAPIGroup           Setting // ippool.CRDV1 or v3.SchemeGroupVersion, as a text

	// The PEM texts and the kubeconfig themselves. Only a CalicoAPIConfig file
	// can give them: an environment is too easily printed.
	EtcdCACert       Setting // in place of EtcdCACertFile
	EtcdCert         Setting // in place of EtcdCertFile
	EtcdKey          Setting `json:"-"` // in place of EtcdKeyFile
	KubeconfigInline Setting `json:"-"` // in place of Kubeconfig

	// Surroundings are where a Kubernetes API is found that no setting names.
	Ambient Ambient

	// Names is what messages call a setting, here and wherever the settings lead:
	// in plans, in the preflight and in the hints of datastores. Nil: its identity,
	// such as etcd.endpoints. [VariableNames] and [FlagNames] are ready to use.
	Names origin.Names `json:"-"`
}

// Surroundings are what a process finds around it, and nobody set for this
// purpose: FromEnv fills them in.
type Ambient struct {
	KubernetesServiceHost Setting // in every process of a pod
	KubernetesServicePort Setting // beside it

	// HomeKubeconfig is the path of ~/.kube/config, whether it is there or not.
	HomeKubeconfig Setting
}

// pool returns the settings that both families have.
func (s *Settings) pool(family ippool.Family) *PoolSettings {
	if family == ippool.IPv6 {
		return &s.IPv6.PoolSettings
	}
	return &s.IPv4.PoolSettings
}

// Merge lays settings over each other: of each setting, the first layer that
// gives it wins, and so with Names.
//
//	settings := settings.Merge(flags, environment)
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
		if layer.Names() != nil {
			merged.Datastore.Names = layer.Names()
			break
		}
	}
	for _, layer := range layers {
		if layer.HasPoolManifests() {
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
