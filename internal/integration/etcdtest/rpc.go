package etcdtest

import (
	"context"
	"path"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// RPC is a gRPC call that a running server received from a client, permitted or not. A
// retry by the client is another call.
type RPC struct {
	// Method is the full name, such as "/etcdserverpb.KV/Range".
	Method string
	// At is when it arrived.
	At time.Time
	// Range is the request of a KV Range, nil for other calls.
	Range *etcdserverpb.RangeRequest
	// Txn is the request of a KV Txn, nil for other calls.
	Txn *etcdserverpb.TxnRequest
}

// Name returns the short name of the method, such as "Range".
func (r RPC) Name() string { return path.Base(r.Method) }

// RPCs returns the calls since the first start of the server or the last ResetRPCs, in
// the order of their arrival. A stream, such as a watch, is a single call. The calls of
// Start itself are not recorded.
func (s *Server) RPCs() []RPC { return s.rpcs.all() }

// ResetRPCs discards all recorded calls.
func (s *Server) ResetRPCs() { s.rpcs.reset() }

// Count returns the number of calls of the method with the given short name,
// such as "Range", "Txn", or "Authenticate".
func (s *Server) Count(method string) int {
	n := 0
	for _, r := range s.RPCs() {
		if r.Name() == method {
			n++
		}
	}
	return n
}

// unary returns an interceptor that records a unary call and passes it through the
// hooks, the first one outermost.
func (s *Server) unary(r *run) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if r.stopping.Load() {
			return nil, rpctypes.ErrGRPCStopped
		}
		s.rpcs.add(info.FullMethod, req)
		if !s.armed.Load() {
			return handler(ctx, req)
		}
		for _, hook := range slices.Backward(s.opts.hooks) {
			next := handler
			handler = func(ctx context.Context, req any) (any, error) {
				return hook(ctx, req, info, next)
			}
		}
		return handler(ctx, req)
	}
}

// stream returns an interceptor that records a stream.
func (s *Server) stream(r *run) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if r.stopping.Load() {
			return rpctypes.ErrGRPCStopped
		}
		s.rpcs.add(info.FullMethod, nil)
		return handler(srv, ss)
	}
}

// recorder records calls in the order of their arrival. Its zero value is ready to use.
type recorder struct {
	mu    sync.Mutex
	calls []RPC
}

func (r *recorder) add(method string, req any) {
	call := RPC{Method: method, At: time.Now()}
	// The request is copied, as etcd modifies some requests.
	switch req := req.(type) {
	case *etcdserverpb.RangeRequest:
		call.Range = proto.CloneOf(req)
	case *etcdserverpb.TxnRequest:
		call.Txn = proto.CloneOf(req)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
}

func (r *recorder) all() []RPC {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = nil
}
