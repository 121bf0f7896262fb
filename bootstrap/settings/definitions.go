package settings

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Definition describes a setting: its identity, its names, its default, and the accepted
// values.
type Definition struct {
	ID       origin.Setting // identity, in code and in messages
	Flag     string         // name of the flag, without dashes
	Env      string         // name of the environment variable
	Default  string         // description of the default; empty: unset
	Accepted string         // description of the accepted values
	Usage    string         // help text of the flag
	Bool     bool           // the flag without a value means true
	Secret   bool           // the value is never shown
	URL      bool           // the value may contain a password or a token by mistake
	File     bool           // the value is the path of a file, or of several
	List     bool           // the flag may be repeated; its values are joined with commas

	// Words are the accepted values if they are a fixed list, otherwise nil; true and
	// false for a boolean, although Accepted has more. The slice is shared by all callers
	// and must not be modified.
	Words []string

	// Prefixed reports whether Env with the prefix CALICO_ is a second name,
	// which takes precedence.
	Prefixed bool

	// Older is an older name of the variable; empty: none. Env takes precedence.
	Older string

	number bool // only what looks like a number is shown

	at func(*Settings) *Setting
}

// Of returns the setting that the definition describes. Programs use it to read
// --log-level and --log-format, which have no exported fields.
func (d Definition) Of(settings *Settings) *Setting { return d.at(settings) }

// Variables returns the environment variables of the setting. The last that is set takes
// precedence.
func (d Definition) Variables() []string {
	if d.Prefixed {
		return []string{d.Env, envPrefix + d.Env}
	}
	if d.Older != "" {
		return []string{d.Older, d.Env}
	}
	return []string{d.Env}
}

// acceptedTimeout describes durations, for the documentation and for faults.
const acceptedTimeout = "a Go duration such as 90s or 5m; 0 means no limit"

var (
	acceptedBool = strings.Join(trueWords, " ") + ", " + strings.Join(falseWords, " ")
	modeWords    = []string{"off", "never", "always", "crosssubnet", "cross-subnet"}
)

// Definitions returns all settings with a flag and a variable, in the order of the
// documentation.
func Definitions() []Definition { return slices.Clone(definitions()) }

var definitions = sync.OnceValue(func() []Definition {
	all := slices.Concat(poolDefinitions(ippool.IPv4), poolDefinitions(ippool.IPv6), runDefinitions, datastoreDefinitions)
	for i := range all {
		switch d := &all[i]; {
		case d.Bool:
			d.Words, d.Accepted = []string{"true", "false"}, acceptedBool
		case d.Words != nil:
			d.Accepted = strings.Join(d.Words, ", ")
		}
	}
	return all
})

// definitionOf returns the definition of the setting, if it has one.
func definitionOf(id origin.Setting) (Definition, bool) {
	i := slices.IndexFunc(definitions(), func(d Definition) bool { return d.ID == id })
	if i < 0 {
		return Definition{}, false
	}
	return definitions()[i], true
}

// everySetting returns accessors of all settings, including those without a flag and a
// variable.
func everySetting() []func(*Settings) *Setting {
	all := []func(*Settings) *Setting{
		func(s *Settings) *Setting { return &s.Datastore.EtcdCACert },
		func(s *Settings) *Setting { return &s.Datastore.EtcdCert },
		func(s *Settings) *Setting { return &s.Datastore.EtcdKey },
		func(s *Settings) *Setting { return &s.Datastore.KubeconfigInline },
		func(s *Settings) *Setting { return &s.Datastore.Ambient.KubernetesServiceHost },
		func(s *Settings) *Setting { return &s.Datastore.Ambient.KubernetesServicePort },
		func(s *Settings) *Setting { return &s.Datastore.Ambient.HomeKubeconfig },
	}
	for _, d := range definitions() {
		all = append(all, d.at)
	}
	return all
}

