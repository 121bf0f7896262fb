package bootstrap

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
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
