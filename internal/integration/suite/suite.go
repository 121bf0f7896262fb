// Package suite is what every datastore.Datastore must do, as tests that run
// against any of them on a real server.
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

// World is an empty datastore, and the ways to look at it and to change it
// past the code that is tested.
type World interface {
	// Open returns a new connection to the datastore, closed when the test ends.
	Open(t *testing.T) datastore.Datastore

	// Write stores a pool as somebody else would, over one of that name.
	Write(t *testing.T, pool *v3.IPPool)

	// WriteBlock stores an IPAM block.
	WriteBlock(t *testing.T, block string)

	// Pools returns what is stored, sorted by name.
	Pools(t *testing.T) []v3.IPPool

	// WriteRaw stores a pool's JSON as it is, over one of that name, but for
	// what the server takes into its own hands.
	WriteRaw(t *testing.T, name, data string)

	// Raw is a pool's JSON as it is stored, without what the server itself
	// keeps count of with every write.
	Raw(t *testing.T, name string) string

	// Delete deletes a pool.
	Delete(t *testing.T, name string)
}

// test is a test of the suite.
type test struct {
	name string
	test func(t *testing.T, world World)
}

// Run runs the suite, each test in a world of its own.
func Run(t *testing.T, newWorld func(t *testing.T) World) {
	tests := []test{
		{"fresh", fresh},
		{"second run", secondRun},
		{"one family there", oneFamilyThere},
		{"pools of other names", otherNames},
		{"unreadable CIDR", unreadableCIDR},
		{"name of the other family", nameOfTheOtherFamily},
		{"wrong setting", invalidSetting},
		{"plan", planWritesNothing},
		{"plan, then apply", planThenApply},
		{"plan, and somebody is faster", concurrentWriteAfterPlan},
		{"plan, and a pool is gone", planAndPoolIsGone},
		{"blocks of the same size", blocksOfTheSameSize},
		{"blocks of another size", blocksOfAnotherSize},
		{"blocks elsewhere", blocksElsewhere},
		{"many blocks", manyBlocks},
		{"snapshot is sorted", snapshotIsSorted},
		{"commit tells what it wrote", commitReportsWhatItWrote},
		{"commit after a foreign create", commitAfterCreate},
		{"commit after a foreign update", commitAfterUpdate},
		{"somebody is faster", concurrentWrite},
		{"what was just created is deleted", justCreatedIsDeleted},
		{"storm", storm},
		{"storm of names", stormOfNames},
	}
	for _, test := range slices.Concat(tests, drifted, files) {
		t.Run(test.name, func(t *testing.T) { test.test(t, newWorld(t)) })
	}
}

// given returns settings with both CIDRs set, and what else is named.
func given(changes ...func(*settings.Settings)) settings.Settings {
	var s settings.Settings
	s.IPv4.CIDR = settings.Given("10.244.0.0/16", origin.Caller("test"))
	s.IPv6.CIDR = settings.Given("fd00:10:244::/64", origin.Caller("test"))
	for _, change := range changes {
		change(&s)
	}
	return s
}

// Host is a machine with IPv6 and one network, whatever this one has.
type Host struct{}

func (Host) Networks(context.Context) ([]facts.Located, error) {
	return []facts.Located{{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Source: origin.Host("interface eth0")}}, nil
}
func (Host) Routes(context.Context) ([]facts.Located, error) { return nil, nil }
func (Host) IPv6Disabled() string                            { return "" }

// on returns a bootstrap for the world, with a connection of its own.
func on(t *testing.T, world World) *bootstrap.Bootstrap {
	t.Helper()
	return bootstrap.New(world.Open(t), bootstrap.WithHost(Host{}))
}

func bootstrapPools(t *testing.T, world World, settings settings.Settings) (bootstrap.Report, error) {
	t.Helper()
	return on(t, world).Run(t.Context(), settings)
}

// outcome is a report, short: name and action of each pool.
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
	assert.Equal(t, "10.244.0.0/16", report.Pools[0].Spec.CIDR, "a report says what stands")
	assert.Equal(t, before, world.Pools(t))
}

func oneFamilyThere(t *testing.T, world World) {
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

// Refuser is a World whose server judges pools itself: Write fails the test
// then, and TryWrite says whether the pool was taken.
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
	assert.Empty(t, world.Pools(t), "a wrong IPv6 setting leaves no IPv4 pool behind")
}

func planWritesNothing(t *testing.T, world World) {
	planned, err := on(t, world).Plan(t.Context(), given())
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool would-create", "default-ipv6-ippool would-create"}, outcome(planned.Report))
	assert.True(t, planned.Pending())
	assert.Empty(t, world.Pools(t))
}

// planThenApply has a plan applied over another connection than it was made with.
func planThenApply(t *testing.T, world World) {
	world.Write(t, pool("default-ipv4-ippool", "10.244.0.0/16"))
	planned, err := on(t, world).Plan(t.Context(), asks(plan.DriftUpdate, func(s *settings.Settings) {
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
	assert.Equal(t, stored[1].Spec.CIDR, report.Pools[1].Spec.CIDR, "it was chosen when the plan was applied")

	again, err := on(t, world).Plan(t.Context(), planned.Settings)
	require.NoError(t, err)
	assert.False(t, again.Pending())
}

// planAndSomebodyIsFaster, with a pool that the plan would have created: nothing
// is written, though there is a pool left to create.
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

// planAndPoolIsGone, with a pool that the plan would have kept: it isn't made
// anew, and neither is the other one.
func planAndPoolIsGone(t *testing.T, world World) {
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

func blocksElsewhere(t *testing.T, world World) {
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

// commitTellsWhatItWrote, pool by pool, and leaves what it is given as it is.
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
	if _, none := world.(OneTransactionAPool); none {
		transactions = 0
	}
	assert.Equal(t, transactions, result.Transactions)
}