func poolDefinitions(family ippool.Family) []Definition {
	name := func(flag string) (string, string) {
		env := strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
		return fmt.Sprintf("ipv%d-pool-%s", family, flag), fmt.Sprintf("CALICO_IPV%dPOOL_%s", family, env)
	}
	define := func(field, flag string, d Definition, at func(*PoolSettings) *Setting) Definition {
		d.ID, d.at = origin.PoolSetting(family, field), func(s *Settings) *Setting { return at(s.pool(family)) }
		d.Flag, d.Env = name(flag)
		return d
	}
	smallest, largest := family.BlockSizes()
	definitions := []Definition{
		define("cidr", "cidr", Definition{
			Default: defaultCIDRWords(family), Accepted: fmt.Sprintf("an %s CIDR, or none", family),
			Usage: fmt.Sprintf("CIDR of the default %s pool; none: no default pool of this family", family),
		}, func(p *PoolSettings) *Setting { return &p.CIDR }),
		define("name", "name", Definition{
			Default: defaultPoolName(family), Accepted: "a DNS subdomain name",
			Usage: fmt.Sprintf("name of the default %s pool", family),
		}, func(p *PoolSettings) *Setting { return &p.Name }),
		define("blockSize", "block-size", Definition{
			Default: fmt.Sprint(family.DefaultBlockSize()), Accepted: fmt.Sprintf("a decimal number, %d to %d", smallest, largest),
			Usage: "prefix length of the blocks that nodes take from the pool",
		}, func(p *PoolSettings) *Setting { return &p.BlockSize }),
		define("vxlanMode", "vxlan", Definition{
			Default: "Never", Words: modeWords,
			Usage: "when traffic between nodes is encapsulated in VXLAN",
		}, func(p *PoolSettings) *Setting { return &p.VXLAN }),
		define("natOutgoing", "nat-outgoing", Definition{
			Default: fmt.Sprint(defaultNATOutgoing(family)), Bool: true,
			Usage: "whether traffic that leaves the pool is masqueraded",
		}, func(p *PoolSettings) *Setting { return &p.NATOutgoing }),
		define("nodeSelector", "node-selector", Definition{
			Default: ippool.DefaultNodeSelector, Accepted: "a Calico selector, such as zone == 'a'",
			Usage: "the nodes that may use the pool",
		}, func(p *PoolSettings) *Setting { return &p.NodeSelector }),
		define("disableBGPExport", "disable-bgp-export", Definition{
			Default: "false", Bool: true,
			Usage: "do not export the pool's routes over BGP",
		}, func(p *PoolSettings) *Setting { return &p.DisableBGPExport }),
	}
	if family == ippool.IPv4 {
		ipip := define("ipipMode", "ipip", Definition{
			Default: "Never", Words: modeWords,
			Usage: "when traffic between nodes is encapsulated in IP-in-IP",
		}, nil)
		ipip.at = func(s *Settings) *Setting { return &s.IPv4.IPIP }
		definitions = slices.Insert(definitions, 3, ipip)
	}
	return definitions
}

// words returns the words of an enumeration as plain strings.
func words[T ~string](all ...T) []string {
	texts := make([]string, len(all))
	for i, word := range all {
		texts[i] = string(word)
	}
	return texts
}

func defaultCIDRWords(family ippool.Family) string {
	if family == ippool.IPv6 {
		return "a random ULA /48"
	}
	return "192.168.0.0/16, or the first of 172.16.0.0/16 to 172.31.0.0/16 that this host doesn't use"
}

