package settings

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Definition describes a setting: its names, its default, and the accepted values.
type Definition struct {
	Flag     string // name of the flag, without dashes
	Env      string // name of the environment variable
	Default  string // description of the default; empty: unset
	Accepted string // description of the accepted values
	Usage    string // help text of the flag
	Bool     bool   // the flag without a value means true
	Secret   bool   // the value is never shown
	URL      bool   // the value may contain a password or a token by mistake
	File     bool   // the value is the path of a file, or of several
	List     bool   // the flag may be repeated; its values are joined with commas

	// Prefixed reports whether Env with the prefix CALICO_ is a second name,
	// which takes precedence.
	Prefixed bool

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
	return []string{d.Env}
}

// Words returns the accepted values if they are a fixed list, otherwise nil. For a
// boolean they are true and false.
func (d Definition) Words() []string {
	if d.Bool {
		return []string{"true", "false"}
	}
	words := strings.Split(d.Accepted, ", ")
	if len(words) == 1 || strings.ContainsAny(strings.Join(words, ""), " ;") {
		return nil // a description, not a list
	}
	return words
}

// Descriptions of accepted values, for the documentation and for faults.
const (
	acceptedBool     = "true 1 t yes y on enabled, false 0 f no n off disabled"
	acceptedMode     = "off, never, always, crosssubnet, cross-subnet"
	acceptedSelector = "a selector of Calico's, such as zone == 'a'"
	acceptedTimeout  = "a Go duration such as 90s or 5m; 0 is no limit"
)

// Definitions returns all settings with a flag and a variable, in the order of the
// documentation.
func Definitions() []Definition { return slices.Clone(definitions()) }

var definitions = sync.OnceValue(func() []Definition {
	return slices.Concat(poolDefinitions(ippool.IPv4), poolDefinitions(ippool.IPv6), runDefinitions, datastoreDefinitions)
})

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
	define := func(flag, fallback, accepted, usage string, at func(*PoolSettings) *Setting) Definition {
		flag, env := name(flag)
		return Definition{
			Flag: flag, Env: env, Default: fallback, Accepted: accepted, Usage: usage, Bool: accepted == acceptedBool,
			at: func(s *Settings) *Setting { return at(s.pool(family)) },
		}
	}
	smallest, largest := family.BlockSizes()
	definitions := []Definition{
		define("cidr", defaultCIDRWords(family), fmt.Sprintf("an %s CIDR, or none", family),
			fmt.Sprintf("CIDR of the default %s pool; none: no default pool of this family", family),
			func(p *PoolSettings) *Setting { return &p.CIDR }),
		define("name", defaultPoolName(family), "a DNS subdomain name",
			fmt.Sprintf("name of the default %s pool", family),
			func(p *PoolSettings) *Setting { return &p.Name }),
		define("block-size", fmt.Sprint(family.DefaultBlockSize()), fmt.Sprintf("a decimal number, %d to %d", smallest, largest),
			"prefix length of the blocks that nodes take from the pool",
			func(p *PoolSettings) *Setting { return &p.BlockSize }),
		define("vxlan", "Never", acceptedMode,
			"when traffic between nodes is encapsulated in VXLAN",
			func(p *PoolSettings) *Setting { return &p.VXLAN }),
		define("nat-outgoing", fmt.Sprint(defaultNATOutgoing(family)), acceptedBool,
			"whether traffic that leaves the pool is masqueraded",
			func(p *PoolSettings) *Setting { return &p.NATOutgoing }),
		define("node-selector", ippool.DefaultNodeSelector, acceptedSelector,
			"the nodes that may use the pool",
			func(p *PoolSettings) *Setting { return &p.NodeSelector }),
		define("disable-bgp-export", "false", acceptedBool,
			"keep the pool's routes out of BGP",
			func(p *PoolSettings) *Setting { return &p.DisableBGPExport }),
	}
	if family == ippool.IPv4 {
		flag, env := name("ipip")
		ipip := Definition{
			Flag: flag, Env: env, Default: "Never", Accepted: acceptedMode,
			Usage: "when traffic between nodes is encapsulated in IP-in-IP",
			at:    func(s *Settings) *Setting { return &s.IPv4.IPIP },
		}
		definitions = slices.Insert(definitions, 3, ipip)
	}
	return definitions
}

func defaultCIDRWords(family ippool.Family) string {
	if family == ippool.IPv6 {
		return "a random ULA /48"
	}
	return "192.168.0.0/16, or the first of 172.16.0.0/16 to 172.31.0.0/16 that this host doesn't use"
}

