package integration

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// slowness is the delay before the server handles a call, and again before it
// answers, so that many of the kills happen during a call.
const slowness = 4 * time.Millisecond

// trigger runs a function a delay after the n-th call since it was armed.
type trigger struct {
	mu    sync.Mutex
	calls int
	delay time.Duration
	then  func()
}

func (tr *trigger) arm(calls int, delay time.Duration, then func()) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.calls, tr.delay, tr.then = calls, delay, then
}

func (tr *trigger) intercept(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	tr.mu.Lock()
	if tr.calls--; tr.calls == 0 {
		time.AfterFunc(tr.delay, tr.then)
	}
	tr.mu.Unlock()
	time.Sleep(slowness)
	answer, err := handler(ctx, req)
	time.Sleep(slowness)
	return answer, err
}

// TestKill kills the program at a hundred random moments, before, during and after
// each of its calls. Either both pools exist afterwards or none, and the next run
// succeeds.
func TestKill(t *testing.T) {
	t.Parallel()
	var delay trigger
	world := newEtcdWorld(t, etcdtest.WithUnaryInterceptor(delay.intercept))
	env := append(bothCIDRs, "ETCD_ENDPOINTS="+strings.Join(world.server.Endpoints(), ","))

	const (
		kills     = 100
		freshRun  = 4 // calls: the pools, the blocks of two families, the commit
		unlimited = 1 << 30
	)
	random := rand.New(rand.NewPCG(1, 2))
	outcomes := map[int]int{} // number of pools to number of runs
	killed := 0
	for range kills {
		world.empty(t)
		cmd := command(t, env)
		started := make(chan struct{})
		kill := func() {
			<-started
			_ = cmd.Process.Kill() // it may have exited
		}
		after := time.Duration(random.Int64N(int64(2 * slowness)))
		call := random.IntN(freshRun + 1)
		if call > 0 {
			delay.arm(call, after, kill)
		}
		require.NoError(t, cmd.Start())
		close(started)
		if call == 0 { // before its first call
			time.AfterFunc(after, kill)
		}
		if cmd.Wait() != nil {
			killed++
		}
		delay.arm(unlimited, 0, nil)

		pools := world.Pools(t)
		outcomes[len(pools)]++
		require.Contains(t, []int{0, 2}, len(pools), "some of the pools were created")
		if len(pools) == 0 {
			assertFinishes(t, world, env)
		}
	}
	t.Logf("of %d runs %d were killed; pools left: %v", kills, killed, outcomes)
	assert.Positive(t, outcomes[0], "no kill was early enough")
	assert.Positive(t, outcomes[2], "no kill was late enough")
	assert.Greater(t, killed, kills/2)
}

func assertFinishes(t *testing.T, world *etcdWorld, env []string) {
	t.Helper()
	r := call(t, env)
	require.Zero(t, r.code, r.stderr)
	require.Len(t, world.Pools(t), 2)
}
