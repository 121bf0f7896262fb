package integration

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// requests records the requests of a client, in their order.
type requests struct {
	mu  sync.Mutex
	all []*http.Request
	at  []time.Time
}

// record returns a config whose requests are recorded.
func (r *requests) record(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			r.mu.Lock()
			r.all, r.at = append(r.all, request.Clone(request.Context())), append(r.at, time.Now())
			r.mu.Unlock()
			return next.RoundTrip(request)
		})
	})
	return config
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// take returns the requests since its last call, without those before which a run gave way.
func (r *requests) take() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all[rereads(lines(r.all), r.at):]
	r.all, r.at = nil, nil
	return all
}

func lines(all []*http.Request) []string {
	var lines []string
	for _, request := range all {
		lines = append(lines, request.Method+" "+request.URL.Path)
	}
	return lines
}

const (
	listPools     = "GET /apis/crd.projectcalico.org/v1/ippools"
	listFelix     = "GET /apis/crd.projectcalico.org/v1/felixconfigurations"
	createPool    = "POST /apis/crd.projectcalico.org/v1/ippools"
	listBlocks    = "GET /apis/crd.projectcalico.org/v1/ipamblocks"
	kubeadmConfig = "GET /api/v1/namespaces/kube-system/configmaps/kubeadm-config"
	kubeProxy     = "GET /api/v1/namespaces/kube-system/configmaps/kube-proxy"
	openShift     = "GET /apis/config.openshift.io/v1/networks/cluster"
	operatorGroup = "GET /apis/operator.tigera.io"
)

// withoutPreflight creates the default pools without a preflight.
var withoutPreflight = settings.Settings{Preflight: settings.Given("off", origin.Caller("test"))}

// TestKubernetesRequests checks the exact requests of a run: one list if the pools
// exist, and no unnecessary ones if they don't. The only discovery is that of the Tigera
// operator's group, before a pool is created.
func TestKubernetesRequests(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	var sent requests
	config := sent.record(world.config)
	opened := func(t *testing.T) *bootstrap.Bootstrap {
		t.Helper()
		return bootstrap.New(openKubernetes(t, kubernetes.Config{REST: config}), bootstrap.WithHost(suite.Host{}))
	}
	run := func(t *testing.T, settings settings.Settings) []*http.Request {
		t.Helper()
		_, err := opened(t).Run(t.Context(), settings)
		require.NoError(t, err)
		return sent.take()
	}
	planned := func(t *testing.T, settings settings.Settings) []*http.Request {
		t.Helper()
		_, err := opened(t).Plan(t.Context(), settings)
		require.NoError(t, err)
		return sent.take()
	}

	t.Run("a plan of a fresh cluster", func(t *testing.T) {
		world.empty(t)
		assert.ElementsMatch(t, []string{listPools, listBlocks, kubeadmConfig, openShift, kubeProxy, listNodes, listServiceCIDRs, operatorGroup, listFelix},
			lines(planned(t, settings.Settings{})))
	})
	t.Run("a fresh cluster", func(t *testing.T) {
		world.empty(t)
		all := run(t, settings.Settings{})
		require.Len(t, all, 10)
		assert.Equal(t, listPools, lines(all)[0])
		assert.ElementsMatch(t, []string{listBlocks, kubeadmConfig, openShift, kubeProxy, listNodes, listServiceCIDRs, operatorGroup}, lines(all)[1:8])
		assert.Equal(t, []string{createPool, createPool}, lines(all)[8:])
		for _, request := range all {
			assert.True(t, strings.HasPrefix(request.UserAgent(), "calico-bootstrap/"), request.UserAgent())
			assert.NotEqual(t, "0", request.URL.Query().Get("resourceVersion"), "reads are consistent, not from a cache")
			if request.URL.Path == strings.TrimPrefix(listBlocks, "GET ") {
				assert.Contains(t, request.Header.Get("Accept"), "as=PartialObjectMetadataList", "blocks are large")
			}
		}
	})
	t.Run("the pools exist", func(t *testing.T) {
		assert.Equal(t, []string{listPools}, lines(run(t, settings.Settings{})))
		assert.ElementsMatch(t, []string{listPools, kubeadmConfig, openShift, kubeProxy, listNodes, listServiceCIDRs, listFelix},
			lines(planned(t, settings.Settings{})), "a plan checks existing pools")
		assert.Equal(t, []string{listPools}, lines(planned(t, withoutPreflight)))
	})
	t.Run("a pool is updated", func(t *testing.T) {
		update := settings.Settings{OnDrift: settings.Given("update", origin.Caller("test"))}
		update.IPv4.NATOutgoing = settings.Given("false", origin.Caller("test"))
		all := lines(run(t, update))
		require.Len(t, all, 7)
		assert.Equal(t, listPools, all[0])
		assert.ElementsMatch(t, []string{kubeadmConfig, openShift, kubeProxy, listNodes, listServiceCIDRs}, all[1:6], "an update is checked like a create, without the blocks")
		assert.Equal(t, "PATCH /apis/crd.projectcalico.org/v1/ippools/default-ipv4-ippool", all[6])
		update.Preflight = withoutPreflight.Preflight
		update.IPv4.NATOutgoing = settings.Given("true", origin.Caller("test"))
		assert.Equal(t, []string{listPools, all[6]}, lines(run(t, update)))
	})
	t.Run("without a preflight", func(t *testing.T) {
		world.empty(t)
		assert.ElementsMatch(t, []string{listPools, listBlocks, kubeadmConfig, openShift, kubeProxy, operatorGroup, createPool, createPool}, lines(run(t, withoutPreflight)))
		world.empty(t)
		named := withoutPreflight
		named.IPv4.CIDR, named.IPv6.CIDR = settings.Given("10.1.0.0/16", origin.Caller("test")), settings.Given("fd01::/64", origin.Caller("test"))
		assert.ElementsMatch(t, []string{listPools, listBlocks, createPool, createPool}, lines(run(t, named)), "no pod CIDR is needed")
	})
	t.Run("an IPv6 pool gets natOutgoing", func(t *testing.T) {
		world.empty(t)
		masqueraded := withoutPreflight
		masqueraded.IPv4.CIDR, masqueraded.IPv6.CIDR = settings.Given("10.1.0.0/16", origin.Caller("test")), settings.Given("fd01::/64", origin.Caller("test"))
		masqueraded.IPv6.NATOutgoing = settings.Given("true", origin.Caller("test"))
		assert.Equal(t, []string{listPools, listBlocks, listFelix, createPool, createPool}, lines(run(t, masqueraded)))
		assert.Equal(t, []string{listPools}, lines(run(t, masqueraded)), "once in the life of a cluster")
	})
	t.Run("without a preflight, the pod CIDR is kube-proxy's", func(t *testing.T) {
		world.empty(t)
		world.server.PutConfigMap(t, "kube-system", "kube-proxy", map[string]string{"config.conf": "clusterCIDR: 10.1.0.0/16\n"})
		t.Cleanup(func() { world.server.DeleteConfigMap(t, "kube-system", "kube-proxy") })
		assert.ElementsMatch(t, []string{listPools, listBlocks, kubeadmConfig, openShift, kubeProxy, listNodes, listServiceCIDRs, operatorGroup, createPool, createPool},
			lines(run(t, withoutPreflight)), "it is checked against the Service CIDRs")
	})
	t.Run("no pools are desired", func(t *testing.T) {
		world.empty(t)
		none := settings.Settings{NoDefaultPools: settings.Given("true", origin.Caller("test"))}
		assert.Equal(t, []string{listPools}, lines(run(t, none)))
	})
	t.Run("kubeadm has both families", func(t *testing.T) {
		world.empty(t)
		putKubeadmConfig(t, world.server, "10.1.0.0/16,fd01::/56")
		needed := slices.DeleteFunc(lines(run(t, settings.Settings{})), func(line string) bool {
			return line == openShift || line == kubeProxy // requested at the same time, and canceled
		})
		assert.ElementsMatch(t, []string{listPools, listBlocks, kubeadmConfig, listNodes, listServiceCIDRs, operatorGroup, createPool, createPool}, needed)
	})
	t.Run("independent requests are concurrent", func(t *testing.T) {
		world.empty(t)
		pairs := make(gate)
		gated := rest.CopyConfig(world.config)
		gated.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(request *http.Request) (*http.Response, error) {
				line := request.Method + " " + request.URL.Path
				if slices.Contains([]string{listBlocks, kubeadmConfig, openShift, kubeProxy}, line) {
					pairs.pass(t) // waits for a concurrent request
				}
				return next.RoundTrip(request)
			})
		})
		store := openKubernetes(t, kubernetes.Config{REST: gated})
		_, err := bootstrap.New(store, bootstrap.WithHost(suite.Host{})).Run(t.Context(), settings.Settings{})
		require.NoError(t, err)
	})
}

