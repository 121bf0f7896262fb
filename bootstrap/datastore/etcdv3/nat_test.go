package etcdv3

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
)

// What decides about NAT is bounded, and an exceeded limit is an error, not a problem.
func TestNATLimits(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		keys  int
		value string
		want  string
	}{
		"bytes":  {resourcePage, `{"spec":{}}` + strings.Repeat(" ", maxResourceBytes/resourcePage), "have more than 33554432 bytes"},
		"values": {resourcePage, strings.Repeat(",", maxResourceValues/resourcePage+1), "have more than 2000000 values"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by := &answers{ranges: func(request *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
				response := &etcdserverpb.RangeResponse{Header: &etcdserverpb.ResponseHeader{ClusterId: 1, Revision: 7}, Count: int64(tt.keys)}
				for i := range tt.keys {
					response.Kvs = append(response.Kvs, &mvccpb.KeyValue{Key: fmt.Appendf(nil, "%snode.%04d", request.Key, i), Value: []byte(tt.value)})
				}
				return response, nil
			}}
			_, err := answered(t, by).NAT(t.Context())
			require.ErrorContains(t, err, tt.want)
			assert.False(t, datastore.Retryable(err))
		})
	}
}

// Malformed records are counted beyond the first ones.
func TestManyMalformedNATRecords(t *testing.T) {
	t.Parallel()
	by := &answers{ranges: func(request *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
		response := &etcdserverpb.RangeResponse{Header: &etcdserverpb.ResponseHeader{ClusterId: 1, Revision: 7}, Count: maxNATProblems + 3}
		for i := range maxNATProblems + 3 {
			response.Kvs = append(response.Kvs, &mvccpb.KeyValue{Key: fmt.Appendf(nil, "%snode.%04d", request.Key, i), Value: []byte("hunter2")})
		}
		return response, nil
	}}
	_, problems, err := answered(t, by).FelixConfigurations(t.Context())
	require.NoError(t, err)
	require.Len(t, problems, maxNATProblems+1)
	assert.Equal(t, "3 more FelixConfigurations are ignored", problems[maxNATProblems])
	assert.NotContains(t, strings.Join(problems, "\n"), "hunter2")
}
