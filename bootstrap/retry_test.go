package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

func TestConflictIsPlannedAgain(t *testing.T) {
	t.Parallel()
	ipv4, ipv6 := poolstest.Stored("default-ipv4-ippool", "10.9.0.0/16"), poolstest.Stored("theirs", "fd00:9::/64")
	tests := []struct {
		name   string
		others []v3.IPPool
		want   []string
		calls  []string
	}{
		{"another client created both", []v3.IPPool{ipv4, ipv6},
			[]string{unchanged4 + "; differs from desired: cidr", `theirs unchanged: exists, but the desired "default-ipv6-ippool" does not`},
			[]string{"snapshot", blocksBoth, commitBoth, "snapshot"}},
		{"another client created one", []v3.IPPool{ipv4},
			[]string{unchanged4 + "; differs from desired: cidr", created6},
			[]string{"snapshot", blocksBoth, commitBoth, "snapshot", blocks6, "commit default-ipv6-ippool"}},
		{"another client wrote an unrelated pool", []v3.IPPool{poolstest.Stored("odd", "nonsense")},
			[]string{created4, created6},
			[]string{"snapshot", blocksBoth, commitBoth, "snapshot", blocksBoth, commitBoth}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newStore()
				store.onCommit = []hook{first(func() { store.put(tt.others...) })}
				logger, log := logged(slog.LevelInfo)
				report, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...), WithLogger(logger))
				require.NoError(t, err)
				assert.Equal(t, tt.want, outcome(report))
				assert.Equal(t, tt.calls, store.calls)
				assert.NotContains(t, log.String(), "concurrently", "a conflict is not logged")
				for _, other := range tt.others {
					assert.Equal(t, other, store.pools[other.Name], "the pool of the other client is not changed")
				}
			})
		})
	}
}

func TestConflictThenNameTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onCommit = []hook{first(func() { store.put(poolstest.Stored("default-ipv6-ippool", "10.9.0.0/16")) })}
		_, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...))
		require.ErrorIs(t, err, plan.ErrIncompatible)
		assert.Len(t, store.stored(), 1)
	})
}

func TestPersistentConflictEndsTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onCommit = times(1000, fails(fmt.Errorf("etcd: %w", datastore.ErrConflict)))
		begin := time.Now()
		report, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, "CALICO_IPPOOLS_TIMEOUT=0")...))
		require.EqualError(t, err, "etcd: pools were modified concurrently")
		require.ErrorIs(t, err, datastore.ErrConflict)
		assert.Equal(t, Report{}, report)
		assert.Equal(t, 20, store.count("commit"))
		assert.Less(t, time.Since(begin), 2*time.Second)
	})
}

// Choices, random bits and warnings of the first attempt are kept for all attempts.
func TestChoicesAreMadeOncePerRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onCommit = times(3, fails(datastore.ErrConflict))
		reads := 0
		report, err := run(t, store, settings.Settings{},
			WithHost(fakeHost{err: errors.New("no netlink"), reads: &reads}), WithClock(time.Now))
		require.NoError(t, err)
		assert.Equal(t, 1, reads)
		assert.Equal(t, []string{"overlaps with networks of this host are not checked: no netlink"}, report.Warnings)
		assert.Equal(t, 4, store.count("commit"))
		assert.Equal(t, 4, store.count(blocks4), "a random prefix has no blocks")
		assert.Zero(t, store.count(blocksBoth))
		assert.Equal(t, "fd01:203:405::/48", store.pools["default-ipv6-ippool"].Spec.CIDR)

		// The prefix took five random bytes, and each of the two UIDs sixteen.
		pools := store.stored()
		assert.Equal(t, "06070809-0a0b-4c0d-8e0f-101112131415", string(pools[0].UID))
		assert.Equal(t, "16171819-1a1b-4c1d-9e1f-202122232425", string(pools[1].UID))
		for _, pool := range pools {
			assert.Equal(t, "2000-01-01T00:00:00Z", pool.CreationTimestamp.UTC().Format(time.RFC3339Nano), "of the first attempt")
		}
	})
}

