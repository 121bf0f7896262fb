package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// etcdBelow returns a client of an API server's etcd.
func etcdBelow(t *testing.T, server *kubetest.Server) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{server.EtcdEndpoint()}, DialTimeout: waitTimeout, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	return client
}

// The prefixes of an API server's keys in etcd.
const (
	storedPools  = "/registry/crd.projectcalico.org/ippools/"
	storedBlocks = "/registry/crd.projectcalico.org/ipamblocks/"
)

// storeBlocks stores n IPAM blocks directly in etcd, which is faster than through the
// API server.
func storeBlocks(t *testing.T, client *clientv3.Client, n int) {
	t.Helper()
	etcdtest.Fill(t, client, n, func(i int) (string, string) {
		name := strings.NewReplacer(".", "-", "/", "-").Replace(blockOf(i))
		return storedBlocks + name, storedAs("IPAMBlock", name, blockOf(i))
	})
}

// storedAs returns a pool or a block as an API server stores it in etcd.
func storedAs(kind, name, cidr string) string {
	return fmt.Sprintf(`{"apiVersion":"crd.projectcalico.org/v1","kind":%q,"metadata":{"name":%q,"uid":"47132df4-a8f8-4771-b096-ccd5d2ab0391"},"spec":{"cidr":%q}}`, kind, name, cidr)
}

// TestKubernetesDiskIsFull has the API server's etcd refuse writes for lack of space.
// A run that has to write retries, as space may be freed, and reports the cause. A run
// whose pools exist succeeds.
func TestKubernetesDiskIsFull(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	world.empty(t)
	client := etcdBelow(t, world.server)
	alarm := func(action etcdserverpb.AlarmRequest_AlarmAction) {
		status, err := client.Status(t.Context(), world.server.EtcdEndpoint())
		require.NoError(t, err)
		_, err = etcdserverpb.NewMaintenanceClient(client.ActiveConnection()).Alarm(t.Context(),
			&etcdserverpb.AlarmRequest{Action: action, MemberID: status.Header.MemberId, Alarm: etcdserverpb.AlarmType_NOSPACE})
		require.NoError(t, err)
	}
	full := false
	makeFull := func() { alarm(etcdserverpb.AlarmRequest_ACTIVATE); full = true }
	freeSpace := func() { alarm(etcdserverpb.AlarmRequest_DEACTIVATE); full = false }
	defer func() {
		if full {
			freeSpace()
		}
	}()
	const space = "database space exceeded"

	makeFull()
	r := call(t, append([]string{"KUBECONFIG=" + world.server.Kubeconfig(t), "CALICO_IPPOOLS_TIMEOUT=2s"}, bothCIDRs...))
	assert.Equal(t, 4, r.code, r.stderr)
	assert.Contains(t, r.stderr, "error: timed out after 2s: ")
	assert.Contains(t, r.stderr, space)
	assert.Empty(t, world.Pools(t))

	run := startRun(t, kubernetes.Config{REST: world.config})
	require.Eventually(t, func() bool { return len(run.logs.all()) > 0 }, waitTimeout, pollInterval)
	freeSpace()
	require.NoError(t, <-run.done)
	assert.Equal(t, bothPools, world.poolsOf(t))
	require.Len(t, run.logs.all(), 1)
	assert.Contains(t, run.logs.all()[0], space)

	makeFull()
	_, causes, err := onKubernetes(t, kubernetes.Config{REST: world.config}, dual(patient()))
	require.NoError(t, err)
	assert.Empty(t, causes)
}

// TestKubernetesPagesExpire compacts etcd between two pages of the blocks, so that
// the revision of the first page is gone: the run retries.
func TestKubernetesPagesExpire(t *testing.T) {
	t.Parallel()
	server := kubetest.Start(t, kubetest.WithFlags("--watch-cache=false")) // the cache would keep the revision longer
	server.InstallCRDs(t, ippool.CRDV1)
	world := &kubernetesWorld{server: server, group: ippool.CRDV1, config: server.AdminConfig()}
	client := etcdBelow(t, server)
	storeBlocks(t, client, 10_001)
	compact := func() {
		answer, err := client.Put(t.Context(), "/another", "")
		require.NoError(t, err)
		_, err = client.Compact(t.Context(), answer.Header.Revision)
		require.NoError(t, err)
	}
	proxy := faultproxy.NewHTTP(t, world.config)
	proxy.Inject(func(r *http.Request) bool { return r.URL.Query().Has("continue") }, 1, faultproxy.Do(compact))
	begin := time.Now()
	report, causes, err := onKubernetes(t, kubernetes.Config{REST: proxy.Config()}, dual(patient()))
	require.NoError(t, err)
	assert.Less(t, time.Since(begin), soon)
	assert.Len(t, report.Pools, 2)
	assert.Len(t, world.Pools(t), 2)
	assert.Zero(t, proxy.Left())
	require.Len(t, causes, 1)
	assert.Contains(t, causes[0], "too old")
}
