package settings

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// What Calico's own programs read or its manifests set is no near miss of a setting.
func TestNearMissesHaveNoFalseAlarms(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../shared/variables/calico.txt")
	if os.IsNotExist(err) {
		t.Skip("../shared is missing")
	}
	require.NoError(t, err)
	var all []string
	names := 0
	for line := range strings.Lines(string(data)) {
		if name := strings.TrimSpace(line); name != "" && !strings.HasPrefix(name, "#") {
			names++
			assert.Empty(t, unknownVariables([]string{name + "=x"}), name)
			all = append(all, name+"=x")
		}
	}
	_, err = Settings{Unknown: unknownVariables(all), Strict: Given("true", origin.Env("CALICO_IPPOOLS_STRICT"))}.Resolve()
	assert.NoError(t, err, "with --strict")
	assert.Greater(t, names, 300)
}

func TestNearMisses(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"CALICO_IPV4POOLCIDR": "CALICO_IPV4POOL_CIDR", "CALICO_IPV4POL_CIDR": "CALICO_IPV4POOL_CIDR",
		"CALICO_IPV4POOL_NATOUTGOING": "CALICO_IPV4POOL_NAT_OUTGOING", "calico_ipv4pool_cidr": "CALICO_IPV4POOL_CIDR",
		"CALICO_NAT_OUTGOING": "CALICO_IPV4POOL_NAT_OUTGOING", "CALICO_IPIP_ENABLED": "CALICO_IPV4POOL_IPIP",
		"NO_DEFAULT_POOL": "NO_DEFAULT_POOLS", "FELIX_IPV6_SUPPORT": "FELIX_IPV6SUPPORT", "WAIT_FOR_DATASTORES": "WAIT_FOR_DATASTORE",
		"ETCD_AUTHORITY": "ETCD_ENDPOINTS", "ETCD_SCHEME": "ETCD_ENDPOINTS", "ETCD_ENDPOINT": "ETCD_ENDPOINTS", "ETCD_ENPOINTS": "ETCD_ENDPOINTS",
		"CALICO_ETCD_ENDPOINT": "ETCD_ENDPOINTS", "ETCD_CA_FILE": "ETCD_CA_CERT_FILE", "ETCD_CACERT_FILE": "ETCD_CA_CERT_FILE",
		// kubespray's names
		"calico_pool_cidr": "CALICO_IPV4POOL_CIDR", "calico_pool_cidr_ipv6": "CALICO_IPV6POOL_CIDR", "calico_pool_name": "CALICO_IPV4POOL_NAME",
		"calico_pool_blocksize": "CALICO_IPV4POOL_BLOCK_SIZE", "calico_pool_blocksize_ipv6": "CALICO_IPV6POOL_BLOCK_SIZE",
		"nat_outgoing": "CALICO_IPV4POOL_NAT_OUTGOING", "nat_outgoing_ipv6": "CALICO_IPV6POOL_NAT_OUTGOING",
		"calico_ipip_mode": "CALICO_IPV4POOL_IPIP", "calico_vxlan_mode": "CALICO_IPV4POOL_VXLAN", "calico_vxlan_mode_ipv6": "CALICO_IPV6POOL_VXLAN",
		"kube_pods_subnet": "CALICO_IPPOOLS_CLUSTER_CIDR", "kube_pods_subnet_ipv6": "CALICO_IPPOOLS_CLUSTER_CIDR",
		"CALICO_CLUSTER_CIDR": "CALICO_IPPOOLS_CLUSTER_CIDR", "CALICO_IPPOOLS_CLUSTERCIDR": "CALICO_IPPOOLS_CLUSTER_CIDR",
		"ETCD_ENDPIONTS": "ETCD_ENDPOINTS", "ETCD_PASSWROD": "ETCD_PASSWORD", "ETCD_USERNMAE": "ETCD_USERNAME", "K8S_API_TOEKN": "K8S_API_TOKEN",
		"ETCD_ENDPOINTS_URL": "ETCD_ENDPOINTS", "ETCD_URL": "ETCD_ENDPOINTS", "ETCD_SERVERS": "ETCD_ENDPOINTS", "CALICO_ETCD_URLS": "ETCD_ENDPOINTS",
		"ETCD_PASSWD": "ETCD_PASSWORD", "ETCD_CERT": "ETCD_CERT_FILE", "DATASTORE": "DATASTORE_TYPE", "CALICO_DATASTORE": "DATASTORE_TYPE",
		"CALICO_IPV4POOL_CDIR": "CALICO_IPV4POOL_CIDR", "IPV4POOL_CIDR": "CALICO_IPV4POOL_CIDR", "IPV6POOL_VXLAN": "CALICO_IPV6POOL_VXLAN",
		"NO_DEFAULT_IPPOOLS": "NO_DEFAULT_POOLS", "CALICO_LOG_LEVEL": "CALICO_STARTUP_LOGLEVEL", "FELIX_IPV6SUPPROT": "FELIX_IPV6SUPPORT",
		"CALICO_IPV4POOL_IPIP_MODE": "CALICO_IPV4POOL_IPIP", "CALICO_IPV4POOL_VXLAN_MODE": "CALICO_IPV4POOL_VXLAN", "CALICO_IPV6POOL_VXLAN_ENABLED": "CALICO_IPV6POOL_VXLAN",
		"KUBECONFIGS": "KUBECONFIG", "KUBE_CONFIG": "KUBECONFIG", "DATASTORETYPE": "DATASTORE_TYPE", "K8S_API_ENDPOINTS": "K8S_API_ENDPOINT",
	} {
		near, found := nearest(name)
		assert.True(t, found, name)
		assert.Equal(t, want, near.Env, name)
		assert.Len(t, unknownVariables([]string{name + "=x"}), 1, name)
	}
	// Variables of other programs, and of the Services of a pod.
	for _, name := range []string{
		"PATH", "HOME", "ETCD_NAME", "ETCD_DATA_DIR", "ETCDCTL_ENDPOINTS", "ETCD_TRUSTED_CA_FILE", "ETCD_LISTEN_CLIENT_URLS", "ETCD_SERVICE_HOST",
		"ETCD_PORT_2379_TCP", "KUBERNETES_SERVICE_HOST", "KUBERNETES_PORT", "CALICO_IPPOOLS_SERVICE_HOST", "KUBE_EDITOR", "CALICO_NODENAME",
	} {
		assert.Empty(t, unknownVariables([]string{name + "=x"}), name)
	}
}

