// Package suite is the conformance suite of datastore.Datastore: tests that run with each
// implementation on a real server.
package suite

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// World is an empty datastore, with methods to read and change it without the code under
// test.
type World interface {
	// Open returns a new connection to the datastore that is closed when the test ends.
	Open(t *testing.T) datastore.Datastore

	// Write stores a pool as another program would, and replaces an existing one.
	Write(t *testing.T, pool *v3.IPPool)

	// WriteBlock stores an IPAM block.
	WriteBlock(t *testing.T, block string)

	// Pools returns the stored pools, sorted by name.
	Pools(t *testing.T) []v3.IPPool

	// WriteRaw stores a pool's JSON unchanged, except for fields that the server sets,
	// and replaces an existing pool.
	WriteRaw(t *testing.T, name, data string)

	// Raw returns a pool's stored JSON, without the fields that the server changes with
	// every write.
	Raw(t *testing.T, name string) string

	// Delete deletes a pool.
	Delete(t *testing.T, name string)
}

// test is a test of the suite.
type test struct {
	name string
	test func(t *testing.T, world World)
}

// Run runs the suite, each test in its own world.
func Run(t *testing.T, newWorld func(t *testing.T) World) {
	tests := []test{
		{"fresh", fresh},
		{"second run", secondRun},
		{"one family exists", oneFamilyExists},
		{"pools of other names", otherNames},
		{"unreadable CIDR", unreadableCIDR},
		{"name of the other family", nameOfTheOtherFamily},
		{"invalid setting", invalidSetting},
		{"plan", planWritesNothing},
		{"plan, then apply", planThenApply},
		{"concurrent write after a plan", concurrentWriteAfterPlan},
		{"concurrent delete after a plan", concurrentDeleteAfterPlan},
		{"blocks of the same size", blocksOfTheSameSize},
		{"blocks of another size", blocksOfAnotherSize},
		{"blocks outside the pools", blocksOutsideThePools},
		{"many blocks", manyBlocks},
		{"snapshot is sorted", snapshotIsSorted},
		{"commit reports what it wrote", commitReportsWhatItWrote},
		{"commit after a foreign create", commitAfterCreate},
		{"commit after a foreign update", commitAfterUpdate},
		{"concurrent write", concurrentWrite},
		{"just created pool is deleted", justCreatedIsDeleted},
		{"storm", storm},
		{"storm of names", stormOfNames},
	}
	for _, test := range slices.Concat(tests, drifted, disabling, files, noNAT) {
		t.Run(test.name, func(t *testing.T) { test.test(t, newWorld(t)) })
	}
}

// given returns settings with both CIDRs and the changes.
func given(changes ...func(*settings.Settings)) settings.Settings {
	var s settings.Settings
	s.IPv4.CIDR = settings.Given("10.244.0.0/16", origin.Caller("test"))
	s.IPv6.CIDR = settings.Given("fd00:10:244::/64", origin.Caller("test"))
	for _, change := range changes {
		change(&s)
	}
	return s
}

// Host is a facts.Host with IPv6 and one network, so that tests do not depend on the
// machine.
type Host struct{}

func (Host) Networks(context.Context) ([]facts.Located, error) {
	return []facts.Located{{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Source: origin.Host("interface eth0")}}, nil
}
func (Host) Routes(context.Context) ([]facts.Located, error) { return nil, nil }
func (Host) IPv6Disabled() string                            { return "" }

// on returns a Bootstrap with a new connection to the world's datastore.
func on(t *testing.T, world World) *bootstrap.Bootstrap {
	t.Helper()
	return bootstrap.New(world.Open(t), bootstrap.WithHost(Host{}))
}

func bootstrapPools(t *testing.T, world World, settings settings.Settings) (bootstrap.Report, error) {
	t.Helper()
	return on(t, world).Run(t.Context(), settings)
}

// outcome returns the name and action of each pool in a report.
func outcome(report bootstrap.Report) []string {
	var lines []string
	for _, pool := range report.Pools {
		lines = append(lines, fmt.Sprintf("%s %s", pool.Name, pool.Action))
	}
	return lines
}

func names(pools []v3.IPPool) []string {
	all := []string{}
	for _, pool := range pools {
		all = append(all, pool.Name)
	}
	return all
}

