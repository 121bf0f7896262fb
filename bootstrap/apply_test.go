package bootstrap

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// planFor returns a Bootstrap and its plan for the settings.
func planFor(t *testing.T, store datastore.Datastore, s settings.Settings, options ...Option) (*Bootstrap, *Plan) {
	t.Helper()
	b := New(store, append([]Option{WithHost(fakeHost{reads: new(int)}), WithRandom(&counting{})}, options...)...)
	p, err := b.Plan(t.Context(), s)
	require.NoError(t, err)
	return b, p
}

func TestApplyCarriesOutThePlan(t *testing.T) {
	t.Parallel()
	store := newStore(poolstest.Default4())
	b, p := planFor(t, store, settingstest.Given(t, "--on-drift=update", "--ipv4-pool-nat-outgoing=false"))
	require.True(t, p.Pending())
	require.Len(t, p.Changes(), 2, "the plan has the changes")
	assert.Equal(t, []string{"cidr"}, p.Steps[1].Unknown, "a plan draws no random range")
	assert.Empty(t, p.Steps[1].Pool.Spec.CIDR)
	report, err := b.Apply(t.Context(), p)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool updated: natOutgoing: true -> false", created6}, outcome(report))
	assert.Equal(t, "fd01:203:405::/48", store.pools["default-ipv6-ippool"].Spec.CIDR)
	assert.False(t, store.pools["default-ipv4-ippool"].Spec.NATOutgoing)
}

// Apply writes what the plan contains or nothing. If the changes would differ by now,
// it returns a conflict that names the difference.
func TestApplyOfAPlanThatNoLongerHolds(t *testing.T) {
	t.Parallel()
	podSubnet := func(cidr string) Option {
		return WithCluster(&fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), cidr, "fd01::/64")}})
	}
	nat := func(pool *v3.IPPool) { pool.Spec.NATOutgoing = true }
	deleting := func(pool *v3.IPPool) {
		now := metav1.Now()
		pool.DeletionTimestamp = &now
	}
	mine := poolstest.Stored("default-ipv4-ippool", "10.9.0.0/16", nat)
	tests := []struct {
		name    string
		stored  []v3.IPPool
		lines   []string
		change  func(*fakeStore)
		options []Option // of Apply; nil: those of Plan
		message string   // empty: Apply succeeds
	}{
		{"nothing changed", nil, nil, func(*fakeStore) {}, nil, ""},
		{"an unrelated pool was added", nil, nil, func(s *fakeStore) { s.unreadable = []datastore.Unreadable{{Name: "odd", Err: errors.New("no JSON")}} }, nil, ""},
		{"another client created a pool", nil, nil, func(s *fakeStore) { s.put(mine) }, nil,
			`the plan is outdated: IPPool "default-ipv4-ippool" was: 10.1.0.0/16 created (no IPv4 pool exists); it is now: 10.9.0.0/16 unchanged (exists)`},
		{"an existing pool was deleted", []v3.IPPool{mine}, nil, func(s *fakeStore) { delete(s.pools, mine.Name); s.revision++ }, nil,
			`was: 10.9.0.0/16 unchanged (exists); it is now: 10.1.0.0/16 created (no IPv4 pool exists)`},
		{"a pool was changed", []v3.IPPool{mine}, nil, func(s *fakeStore) { s.put(poolstest.Stored(mine.Name, "10.9.0.0/16")) }, nil,
			`was: 10.9.0.0/16 unchanged (exists); it is now: 10.9.0.0/16 unchanged (exists), with other field values`},
		{"a pool is being deleted", []v3.IPPool{mine}, nil, func(s *fakeStore) { s.put(poolstest.Stored(mine.Name, "10.9.0.0/16", nat, deleting)) }, nil, "unchanged"},
		{"the pool to update was changed", []v3.IPPool{mine}, []string{"--on-drift=update", "--ipv4-pool-nat-outgoing=false"},
			func(s *fakeStore) { s.put(poolstest.Stored(mine.Name, "10.9.0.0/16", nat, poolstest.Disabled)) }, nil,
			"updated (natOutgoing: true -> false)"},
		{"another client made the update", []v3.IPPool{mine}, []string{"--on-drift=update", "--ipv4-pool-nat-outgoing=false"},
			func(s *fakeStore) { s.put(poolstest.Stored(mine.Name, "10.9.0.0/16")) }, nil, "it is now: 10.9.0.0/16 unchanged"},
		{"the podSubnet was changed", nil, nil, func(*fakeStore) {}, []Option{podSubnet("10.2.0.0/16")},
			`was: 10.1.0.0/16 created (no IPv4 pool exists); it is now: 10.2.0.0/16 created (no IPv4 pool exists)`},
		{"drift with --on-drift=fail", nil, []string{"--on-drift=fail", "--ipv4-pool-cidr=10.1.0.0/16"}, func(s *fakeStore) { s.put(mine) }, nil, "it is now: 10.9.0.0/16 unchanged (exists; differs from desired: cidr)"},
		{"the host lost IPv6", nil, nil, func(*fakeStore) {}, []Option{podSubnet("10.1.0.0/16"), WithHost(fakeHost{ipv6Disabled: "it is off", reads: new(int)})}, "skipped (IPv6 is not supported: it is off)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := newStore(tt.stored...)
			b, p := planFor(t, store, settingstest.Given(t, append(tt.lines, "--ipv6-pool-nat-outgoing=true")...), podSubnet("10.1.0.0/16"))
			tt.change(store)
			if tt.options != nil {
				b = New(store, append([]Option{WithHost(fakeHost{reads: new(int)}), WithRandom(&counting{})}, tt.options...)...)
			}
			before := store.stored()
			_, err := b.Apply(t.Context(), p)
			if tt.message == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, datastore.ErrConflict)
			require.ErrorContains(t, err, tt.message)
			assert.Equal(t, before, store.stored(), "nothing is written")
			assert.Zero(t, store.count("commit"))

			again, err := b.Plan(t.Context(), p.Settings)
			if errors.Is(err, plan.ErrDrift) {
				return
			}
			require.NoError(t, err)
			_, err = b.Apply(t.Context(), again)
			require.NoError(t, err, "a new plan can be applied")
		})
	}
}