var runDefinitions = []Definition{
	{
		ID: origin.SettingNoDefaultPools, Flag: "no-default-pools", Env: "NO_DEFAULT_POOLS", Default: "false", Bool: true,
		Older: "CALICO_NO_DEFAULT_POOLS", // of Calico's old calico.env
		Usage: "create no default pools; it is an error to set a CIDR as well",
		at:    func(s *Settings) *Setting { return &s.NoDefaultPools },
	}, {
		ID: origin.SettingIPv6Support, Flag: "ipv6-support", Env: "FELIX_IPV6SUPPORT", Default: "true", Bool: true,
		Usage: "false, or a Linux host without IPv6: no IPv6 pool",
		at:    func(s *Settings) *Setting { return &s.IPv6Support },
	}, {
		ID: origin.SettingPoolsFile, Flag: "pools-file", Env: "CALICO_IPPOOLS_FILE", File: true, Accepted: "a file, or a directory of .yaml, .yml and .json files",
		Usage: "IPPools to create; a default pool is then created only if its CIDR is set",
		at:    func(s *Settings) *Setting { return &s.PoolsFile },
	}, {
		ID: origin.SettingClusterCIDR, Flag: "cluster-cidr", Env: "CALICO_IPPOOLS_CLUSTER_CIDR", Accepted: acceptedClusterCIDR, List: true,
		Usage: "the cluster's pod CIDRs as its installer knows them; preferred to those that the cluster names",
		at:    func(s *Settings) *Setting { return &s.ClusterCIDR },
	}, {
		ID: origin.SettingServiceCIDR, Flag: "service-cidr", Env: "CALICO_IPPOOLS_SERVICE_CIDR", Accepted: acceptedServiceCIDR, List: true,
		Usage: "CIDRs of the Services' cluster IPs, beside those that the cluster names; etcd names none",
		at:    func(s *Settings) *Setting { return &s.ServiceCIDR },
	}, {
		ID: origin.SettingBackend, Flag: "networking-backend", Env: "CALICO_NETWORKING_BACKEND", Words: words(facts.BackendKinds()...),
		Usage: "networking backend of calico-node; preflight checks the encapsulation of pools against it",
		at:    func(s *Settings) *Setting { return &s.NetworkingBackend },
	}, {
		ID: origin.SettingNoNATTo, Flag: "no-nat-to", Env: "CALICO_IPPOOLS_NO_NAT_TO", Accepted: acceptedNoNATTo, List: true,
		Usage: "ranges to which traffic of pods is not masqueraded; disabled pools cover them, except where other pools are",
		at:    func(s *Settings) *Setting { return &s.NoNATTo },
	}, {
		ID: origin.SettingOnDrift, Flag: "on-drift", Env: "CALICO_IPPOOLS_ON_DRIFT", Default: "report", Words: words(plan.OnDrifts()...),
		Usage: "what to do if an existing pool differs from the desired one",
		at:    func(s *Settings) *Setting { return &s.OnDrift },
	}, {
		ID: origin.SettingPreflight, Flag: "preflight", Env: "CALICO_IPPOOLS_PREFLIGHT", Default: "warn", Words: words(preflight.Modes()...),
		Usage: "check the pools against this host and the cluster; strict: a finding is an error",
		at:    func(s *Settings) *Setting { return &s.Preflight },
	}, {
		ID: origin.SettingAllow, Flag: "allow", Env: "CALICO_IPPOOLS_ALLOW", Accepted: "codes of docs/FINDINGS.md, separated by commas", List: true,
		Usage: "preflight findings to ignore",
		at:    func(s *Settings) *Setting { return &s.Allow },
	}, {
		ID: origin.SettingStrict, Flag: "strict", Env: "CALICO_IPPOOLS_STRICT", Default: "false", Bool: true,
		Usage: "treat warnings about settings and sources as errors",
		at:    func(s *Settings) *Setting { return &s.Strict },
	}, {
		ID: origin.SettingWaitForDatastore, Flag: "wait-for-datastore", Env: "WAIT_FOR_DATASTORE", Default: "false", Bool: true,
		Usage: "wait for the datastore without a time limit, unless --timeout is set",
		at:    func(s *Settings) *Setting { return &s.WaitForDatastore },
	}, {
		ID: origin.SettingTimeout, Flag: "timeout", Env: "CALICO_IPPOOLS_TIMEOUT", Default: "60s", Accepted: acceptedTimeout,
		Usage: "time limit of the whole run; 0 means no limit",
		at:    func(s *Settings) *Setting { return &s.Timeout },
	}, {
		ID: origin.SettingLogLevel, Flag: "log-level", Env: "CALICO_STARTUP_LOGLEVEL", Default: "info", Words: words("debug", "info", "warning", "error"),
		Usage: "least severe level that is logged",
		at:    func(s *Settings) *Setting { return &s.logLevel },
	}, {
		ID: origin.SettingLogFormat, Flag: "log-format", Env: "CALICO_IPPOOLS_LOG_FORMAT", Default: "auto", Words: words("auto", "text", "json"),
		Usage: "format of log lines; auto: plain lines on a terminal, else text",
		at:    func(s *Settings) *Setting { return &s.logFormat },
	},
}

