package integration

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestCorruptRecords has records that are no pools: they are left as they are
// and told of, and only stand in the way where they have the name.
func TestCorruptRecords(t *testing.T) {
	world := newEtcdWorld(t)
	config := etcdv3.Config{Endpoints: world.server.Endpoints()}
	for _, corrupt := range []string{"", "{", "[]", "null", `"pool"`, `{"spec":{"cidr":7}}`, `{"spec":{"cidr":"10.0.0.0"}}`, `{"kind":"IPPool"}`, "\x00\xff"} {
		t.Run(corrupt, func(t *testing.T) {
			world.empty(t).put(t, ippool.RecordKey("odd"), corrupt)
			report, err := runOn(t, config, quick())
			require.NoError(t, err)
			require.Len(t, report.Warnings, 1)
			assert.Contains(t, report.Warnings[0], `IPPool "odd"`)
			assert.Contains(t, report.Warnings[0], "left as it is")
			records := world.records(t)
			require.Len(t, records, 3)
			assert.Equal(t, keyValue{ippool.RecordKey("odd"), corrupt}, records[2])

			world.empty(t).put(t, ippool.RecordKey("default-ipv6-ippool"), corrupt)
			_, err = runOn(t, config, quick())
			require.ErrorIs(t, err, bootstrap.ErrIncompatible)
			assert.ErrorContains(t, err, `"default-ipv6-ippool"`)
			assert.Equal(t, []keyValue{{ippool.RecordKey("default-ipv6-ippool"), corrupt}}, world.records(t),
				"nothing is written for either family")
		})
	}
}
