package bootstrap

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// slowly is a read that takes long.
func slowly(took time.Duration, then func()) hook {
	return func(_ context.Context, do func() error) error {
		time.Sleep(took)
		err := do()
		if then != nil {
			then()
		}
		return err
	}
}

// TestRunGivesWay checks that a run whose read of the pools takes long gives way to others:
// if they create the pools, it reads nothing else. It does so a limited number of times.
func TestRunGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		created := newStore()
		_, err := New(created).Run(t.Context(), settings.Settings{})
		require.NoError(t, err)
		others := func(store *fakeStore) func() { return func() { store.put(created.stored()...) } }

		store := newStore()
		store.onSnapshot = []hook{slowly(2*busy, others(store))}
		begin := time.Now()
		_, err = New(store).Run(t.Context(), settings.Settings{})
		require.NoError(t, err)
		assert.Equal(t, []string{"snapshot", "snapshot"}, store.calls)
		assert.LessOrEqual(t, time.Since(begin), 4*busy, "the time of the read")

		alone := newStore()
		for range 2 * maxGiveWays {
			alone.onSnapshot = append(alone.onSnapshot, slowly(2*busy, nil))
		}
		_, err = New(alone).Run(t.Context(), settings.Settings{})
		require.NoError(t, err)
		require.Len(t, alone.calls, 1+maxGiveWays+2, "then the blocks and the commit: %v", alone.calls)
	})
}

// TestRunThatIsAloneWaitsForNothing checks that a run does not wait if its read is fast, if it
// has nothing to create, or if it is a plan.
func TestRunThatIsAloneWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onSnapshot = []hook{slowly(busy-1, nil), slowly(2*busy, nil), slowly(2*busy, nil)}
		begin := time.Now()
		_, err := New(store).Run(t.Context(), settings.Settings{})
		require.NoError(t, err)
		assert.Equal(t, busy-1, time.Since(begin))

		begin = time.Now()
		_, err = New(store).Run(t.Context(), settings.Settings{})
		require.NoError(t, err)
		assert.Equal(t, 2*busy, time.Since(begin), "the pools exist")

		empty := newStore()
		empty.onSnapshot = []hook{slowly(2*busy, nil)}
		begin = time.Now()
		_, err = New(empty).Plan(t.Context(), settings.Settings{})
		require.NoError(t, err)
		assert.Equal(t, 2*busy, time.Since(begin), "a plan")
	})
}

// A run that is alone and reads many pools does not take their time for the load of others.
func TestRunWithManyPoolsDoesNotGiveWay(t *testing.T) {
	const pools = 5000
	many := make([]v3.IPPool, pools)
	for i := range many {
		many[i] = *ippool.New(fmt.Sprintf("pool-%04d", i))
		many[i].Spec.CIDR = fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)
	}
	for took, reads := range map[time.Duration]int{busy + pools*busyPool - 1: 1, busy + pools*busyPool: 2} {
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			store.put(many...)
			store.onSnapshot = []hook{slowly(took, nil)}
			_, err := New(store).Run(t.Context(), settings.Settings{})
			require.NoError(t, err)
			assert.Len(t, store.calls, reads+1, "then the commit of the IPv6 pool: %v", store.calls)
		})
	}
}

// A run that gives way ends with its context.
func TestGivingWayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onSnapshot = []hook{slowly(time.Second, nil)}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		time.AfterFunc(time.Second, cancel)
		_, err := New(store).Run(ctx, settings.Settings{})
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, []string{"snapshot"}, store.calls)
	})
}

// A run that has time for few more such reads does not give way.
func TestRunOutOfTimeDoesNotGiveWay(t *testing.T) {
	for _, limit := range []time.Duration{(minReads + 2) * time.Second, (minReads+2)*time.Second - 1} {
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			store.onSnapshot = []hook{slowly(time.Second, nil)}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err := New(store).Run(ctx, settings.Settings{})
			require.NoError(t, err)
			reads := 1
			if limit == (minReads+2)*time.Second { // the read, the pause, and minReads more
				reads = 2
			}
			assert.Len(t, store.calls, reads+2, "then the blocks and the commit: %v", store.calls)
		})
	}
}

func TestGiveWay(t *testing.T) {
	assert.Zero(t, giveWay(time.Second, 1, 0))
	assert.Equal(t, 500*time.Millisecond, giveWay(time.Second, 1, 0.125))
	assert.Equal(t, 750*time.Millisecond, giveWay(500*time.Millisecond, 3, 0.125))
	assert.Less(t, giveWay(time.Hour, 1, 0.999), maxGiveWay)
}
