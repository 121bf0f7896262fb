package performance

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// A site is a real server with one of the two datastores.
type site struct {
	name   string
	server *kubetest.Server
	etcd   *clientv3.Client // the API server's, or the datastore itself
	config *rest.Config     // of the API server; nil on etcd
	env    []string         // the program's settings for it
}

// The prefixes of the datastores' keys in etcd.
const (
	etcdPools  = "/calico/resources/v3/projectcalico.org/ippools/"
	etcdBlocks = "/calico/ipam/v2/assignment/ipv4/block/"
	apiPools   = "/registry/crd.projectcalico.org/ippools/"
	apiBlocks  = "/registry/crd.projectcalico.org/ipamblocks/"
)

// openSites starts a server for each datastore: an etcd, and an API server with its own
// etcd. Both write without fsync. Each benchmark has its own: an API server keeps the memory of
// what was stored.
func openSites(b *testing.B) []*site {
	b.Helper()
	etcd := &site{name: "etcd", server: kubetest.Start(b)}
	etcd.server.Stop() // its etcd keeps running
	etcd.env = []string{"DATASTORE_TYPE=etcdv3", "ETCD_ENDPOINTS=" + etcd.server.EtcdEndpoint()}

	api := &site{name: "Kubernetes", server: kubetest.Start(b)}
	api.server.InstallCRDs(b, ippool.CRDV1)
	api.config = api.server.AdminConfig()
	api.env = []string{"DATASTORE_TYPE=kubernetes", "KUBECONFIG=" + api.server.Kubeconfig(b)}

	sites := []*site{etcd, api}
	for _, s := range sites {
		client, err := clientv3.New(clientv3.Config{Endpoints: []string{s.server.EtcdEndpoint()}})
		require.NoError(b, err)
		b.Cleanup(func() { client.Close() })
		s.etcd = client
		s.empty(b)
	}
	return sites
}

func (s *site) pools() string {
	if s.config == nil {
		return etcdPools
	}
	return apiPools
}

func (s *site) blocks() string {
	if s.config == nil {
		return etcdBlocks
	}
	return apiBlocks
}

// empty removes all pools and blocks.
func (s *site) empty(b *testing.B) {
	b.Helper()
	s.removePools(b)
	_, err := s.etcd.Delete(b.Context(), s.blocks(), clientv3.WithPrefix())
	require.NoError(b, err)
}

func (s *site) removePools(b *testing.B) {
	b.Helper()
	_, err := s.etcd.Delete(b.Context(), s.pools(), clientv3.WithPrefix())
	require.NoError(b, err)
	s.settle(b)
}

// settle waits until the API server's caches are up to date, as consistent lists wait for
// them.
func (s *site) settle(b *testing.B) {
	b.Helper()
	for s.config != nil {
		time.Sleep(200 * time.Millisecond)
		begin := time.Now()
		for _, list := range []string{
			"/api/v1/nodes", "/apis/networking.k8s.io/v1/servicecidrs",
			"/apis/crd.projectcalico.org/v1/ippools?limit=1", "/apis/crd.projectcalico.org/v1/ipamblocks?limit=1",
		} {
			code, body := s.server.Do(b, http.MethodGet, list, nil)
			require.Equal(b, http.StatusOK, code, "%s", body)
		}
		if time.Since(begin) < 100*time.Millisecond {
			return
		}
		b.Log("the API server is behind:", time.Since(begin))
	}
}

// count returns the number of stored pools.
func (s *site) count(b *testing.B) int {
	b.Helper()
	answer, err := s.etcd.Get(b.Context(), s.pools(), clientv3.WithPrefix(), clientv3.WithCountOnly())
	require.NoError(b, err)
	return int(answer.Count)
}