func pool(name, cidr string) *v3.IPPool {
	p := ippool.New(name)
	p.Spec.CIDR = cidr
	ippool.Default(p)
	return p
}

func fresh(t *testing.T, world World) {
	report, err := bootstrapPools(t, world, given(func(s *settings.Settings) {
		s.IPv4.NATOutgoing = settings.Given("false", origin.Caller("test"))
		s.IPv6.NATOutgoing = settings.Given("true", origin.Caller("test"))
		s.IPv4.VXLAN = settings.Given("CrossSubnet", origin.Caller("test"))
	}))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool created", "default-ipv6-ippool created"}, outcome(report))

	stored := world.Pools(t)
	require.Equal(t, []string{"default-ipv4-ippool", "default-ipv6-ippool"}, names(stored))
	automatic := v3.Automatic
	assert.Equal(t, v3.IPPoolSpec{
		CIDR: "10.244.0.0/16", VXLANMode: "CrossSubnet", IPIPMode: "Never", BlockSize: 26, NodeSelector: "all()",
		AllowedUses: []v3.IPPoolAllowedUse{"Workload", "Tunnel"}, AssignmentMode: &automatic,
	}, stored[0].Spec)
	assert.Equal(t, v3.IPPoolSpec{
		CIDR: "fd00:10:244::/64", VXLANMode: "Never", IPIPMode: "Never", NATOutgoing: true, BlockSize: 122, NodeSelector: "all()",
		AllowedUses: []v3.IPPoolAllowedUse{"Workload", "Tunnel"}, AssignmentMode: &automatic,
	}, stored[1].Spec)
	for _, p := range stored {
		assert.NotEmpty(t, p.UID)
		assert.False(t, p.CreationTimestamp.IsZero())
	}
}

func secondRun(t *testing.T, world World) {
	_, err := bootstrapPools(t, world, given())
	require.NoError(t, err)
	before := world.Pools(t)

	report, err := bootstrapPools(t, world, given(func(s *settings.Settings) {
		s.IPv4.CIDR = settings.Given("10.1.0.0/16", origin.Caller("test"))
		s.IPv4.NATOutgoing = settings.Given("false", origin.Caller("test"))
	}))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged", "default-ipv6-ippool unchanged"}, outcome(report))
	assert.Equal(t, "10.244.0.0/16", report.Pools[0].Spec.CIDR, "a report has the stored value")
	assert.Equal(t, before, world.Pools(t))
}

func oneFamilyExists(t *testing.T, world World) {
	world.Write(t, pool("mine", "10.1.0.0/16"))
	report, err := bootstrapPools(t, world, given())
	require.NoError(t, err)
	assert.Equal(t, []string{"mine unchanged", "default-ipv6-ippool created"}, outcome(report))
	assert.Equal(t, []string{"default-ipv6-ippool", "mine"}, names(world.Pools(t)))
}

func otherNames(t *testing.T, world World) {
	lb := pool("lb", "10.1.0.0/24")
	lb.Spec.AllowedUses = []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseLoadBalancer}
	off := pool("off", "fd00::/64")
	off.Spec.Disabled = true
	world.Write(t, lb)
	world.Write(t, off)
	report, err := bootstrapPools(t, world, given())
	require.NoError(t, err)
	assert.Equal(t, []string{"lb unchanged", "off unchanged"}, outcome(report))
}

func unreadableCIDR(t *testing.T, world World) {
	// The CRD refuses such a CIDR now; older ones did not.
	odd := pool("odd", "10.0.0.0/33")
	if !tryWrite(t, world, odd) {
		return
	}
	report, err := bootstrapPools(t, world, given())
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool created", "default-ipv6-ippool created"}, outcome(report))
	require.Len(t, report.Warnings, 1)
	assert.Contains(t, report.Warnings[0], `IPPool "odd"`)
	assert.Contains(t, names(world.Pools(t)), "odd")
}

// Refuser is a World whose server validates pools. Write fails the test if the server
// refuses the pool; TryWrite reports whether it accepted the pool.
type Refuser interface {
	TryWrite(t *testing.T, pool *v3.IPPool) bool
}

