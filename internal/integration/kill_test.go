package integration

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// TestKill kills the program at a hundred random moments: there must be either
// both pools or none, whenever it is, and a run afterwards must finish the job.
func TestKill(t *testing.T) {
	t.Parallel()
	// The server takes its time before and after each call, so that many of the
	// moments fall into one.
	const slowness = 4 * time.Millisecond
	world := newEtcdWorld(t, etcdtest.WithUnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			time.Sleep(slowness)
			answer, err := handler(ctx, req)
			time.Sleep(slowness)
			return answer, err
		}))
	env := append(bothCIDRs, "ETCD_ENDPOINTS="+strings.Join(world.server.Endpoints(), ","))

	began := time.Now()
	require.Zero(t, call(t, env).code)
	whole := time.Since(began)

	const kills = 100
	random := rand.New(rand.NewPCG(1, 2))
	outcomes := map[int]int{} // number of pools to number of runs
	killed := 0
	for range kills {
		world.empty(t)
		cmd := command(t, env)
		require.NoError(t, cmd.Start())
		time.Sleep(time.Duration(random.Float64() * 1.2 * float64(whole)))
		_ = cmd.Process.Kill() // it may be over
		if cmd.Wait() != nil {
			killed++
		}
		pools := world.Pools(t)
		outcomes[len(pools)]++
		require.Contains(t, []int{0, 2}, len(pools), "half a job was left")

		if len(pools) == 0 {
			require.Zero(t, call(t, env).code)
			require.Len(t, world.Pools(t), 2)
		}
	}
	t.Logf("of %d runs %d were killed; pools left: %v", kills, killed, outcomes)
	assert.Positive(t, outcomes[0], "no kill came early enough to say anything")
	assert.Positive(t, outcomes[2])
	assert.Greater(t, killed, kills/4)
}
