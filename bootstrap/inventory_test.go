package bootstrap

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// fullCluster has facts of every kind.
func fullCluster() *fakeCluster {
	return &fakeCluster{
		sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.244.0.0/16", "fd00::/56")},
		survey: facts.Survey{
			Nodes: []facts.Node{factstest.Node("a", "192.0.2.1")}, ServiceCIDRs: factstest.At(origin.Cluster("services"), "10.96.0.0/12"),
			Problems: []string{"servicecidrs: forbidden"},
		},
		installation: facts.Installation{Name: origin.Cluster("Installation default")},
	}
}

// inventoryOf reads the inventory of a store and cluster on a host with a network and a
// route.
func inventoryOf(t *testing.T, store datastore.Datastore, s settings.Settings, options ...Option) (Inventory, error) {
	t.Helper()
	return New(store, append([]Option{clashing(new(int)), WithRandom(noRandom{t})}, options...)...).Inventory(t.Context(), s)
}

func plannedIn(all Inventory) (planned []string) {
	for _, pool := range all.Planned {
		planned = append(planned, pool.Name+" "+pool.Spec.CIDR)
	}
	return planned
}

// TestInventory reads everything, whether or not a pool is planned, and writes nothing.
func TestInventory(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		store   *fakeStore
		lines   []string
		planned []string
	}{
		"a fresh cluster":  {newStore(), nil, []string{"default-ipv4-ippool 10.244.0.0/16", "default-ipv6-ippool fd00::/56"}},
		"existing pools":   {newStore(poolstest.Stored("four", "10.1.0.0/16"), poolstest.Stored("six", "fd01::/64")), nil, nil},
		"no default pools": {newStore(), []string{"NO_DEFAULT_POOLS=true"}, nil},
		"given":            {newStore(), []string{"CALICO_IPV4POOL_CIDR=10.9.0.0/16", "CALICO_IPV6POOL_CIDR=none"}, []string{"default-ipv4-ippool 10.9.0.0/16"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.store.blocks = factstest.Prefixes("10.1.0.0/26")
			all, err := inventoryOf(t, clusterStore{tt.store, fullCluster()}, settingstest.Given(t, tt.lines...))
			require.NoError(t, err)
			assert.Equal(t, datastore.EtcdV3, all.Datastore)
			assert.Equal(t, tt.planned, plannedIn(all))
			assert.Len(t, all.Snapshot.Pools, len(tt.store.pools))
			assert.Equal(t, tt.store.blocks, all.Facts.Blocks)
			assert.True(t, all.BlocksRead)
			assert.Equal(t, fullCluster().sources, all.Facts.PodCIDRs)
			assert.Equal(t, fullCluster().survey, all.Facts.Survey)
			assert.Equal(t, fullCluster().installation, all.Facts.Installation)
			assert.NotEmpty(t, all.Facts.Networks)
			assert.NotEmpty(t, all.Facts.Routes)
			assert.Equal(t, []string{"servicecidrs: forbidden"}, all.Notes)
			assert.Equal(t, []string{"snapshot", blocksBoth}, tt.store.calls)
		})
	}
	all, err := inventoryOf(t, newStore(), settingstest.Given(t))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool 192.168.0.0/16", "default-ipv6-ippool "}, plannedIn(all), "a random CIDR is not drawn")
	assert.Empty(t, all.Facts.PodCIDRs)
}

// What can't be read is a note, and the rest is there.
func TestInventoryOfWhatIsReadable(t *testing.T) {
	t.Parallel()
	forbidden := &datastore.Error{Kind: datastore.ErrForbidden, Operation: "reading", Err: errors.New("no rights")}
	for name, err := range map[string]error{"forbidden": forbidden, "unreachable": unreachable("503")} {
		store, cluster := newStore(poolstest.Stored("four", "10.1.0.0/16")), fullCluster()
		store.onBlocks = []hook{fails(err)}
		cluster.errs, cluster.surveyErrs, cluster.installationErrs = []error{err}, []error{err}, []error{err}
		host := fakeHost{reads: new(int), err: errors.New("no rights"), noRoutes: errors.New("no netlink")}
		all, failed := inventoryOf(t, clusterStore{store, cluster}, settingstest.Given(t, "CALICO_IPV6POOL_CIDR=fd00::/64"), WithHost(host))
		require.NoError(t, failed, name)
		assert.Equal(t, []string{
			"the networks of this host could not be read: no rights", "the routes of this host could not be read: no netlink",
			fmt.Sprintf("the IPAM blocks could not be read: %s", err), fmt.Sprintf("the pod CIDRs of the cluster could not be read: %s", err),
			fmt.Sprintf("the nodes and Service CIDRs could not be read: %s", err), fmt.Sprintf("the Installation of the Tigera operator could not be read: %s", err),
		}, all.Notes, name)
		assert.Len(t, all.Snapshot.Pools, 1)
		assert.Equal(t, []string{"default-ipv6-ippool fd00::/64"}, plannedIn(all))
		assert.False(t, all.BlocksRead)
	}

	store := newStore()
	store.onSnapshot = []hook{fails(forbidden)}
	all, err := inventoryOf(t, clusterStore{store, fullCluster()}, settingstest.Given(t, settingstest.CIDRs...))
	require.ErrorIs(t, err, datastore.ErrForbidden)
	assert.Equal(t, fullCluster().survey, all.Facts.Survey)
	assert.Contains(t, all.Notes[0], "the pools could not be read: ")
	assert.Len(t, all.Planned, 2, "those of the settings")
}