func tryWrite(t *testing.T, world World, p *v3.IPPool) bool {
	if refuser, ok := world.(Refuser); ok {
		return refuser.TryWrite(t, p)
	}
	world.Write(t, p)
	return true
}

func nameOfTheOtherFamily(t *testing.T, world World) {
	world.Write(t, pool("default-ipv4-ippool", "fd00::/64"))
	_, err := bootstrapPools(t, world, given(func(s *settings.Settings) {
		s.IPv6.CIDR = settings.Setting{}
	}))
	require.ErrorIs(t, err, plan.ErrIncompatible)
	assert.ErrorContains(t, err, `"default-ipv4-ippool"`)
	assert.Equal(t, []string{"default-ipv4-ippool"}, names(world.Pools(t)))
}

func invalidSetting(t *testing.T, world World) {
	_, err := bootstrapPools(t, world, given(func(s *settings.Settings) {
		s.IPv6.BlockSize = settings.Given("64", origin.Caller("test"))
	}))
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	assert.Empty(t, world.Pools(t), "with an invalid IPv6 setting, no IPv4 pool is created")
}

func planWritesNothing(t *testing.T, world World) {
	planned, err := on(t, world).Plan(t.Context(), given())
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool would-create", "default-ipv6-ippool would-create"}, outcome(planned.Report))
	assert.True(t, planned.Pending())
	assert.Empty(t, world.Pools(t))
}

// planThenApply applies a plan with another connection than the one it was computed with.
func planThenApply(t *testing.T, world World) {
	world.Write(t, pool("default-ipv4-ippool", "10.244.0.0/16"))
	planned, err := on(t, world).Plan(t.Context(), with(plan.DriftUpdate, func(s *settings.Settings) {
		s.IPv4.NATOutgoing = configured("true")
	}))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool would-update", "default-ipv6-ippool would-create"}, outcome(planned.Report))
	report, err := on(t, world).Apply(t.Context(), planned)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool updated", "default-ipv6-ippool created"}, outcome(report))
	stored := world.Pools(t)
	require.Equal(t, []string{"default-ipv4-ippool", "default-ipv6-ippool"}, names(stored))
	assert.True(t, stored[0].Spec.NATOutgoing)
	assert.Equal(t, stored[1].Spec.CIDR, report.Pools[1].Spec.CIDR, "the CIDR is chosen by Apply")

	again, err := on(t, world).Plan(t.Context(), planned.Settings)
	require.NoError(t, err)
	assert.False(t, again.Pending())
}

// concurrentWriteAfterPlan creates one of the plan's pools before Apply, which writes
// nothing, not even the other pool.
func concurrentWriteAfterPlan(t *testing.T, world World) {
	planned, err := on(t, world).Plan(t.Context(), given())
	require.NoError(t, err)
	world.Write(t, pool("default-ipv4-ippool", "10.1.0.0/16"))
	before := rawPools(t, world)
	_, err = on(t, world).Apply(t.Context(), planned)
	require.ErrorIs(t, err, datastore.ErrConflict)
	assert.ErrorContains(t, err, `the plan is outdated: IPPool "default-ipv4-ippool" was: 10.244.0.0/16 created (no IPv4 pool exists); it is now: 10.1.0.0/16 unchanged`)
	assert.Equal(t, before, rawPools(t, world))
}

// concurrentDeleteAfterPlan deletes an existing pool of the plan before Apply, which
// creates neither this pool nor the other one.
func concurrentDeleteAfterPlan(t *testing.T, world World) {
	world.Write(t, pool("default-ipv6-ippool", "fd00:10:244::/64"))
	planned, err := on(t, world).Plan(t.Context(), given())
	require.NoError(t, err)
	world.Delete(t, "default-ipv6-ippool")
	_, err = on(t, world).Apply(t.Context(), planned)
	require.ErrorIs(t, err, datastore.ErrConflict)
	assert.ErrorContains(t, err, `the plan is outdated: IPPool "default-ipv6-ippool" was: fd00:10:244::/64 unchanged (exists); it is now: `)
	assert.Empty(t, world.Pools(t))
}

