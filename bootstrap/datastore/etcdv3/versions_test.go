package etcdv3

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
)

// A client that has nothing but a KV has Calico's version only, and a datastore that is not
// open nothing. The tests of internal/integration have the versions of real servers.
func TestVersionsWithoutAConnection(t *testing.T) {
	t.Parallel()
	by := &answers{ranges: func(*etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
		return &etcdserverpb.RangeResponse{Header: &etcdserverpb.ResponseHeader{ClusterId: 1, Revision: 7}}, nil
	}}
	assert.Contains(t, answered(t, by).Versions(t.Context()).Problems, "no ClusterInformation default has a version of Calico: "+facts.CalicoUnknown)
	for _, closed := range []*Datastore{nil, {}} {
		assert.Equal(t, []string{errNotOpen.Error(), facts.CalicoUnknown + ": " + errNotOpen.Error()}, closed.Versions(t.Context()).Problems)
	}
}