// What Kubernetes sets in pods for Services of any of Calico's and etcd's names is no near
// miss, and no error under --strict.
func TestServiceLinksHaveNoFalseAlarms(t *testing.T) {
	t.Parallel()
	var links []string
	for _, service := range []string{
		"KUBERNETES", "ETCD", "ETCD_0", "CALICO_ETCD", "ETCD_CLUSTER_CLIENT", "CALICO_TYPHA", "CALICO_KUBE_CONTROLLERS_METRICS", "CALICO_API", "CALICO_APISERVER",
		"CALICO_IPPOOLS", "CALICO_IPPOOL", "CALICO_IPV4POOL", "CALICO_IPV4POOL_CIDR", "NO_DEFAULT_POOLS", "K8S_API", "K8S_API_ENDPOINT", "KUBECONFIG", "DATASTORE",
		"FELIX", "FELIX_METRICS", "WAIT_FOR_DATASTORE", "CALICO_NAT_OUTGOING", "ETCD_ENDPOINTS",
	} {
		for _, link := range []string{
			"SERVICE_HOST=10.96.0.9", "SERVICE_PORT=2379", "SERVICE_PORT_CLIENT=2379", "SERVICE_PORT_ETCD_CLIENT_SSL=2379", "PORT=tcp://10.96.0.9:2379",
			"PORT_2379_TCP=tcp://10.96.0.9:2379", "PORT_2379_TCP_PROTO=tcp", "PORT_2379_TCP_PORT=2379", "PORT_2379_TCP_ADDR=10.96.0.9",
			"PORT_4789_UDP=udp://10.96.0.9:4789", "PORT_4789_UDP_ADDR=10.96.0.9", "PORT_9999_SCTP=sctp://10.96.0.9:9999",
		} {
			links = append(links, service+"_"+link)
		}
	}
	for _, link := range links {
		assert.Empty(t, unknownVariables([]string{link}), link)
	}
	given := Settings{Unknown: unknownVariables(links), Strict: Given("true", origin.Env("CALICO_IPPOOLS_STRICT"))}
	_, err := given.Resolve()
	assert.NoError(t, err)
}

// CALICO_NO_DEFAULT_POOLS is an older name of NO_DEFAULT_POOLS, which takes precedence.
func TestOlderName(t *testing.T) {
	for _, tt := range []struct {
		older, current string
		pools          bool
		warnings       int
	}{{"true", "", false, 1}, {"true", "false", true, 1}, {"false", "true", false, 1}, {"true", "TRUE", false, 0}, {"", "true", false, 0}} {
		t.Setenv("CALICO_NO_DEFAULT_POOLS", tt.older)
		t.Setenv("NO_DEFAULT_POOLS", tt.current)
		given, err := FromEnv()
		require.NoError(t, err)
		given.Datastore = DatastoreSettings{}
		config, err := given.Resolve()
		require.NoError(t, err)
		assert.Equal(t, tt.pools, config.Desired.Pools[0].Skip == "", "%+v", tt)
		require.Len(t, config.Warnings, tt.warnings, "%+v", tt)
		if tt.current != "" && tt.warnings > 0 {
			assert.Equal(t, "env CALICO_NO_DEFAULT_POOLS has no effect: it is an older name of NO_DEFAULT_POOLS, which is set, too", config.Warnings[0])
		}
	}
}