var runDefinitions = []Definition{
	{
		Flag: "no-default-pools", Env: "NO_DEFAULT_POOLS", Default: "false", Accepted: acceptedBool, Bool: true,
		Usage: "create no default pools; with a CIDR set it is an error",
		at:    func(s *Settings) *Setting { return &s.NoDefaultPools },
	}, {
		Flag: "ipv6-support", Env: "FELIX_IPV6SUPPORT", Default: "true", Accepted: acceptedBool, Bool: true,
		Usage: "false, or a Linux host without IPv6: no IPv6 pool",
		at:    func(s *Settings) *Setting { return &s.IPv6Support },
	}, {
		Flag: "pools-file", Env: "CALICO_IPPOOLS_FILE", File: true, Accepted: "a file, or a directory of .yaml, .yml and .json files",
		Usage: "IPPools to create beside the default ones, of which there is then none unless its CIDR is set",
		at:    func(s *Settings) *Setting { return &s.PoolsFile },
	}, {
		Flag: "on-drift", Env: "CALICO_IPPOOLS_ON_DRIFT", Default: "report", Accepted: "report, update, fail",
		Usage: "what to do where an existing pool differs from the desired one",
		at:    func(s *Settings) *Setting { return &s.OnDrift },
	}, {
		Flag: "preflight", Env: "CALICO_IPPOOLS_PREFLIGHT", Default: "warn", Accepted: "warn, strict, off",
		Usage: "check the pools against this host and the cluster; strict: a finding is an error",
		at:    func(s *Settings) *Setting { return &s.Preflight },
	}, {
		Flag: "allow", Env: "CALICO_IPPOOLS_ALLOW", Accepted: "codes of docs/FINDINGS.md, separated by commas", List: true,
		Usage: "preflight findings to ignore",
		at:    func(s *Settings) *Setting { return &s.Allow },
	}, {
		Flag: "strict", Env: "CALICO_IPPOOLS_STRICT", Default: "false", Accepted: acceptedBool, Bool: true,
		Usage: "treat warnings about settings as errors",
		at:    func(s *Settings) *Setting { return &s.Strict },
	}, {
		Flag: "wait-for-datastore", Env: "WAIT_FOR_DATASTORE", Default: "false", Accepted: acceptedBool, Bool: true,
		Usage: "wait for the datastore with no limit unless --timeout says one",
		at:    func(s *Settings) *Setting { return &s.WaitForDatastore },
	}, {
		Flag: "timeout", Env: "CALICO_IPPOOLS_TIMEOUT", Default: "60s", Accepted: acceptedTimeout,
		Usage: "time for the whole run; 0 is no limit",
		at:    func(s *Settings) *Setting { return &s.Timeout },
	}, {
		Flag: "log-level", Env: "CALICO_STARTUP_LOGLEVEL", Default: "info", Accepted: "debug, info, warning, error",
		Usage: "least severe level that is logged",
		at:    func(s *Settings) *Setting { return &s.logLevel },
	}, {
		Flag: "log-format", Env: "CALICO_IPPOOLS_LOG_FORMAT", Default: "text", Accepted: "text, json",
		Usage: "how log lines are written",
		at:    func(s *Settings) *Setting { return &s.logFormat },
	},
}

