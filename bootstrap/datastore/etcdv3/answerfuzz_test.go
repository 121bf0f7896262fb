package etcdv3

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
)

// FuzzSnapshotAnswer checks that a snapshot of any response is either an error or complete,
// so that nothing is created after an incomplete read.
func FuzzSnapshotAnswer(f *testing.F) {
	for _, answer := range mutations(f, honestRange()) {
		f.Add(answer)
	}
	f.Fuzz(func(t *testing.T, answer []byte) { checkSnapshot(t, answer) })
}

// FuzzCommitAnswer checks that changes are only reported as written or not written if the
// response shows it.
func FuzzCommitAnswer(f *testing.F) {
	for _, answer := range mutations(f, honestTxn()) {
		f.Add(answer)
	}
	f.Fuzz(func(t *testing.T, answer []byte) { checkCommit(t, answer) })
}

// Every truncation of a response, and every single bit and byte that differs, keeps what
// the fuzzers check.
func TestAnswersByteByByte(t *testing.T) {
	t.Parallel()
	for _, answer := range mutations(t, honestRange()) {
		checkSnapshot(t, answer)
	}
	for _, answer := range mutations(t, honestTxn()) {
		checkCommit(t, answer)
	}
}

// Every response to a transaction that lacks a field, or has another, has an unknown
// outcome.
func TestMalformedCommits(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		alter func(*etcdserverpb.TxnResponse)
		text  string
	}{
		"no header":       {func(r *etcdserverpb.TxnResponse) { r.Header = nil }, "it has no header"},
		"no cluster":      {func(r *etcdserverpb.TxnResponse) { r.Header.ClusterId = 0 }, "its header has no cluster ID"},
		"no revision":     {func(r *etcdserverpb.TxnResponse) { r.Header.Revision = 0 }, "its header has the revision 0"},
		"no results":      {func(r *etcdserverpb.TxnResponse) { r.Responses = nil }, "it has 0 results, not 2; succeeded: true"},
		"one result":      {func(r *etcdserverpb.TxnResponse) { r.Responses = r.Responses[1:] }, "it has 1 results, not 2; succeeded: true"},
		"an empty result": {func(r *etcdserverpb.TxnResponse) { r.Responses[1] = &etcdserverpb.ResponseOp{} }, "not that of a put"},
		"a nil result":    {func(r *etcdserverpb.TxnResponse) { r.Responses[1] = nil }, "not that of a put"},
		"another result": {func(r *etcdserverpb.TxnResponse) {
			r.Responses[0] = &etcdserverpb.ResponseOp{Response: &etcdserverpb.ResponseOp_ResponseRange{ResponseRange: &etcdserverpb.RangeResponse{}}}
		}, "not that of a put"},
		"no success":   {func(r *etcdserverpb.TxnResponse) { r.Succeeded = false }, "it has 2 results, not 0; succeeded: false"},
		"nothing":      {func(r *etcdserverpb.TxnResponse) { r.Header, r.Succeeded, r.Responses = nil, false, nil }, "it has no header"},
		"only success": {func(r *etcdserverpb.TxnResponse) { r.Header, r.Responses = nil, nil }, "it has no header"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := honestTxn()
			tt.alter(response)
			by := &answers{transactions: []func() (*etcdserverpb.TxnResponse, error){func() (*etcdserverpb.TxnResponse, error) { return response, nil }}}
			if response.Succeeded && response.Responses == nil {
				response.Responses = []*etcdserverpb.ResponseOp{} // the fake completes nil
			}
			result, err := answered(t, by).Commit(t.Context(), snapshotOf(1, 7), []datastore.Change{{Create: created("a")}, {Create: created("b")}})
			require.ErrorContains(t, err, "etcd http://127.0.0.1:1: creating IP pools: malformed response: ")
			require.ErrorContains(t, err, tt.text)
			assert.False(t, datastore.Retryable(err))
			assert.Equal(t, datastore.Result{Outcomes: []datastore.Outcome{{State: datastore.Unknown}, {State: datastore.Unknown}}, Transactions: 1}, result)
		})
	}
}

// Errors that gRPC makes of a response leave the outcome unknown; those of etcd do not.
func TestErrorsOfCommits(t *testing.T) {
	t.Parallel()
	for text, tt := range map[string]struct {
		code codes.Code
		want datastore.State
	}{
		"grpc: failed to unmarshal the received message: unexpected EOF":     {codes.Internal, datastore.Unknown},
		"grpc: received message larger than max (70000 vs. 65536)":           {codes.ResourceExhausted, datastore.Unknown},
		"unexpected HTTP status code received from server: 404 (Not Found)":  {codes.Unimplemented, datastore.Unknown},
		"unexpected HTTP status code received from server: 403 (Forbidden)":  {codes.PermissionDenied, datastore.Unknown},
		"server closed the stream without sending trailers":                  {codes.Internal, datastore.Unknown},
		"etcdserver: request timed out":                                      {codes.Unavailable, datastore.Unknown},
		"anything":                                                           {codes.Unknown, datastore.Unknown},
		"etcdserver: permission denied":                                      {codes.PermissionDenied, datastore.NotWritten},
		"etcdserver: request is too large":                                   {codes.InvalidArgument, datastore.NotWritten},
		"etcdserver: invalid auth token":                                     {codes.Unauthenticated, datastore.NotWritten},
		"grpc: trying to send message larger than max (3000000 vs. 2097152)": {codes.ResourceExhausted, datastore.NotWritten},
	} {
		by := &answers{transactions: []func() (*etcdserverpb.TxnResponse, error){failing(status.Error(tt.code, text))}}
		result, err := answered(t, by).Commit(t.Context(), snapshotOf(1, 7), []datastore.Change{{Create: created("a")}})
		require.Error(t, err)
		assert.Equal(t, tt.want, result.Of(0).State, text)
	}
}

