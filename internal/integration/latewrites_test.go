package integration

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
)

// postponed is a first transaction that the client is told has failed, as when
// the leader changes, and that happens nevertheless: before the n-th call that
// comes after it.
type postponed struct {
	mu     sync.Mutex
	n      int
	calls  int         // since it was postponed
	do     func() bool // tells whether the transaction's guard held; nil: not postponed yet
	done   bool
	wrote  bool
	behind string // the call that it came before
}

func (p *postponed) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := req.(*etcdserverpb.TxnRequest); ok && p.do == nil {
		p.do = func() bool {
			answer, err := handler(context.WithoutCancel(ctx), req)
			return err == nil && answer.(*etcdserverpb.TxnResponse).Succeeded
		}
		return nil, rpctypes.ErrGRPCLeaderChanged
	}
	if p.do != nil {
		if p.calls++; p.calls == p.n {
			p.deliver()
			p.behind = info.FullMethod
		}
	}
	return handler(ctx, req)
}

func (p *postponed) deliver() { p.wrote, p.done = p.do(), true }

// TestEtcdWritesLate has a change of leaders reorder what a run asks: its first
// transaction counts as lost, and comes at each later moment, until behind the
// second. It was the run's own either way, and happens once.
func TestEtcdWritesLate(t *testing.T) {
	t.Parallel()
	wrote := map[bool]int{}
	for n, over := 1, false; !over; n++ {
		t.Run(fmt.Sprint("before call ", n), func(t *testing.T) {
			late := &postponed{n: n}
			world := newEtcdWorld(t, etcdtest.WithUnaryInterceptor(late.intercept))
			logs := newLogCounter()
			report, err := runOn(t, etcdv3.Config{Endpoints: world.server.Endpoints()}, dual(patient()), bootstrap.WithLogger(logs.logger()))
			require.NoError(t, err)
			late.mu.Lock()
			if over = !late.done; over {
				late.deliver()
			}
			late.mu.Unlock()
			wrote[late.wrote]++
			t.Logf("wrote: %v, before %s", late.wrote, late.behind)
			require.Len(t, report.Pools, 2)
			require.Equal(t, bothPools, described(world.Pools(t)))
			for _, pool := range report.Pools {
				assert.Equal(t, plan.Created, pool.Action, "it was this run that created it")
			}
			for _, record := range world.versions(t) {
				assert.EqualValues(t, 1, record, "written once")
			}
			assert.Equal(t, 1, logs.count("waiting for the datastore"))
		})
	}
	assert.Greater(t, wrote[true], 2, "before the second transaction")
	assert.Equal(t, 1, wrote[false], "behind it")
}

// TestKubernetesWritesLate is the same of each create: a load balancer gave up on
// the API server that goes on with it.
func TestKubernetesWritesLate(t *testing.T) {
	world := newSteadyWorld(t)
	for create := 1; create <= 2; create++ {
		codes := map[int]int{}
		for n, over := 1, false; !over; n++ {
			t.Run(fmt.Sprintf("create %d before call %d", create, n), func(t *testing.T) {
				world.empty(t)
				proxy := faultproxy.NewHTTP(t, world.config)
				postpone, deliver := faultproxy.Postpone(faultproxy.Page(http.StatusGatewayTimeout))
				creates, calls := 0, 0
				proxy.Inject(func(r *http.Request) bool {
					if r.Method == http.MethodPost {
						creates++
					}
					return r.Method == http.MethodPost && creates == create
				}, 1, postpone)
				code := 0
				proxy.Inject(func(*http.Request) bool {
					if creates >= create {
						calls++
					}
					return calls == n
				}, 1, faultproxy.Do(func() { code = deliver() }))
				report, causes, err := onKubernetes(t, kubernetes.Config{REST: proxy.Config()}, dual(patient()))
				require.NoError(t, err)
				if over = proxy.Left() > 0; over {
					code = deliver()
				}
				codes[code]++
				assert.Len(t, report.Pools, 2)
				assert.Equal(t, bothPools, world.poolsOf(t))
				assert.Len(t, causes, 1)
			})
		}
		assert.Positive(t, codes[http.StatusCreated])
		assert.Positive(t, codes[http.StatusConflict])
		assert.Len(t, codes, 2, "%v", codes)
	}
}