// gate lets requests pass only in pairs.
type gate chan struct{}

// pass waits for a second request.
func (g gate) pass(t *testing.T) {
	select {
	case g <- struct{}{}:
	case <-g:
	case <-t.Context().Done():
	}
}

// TestKubernetesBlocksAreReadInPages reduces the page size, so that the API server
// returns the blocks in several pages.
func TestKubernetesBlocksAreReadInPages(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	const many = 25
	for i := range many {
		world.WriteBlock(t, blockOf(i))
	}
	var sent requests
	config := sent.record(world.config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			if query := request.URL.Query(); query.Has("limit") {
				assert.Equal(t, "10000", query.Get("limit"))
				query.Set("limit", "10")
				request = request.Clone(request.Context())
				request.URL.RawQuery = query.Encode()
			}
			return next.RoundTrip(request)
		})
	})
	store := openKubernetes(t, kubernetes.Config{REST: config, APIGroup: ippool.CRDV1})
	blocks, err := store.Blocks(t.Context(), []ippool.Family{ippool.IPv4})
	require.NoError(t, err)
	assert.Len(t, blocks, many)
	assert.Equal(t, []string{listBlocks, listBlocks, listBlocks}, lines(sent.take()))
}

// putKubeadmConfig stores the config map of kubeadm init until the test ends.
func putKubeadmConfig(t *testing.T, server *kubetest.Server, podSubnet string) {
	t.Helper()
	server.PutConfigMap(t, "kube-system", "kubeadm-config", map[string]string{
		"ClusterConfiguration": "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking:\n" +
			"  dnsDomain: cluster.local\n  podSubnet: " + podSubnet + "\n  serviceSubnet: 10.96.0.0/12\n",
	})
	t.Cleanup(func() { server.DeleteConfigMap(t, "kube-system", "kubeadm-config") })
}
