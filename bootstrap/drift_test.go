package bootstrap

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestRunFailsOnDrift(t *testing.T) {
	t.Parallel()
	for _, options := range [][]Option{nil, {asPlan}} {
		store := newStore(poolstest.Default4())
		report, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, "--on-drift=fail", "--ipv4-pool-nat-outgoing=false")...), options...)
		require.ErrorIs(t, err, plan.ErrDrift)
		require.EqualError(t, err, `flag --ipv4-pool-nat-outgoing: "false" has no effect: IPPool "default-ipv4-ippool" exists with natOutgoing true; onDrift=update changes it`)
		assert.Equal(t, []string{"default-ipv4-ippool unchanged: exists; differs from desired: natOutgoing", "default-ipv6-ippool would-create: no IPv6 pool exists"}, outcome(report))
		assert.Zero(t, store.count("commit"), "the IPv6 pool isn't created either")
		assert.Empty(t, report.Warnings, "the error has it")
	}
	store := newStore(poolstest.Default4())
	report, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, "--on-drift=fail")...))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged: exists", created6}, outcome(report))
}

// A malformed pool can't be compared: with on-drift fail it is an error, with update it is
// not modified. The report lists what can't be read.
func TestMalformedPoolIsNoMatch(t *testing.T) {
	t.Parallel()
	const record = `{"spec":{"cidr":"10.244.0.0/16","natOutgoing":"false","vxlanMode":7}}`
	_, malformed := ippool.DecodeRecord([]byte(record))
	for _, policy := range []string{"report", "update", "fail"} {
		for _, options := range [][]Option{nil, {asPlan}} {
			store := newStore()
			store.unreadable = []datastore.Unreadable{{Name: "default-ipv4-ippool", CIDR: "10.244.0.0/16", Err: malformed}}
			report, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, "--on-drift="+policy)...), options...)
			if policy == "fail" {
				require.ErrorIs(t, err, plan.ErrDrift)
				require.EqualError(t, err, `IPPool "default-ipv4-ippool" is malformed and can't be compared with the settings: `+
					"spec.natOutgoing: is a string; must be a boolean; spec.vxlanMode: is a number; must be a string; repair or delete it")
				assert.Zero(t, store.count("commit"), "the IPv6 pool isn't created either")
			} else {
				require.NoError(t, err)
			}
			pool := report.Pools[0]
			assert.Equal(t, plan.Unchanged, pool.Action)
			assert.Equal(t, []string{"natOutgoing", "vxlanMode"}, pool.Unreadable)
			assert.Empty(t, pool.Spec.VXLANMode)
			assert.Equal(t, v3.IPIPModeNever, pool.Spec.IPIPMode)
			require.Len(t, report.Warnings, 1)
			assert.Contains(t, report.Warnings[0], "is malformed and is not modified")
		}
	}
}

// A run that fails on drift or findings writes nothing. Its report has the pools that
// would be written, with the random range that was checked.
func TestRejectedRunWritesNothing(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{
		{"--on-drift=fail", "--ipv4-pool-nat-outgoing=false"},
		{"--preflight=strict"}, // HostRouteOverlap
	} {
		store := newStore(poolstest.Default4())
		report, err := run(t, store, settingstest.Given(t, lines...), clashing(new(int)))
		require.Error(t, err)
		assert.Equal(t, "default-ipv6-ippool would-create: no IPv6 pool exists", outcome(report)[1])
		assert.Equal(t, "fd01:203:405::/48", report.Pools[1].Spec.CIDR)
		assert.Equal(t, origin.DefaultBecause("random ULA"), report.Pools[1].Settings[1].Source)
		assert.Zero(t, store.count("commit"))
	}
}

