package integration

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestTwoClusters commits to another etcd cluster than the snapshot is from.
func TestTwoClusters(t *testing.T) {
	t.Parallel()
	one, other := newEtcdWorld(t), newEtcdWorld(t)
	snapshot, err := one.Open(t).Snapshot(t.Context())
	require.NoError(t, err)
	pool := ippool.New("default-ipv4-ippool")
	pool.Spec.CIDR = "10.1.0.0/16"
	changes := []datastore.Change{{Create: pool}}
	result, err := other.Open(t).Commit(t.Context(), snapshot, changes)
	assert.ErrorContains(t, err, "two etcd clusters")
	assert.Equal(t, []datastore.State{datastore.Written}, statesOf(result, changes), "reported, as it is not rolled back")
	assert.Equal(t, []string{pool.Name}, names(other.Pools(t)))
	assert.Empty(t, one.Pools(t))

	other.empty(t).Write(t, pool)
	others := raw(t, other)
	result, err = other.Open(t).Commit(t.Context(), snapshot, changes)
	assert.ErrorContains(t, err, "two etcd clusters")
	assert.Equal(t, []datastore.State{datastore.NotWritten}, statesOf(result, changes))
	assert.Equal(t, others, raw(t, other))

	result, err = one.Open(t).Commit(t.Context(), datastore.Snapshot{Revision: "42"}, changes)
	assert.ErrorContains(t, err, "another datastore")
	assert.Equal(t, []datastore.State{datastore.NotWritten}, statesOf(result, changes))
	assert.Empty(t, one.Pools(t))
}

// twoClusters is two etcd clusters in one list of endpoints.
type twoClusters struct {
	worlds [2]*etcdWorld
	before [2]map[string]string
}

// put empties both clusters and stores the same pools in each. Then the revision of each
// is higher than that of the other's pools.
func (c *twoClusters) put(t *testing.T, pools ...string) {
	t.Helper()
	for _, world := range c.worlds {
		world.empty(t)
		for _, record := range pools {
			world.WriteRaw(t, "default-ipv6-ippool", record)
		}
		for range 10 {
			world.put(t, "/other", "1")
		}
	}
	for i, world := range c.worlds {
		c.before[i] = raw(t, world)
		world.server.ResetRPCs()
	}
}

func (c *twoClusters) open(t *testing.T) *etcdv3.Datastore {
	t.Helper()
	return open(t, etcdv3.Config{Endpoints: c.endpoints()})
}

func (c *twoClusters) endpoints() []string {
	return slices.Concat(c.worlds[0].server.Endpoints(), c.worlds[1].server.Endpoints())
}

// takeTurns connects the client to both clusters, which it then calls in turn. The last
// call was to the given cluster.
func (c *twoClusters) takeTurns(t *testing.T, store *etcdv3.Datastore, last int) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, world := range c.worlds {
			world.server.ResetRPCs()
		}
		for range 2 {
			_, err := store.Snapshot(t.Context())
			require.NoError(t, err)
		}
		return c.worlds[0].server.Count("Range") == 1 && c.worlds[1].server.Count("Range") == 1
	}, waitTimeout, pollInterval)
	for _, world := range c.worlds {
		world.server.ResetRPCs()
	}
	for c.worlds[last].server.Count("Range") == 0 {
		_, err := store.Snapshot(t.Context())
		require.NoError(t, err)
	}
}

// classify checks both clusters after a run and returns its outcome: it failed with
// nothing written, it reported what was written to the other cluster, or all calls were
// to one cluster.
func (c *twoClusters) classify(t *testing.T, err error) string {
	t.Helper()
	read, wrote := 0, 1
	if c.worlds[0].server.Count("Txn") > 0 {
		read, wrote = 1, 0
	}
	var after [2]map[string]string
	for i, world := range c.worlds {
		after[i] = raw(t, world)
	}
	var partial *bootstrap.PartialError
	switch {
	case err == nil:
		assert.Equal(t, c.before[read], after[read])
		assert.Equal(t, defaultNames, names(c.worlds[wrote].Pools(t)))
		return "one cluster"
	case errors.As(err, &partial):
		require.ErrorContains(t, err, fmt.Sprintf("the endpoints belong to two etcd clusters: the pools were read from %s and written to %s", c.id(t, read), c.id(t, wrote)))
		assert.Equal(t, c.before[read], after[read])
		var changed []string
		for name, record := range after[wrote] {
			if record != c.before[wrote][name] {
				changed = append(changed, name)
			}
		}
		reported := slices.Concat(partial.Created, partial.Updated)
		assert.NotEmpty(t, reported)
		assert.ElementsMatch(t, changed, reported)
		for _, name := range reported {
			assert.ErrorContains(t, err, fmt.Sprintf("IPPool %q was ", name))
		}
		for _, name := range partial.Created {
			assert.NotContains(t, c.before[wrote], name)
		}
		for _, name := range partial.Updated {
			assert.Contains(t, c.before[wrote], name)
		}
		return "reported"
	default:
		require.ErrorContains(t, err, "the endpoints belong to two etcd clusters")
		assert.Equal(t, c.before, after)
		return "refused"
	}
}