// A write between the reads and the commit of Apply is a conflict, unless the plan
// stays the same.
func TestApplyLosesARace(t *testing.T) {
	t.Parallel()
	for name, race := range map[string]struct {
		pool  v3.IPPool
		holds bool
	}{
		"a pool of the same name": {poolstest.Stored("default-ipv4-ippool", "10.9.0.0/16"), false},
		"an unrelated pool":       {poolstest.Stored("odd", "nonsense"), true},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			b, p := planFor(t, store, settingstest.Given(t, settingstest.CIDRs...))
			store.onCommit = []hook{first(func() { store.put(race.pool) })}
			_, err := b.Apply(t.Context(), p)
			if race.holds {
				require.NoError(t, err, name)
				assert.Len(t, store.stored(), 3)
				return
			}
			require.ErrorIs(t, err, datastore.ErrConflict, name)
			assert.Equal(t, []v3.IPPool{race.pool}, store.stored(), "nothing of the plan is written")
		})
	}
}

// What an earlier attempt of Apply wrote does not make the plan outdated, even if the
// answer to that write was lost.
func TestApplyAfterALostAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		b, p := planFor(t, store, settingstest.Given(t, settingstest.CIDRs...))
		store.onCommit = []hook{losesAnswer(unreachable("connection reset"))}
		report, err := b.Apply(t.Context(), p)
		require.NoError(t, err)
		assert.Equal(t, []string{created4, created6}, outcome(report))

		half := &oneByOne{newStore(), []map[string]error{{"default-ipv6-ippool": unreachable("503")}}}
		b, p = planFor(t, half, settingstest.Given(t, settingstest.CIDRs...))
		report, err = b.Apply(t.Context(), p)
		require.NoError(t, err)
		assert.Equal(t, []string{created4, created6}, outcome(report))

		// Neither does a change that the server makes to a pool when it stores it.
		store = newStore()
		b, p = planFor(t, store, settingstest.Given(t, settingstest.CIDRs...))
		store.onCommit = []hook{func(context.Context, func() error) error {
			pool := p.Steps[0].Pool.DeepCopy()
			pool.UID, pool.Labels = "the-servers-own", map[string]string{"by": "a webhook"}
			store.put(*pool)
			return &partlyWritten{[]string{pool.Name}, unreachable("503")}
		}}
		report, err = b.Apply(t.Context(), p)
		require.NoError(t, err)
		assert.Equal(t, []string{created4, created6}, outcome(report))
	})
}

