package bootstrap

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// The allocations of a plan grow linearly with the number of existing pools.
func TestAllocationsOfAPlan(t *testing.T) {
	var given settings.Settings
	given.IPv4.CIDR = settings.Given("192.168.0.0/16", origin.Caller("test"))
	given.IPv6.CIDR = settings.Given("fd00:10:244::/64", origin.Caller("test"))
	config, err := given.Resolve()
	require.NoError(t, err)
	for _, n := range []int{100, 5_000} {
		var snapshot datastore.Snapshot
		for i := range n {
			pool := ippool.New(fmt.Sprintf("pool-%05d", i))
			pool.Spec.CIDR = fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)
			ippool.Default(pool)
			snapshot.Pools = append(snapshot.Pools, ippool.NewRecord(pool))
		}
		allocations := testing.AllocsPerRun(5, func() { _, err = plan.Compute(config.Desired, snapshot, plan.DriftReport) })
		require.NoError(t, err)
		assert.LessOrEqual(t, allocations/float64(n), allocationsPerPool, "%d pools", n)
	}
}

// The environment is read without an allocation for each comparison of names.
func TestAllocationsOfTheEnvironment(t *testing.T) {
	t.Setenv("CALICO_IPV4POOL_NAT_OUTGONG", "true")
	var err error
	assert.LessOrEqual(t, testing.AllocsPerRun(20, func() { _, err = settings.FromEnv() }), 900.0)
	require.NoError(t, err)
}

// The definitions are built once, not on every call.
func TestAllocationsOfSettings(t *testing.T) {
	var config settings.Config
	var err error
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { config, err = settings.Settings{}.Resolve() }), 150.0)
	require.NoError(t, err)
	assert.NotEmpty(t, config.Desired.Pools)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { settings.Definitions() }), 1.0)
}

// A run that creates one pool beside 5,000 others copies none of these.
func TestAllocationsOfAFreshRun(t *testing.T) {
	store := &crowdedStore{fakeStore: newStore()}
	for i := range 5_000 {
		pool := ippool.New(fmt.Sprintf("pool-%05d", i))
		pool.Spec.CIDR = fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)
		ippool.Default(pool)
		store.others = append(store.others, ippool.NewRecord(pool))
	}
	given := settingstest.Given(t, settingstest.CIDRs...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	report, err := New(store, WithHost(routedHost{})).Run(t.Context(), given)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Equal(t, plan.Created, report.Pools[len(report.Pools)-1].Action)
	assert.LessOrEqual(t, after.Mallocs-before.Mallocs, uint64(3_000))
	assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(6_000_000))
}

// crowdedStore is a store with other pools.
type crowdedStore struct {
	*fakeStore
	others []*ippool.Record
}

func (s *crowdedStore) Snapshot(ctx context.Context) (datastore.Snapshot, error) {
	snapshot, err := s.fakeStore.Snapshot(ctx)
	snapshot.Pools = s.others
	return snapshot, err
}