func honestRange() *etcdserverpb.RangeResponse {
	return &etcdserverpb.RangeResponse{
		Header: &etcdserverpb.ResponseHeader{ClusterId: 1, MemberId: 2, Revision: 7, RaftTerm: 3}, Kvs: stored(aPool, "a", "b", "c"), Count: 3,
	}
}

func honestTxn() *etcdserverpb.TxnResponse {
	return &etcdserverpb.TxnResponse{
		Header: &etcdserverpb.ResponseHeader{ClusterId: 1, MemberId: 2, Revision: 8, RaftTerm: 3}, Succeeded: true,
		Responses: []*etcdserverpb.ResponseOp{putResult(), putResult()},
	}
}

// mutations returns the encoded message, its truncations, it with each byte missing, and
// it with each bit changed.
func mutations(t testing.TB, message any) [][]byte {
	t.Helper()
	buffers, err := encoding.GetCodecV2("proto").Marshal(message)
	require.NoError(t, err)
	honest := buffers.Materialize()
	all := [][]byte{honest}
	for i := range honest {
		all = append(all, honest[:i], append(append([]byte{}, honest[:i]...), honest[i+1:]...))
		for bit := range 8 {
			flipped := append([]byte{}, honest...)
			flipped[i] ^= 1 << bit
			all = append(all, flipped)
		}
	}
	return all
}

// decodeAnswer decodes a response as gRPC does.
func decodeAnswer(answer []byte, into any) error {
	if err := encoding.GetCodecV2("proto").Unmarshal(mem.BufferSlice{mem.SliceBuffer(answer)}, into); err != nil {
		return status.Error(codes.Internal, "grpc: failed to unmarshal the received message: "+err.Error())
	}
	return nil
}

func checkSnapshot(t *testing.T, answer []byte) {
	t.Helper()
	var response etcdserverpb.RangeResponse
	decodeErr := decodeAnswer(answer, &response)
	first := true
	store := answered(t, &answers{ranges: func(*etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
		if !first {
			return nil, errors.New("a second page") // the same response would not advance
		}
		first = false
		return &response, decodeErr
	}})
	snapshot, err := store.Snapshot(t.Context())
	if err != nil {
		require.Zero(t, snapshot)
		require.NotContains(t, err.Error(), "\n")
		return
	}
	require.NoError(t, decodeErr)
	require.False(t, response.More)
	require.Len(t, response.Kvs, int(response.Count))
	names := map[string]bool{}
	for _, pool := range snapshot.Pools {
		names[pool.Pool().Name] = true
	}
	for _, pool := range snapshot.Unreadable {
		names[pool.Name] = true
	}
	require.Len(t, names, len(response.Kvs))
	require.Equal(t, fmt.Sprintf("%x/%d", response.Header.ClusterId, response.Header.Revision), snapshot.Revision)
}

func checkCommit(t *testing.T, answer []byte) {
	t.Helper()
	var response etcdserverpb.TxnResponse
	decodeErr := decodeAnswer(answer, &response)
	if response.Responses == nil {
		response.Responses = []*etcdserverpb.ResponseOp{} // the fake completes nil
	}
	by := &answers{transactions: []func() (*etcdserverpb.TxnResponse, error){func() (*etcdserverpb.TxnResponse, error) { return &response, decodeErr }}}
	result, err := answered(t, by).Commit(t.Context(), snapshotOf(1, 7), []datastore.Change{{Create: created("a")}, {Create: created("b")}})
	require.Equal(t, result.Of(0).State, result.Of(1).State)
	switch result.Of(0).State {
	case datastore.Written:
		require.NoError(t, decodeErr)
		require.True(t, response.Succeeded)
		require.Len(t, response.Responses, 2)
	case datastore.NotWritten:
		require.Error(t, err)
		require.NoError(t, decodeErr)
		require.NotNil(t, response.Header)
		require.False(t, response.Succeeded)
		require.Empty(t, response.Responses)
	case datastore.Unknown:
		require.Error(t, err)
	}
	if err != nil && !errors.Is(err, datastore.ErrConflict) {
		require.NotContains(t, err.Error(), "\n")
	}
}
