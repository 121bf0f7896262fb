package integration

import (
	"bytes"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// The limit for waiting, as a share of one processor; it includes the start of the
// program.
const (
	waitingTime  = 6 * time.Second
	waitingShare = 0.03
)

// TestWaitingIsIdle runs the program with each condition that it retries on: it takes
// almost no CPU time.
func TestWaitingIsIdle(t *testing.T) {
	world := newKubernetesWorld(t, ippool.CRDV1)
	etcd := func(address string) []string { return []string{"ETCD_ENDPOINTS=http://" + address} }
	kubernetes := func(behavior faultproxy.Behavior) []string {
		proxy := faultproxy.NewTCP(t, world.server.Address()).Then(behavior)
		return []string{"DATASTORE_TYPE=kubernetes", "K8S_API_ENDPOINT=https://" + proxy.Address(), "K8S_CA_FILE=" + world.server.CAFile()}
	}
	answering := func(code int) []string {
		proxy := faultproxy.NewPlainHTTP(t, world.config)
		proxy.Inject(faultproxy.All, faultproxy.Always, faultproxy.Status(code, 0, "later"))
		return []string{"DATASTORE_TYPE=kubernetes", "K8S_API_ENDPOINT=" + proxy.URL()}
	}
	tcp := func(behavior faultproxy.Behavior) string {
		return faultproxy.NewTCP(t, "127.0.0.1:1").Then(behavior).Address()
	}
	refusing := strings.TrimPrefix(etcdtest.Start(t, failing(rpctypes.ErrGRPCRequestTooManyRequests, math.MaxInt32)).Endpoints()[0], "http://")
	members := etcdtest.StartCluster(t, 3)
	for _, member := range members.Members()[:2] {
		member.Stop()
	}
	tests := map[string][]string{
		"etcd: nothing listens":       etcd("127.0.0.1:1"),
		"etcd: does not answer":       etcd(tcp(faultproxy.Behavior{Silent: true})),
		"etcd: resets":                etcd(tcp(faultproxy.Behavior{Reset: true})),
		"etcd: is another server":     etcd(tcp(faultproxy.Behavior{Reply: "HTTP/1.1 503 Service Unavailable\r\n\r\n"})),
		"etcd: cuts":                  etcd(faultproxy.NewTCP(t, refusing).Then(faultproxy.Behavior{CutAfter: 60}).Address()),
		"etcd: too many requests":     etcd(refusing),
		"etcd: no such host":          etcd("etcd.invalid:2379"),
		"etcd: no quorum":             {"ETCD_ENDPOINTS=" + strings.Join(members.Endpoints(), ",")},
		"Kubernetes: nothing listens": {"DATASTORE_TYPE=kubernetes", "K8S_API_ENDPOINT=https://127.0.0.1:1"},
		"Kubernetes: does not answer": kubernetes(faultproxy.Behavior{Silent: true}),
		"Kubernetes: resets":          kubernetes(faultproxy.Behavior{Reset: true}),
		"Kubernetes: cuts":            kubernetes(faultproxy.Behavior{CutAfter: 900}),
		"Kubernetes: no such host":    {"DATASTORE_TYPE=kubernetes", "K8S_API_ENDPOINT=https://api.invalid:6443"},
		"Kubernetes: 429":             answering(http.StatusTooManyRequests),
		"Kubernetes: 503":             answering(http.StatusServiceUnavailable),
		"Kubernetes: no CRDs":         answering(http.StatusNotFound),
	}
	for name, env := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := command(t, append(append(env, bothCIDRs...), "CALICO_IPPOOLS_TIMEOUT="+waitingTime.String()))
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			begin := time.Now()
			require.Error(t, cmd.Run())
			took := time.Since(begin)
			assert.Equal(t, 4, cmd.ProcessState.ExitCode(), stderr.String())
			assert.Less(t, strings.Count(stderr.String(), "\n"), 12, stderr.String())
			used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			t.Log("used", used, "in", took)
			assert.Less(t, used.Seconds()/took.Seconds(), waitingShare)
		})
	}
}
