package performance

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A relay passes connections on to a server, and counts what the server sends.
type relay struct {
	listener net.Listener
	target   string
	group    sync.WaitGroup
	received atomic.Int64
}

func newRelay(b *testing.B, target string) *relay {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	r := &relay{listener: listener, target: target}
	r.group.Go(r.accept)
	b.Cleanup(func() {
		listener.Close()
		r.group.Wait()
	})
	return r
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.group.Go(func() { r.pass(client) })
	}
}

// pass ends when the client has gone.
func (r *relay) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	r.group.Go(func() {
		n, _ := io.Copy(client, server)
		r.received.Add(n)
		client.Close()
	})
	_, _ = io.Copy(server, client)
	server.Close()
}

// address is what clients dial in the place of the target.
func (r *relay) address() string { return r.listener.Addr().String() }

// count returns what the server has sent since the last count.
func (r *relay) count() int64 { return r.received.Swap(0) }

// through returns the variables, in which every mention of the target is one of
// the relay.
func (r *relay) through(env []string) []string {
	var changed []string
	for _, variable := range env {
		changed = append(changed, strings.ReplaceAll(variable, r.target, r.address()))
	}
	return changed
}
