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

// postponed returns an error for the first transaction, as if the leader had changed,
// and still executes it, before the n-th call after it.
type postponed struct {
	mu     sync.Mutex
	n      int
	calls  int         // calls since the transaction
	do     func() bool // executes the transaction and reports whether its guard held; nil before the transaction
	done   bool
	wrote  bool
	before string // the method of the call that it was executed before
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
			p.before = info.FullMethod
		}
	}
	return handler(ctx, req)
}

func (p *postponed) deliver() { p.wrote, p.done = p.do(), true }

// TestEtcdWritesLate has a change of the leader reorder the calls of a run: its first
// transaction fails, and is executed before each later call in turn, and after the
// last. The run recognizes the pools as its own, and they are written once.
func TestEtcdWritesLate(t *testing.T) {
	t.Parallel()
	wrote := map[bool]int{}
	for n, last := 1, false; !last; n++ {
		t.Run(fmt.Sprint("before call ", n), func(t *testing.T) {
			late := &postponed{n: n}
			world := newEtcdWorld(t, etcdtest.WithUnaryInterceptor(late.intercept))
			logs := newLogCounter()
			report, err := runOn(t, etcdv3.Config{Endpoints: world.server.Endpoints()}, dual(patient()), bootstrap.WithLogger(logs.logger()))
			require.NoError(t, err)
			late.mu.Lock()
			if last = !late.done; last {
				late.deliver()
			}
			late.mu.Unlock()
			wrote[late.wrote]++
			t.Logf("wrote: %v, before %s", late.wrote, late.before)
			require.Len(t, report.Pools, 2)
			require.Equal(t, bothPools, described(world.Pools(t)))
			for _, pool := range report.Pools {
				assert.Equal(t, plan.Created, pool.Action, "this run created it")
			}
			for _, record := range world.versions(t) {
				assert.EqualValues(t, 1, record, "written once")
			}
			assert.Positive(t, logs.count("waiting for the datastore"))
		})
	}
	assert.Greater(t, wrote[true], 2, "executed before the second transaction")
	assert.Equal(t, 1, wrote[false], "executed after the second transaction")
}

// TestKubernetesWritesLate does the same with each create: a load balancer times out
// while the API server still handles the request.
func TestKubernetesWritesLate(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	for create := 1; create <= 2; create++ {
		codes := map[int]int{}
		for n, last := 1, false; !last; n++ {
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
				if last = proxy.Left() > 0; last {
					code = deliver()
				}
				codes[code]++
				assert.Len(t, report.Pools, 2)
				assert.Equal(t, bothPools, world.poolsOf(t))
				assert.NotEmpty(t, causes)
			})
		}
		assert.Positive(t, codes[http.StatusCreated])
		assert.Positive(t, codes[http.StatusConflict])
		assert.Len(t, codes, 2, "%v", codes)
	}
}