func TestUnreachableIsRetried(t *testing.T) {
	t.Parallel()
	refused, leaderless := unreachable("connection refused"), unreachable("no leader")
	line := func(err error) string {
		return fmt.Sprintf("level=WARN msg=\"waiting for the datastore\" cause=%q\n", err.Error())
	}
	tests := []struct {
		name  string
		store func() *fakeStore
		log   string
		calls string
	}{
		{"one line per cause",
			func() *fakeStore { s := newStore(); s.onSnapshot = times(5, fails(refused)); return s },
			line(refused), "snapshot×6"},
		{"a datastore with its own errors",
			func() *fakeStore {
				s := newStore()
				s.onSnapshot = times(2, fails(fmt.Errorf("my store: %w", datastore.ErrUnreachable)))
				return s
			},
			line(fmt.Errorf("my store: %w", datastore.ErrUnreachable)), "snapshot×3"},
		{"one line per change of the cause",
			func() *fakeStore {
				s := newStore()
				s.onSnapshot = append(times(3, fails(refused)), append(times(3, fails(leaderless)), fails(refused))...)
				return s
			},
			line(refused) + line(leaderless) + line(refused), "snapshot×8"},
		{"in Blocks",
			func() *fakeStore { s := newStore(); s.onBlocks = []hook{fails(refused)}; return s },
			line(refused), "snapshot×2"},
		{"in Commit",
			func() *fakeStore { s := newStore(); s.onCommit = times(2, fails(refused)); return s },
			line(refused), "snapshot×3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := tt.store()
				logger, log := logged(slog.LevelWarn)
				report, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, natIPv6)...), WithLogger(logger))
				require.NoError(t, err)
				assert.Equal(t, []string{created4, created6}, outcome(report))
				assert.Equal(t, tt.log, log.String())
				assert.Equal(t, tt.calls, fmt.Sprintf("snapshot×%d", store.count("snapshot")))
			})
		})
	}
}

func TestOtherErrorsEndTheRun(t *testing.T) {
	t.Parallel()
	for _, kind := range []error{datastore.ErrTLS, datastore.ErrUnauthorized, datastore.ErrForbidden, nil} {
		failure := &datastore.Error{Kind: kind, Place: "etcd https://10.0.0.1:2379", Operation: "reading IP pools", Err: errors.New("no")}
		store := newStore()
		store.onSnapshot = []hook{fails(failure)}
		logger, log := logged(slog.LevelDebug)
		report, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...), WithLogger(logger))
		assert.Equal(t, error(failure), err, "unchanged")
		assert.Equal(t, Report{}, report)
		assert.Equal(t, []string{"snapshot"}, store.calls)
		assert.Empty(t, log.String())

		store = newStore()
		store.onCommit = []hook{fails(failure)}
		_, err = run(t, store, settingstest.Given(t, settingstest.CIDRs...))
		assert.Equal(t, error(failure), err)
		assert.Equal(t, []string{"snapshot", blocksBoth, commitBoth}, store.calls)
	}
}

func TestTimeoutEndsTheRun(t *testing.T) {
	t.Parallel()
	refused := unreachable("connection refused")
	tests := []struct {
		line  string
		after time.Duration
		text  string
	}{
		{"CALICO_IPPOOLS_TIMEOUT=", 60 * time.Second, "1m0s"},
		{"CALICO_IPPOOLS_TIMEOUT=7s", 7 * time.Second, "7s"},
		{"CALICO_IPPOOLS_TIMEOUT=30m", 30 * time.Minute, "30m0s"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newStore()
				store.onSnapshot = times(100_000, fails(refused))
				begin := time.Now()
				report, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, tt.line)...))
				require.EqualError(t, err, "timed out after "+tt.text+
					": etcd https://10.0.0.1:2379: reading IP pools: datastore unreachable: connection refused")
				require.ErrorIs(t, err, ErrTimedOut)
				require.ErrorIs(t, err, refused)
				require.ErrorIs(t, err, datastore.ErrUnreachable)
				assert.Equal(t, Report{}, report)
				assert.Equal(t, tt.after, time.Since(begin))
			})
		})
	}
}

// The longest pause doubles with every attempt, from 50 ms to 5 s. Each pause is at
// least half of the longest.
func TestPausesGrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var pauses []time.Duration
		last := time.Now()
		store := newStore()
		store.onSnapshot = times(100_000, func(context.Context, func() error) error {
			pauses = append(pauses, time.Since(last))
			last = time.Now()
			return unreachable("connection refused")
		})
		_, err := run(t, store, settingstest.Given(t, "CALICO_IPPOOLS_TIMEOUT=2m"))
		require.ErrorIs(t, err, ErrTimedOut)
		require.Zero(t, pauses[0], "the first attempt is not delayed")
		most := 50 * time.Millisecond
		for i, pause := range pauses[1:] {
			assert.LessOrEqual(t, pause, most, "pause %d", i)
			assert.GreaterOrEqual(t, pause, most/2, "pause %d", i)
			most = min(2*most, 5*time.Second)
		}
		assert.Equal(t, 5*time.Second, most)
	})
}

func TestWaitForDatastoreHasNoLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onSnapshot = times(100_000, until(time.Now(), 24*time.Hour, unreachable("connection refused")))
		begin := time.Now()
		report, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, "WAIT_FOR_DATASTORE=true")...))
		require.NoError(t, err)
		assert.Equal(t, []string{created4, created6}, outcome(report))
		assert.GreaterOrEqual(t, time.Since(begin), 24*time.Hour)
		assert.Less(t, time.Since(begin), 24*time.Hour+5*time.Second, "the run succeeds soon after")
	})
}

func TestWaitForDatastoreWithTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onSnapshot = times(100_000, fails(unreachable("connection refused")))
		begin := time.Now()
		_, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, "WAIT_FOR_DATASTORE=true", "CALICO_IPPOOLS_TIMEOUT=2m")...))
		require.ErrorIs(t, err, ErrTimedOut)
		assert.Equal(t, 2*time.Minute, time.Since(begin))
	})
}

func TestStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onCommit = []hook{hangs}
		begin := time.Now()
		_, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, "CALICO_IPPOOLS_TIMEOUT=3s")...))
		require.ErrorIs(t, err, ErrTimedOut)
		require.ErrorIs(t, err, datastore.ErrUnreachable)
		assert.True(t, strings.HasPrefix(err.Error(), "timed out after 3s: etcd https://10.0.0.1:2379: "), err.Error())
		assert.Equal(t, 3*time.Second, time.Since(begin))
		assert.Equal(t, []string{"snapshot", blocksBoth, commitBoth}, store.calls)
	})
}

// The timeout error has the cause of the previous attempt if the last one was
// interrupted.
func TestTimeoutHasThePreviousCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := unreachable("connection refused")
		store := newStore()
		store.onSnapshot = []hook{fails(unreachable("no leader")), fails(refused), hangs}
		_, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, "CALICO_IPPOOLS_TIMEOUT=3s")...))
		require.EqualError(t, err, "timed out after 3s: "+refused.Error())
		require.ErrorIs(t, err, ErrTimedOut)
		require.ErrorIs(t, err, refused)
	})
}

func TestContextEndsTheRun(t *testing.T) {
	t.Parallel()
	refused := unreachable("connection refused")
	tests := []struct {
		name  string
		limit func(context.Context) (context.Context, context.CancelFunc)
		want  string
		is    error
	}{
		{"cancelled", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(10*time.Second, cancel)
			return ctx, cancel
		}, "interrupted (context canceled): " + refused.Error(), context.Canceled},
		{"cancelled with a cause", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(10*time.Second, func() { cancel(errSignal) })
			return ctx, func() { cancel(nil) }
		}, "interrupted (terminated signal received): " + refused.Error(), errSignal},
		{"the caller's deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 10*time.Second)
		}, "timed out: " + refused.Error(), ErrTimedOut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := tt.limit(t.Context())
				defer cancel()
				store := newStore()
				store.onSnapshot = times(1000, fails(refused))
				begin := time.Now()
				_, err := New(store, WithHost(fakeHost{t: t})).Run(ctx, settingstest.Given(t, settingstest.CIDRs...))
				require.EqualError(t, err, tt.want)
				require.ErrorIs(t, err, tt.is)
				require.ErrorIs(t, err, datastore.ErrUnreachable)
				assert.Equal(t, tt.is == ErrTimedOut, errors.Is(err, ErrTimedOut))
				assert.Equal(t, 10*time.Second, time.Since(begin))
			})
		})
	}
}

var errSignal = errors.New("terminated signal received")

// Conflicts end a run only if it makes no progress. If two clients create many pools
// concurrently, a run may have one conflict per pool.
func TestConflictsWithProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pools = 3 * maxConflicts
		given := settingstest.Given(t, "NO_DEFAULT_POOLS=true")
		text := ""
		store := newStore()
		for i := range pools {
			name, cidr := fmt.Sprintf("p%03d", i), fmt.Sprintf("10.%d.0.0/16", i)
			text += fmt.Sprintf("- {name: %s, cidr: %s}\n", name, cidr)
			store.onCommit = append(store.onCommit, first(func() { store.put(poolstest.Stored(name, cidr)) }))
		}
		given.PoolManifests = []settings.PoolManifest{{Path: "pools.yaml", Data: []byte(text)}}
		report, err := run(t, store, given)
		require.NoError(t, err)
		assert.Len(t, store.stored(), pools)
		assert.Equal(t, pools, store.count("commit"))
		assert.Equal(t, plan.Unchanged, report.Pools[pools].Action)
	})
}