func TestRunUpdates(t *testing.T) {
	t.Parallel()
	store := newStore(poolstest.Default4())
	given := settingstest.Given(t, append(settingstest.CIDRs, "--on-drift=update", "--ipv4-pool-nat-outgoing=false")...)
	report, err := planned(t, store, given)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool would-update: natOutgoing: true -> false", "default-ipv6-ippool would-create: no IPv6 pool exists"}, outcome(report))
	assert.True(t, pending(report))

	report, err = run(t, store, given)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool updated: natOutgoing: true -> false", created6}, outcome(report))
	assert.False(t, report.Pools[0].Spec.NATOutgoing)
	assert.Equal(t, 1, store.count("commit default-ipv4-ippool default-ipv6-ippool"), "both in one commit")
	assert.False(t, store.pools["default-ipv4-ippool"].Spec.NATOutgoing)

	report, err = run(t, store, given)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged: exists", "default-ipv6-ippool unchanged: exists"}, outcome(report))
	assert.Equal(t, 1, store.count("commit"))
}

// A run that only updates makes one read and one write. It reads no IPAM blocks.
func TestRunUpdateCostsOneReadAndOneWrite(t *testing.T) {
	t.Parallel()
	store := newStore(poolstest.Default4(), poolstest.Stored("default-ipv6-ippool", "fd00:10:244::/64"))
	_, err := run(t, store, settingstest.Given(t, "--on-drift=update", "--ipv4-pool-nat-outgoing=false"))
	require.NoError(t, err)
	assert.Equal(t, []string{"snapshot", "commit default-ipv4-ippool"}, store.calls)
}

// An update is retried after a conflict, and keeps what the other client changed.
func TestRunUpdatesAgainAfterAConflict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(poolstest.Default4(), poolstest.Stored("default-ipv6-ippool", "fd00:10:244::/64"))
		store.onCommit = []hook{first(func() {
			store.put(poolstest.Default4(func(pool *v3.IPPool) { pool.Spec.DisableBGPExport = true }))
		})}
		report, err := run(t, store, settingstest.Given(t, "--on-drift=update", "--ipv4-pool-nat-outgoing=false"))
		require.NoError(t, err)
		assert.Equal(t, "default-ipv4-ippool updated: natOutgoing: true -> false", outcome(report)[0])
		now := store.pools["default-ipv4-ippool"]
		assert.False(t, now.Spec.NATOutgoing)
		assert.True(t, now.Spec.DisableBGPExport)
	})
}

// Without transactions, an error names the pools that were updated before it. If the
// next attempt succeeds, the report has them as updated.
func TestRunReportsPartialUpdates(t *testing.T) {
	t.Parallel()
	given := settingstest.Given(t, "--on-drift=update", "--ipv4-pool-nat-outgoing=false", "--ipv6-pool-nat-outgoing=true")
	half := func(store *fakeStore, cause error) hook {
		return func(context.Context, func() error) error {
			store.put(poolstest.Default4(func(pool *v3.IPPool) { pool.Spec.NATOutgoing = false }))
			return &partlyWritten{[]string{"default-ipv4-ippool"}, cause}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		store := newStore(poolstest.Default4(), poolstest.Stored("default-ipv6-ippool", "fd00:10:244::/64"))
		store.onCommit = []hook{half(store, errors.New("refused"))}
		_, err := run(t, store, given)
		require.EqualError(t, err, "refused\nIPPool \"default-ipv4-ippool\" was updated and not rolled back")

		store = newStore(poolstest.Default4(), poolstest.Stored("default-ipv6-ippool", "fd00:10:244::/64"))
		store.onCommit = []hook{half(store, datastore.ErrConflict)}
		report, err := run(t, store, given)
		require.NoError(t, err)
		assert.Equal(t, []string{
			"default-ipv4-ippool updated: natOutgoing: true -> false", "default-ipv6-ippool updated: natOutgoing: false -> true",
		}, outcome(report))
	})
}

