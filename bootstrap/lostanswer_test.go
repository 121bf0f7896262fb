package bootstrap

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// If the answer to a commit is lost, the next snapshot shows whether it was carried out.
// In each case the pools exist in the end and are reported as created.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	lost := unreachable("connection reset")
	tests := []struct {
		name     string
		onCommit func(*fakeStore) []hook
		want     []string
		commits  int
	}{
		{"it was written",
			func(*fakeStore) []hook { return []hook{losesAnswer(lost)} },
			[]string{created4, created6}, 1},
		{"it was not written",
			func(*fakeStore) []hook { return []hook{fails(lost)} },
			[]string{created4, created6}, 2},
		{"it was written after the next snapshot", func(s *fakeStore) []hook {
			var late func() error
			return []hook{
				func(_ context.Context, do func() error) error { late = do; return lost },
				func(_ context.Context, do func() error) error {
					if err := late(); err != nil {
						return err
					}
					return do()
				},
			}
		}, []string{created4, created6}, 2},
		{"it was written, and another client added a pool",
			func(s *fakeStore) []hook {
				return []hook{func(_ context.Context, do func() error) error {
					_ = do()
					s.put(poolstest.Stored("a", "10.9.0.0/16"))
					return lost
				}}
			},
			[]string{created4, created6}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newStore()
				store.onCommit = tt.onCommit(store)
				report, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...))
				require.NoError(t, err)
				assert.Equal(t, tt.want, outcome(report))
				assert.Equal(t, tt.commits, store.count("commit"))

				want := settingstest.Resolved(t, settingstest.CIDRs...).Desired
				for i, pool := range report.Pools {
					assert.Equal(t, want.Pools[i].Values, pool.Settings, "a created pool has its settings")
					assert.Equal(t, &want.Pools[i].Pool.Spec, pool.Spec)
				}
				ipv4, ipv6 := store.pools["default-ipv4-ippool"], store.pools["default-ipv6-ippool"]
				assert.Equal(t, "01020304-0506-4708-890a-0b0c0d0e0f10", string(ipv4.UID))
				assert.Equal(t, "11121314-1516-4718-991a-1b1c1d1e1f20", string(ipv6.UID))
				assert.True(t, ipv4.CreationTimestamp.Time.Equal(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), "that of the first attempt")
			})
		})
	}
}

// After a failed commit, pools of the same names that another client created are not
// reported as created.
func TestLostRaceIsNotClaimed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		ipv4, ipv6 := poolstest.Stored("default-ipv4-ippool", "10.9.0.0/16"), poolstest.Stored("default-ipv6-ippool", "fd00:9::/64")
		store.onCommit = []hook{func(context.Context, func() error) error {
			store.put(ipv4, ipv6)
			return unreachable("connection reset")
		}}
		report, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...))
		require.NoError(t, err)
		assert.Equal(t, []string{"default-ipv4-ippool unchanged: exists; differs from desired: cidr", "default-ipv6-ippool unchanged: exists; differs from desired: cidr"}, outcome(report))
		assert.Equal(t, []*v3.IPPoolSpec{&ipv4.Spec, &ipv6.Spec}, []*v3.IPPoolSpec{report.Pools[0].Spec, report.Pools[1].Spec})
	})
}

// An update whose answer was lost is reported if it was written, but not if the stored
// pool is another client's.
func TestLostAnswersOfUpdates(t *testing.T) {
	t.Parallel()
	lost := unreachable("connection reset")
	const updated = "default-ipv4-ippool updated: natOutgoing: true -> false"
	tests := []struct {
		name     string
		onCommit func(*fakeStore) hook
		want     string
		commits  int
	}{
		{"it was written", func(*fakeStore) hook { return losesAnswer(lost) }, updated, 1},
		{"it was not written", func(*fakeStore) hook { return fails(lost) }, updated, 2},
		{"the pool was recreated", func(s *fakeStore) hook {
			return func(context.Context, func() error) error {
				s.put(poolstest.Default4(func(pool *v3.IPPool) { pool.UID, pool.Spec.NATOutgoing = "new", false }))
				return lost
			}
		}, unchanged4, 1},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			store := newStore(poolstest.Default4())
			store.onCommit = []hook{tt.onCommit(store)}
			report, err := run(t, store, settingstest.Given(t, "CALICO_IPV6POOL_CIDR=none", "--on-drift=update", "--ipv4-pool-nat-outgoing=false"))
			require.NoError(t, err)
			assert.Equal(t, tt.want, outcome(report)[0], tt.name)
			assert.Equal(t, tt.commits, store.count("commit"), tt.name)
		})
	}
}