// id returns the ID of a cluster as messages have it.
func (c *twoClusters) id(t *testing.T, i int) string {
	t.Helper()
	answer, err := c.worlds[i].admin.Status(t.Context(), c.worlds[i].server.Endpoints()[0])
	require.NoError(t, err)
	return fmt.Sprintf("%x", answer.Header.ClusterId)
}

// TestTwoClustersBehindOneList has a client call the clusters in turn, so that it reads
// from one and would write to the other without the check.
func TestTwoClustersBehindOneList(t *testing.T) {
	t.Parallel()
	clusters := &twoClusters{worlds: [2]*etcdWorld{newEtcdWorld(t), newEtcdWorld(t)}}
	ipv6Only := func(change func(*settings.Settings)) settings.Settings {
		requested := patient()
		requested.IPv4.CIDR = settings.Given("none", origin.Caller("test"))
		change(&requested)
		return requested
	}
	const stored = `{"metadata":{"name":"default-ipv6-ippool"},"spec":{"cidr":"fd00:10:244::/64"}}`
	for _, tt := range []struct {
		name      string
		pools     []string
		requested settings.Settings
		want      string
	}{
		{"blocks are read from the other", nil, dual(patient()), "refused"},
		{"nothing is read between pools and write", nil, ipv6Only(func(*settings.Settings) {}), "reported"},
		{"update", []string{stored}, ipv6Only(func(s *settings.Settings) {
			s.OnDrift, s.IPv6.VXLAN = settings.Given("update", origin.Caller("test")), settings.Given("Always", origin.Caller("test"))
		}), "reported"},
		{"FelixConfigurations are read from the other", []string{stored}, ipv6Only(func(s *settings.Settings) {
			s.OnDrift, s.IPv6.NATOutgoing = settings.Given("update", origin.Caller("test")), settings.Given("true", origin.Caller("test"))
		}), "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for try := range 6 {
				clusters.put(t, tt.pools...)
				store := clusters.open(t)
				clusters.takeTurns(t, store, try%2)
				_, err := bootstrap.New(store, bootstrap.WithHost(suite.Host{})).Run(t.Context(), tt.requested)
				assert.Equal(t, tt.want, clusters.classify(t, err), "%v", err)
			}
		})
	}
	t.Run("the other has pools", func(t *testing.T) {
		for try := range 6 {
			clusters.put(t)
			others := clusters.worlds[try%2]
			others.Write(t, anotherIPv6Pool())
			clusters.before[try%2] = raw(t, others)
			store := clusters.open(t)
			clusters.takeTurns(t, store, try%2) // so that the run reads from the empty one
			_, err := bootstrap.New(store, bootstrap.WithHost(suite.Host{})).Run(t.Context(), ipv6Only(func(*settings.Settings) {}))
			assert.Equal(t, "refused", clusters.classify(t, err), "%v", err)
		}
	})
	t.Run("new connections", func(t *testing.T) {
		for range 10 {
			clusters.put(t)
			store := clusters.open(t)
			_, err := bootstrap.New(store, bootstrap.WithHost(suite.Host{})).Run(t.Context(), dual(patient()))
			clusters.classify(t, err)
		}
	})
	t.Run("the program", func(t *testing.T) {
		env := append([]string{"ETCD_ENDPOINTS=" + strings.Join(clusters.endpoints(), ",")}, bothCIDRs...)
		for range 5 {
			clusters.put(t)
			r := call(t, env)
			pools := slices.Concat(names(clusters.worlds[0].Pools(t)), names(clusters.worlds[1].Pools(t)))
			if r.code == 0 { // all calls were to one cluster
				assert.Equal(t, defaultNames, pools)
				continue
			}
			assert.Equal(t, 1, r.code)
			assert.Contains(t, r.stderr, "the endpoints belong to two etcd clusters")
			assert.Empty(t, r.stdout)
			for _, name := range pools {
				assert.Contains(t, r.stderr, fmt.Sprintf("IPPool %q was created and not rolled back", name))
			}
		}
	})
}