// The error of an outdated plan names the pools that were written before.
func TestApplyThatWasHalfDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		half := &oneByOne{store, []map[string]error{{"default-ipv6-ippool": datastore.ErrConflict}}}
		b, p := planFor(t, half, settingstest.Given(t, settingstest.CIDRs...))
		store.onSnapshot = []hook{nil, first(func() { store.put(poolstest.Stored("default-ipv6-ippool", "fd00:9::/64")) })}
		_, err := b.Apply(t.Context(), p)
		require.ErrorIs(t, err, datastore.ErrConflict)
		var partial *PartialError
		require.ErrorAs(t, err, &partial)
		assert.Equal(t, []string{"default-ipv4-ippool"}, partial.Created)
		require.ErrorContains(t, err, `the plan is outdated: IPPool "default-ipv6-ippool" was: fd00:10:244::/64 created`)
	})
}

// A PartialError names each written pool once, however many attempts wrote it.
func TestPartialErrorNamesAPoolOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		wrote := func(next error) hook {
			return func(context.Context, func() error) error {
				if _, exists := store.pools["default-ipv4-ippool"]; !exists {
					store.put(poolstest.Default4(func(pool *v3.IPPool) { pool.UID = "01020304-0506-4708-890a-0b0c0d0e0f10" }))
				}
				return &partlyWritten{[]string{"default-ipv4-ippool"}, next}
			}
		}
		deleted := func(context.Context, func() error) error { // so that it is created again
			delete(store.pools, "default-ipv4-ippool")
			return unreachable("503")
		}
		store.onCommit = []hook{wrote(datastore.ErrConflict)}
		store.onSnapshot = []hook{nil, deleted}
		store.onCommit = append(store.onCommit, wrote(errors.New("refused")))
		_, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...))
		var partial *PartialError
		require.ErrorAs(t, err, &partial)
		assert.Equal(t, []string{"default-ipv4-ippool"}, partial.Created)
		assert.Equal(t, 2, store.count("commit"))
	})
}

// A strict run checks the random range before it is written. A plan draws none, and
// reports what holds for every random range.
func TestStrictKnowsTheRandomRange(t *testing.T) {
	t.Parallel()
	cluster := &fakeCluster{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("a", "fd12:3456:789a::/64")}}}
	host := fakeHost{routes: factstest.Prefixes("fd00::/8"), reads: new(int)}
	for name, options := range map[string][]Option{
		"OutsideNodePodCIDR": {WithCluster(cluster)},
		"HostRouteOverlap":   {WithHost(host)},
	} {
		for _, all := range [][]Option{options, append(options, asPlan)} {
			store := newStore()
			report, err := run(t, store, settingstest.Given(t, "--ipv4-pool-cidr=10.1.0.0/16", "--ipv6-pool-nat-outgoing=true", "--preflight=strict"), all...)
			require.ErrorIs(t, err, preflight.ErrFindings, name)
			assert.Equal(t, []string{name + " default-ipv6-ippool"}, codes(report.Findings))
			assert.Empty(t, store.stored(), "nothing is written")
		}
	}
}

// Findings of an update are errors in a strict run, as in a strict plan.
func TestStrictChecksUpdates(t *testing.T) {
	t.Parallel()
	for _, options := range [][]Option{nil, {asPlan}} {
		store := newStore(poolstest.Default4())
		report, err := run(t, store, settingstest.Given(t, "--ipv6-pool-cidr=none", "--on-drift=update", "--ipv4-pool-nat-outgoing=false", "--preflight=strict"), options...)
		require.ErrorIs(t, err, preflight.ErrFindings)
		assert.Equal(t, []string{"PrivateWithoutNAT default-ipv4-ippool"}, codes(report.Findings))
		assert.True(t, store.pools["default-ipv4-ippool"].Spec.NATOutgoing, "nothing is written")
	}
}