var datastoreDefinitions = []Definition{
	{
		ID: origin.SettingDatastoreType, Flag: "datastore-type", Env: "DATASTORE_TYPE", Prefixed: true,
		Default: "etcdv3 if etcd endpoints are set, else kubernetes", Words: words(datastore.EtcdV3, datastore.Kubernetes),
		Usage: "datastore in which Calico stores its pools",
		at:    func(s *Settings) *Setting { return &s.Datastore.DatastoreType },
	}, {
		ID: origin.SettingEtcdEndpoints, Flag: "etcd-endpoints", Env: "ETCD_ENDPOINTS", Prefixed: true, URL: true,
		Accepted: "URLs such as https://10.0.0.1:2379, separated by commas",
		Usage:    "the etcd members to connect to",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdEndpoints },
	}, {
		ID: origin.SettingEtcdDiscoverySRV, Flag: "etcd-discovery-srv", Env: "ETCD_DISCOVERY_SRV", Prefixed: true, URL: true,
		Accepted: "a domain; not with endpoints",
		Usage:    "domain whose SRV records _etcd-client-ssl._tcp and _etcd-client._tcp name the etcd members",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdDiscoverySRV },
	}, {
		ID: origin.SettingEtcdUsername, Flag: "etcd-username", Env: "ETCD_USERNAME", Prefixed: true,
		Accepted: "a name; requires a password",
		Usage:    "etcd user",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdUsername },
	}, {
		ID: origin.SettingEtcdPassword, Flag: "etcd-password", Env: "ETCD_PASSWORD", Prefixed: true, Secret: true,
		Accepted: "a string; requires a user name",
		Usage:    "password of the etcd user; the environment variable is safer",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdPassword },
	}, {
		ID: origin.SettingEtcdCACertFile, Flag: "etcd-ca-cert-file", Env: "ETCD_CA_CERT_FILE", Prefixed: true, File: true,
		Default: "the system's CAs", Accepted: "a PEM file",
		Usage: "CA certificates to verify the members' certificates",
		at:    func(s *Settings) *Setting { return &s.Datastore.EtcdCACertFile },
	}, {
		ID: origin.SettingEtcdCertFile, Flag: "etcd-cert-file", Env: "ETCD_CERT_FILE", Prefixed: true, File: true,
		Accepted: "a PEM file; requires a key",
		Usage:    "client certificate",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdCertFile },
	}, {
		ID: origin.SettingEtcdKeyFile, Flag: "etcd-key-file", Env: "ETCD_KEY_FILE", Prefixed: true, File: true,
		Accepted: "a PEM file; requires a certificate",
		Usage:    "key of the client certificate",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdKeyFile },
	}, {
		ID: origin.SettingKubeconfig, Flag: "kubeconfig", Env: "KUBECONFIG", Prefixed: true, File: true,
		Default: "~/.kube/config if it exists, else the in-cluster config of a pod", Accepted: "a file, or several that are merged, separated as in PATH; not with an endpoint",
		Usage: "connection to the Kubernetes API",
		at:    func(s *Settings) *Setting { return &s.Datastore.Kubeconfig },
	}, {
		ID: origin.SettingAPIEndpoint, Flag: "k8s-api-endpoint", Env: "K8S_API_ENDPOINT", Prefixed: true, URL: true,
		Accepted: "a URL such as https://10.0.0.1:6443; not with a kubeconfig",
		Usage:    "the Kubernetes API server",
		at:       func(s *Settings) *Setting { return &s.Datastore.K8sAPIEndpoint },
	}, {
		ID: origin.SettingCAFile, Flag: "k8s-ca-file", Env: "K8S_CA_FILE", Prefixed: true, File: true,
		Default: "the system's CAs", Accepted: "a PEM file",
		Usage: "CA certificates to verify the API server's certificate",
		at:    func(s *Settings) *Setting { return &s.Datastore.K8sCAFile },
	}, {
		ID: origin.SettingCertFile, Flag: "k8s-cert-file", Env: "K8S_CERT_FILE", Prefixed: true, File: true,
		Accepted: "a PEM file; requires a key",
		Usage:    "client certificate",
		at:       func(s *Settings) *Setting { return &s.Datastore.K8sCertFile },
	}, {
		ID: origin.SettingKeyFile, Flag: "k8s-key-file", Env: "K8S_KEY_FILE", Prefixed: true, File: true,
		Accepted: "a PEM file; requires a certificate",
		Usage:    "key of the client certificate",
		at:       func(s *Settings) *Setting { return &s.Datastore.K8sKeyFile },
	}, {
		ID: origin.SettingAPIToken, Flag: "k8s-api-token", Env: "K8S_API_TOKEN", Prefixed: true, Secret: true,
		Accepted: "a bearer token",
		Usage:    "token for the API server; the environment variable is safer",
		at:       func(s *Settings) *Setting { return &s.Datastore.K8sAPIToken },
	}, {
		ID: origin.SettingInsecureSkipTLSVerify, Flag: "k8s-insecure-skip-tls-verify", Env: "K8S_INSECURE_SKIP_TLS_VERIFY", Prefixed: true,
		Default: "false", Bool: true,
		Usage: "skip TLS verification of the API server; insecure",
		at:    func(s *Settings) *Setting { return &s.Datastore.K8sInsecureSkipTLSVerify },
	}, {
		ID: origin.SettingCurrentContext, Flag: "k8s-current-context", Env: "K8S_CURRENT_CONTEXT", Prefixed: true,
		Default: "the kubeconfig's current-context", Accepted: "a context of the kubeconfig",
		Usage: "context to use",
		at:    func(s *Settings) *Setting { return &s.Datastore.K8sCurrentContext },
	}, {
		ID: origin.SettingClientQPS, Flag: "k8s-client-qps", Env: "K8S_CLIENT_QPS", Prefixed: true,
		Default: "no limit", Accepted: "a number above 0",
		Usage: "average number of requests per second to the API server", number: true,
		at: func(s *Settings) *Setting { return &s.Datastore.K8sClientQPS },
	}, {
		ID: origin.SettingClientBurst, Flag: "k8s-client-burst", Env: "K8S_CLIENT_BURST", Prefixed: true,
		Default: "10", Accepted: "an integer above 0; requires a QPS",
		Usage: "burst of requests to the API server above the average", number: true,
		at: func(s *Settings) *Setting { return &s.Datastore.K8sClientBurst },
	}, {
		ID: origin.SettingCalicoAPIGroup, Flag: "calico-api-group", Env: "CALICO_API_GROUP", Prefixed: true,
		Default: "crd.projectcalico.org/v1 if it is served, else projectcalico.org/v3", Words: words(ippool.CRDV1.String(), v3.SchemeGroupVersion.String()),
		Usage: "API group of the pools",
		at:    func(s *Settings) *Setting { return &s.Datastore.CalicoAPIGroup },
	},
}
