package bootstrap

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// busyStore is a store of the Kubernetes API that many runs share. It serves one request after
// the other, each in the time that an API server takes for it, and counts them.
type busyStore struct {
	*fakeStore
	mu       sync.Mutex
	free     time.Time // when it has served all requests
	requests int
}

// serve waits until a number of requests is served, and carries them out.
func (s *busyStore) serve(requests int, do func()) {
	s.mu.Lock()
	s.requests += requests
	if now := time.Now(); s.free.Before(now) {
		s.free = now
	}
	s.free = s.free.Add(time.Duration(requests) * 1500 * time.Microsecond)
	wait := time.Until(s.free)
	s.mu.Unlock()
	time.Sleep(wait)
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

func (s *busyStore) Snapshot(ctx context.Context) (snapshot datastore.Snapshot, err error) {
	s.serve(1, func() { snapshot, err = s.fakeStore.Snapshot(ctx) })
	return snapshot, err
}

// Blocks stands for all requests of a fresh run: blocks, three sources of pod CIDRs, nodes,
// Services and the operator.
func (s *busyStore) Blocks(ctx context.Context, families []ippool.Family) (blocks []netip.Prefix, err error) {
	s.serve(7, func() { blocks, err = s.fakeStore.Blocks(ctx, families) })
	return blocks, err
}

func (s *busyStore) Commit(ctx context.Context, since datastore.Snapshot, changes []datastore.Change) (result datastore.Result, err error) {
	s.serve(len(changes), func() { result, err = s.fakeStore.Commit(ctx, since, changes) })
	return result, err
}

// TestStorm starts a thousand runs at the same time, on a server without pools, ten times: a run
// makes fewer than 3.5 requests on average. It would make ten without giving way.
func TestStorm(t *testing.T) {
	const nodes, storms, most = 1000, 10, 3.5
	for range storms {
		synctest.Test(t, func(t *testing.T) {
			store := &busyStore{fakeStore: newStore()}
			var group sync.WaitGroup
			begin := time.Now()
			for range nodes {
				group.Go(func() {
					_, err := New(store, WithHost(routedHost{})).Run(t.Context(), settings.Settings{})
					assert.NoError(t, err)
				})
			}
			group.Wait()
			t.Logf("%d requests in %s", store.requests, time.Since(begin))
			assert.Len(t, store.pools, 2)
			assert.Less(t, float64(store.requests)/nodes, most, "requests of a run")
		})
	}
}