// A chosen CIDR overlaps no known network, route, Service CIDR or node address.
func TestChosenCIDRIsFreeOfAllThatIsKnown(t *testing.T) {
	t.Parallel()
	cluster := &fakeCluster{survey: facts.Survey{
		ServiceCIDRs: factstest.At(origin.Cluster("ServiceCIDR kubernetes"), "172.16.0.0/16"),
		Nodes:        []facts.Node{factstest.Node("a", "172.17.0.5")},
	}}
	host := fakeHost{networks: factstest.Prefixes("192.168.1.0/24"), routes: factstest.Prefixes("172.18.0.0/24"), reads: new(int)}
	store := newStore()
	report, err := run(t, store, settingstest.Given(t, "--ipv6-pool-cidr=none"), WithCluster(cluster), WithHost(host))
	require.NoError(t, err)
	assert.Equal(t, "172.19.0.0/16", store.pools["default-ipv4-ippool"].Spec.CIDR)
	assert.Empty(t, report.Findings)
}

// A caller's origin is not a default, even if its text begins with "default".
func TestCallersOriginIsNoDefault(t *testing.T) {
	t.Parallel()
	store := newStore(poolstest.Default4())
	requested := settingstest.Given(t, "--ipv6-pool-cidr=none", "--on-drift=update")
	requested.IPv4.NATOutgoing = settings.Given("false", origin.Caller("defaults.yaml nat"))
	report, err := run(t, store, requested)
	require.NoError(t, err)
	assert.Equal(t, plan.Updated, report.Pools[0].Action)
	assert.Equal(t, "defaults.yaml nat", report.Pools[0].Drift[0].Source.String())
	assert.False(t, store.pools["default-ipv4-ippool"].Spec.NATOutgoing)
}

// A pool that is being deleted still exists, and is a finding.
func TestPoolThatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	deleted := poolstest.Default4()
	now := metav1.Now()
	deleted.DeletionTimestamp = &now
	store := newStore(deleted)
	report, err := run(t, store, settingstest.Given(t, "--ipv6-pool-cidr=none"), WithHost(fakeHost{t: t}))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged: exists"}, outcome(report)[:1])
	assert.Equal(t, []string{"PoolTerminating default-ipv4-ippool"}, codes(report.Findings))
	assert.Equal(t, []string{"snapshot"}, store.calls, "one read")

	_, err = run(t, store, settingstest.Given(t, "--ipv6-pool-cidr=none", "--preflight=strict"))
	require.ErrorIs(t, err, preflight.ErrFindings)
}

// Neither Commit nor Apply modifies its arguments.
func TestApplyDoesNotModifyThePlan(t *testing.T) {
	t.Parallel()
	store := newStore()
	b, p := planFor(t, store, settings.Settings{})
	before := *p
	steps := append([]plan.Step{}, p.Steps...)
	pool := p.Steps[0].Pool.DeepCopy()
	_, err := b.Apply(t.Context(), p)
	require.NoError(t, err)
	assert.Equal(t, before.Report, p.Report)
	assert.Equal(t, steps, p.Steps)
	assert.Equal(t, pool, p.Steps[0].Pool)
	assert.Empty(t, p.Steps[0].Pool.UID)
}

// If the server assigns the UIDs, a run can't recognise its own pool after a lost
// answer. A pool with the desired values does not make the plan outdated; any other
// pool does.
func TestApplyAfterALostAnswerOfAServerWithItsOwnUIDs(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]func(*v3.IPPool){
		"unchanged": func(*v3.IPPool) {},
		"without a field that the server doesn't know": func(pool *v3.IPPool) { pool.Spec.AssignmentMode = nil },
		"disabled":        poolstest.Disabled,
		"without its NAT": func(pool *v3.IPPool) { pool.Spec.NATOutgoing = false },
	} {
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			b, p := planFor(t, store, settingstest.Given(t, settingstest.CIDRs...))
			store.onCommit = []hook{func(context.Context, func() error) error {
				pool := p.Steps[0].Pool.DeepCopy()
				pool.UID = "the-servers-own"
				stored(pool)
				store.put(*pool)
				return unreachable("connection reset")
			}}
			report, err := b.Apply(t.Context(), p)
			if name == "disabled" || name == "without its NAT" {
				require.ErrorIs(t, err, datastore.ErrConflict)
				assert.Len(t, store.stored(), 1)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []string{"default-ipv4-ippool unchanged: exists", created6}, outcome(report))
		})
	}
}