var datastoreDefinitions = []Definition{
	{
		Flag: "datastore-type", Env: "DATASTORE_TYPE", Prefixed: true,
		Default: "etcdv3 if etcd endpoints are set, else kubernetes", Accepted: "etcdv3, kubernetes",
		Usage: "where Calico keeps its pools",
		at:    func(s *Settings) *Setting { return &s.Datastore.DatastoreType },
	}, {
		Flag: "etcd-endpoints", Env: "ETCD_ENDPOINTS", Prefixed: true, URL: true,
		Accepted: "URLs such as https://10.0.0.1:2379, separated by commas",
		Usage:    "the etcd members to talk to",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdEndpoints },
	}, {
		Flag: "etcd-discovery-srv", Env: "ETCD_DISCOVERY_SRV", Prefixed: true, URL: true,
		Accepted: "a domain; not with endpoints",
		Usage:    "domain whose SRV records _etcd-client-ssl._tcp and _etcd-client._tcp name the etcd members",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdDiscoverySRV },
	}, {
		Flag: "etcd-username", Env: "ETCD_USERNAME", Prefixed: true,
		Accepted: "a name; with a password",
		Usage:    "etcd user",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdUsername },
	}, {
		Flag: "etcd-password", Env: "ETCD_PASSWORD", Prefixed: true, Secret: true,
		Accepted: "a text; with a user name",
		Usage:    "password of the etcd user; the variable is the safer place",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdPassword },
	}, {
		Flag: "etcd-ca-cert-file", Env: "ETCD_CA_CERT_FILE", Prefixed: true, File: true,
		Default: "the system's CAs", Accepted: "a PEM file",
		Usage: "CA certificates that the members' certificates are checked against",
		at:    func(s *Settings) *Setting { return &s.Datastore.EtcdCACertFile },
	}, {
		Flag: "etcd-cert-file", Env: "ETCD_CERT_FILE", Prefixed: true, File: true,
		Accepted: "a PEM file; with a key",
		Usage:    "client certificate",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdCertFile },
	}, {
		Flag: "etcd-key-file", Env: "ETCD_KEY_FILE", Prefixed: true, File: true,
		Accepted: "a PEM file; with a certificate",
		Usage:    "key of the client certificate",
		at:       func(s *Settings) *Setting { return &s.Datastore.EtcdKeyFile },
	}, {
		Flag: "kubeconfig", Env: "KUBECONFIG", Prefixed: true, File: true,
		Default: "~/.kube/config if it is there, else what a pod has (in-cluster)", Accepted: "a file, or several that are merged, separated as in PATH; not with an endpoint",
		Usage: "how to reach the Kubernetes API",
		at:    func(s *Settings) *Setting { return &s.Datastore.Kubeconfig },
	}, {
		Flag: "k8s-api-endpoint", Env: "K8S_API_ENDPOINT", Prefixed: true, URL: true,
		Accepted: "a URL such as https://10.0.0.1:6443; not with a kubeconfig",
		Usage:    "the Kubernetes API server",
		at:       func(s *Settings) *Setting { return &s.Datastore.K8sAPIEndpoint },
	}, {
		Flag: "k8s-ca-file", Env: "K8S_CA_FILE", Prefixed: true, File: true,
		Default: "the system's CAs", Accepted: "a PEM file",
		Usage: "CA certificates that the API server's certificate is checked against",
		at:    func(s *Settings) *Setting { return &s.Datastore.K8sCAFile },
	}, {
		Flag: "k8s-cert-file", Env: "K8S_CERT_FILE", Prefixed: true, File: true,
		Accepted: "a PEM file; with a key",
		Usage:    "client certificate",
		at:       func(s *Settings) *Setting { return &s.Datastore.K8sCertFile },
	}, {
		Flag: "k8s-key-file", Env: "K8S_KEY_FILE", Prefixed: true, File: true,
		Accepted: "a PEM file; with a certificate",
		Usage:    "key of the client certificate",
		at:       func(s *Settings) *Setting { return &s.Datastore.K8sKeyFile },
	}, {
		Flag: "k8s-api-token", Env: "K8S_API_TOKEN", Prefixed: true, Secret: true,
		Accepted: "a bearer token",
		Usage:    "token for the API server; the variable is the safer place",
		at:       func(s *Settings) *Setting { return &s.Datastore.K8sAPIToken },
	}, {
		Flag: "k8s-insecure-skip-tls-verify", Env: "K8S_INSECURE_SKIP_TLS_VERIFY", Prefixed: true,
		Default: "false", Accepted: acceptedBool, Bool: true,
		Usage: "skip TLS verification of the API server; insecure",
		at:    func(s *Settings) *Setting { return &s.Datastore.K8sInsecureSkipTLSVerify },
	}, {
		Flag: "k8s-current-context", Env: "K8S_CURRENT_CONTEXT", Prefixed: true,
		Default: "the kubeconfig's current-context", Accepted: "a context of the kubeconfig",
		Usage: "context to use",
		at:    func(s *Settings) *Setting { return &s.Datastore.K8sCurrentContext },
	}, {
		Flag: "k8s-client-qps", Env: "K8S_CLIENT_QPS", Prefixed: true,
		Default: "no limit", Accepted: "a number above 0",
		Usage: "requests a second to the API server, on average",
		at:    func(s *Settings) *Setting { return &s.Datastore.K8sClientQPS },
	}, {
		Flag: "k8s-client-burst", Env: "K8S_CLIENT_BURST", Prefixed: true,
		Default: "10", Accepted: "a whole number above 0; with a QPS",
		Usage: "requests to the API server beyond the average, at once",
		at:    func(s *Settings) *Setting { return &s.Datastore.K8sClientBurst },
	}, {
		Flag: "calico-api-group", Env: "CALICO_API_GROUP", Prefixed: true,
		Default: "crd.projectcalico.org/v1 if it is served, else projectcalico.org/v3", Accepted: "crd.projectcalico.org/v1, projectcalico.org/v3",
		Usage: "the API group that holds the pools",
		at:    func(s *Settings) *Setting { return &s.Datastore.CalicoAPIGroup },
	},
}
