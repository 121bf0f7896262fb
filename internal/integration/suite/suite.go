// Package suite is what every bootstrap.Datastore must do, as tests that run
// against any of them on a real server.
package suite

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// World is an empty datastore, and the ways to look at it and to change it
// past the code that is tested.
type World interface {
	// Open returns a new connection to the datastore, closed when the test ends.
	Open(t *testing.T) bootstrap.Datastore

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
		{"wrong setting", wrongSetting},
		{"dry run", dryRun},
		{"blocks of the same size", blocksOfTheSameSize},
		{"blocks of another size", blocksOfAnotherSize},
		{"blocks elsewhere", blocksElsewhere},
		{"many blocks", manyBlocks},
		{"snapshot is sorted", snapshotIsSorted},
		{"commit after a foreign create", commitAfterCreate},
		{"commit after a foreign update", commitAfterUpdate},
		{"somebody is faster", somebodyIsFaster},
		{"what was just created is deleted", justCreatedIsDeleted},
		{"storm", storm},
		{"storm of names", stormOfNames},
	}
	for _, test := range slices.Concat(tests, drifted, files) {
		t.Run(test.name, func(t *testing.T) { test.test(t, newWorld(t)) })
	}
}

// given returns settings with both CIDRs set, and what else is named.
func given(changes ...func(*bootstrap.Settings)) bootstrap.Settings {
	var settings bootstrap.Settings
	settings.IPv4.CIDR = bootstrap.Given("10.244.0.0/16", "test")
	settings.IPv6.CIDR = bootstrap.Given("fd00:10:244::/64", "test")
	for _, change := range changes {
		change(&settings)
	}
	return settings
}

// Host is a machine with IPv6 and one network, whatever this one has.
type Host struct{}

func (Host) Networks() ([]bootstrap.Located, error) {
	return []bootstrap.Located{{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Source: "interface eth0"}}, nil
}
func (Host) Routes() ([]bootstrap.Located, error) { return nil, nil }
func (Host) NoIPv6() string                       { return "" }

func bootstrapPools(t *testing.T, world World, settings bootstrap.Settings, options ...bootstrap.Option) (bootstrap.Report, error) {
	t.Helper()
	options = append([]bootstrap.Option{bootstrap.WithHost(Host{})}, options...)
	return bootstrap.Run(t.Context(), world.Open(t), settings, options...)
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
	report, err := bootstrapPools(t, world, given(func(s *bootstrap.Settings) {
		s.IPv4.NATOutgoing = bootstrap.Given("false", "test")
		s.IPv6.NATOutgoing = bootstrap.Given("true", "test")
		s.IPv4.VXLAN = bootstrap.Given("CrossSubnet", "test")
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

	report, err := bootstrapPools(t, world, given(func(s *bootstrap.Settings) {
		s.IPv4.CIDR = bootstrap.Given("10.1.0.0/16", "test")
		s.IPv4.NATOutgoing = bootstrap.Given("false", "test")
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
	_, err := bootstrapPools(t, world, given(func(s *bootstrap.Settings) {
		s.IPv6.CIDR = bootstrap.Setting{}
	}))
	require.ErrorIs(t, err, bootstrap.ErrIncompatible)
	assert.ErrorContains(t, err, `"default-ipv4-ippool"`)
	assert.Equal(t, []string{"default-ipv4-ippool"}, names(world.Pools(t)))
}

func wrongSetting(t *testing.T, world World) {
	_, err := bootstrapPools(t, world, given(func(s *bootstrap.Settings) {
		s.IPv6.BlockSize = bootstrap.Given("64", "test")
	}))
	require.ErrorIs(t, err, bootstrap.ErrInvalidSettings)
	assert.Empty(t, world.Pools(t), "a wrong IPv6 setting leaves no IPv4 pool behind")
}

func dryRun(t *testing.T, world World) {
	report, err := bootstrapPools(t, world, given(), bootstrap.WithDryRun())
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool would-create", "default-ipv6-ippool would-create"}, outcome(report))
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
	for _, options := range [][]bootstrap.Option{nil, {bootstrap.WithDryRun()}} {
		_, err := bootstrapPools(t, world, given(), options...)
		require.ErrorIs(t, err, bootstrap.ErrIncompatible)
		assert.ErrorContains(t, err, "fd00:10:244::40/124")
		assert.Empty(t, world.Pools(t), "neither family is written")
	}
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
		sorted = append(sorted, record.Pool.Name)
	}
	assert.Equal(t, []string{"ant", "mouse", "zebra"}, sorted)
	assert.NotEmpty(t, snapshot.Revision)
}