// The errors are those of Plan, with everything that was read.
func TestInventoryErrors(t *testing.T) {
	t.Parallel()
	file := settingstest.WithFiles(t, nil, "pools.yaml", settingstest.Flat("new", "10.1.128.0/17"))
	for name, tt := range map[string]struct {
		given   settings.Settings
		want    error
		planned []string
	}{
		"an overlap":         {file, plan.ErrIncompatible, []string{"new 10.1.128.0/17"}},
		"a CIDR too small":   {settingstest.Given(t), plan.ErrPodCIDR, nil},
		"the name is taken":  {settingstest.Given(t, "CALICO_IPV6POOL_NAME=old", "CALICO_IPV6POOL_CIDR=fd00::/64"), plan.ErrIncompatible, nil},
		"a default pool too": {settingstest.Given(t, "CALICO_IPV6POOL_NAME=old", "CALICO_IPV6POOL_CIDR=fd00::/64", "CALICO_IPV4POOL_CIDR=10.7.0.0/16"), plan.ErrIncompatible, nil},
	} {
		store := newStore(poolstest.Stored("old", "10.1.0.0/16"))
		tooSmall := WithCluster(&fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "fd07::/127")}})
		all, err := inventoryOf(t, store, tt.given, tooSmall)
		require.ErrorIs(t, err, tt.want, name)
		_, planErr := New(store, clashing(new(int)), tooSmall).Plan(t.Context(), tt.given)
		require.EqualError(t, err, planErr.Error(), name)
		assert.Equal(t, tt.planned, plannedIn(all), name)
		assert.Contains(t, all.Notes[len(all.Notes)-1], "the desired pools can't be created: ", name)
		assert.Len(t, all.Snapshot.Pools, 1)
	}
	store := newStore()
	all, err := inventoryOf(t, store, settingstest.Given(t, "CALICO_IPV4POOL_CIDR=x"))
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	assert.Equal(t, Inventory{}, all)
	assert.Empty(t, store.calls)
}

// While the pools are unreachable, the inventory is read again until the time is out; then
// the host's part is there.
func TestInventoryRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(poolstest.Stored("four", "10.1.0.0/16"))
		store.onSnapshot = times(3, fails(unreachable("503")))
		reads := 0
		all, err := inventoryOf(t, store, settingstest.Given(t, settingstest.CIDRs...), clashing(&reads))
		require.NoError(t, err)
		assert.Len(t, all.Snapshot.Pools, 1)
		assert.Len(t, all.Notes, 1, "the desired pool is not created")
		assert.Equal(t, 1, reads)
	})
	for name, h := range map[string]hook{"unreachable": fails(unreachable("503")), "hangs": hangs} {
		synctest.Test(t, func(t *testing.T) {
			store, began := newStore(), time.Now()
			store.onSnapshot = times(1000, h)
			all, err := inventoryOf(t, store, settingstest.Given(t, append(settingstest.CIDRs, "CALICO_IPPOOLS_TIMEOUT=10s")...))
			require.ErrorIs(t, err, ErrTimedOut, name)
			assert.Equal(t, 10*time.Second, time.Since(began))
			assert.NotEmpty(t, all.Facts.Networks)
			assert.Len(t, all.Planned, 2)
			assert.Contains(t, all.Notes[0], "the pools could not be read: ", name)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		store := newStore(poolstest.Stored("four", "10.1.0.0/16"))
		store.onBlocks = []hook{hangs}
		all, err := inventoryOf(t, store, settingstest.Given(t))
		require.ErrorIs(t, err, ErrTimedOut)
		assert.Len(t, all.Snapshot.Pools, 1, "what was read before")
		assert.Contains(t, all.Notes[0], "the IPAM blocks could not be read: ")
	})
}

// A desired range that would not become a pool, because the family has one, is noted.
func TestInventoryNotesWhatIsNotCreated(t *testing.T) {
	t.Parallel()
	for cidr, noted := range map[string]bool{"10.9.0.0/16": true, "10.1.0.0/16": false, "none": false} {
		store := newStore(poolstest.Stored("four", "10.1.0.0/16"), poolstest.Stored("six", "fd01::/64"))
		all, err := inventoryOf(t, store, settingstest.Given(t, "--ipv4-pool-cidr="+cidr))
		require.NoError(t, err)
		const note = `10.9.0.0/16 of the desired IPPool "default-ipv4-ippool" is not shown, and the pool would not be created: IPPool "four" exists`
		if noted {
			assert.Contains(t, all.Notes, note)
		} else {
			assert.NotContains(t, fmt.Sprint(all.Notes), "would not be created", cidr)
		}
	}
}
