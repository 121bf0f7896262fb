package integration

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestCorruptRecords stores malformed records: the run ignores them with a warning,
// and fails only if one has the name of a desired pool.
func TestCorruptRecords(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	config := etcdv3.Config{Endpoints: world.server.Endpoints()}
	for _, corrupt := range []string{"", "{", "[]", "null", `"pool"`, `{"spec":{"cidr":7}}`, `{"spec":{"cidr":"10.0.0.0"}}`, `{"kind":"IPPool"}`, "\x00\xff"} {
		t.Run(corrupt, func(t *testing.T) {
			world.empty(t).put(t, ippool.RecordKey("odd"), corrupt)
			report, err := runOn(t, config, patient())
			require.NoError(t, err)
			require.Len(t, report.Warnings, 1)
			assert.Contains(t, report.Warnings[0], `IPPool "odd"`)
			assert.Regexp(t, `is (ignored: invalid CIDR|malformed and is (ignored|not modified))`, report.Warnings[0])
			records := world.records(t)
			require.Len(t, records, 3)
			assert.Equal(t, keyValue{ippool.RecordKey("odd"), corrupt}, records[2])

			world.empty(t).put(t, ippool.RecordKey("default-ipv6-ippool"), corrupt)
			_, err = runOn(t, config, patient())
			require.ErrorIs(t, err, plan.ErrIncompatible)
			assert.ErrorContains(t, err, `"default-ipv6-ippool"`)
			assert.Equal(t, []keyValue{{ippool.RecordKey("default-ipv6-ippool"), corrupt}}, world.records(t),
				"nothing is written, for either family")
		})
	}
}

// TestHalfReadableRecord stores a pool with a field of an unknown type. Its CIDR is
// readable, so it counts as a pool of its family and no second one is created.
func TestHalfReadableRecord(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	world.put(t, ippool.RecordKey("newer"), `{"spec":{"cidr":"192.168.0.0/16","assignmentMode":{"mode":"New"}}}`)
	report, err := runOn(t, etcdv3.Config{Endpoints: world.server.Endpoints()}, patient())
	require.NoError(t, err)
	assert.Equal(t, "newer", report.Pools[0].Name)
	assert.Equal(t, plan.Unchanged, report.Pools[0].Action)
	assert.Equal(t, plan.Created, report.Pools[1].Action)
	require.Len(t, report.Warnings, 1)
	assert.Contains(t, report.Warnings[0], "by its CIDR 192.168.0.0/16 it counts as an IPv4 pool")
}

// TestRestoredFromBackup commits with a revision higher than etcd's, as after a
// restore between the read and the write: existing pools are not overwritten.
func TestRestoredFromBackup(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	store := open(t, etcdv3.Config{Endpoints: world.server.Endpoints()})
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	cluster, _, _ := strings.Cut(snapshot.Revision, "/")
	snapshot.Revision = cluster + "/1000"

	pool := ippool.New("default-ipv4-ippool")
	pool.Spec.CIDR = "10.99.0.0/16"
	world.Write(t, pool)
	desired := pool.DeepCopy()
	desired.Spec.CIDR = "10.1.0.0/16"
	_, err = store.Commit(t.Context(), snapshot, []datastore.Change{{Create: desired}})
	require.ErrorIs(t, err, datastore.ErrConflict)
	assert.Equal(t, "10.99.0.0/16", world.Pools(t)[0].Spec.CIDR)

	// An update compares the value that was read, regardless of revisions.
	snapshot, err = store.Snapshot(t.Context())
	require.NoError(t, err)
	snapshot.Revision = cluster + "/1000"
	update := snapshot.Pools[0].Clone()
	update.Pool().Spec.NATOutgoing = true
	pool.Spec.DisableBGPExport = true
	world.Write(t, pool)
	before := world.Raw(t, pool.Name)
	_, err = store.Commit(t.Context(), snapshot, []datastore.Change{{Update: update}})
	require.ErrorIs(t, err, datastore.ErrConflict)
	assert.Equal(t, before, world.Raw(t, pool.Name))
}