// A pod CIDR of the cluster is not a setting. If another client creates a pool with
// another range, that is no drift: the run neither warns nor fails.
func TestClustersCIDRIsNoDrift(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"default-ipv4-ippool", "theirs"} {
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			store.onCommit = []hook{first(func() { store.put(poolstest.Stored(name, "10.9.0.0/16")) })}
			cluster := &fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16")}}
			report, err := run(t, store, settingstest.Given(t, "CALICO_IPV6POOL_CIDR=none", "--on-drift=fail"), WithCluster(cluster))
			require.NoError(t, err)
			assert.Equal(t, name+" unchanged: exists", outcome(report)[0])
			assert.Empty(t, report.Warnings)
		})
	}
}

// A pool that was updated before a conflict is reported as updated, even if it still
// differs in a field that is not updatable.
func TestRunReportsUpdatesWithRemainingDrift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(poolstest.Default4(), poolstest.Stored("default-ipv6-ippool", "fd00:10:244::/64"))
		store.onCommit = []hook{func(context.Context, func() error) error {
			store.put(poolstest.Default4(func(pool *v3.IPPool) { pool.Spec.IPIPMode = v3.IPIPModeAlways }))
			return &partlyWritten{[]string{"default-ipv4-ippool"}, datastore.ErrConflict}
		}}
		report, err := run(t, store, settingstest.Given(t, "--on-drift=update", "--ipv4-pool-ipip=always", "--ipv4-pool-block-size=24", "--ipv6-pool-nat-outgoing=true"))
		require.NoError(t, err)
		assert.Equal(t, []string{
			"default-ipv4-ippool updated: ipipMode: Never -> Always", "default-ipv6-ippool updated: natOutgoing: false -> true",
		}, outcome(report))
		require.Len(t, report.Pools[0].Drift, 2)
		assert.True(t, report.Pools[0].Drift[0].Updated)
		assert.Equal(t, "blockSize", report.Pools[0].Drift[1].Field)
		require.Len(t, report.Warnings, 2)
		assert.Contains(t, report.Warnings[1], "changing ipipMode from Never to Always disrupts traffic")
		assert.Contains(t, report.Warnings[0], "blockSize")
	})
}

// An update that another client reverted is not reported.
func TestRevertedUpdateIsNotReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(poolstest.Default4(), poolstest.Stored("default-ipv6-ippool", "fd00:10:244::/64"))
		store.onCommit = []hook{func(context.Context, func() error) error {
			store.put(poolstest.Default4(func(pool *v3.IPPool) { pool.Labels = map[string]string{"app.kubernetes.io/managed-by": "argocd"} }))
			return &partlyWritten{[]string{"default-ipv4-ippool"}, datastore.ErrConflict}
		}}
		report, err := run(t, store, settingstest.Given(t, "--on-drift=update", "--ipv4-pool-nat-outgoing=false", "--ipv6-pool-nat-outgoing=true"))
		require.NoError(t, err)
		assert.Equal(t, "default-ipv4-ippool unchanged: exists; differs from desired: natOutgoing", outcome(report)[0])
	})
}

// Drift may be found after some pools were written. The report has those pools, too.
func TestRunFailsOnDriftAfterAPartialCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		given := settingstest.Given(t, append(settingstest.CIDRs, "--on-drift=fail", "--ipv6-pool-nat-outgoing=true")...)
		store.onCommit = []hook{func(context.Context, func() error) error {
			store.put(poolstest.Default4(func(pool *v3.IPPool) { pool.UID = "01020304-0506-4708-890a-0b0c0d0e0f10" }))
			store.put(poolstest.Stored("default-ipv6-ippool", "fd00:10:244::/64")) // another client's, without NAT
			return &partlyWritten{[]string{"default-ipv4-ippool"}, datastore.ErrConflict}
		}}
		report, err := run(t, store, given)
		require.ErrorIs(t, err, plan.ErrDrift)
		var partial *PartialError
		require.ErrorAs(t, err, &partial)
		assert.Equal(t, []string{"default-ipv4-ippool"}, partial.Created)
		assert.Equal(t, []string{created4, "default-ipv6-ippool unchanged: exists; differs from desired: natOutgoing"}, outcome(report))
		assert.False(t, pending(report))
		assert.NotNil(t, report.Warnings)
	})
}
