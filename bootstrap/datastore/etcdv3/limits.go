package etcdv3

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// The limits of what is read from etcd. A cluster of 5,000 pools and 50,000 blocks
// stays far below them.
const (
	// maxPage is the size of a response to a range read, in bytes. It is more than
	// the largest record that etcd accepts by default (1.5 MiB), and small because
	// a decoded response takes up to 60 times its size.
	maxPage = 2 << 20

	// maxResponse is the size of any other response, and of the headers of a
	// response, in bytes. That to the largest transaction has about 8 KiB.
	maxResponse = 64 << 10

	// maxPages is the number of range reads for one prefix.
	maxPages = 100

	// pageWindow is how much of responses the server sends before it waits, in bytes.
	pageWindow = 512 << 10

	poolPage  = 500    // keys per read of pools, about 600 bytes each
	maxPools  = 20_000 // pools
	blockPage = 5000   // keys per read of block keys, about 70 bytes each
	maxBlocks = 400_000

	// maxPoolBytes is the size of all pool records together.
	maxPoolBytes = 16 << 20

	// maxPoolValues is the number of commas in all pool records together, about
	// that of their JSON values. A decoded value takes up to 150 bytes, even if it
	// has only 3 in the record.
	maxPoolValues = 500_000
)

// codec decodes responses from buffers that are not much larger than a page. gRPC's own
// have 1 MiB, which takes long to clear.
type codec struct {
	encoding.CodecV2
	buffers mem.BufferPool
}

func newCodec() codec {
	return codec{encoding.GetCodecV2(proto.Name), mem.NewTieredBufferPool(16<<10, 256<<10, 512<<10, maxPage)}
}

func (c codec) Unmarshal(data mem.BufferSlice, response any) error {
	buffer := data.MaterializeToBuffer(c.buffers)
	defer buffer.Free()
	return c.CodecV2.Unmarshal(mem.BufferSlice{buffer}, response)
}

// withLimits is the dial options that limit the size of responses, and the memory for one.
// etcd's client has no limit.
func withLimits() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithMaxHeaderListSize(maxResponse),
		// A page fits in the window: the server doesn't wait for updates of a smaller one.
		grpc.WithInitialWindowSize(pageWindow),
		grpc.WithInitialConnWindowSize(pageWindow),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(newCodec())),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, request, response any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			limit := maxResponse
			if strings.HasSuffix(method, "/Range") {
				limit = maxPage
			}
			return invoke(ctx, method, request, response, conn, append(opts, grpc.MaxCallRecvMsgSize(limit))...)
		}),
	}
}

// exceedsLimit reports whether a response is larger than the limit of the client.
func exceedsLimit(err error) bool {
	return status.Code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "larger than max") && !isTooLarge(err)
}