func blocksOfTheSameSize(t *testing.T, world World) {
	world.WriteBlock(t, "10.244.3.64/26")
	world.WriteBlock(t, "fd00:10:244::40/122")
	report, err := bootstrapPools(t, world, given())
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool created", "default-ipv6-ippool created"}, outcome(report))
}

func blocksOfAnotherSize(t *testing.T, world World) {
	world.WriteBlock(t, "10.244.3.64/26")
	world.WriteBlock(t, "fd00:10:244::40/124")
	_, err := bootstrapPools(t, world, given())
	planned, planErr := on(t, world).Plan(t.Context(), given())
	assert.Nil(t, planned)
	for _, err := range []error{err, planErr} {
		require.ErrorIs(t, err, plan.ErrIncompatible)
		assert.ErrorContains(t, err, "fd00:10:244::40/124")
	}
	assert.Empty(t, world.Pools(t), "neither family is written")
}

func blocksOutsideThePools(t *testing.T, world World) {
	world.WriteBlock(t, "10.243.255.224/27")
	world.WriteBlock(t, "10.245.0.0/27")
	_, err := bootstrapPools(t, world, given())
	require.NoError(t, err)
}

func manyBlocks(t *testing.T, world World) {
	for i := range 300 {
		world.WriteBlock(t, fmt.Sprintf("10.%d.%d.0/26", 240+i/200, i%200))
	}
	world.WriteBlock(t, "fd00::40/122")
	store := world.Open(t)
	four, err := store.Blocks(t.Context(), []ippool.Family{ippool.IPv4})
	require.NoError(t, err)
	assert.Len(t, four, 300)
	assert.Contains(t, four, netip.MustParsePrefix("10.241.5.0/26"))
	six, err := store.Blocks(t.Context(), []ippool.Family{ippool.IPv6})
	require.NoError(t, err)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("fd00::40/122")}, six)
	both, err := store.Blocks(t.Context(), []ippool.Family{ippool.IPv4, ippool.IPv6})
	require.NoError(t, err)
	assert.ElementsMatch(t, append(four, six...), both)
}

func snapshotIsSorted(t *testing.T, world World) {
	for i, name := range []string{"zebra", "ant", "mouse"} {
		world.Write(t, pool(name, fmt.Sprintf("10.%d.0.0/16", i)))
	}
	snapshot, err := world.Open(t).Snapshot(t.Context())
	require.NoError(t, err)
	var sorted []string
	for _, record := range snapshot.Pools {
		sorted = append(sorted, record.Pool().Name)
	}
	assert.Equal(t, []string{"ant", "mouse", "zebra"}, sorted)
	assert.NotEmpty(t, snapshot.Revision)
}

// commitReportsWhatItWrote checks the result of a commit for each pool, and that the
// changes are not modified.
func commitReportsWhatItWrote(t *testing.T, world World) {
	world.Write(t, pool("old", "10.1.0.0/16"))
	store := world.Open(t)
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	require.Len(t, snapshot.Pools, 1)
	change := func() []datastore.Change {
		updated := snapshot.Pools[0].Clone()
		updated.Pool().Spec.NATOutgoing = true
		created := pool("new", "10.2.0.0/16")
		created.UID, created.CreationTimestamp = "b5e5f2c4-0000-4000-8000-000000000001", metav1.Unix(1700000000, 0)
		return []datastore.Change{{Update: updated}, {Create: created}}
	}
	changes, before := change(), change()
	result, err := store.Commit(t.Context(), snapshot, changes)
	require.NoError(t, err)
	assert.Equal(t, before, changes)

	stored := world.Pools(t)
	require.Equal(t, []string{"new", "old"}, names(stored))
	for i, want := range []v3.IPPool{stored[1], stored[0]} {
		outcome := result.Of(i)
		assert.Equal(t, datastore.Written, outcome.State)
		require.NotNil(t, outcome.Stored)
		assert.Equal(t, want.Name, outcome.Stored.Name)
		assert.Equal(t, want.UID, outcome.Stored.UID)
		assert.Equal(t, want.Spec, outcome.Stored.Spec)
	}
	assert.True(t, stored[1].Spec.NATOutgoing)
	transactions := 1
	if _, perPool := world.(OneTransactionPerPool); perPool {
		transactions = 0
	}
	assert.Equal(t, transactions, result.Transactions)
}