// A plan with a random range is outdated once the cluster reports a pod CIDR.
func TestApplyOfARandomRangeWithANewPodCIDR(t *testing.T) {
	t.Parallel()
	store := newStore()
	_, p := planFor(t, store, settingstest.Given(t, "--ipv4-pool-cidr=none"))
	cluster := &fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "fd01::/56")}}
	b := New(store, WithHost(fakeHost{reads: new(int)}), WithRandom(&counting{}), WithCluster(cluster))
	_, err := b.Apply(t.Context(), p)
	require.ErrorIs(t, err, datastore.ErrConflict)
	require.ErrorContains(t, err, "it is now: fd01::/56 created")
	assert.Empty(t, store.stored())
}

// A plan with another number of steps is outdated, which is a conflict that is not
// retried.
func TestApplyOfAPlanWithAnotherStep(t *testing.T) {
	t.Parallel()
	store := newStore()
	b, p := planFor(t, store, settingstest.Given(t, settingstest.CIDRs...))
	p.Steps = p.Steps[:1]
	_, err := b.Apply(t.Context(), p)
	require.ErrorIs(t, err, datastore.ErrConflict)
	require.EqualError(t, err, "the plan is outdated: it had 1 pools and has 2 now")
	assert.Equal(t, 2, store.count("snapshot"), "one by Plan, one by Apply")
	assert.Empty(t, store.stored())
}

// A pool that is being deleted is not updated.
func TestPoolThatIsBeingDeletedIsNotUpdated(t *testing.T) {
	t.Parallel()
	deleted := poolstest.Default4()
	now := metav1.Now()
	deleted.DeletionTimestamp = &now
	store := newStore(deleted)
	report, err := run(t, store, settingstest.Given(t, "--ipv6-pool-cidr=none", "--on-drift=update", "--ipv4-pool-nat-outgoing=false"))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged: exists; differs from desired: natOutgoing"}, outcome(report)[:1])
	assert.Equal(t, "it is being deleted: run again after the deletion", report.Pools[0].Drift[0].Remedy)
	assert.Zero(t, store.count("commit"))
}

// A warning about a chosen CIDR is kept when a later attempt finds the pool and
// chooses none.
func TestWarningsOfAnEarlierAttemptAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onCommit = []hook{losesAnswer(unreachable("connection reset"))}
		host := fakeHost{networks: factstest.Prefixes("192.168.0.0/16", "172.16.0.0/12"), reads: new(int)}
		report, err := run(t, store, settingstest.Given(t, "--ipv6-pool-cidr=none", "--preflight=off"), WithHost(host))
		require.NoError(t, err)
		assert.Equal(t, plan.Created, report.Pools[0].Action)
		require.Len(t, report.Warnings, 1)
		assert.Contains(t, report.Warnings[0], "this host has networks in 192.168.0.0/16")
	})
}

// The error names an update whose answer was lost, once a later attempt has read it.
func TestPartialErrorNamesAnUpdateThatWasFoundLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(poolstest.Default4())
		store.onCommit = []hook{
			func(context.Context, func() error) error {
				store.put(poolstest.Default4(func(pool *v3.IPPool) { pool.Spec.NATOutgoing = false }))
				return unreachable("connection reset")
			},
			fails(errors.New("refused")),
		}
		_, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, "--on-drift=update", "--ipv4-pool-nat-outgoing=false")...))
		var partial *PartialError
		require.ErrorAs(t, err, &partial)
		assert.Equal(t, []string{"default-ipv4-ippool"}, partial.Updated)
		assert.Empty(t, partial.Created)
	})
}

// An etcd key may have any text. A printed plan shows no control characters of it.
func TestPlanIsPrintedInLines(t *testing.T) {
	t.Parallel()
	store := newStore(poolstest.Stored("evil\x1b[31m\nname", "10.9.0.0/16"))
	_, p := planFor(t, store, settingstest.Given(t, "--ipv6-pool-cidr=none"))
	assert.NotContains(t, p.String(), "\x1b")
	assert.Contains(t, strings.Split(p.String(), "\n")[0], "name 10.9.0.0/16: unchanged (exists)")
}
