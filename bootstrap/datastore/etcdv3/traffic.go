package etcdv3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// traffic tracks the connections to the members. gRPC reports a failed connection only
// as text, late or never; traffic has the error itself, as soon as it occurs.
type traffic struct {
	mu        sync.Mutex
	members   map[string]struct{} // by host:port
	failed    map[string]error    // errors of members whose last connection failed
	allFailed func()              // called when all members have failed; may be nil
}

func newTraffic(endpoints []string) *traffic {
	t := &traffic{members: map[string]struct{}{}, failed: map[string]error{}}
	for _, endpoint := range endpoints {
		if _, address, found := strings.Cut(endpoint, "://"); found {
			endpoint = address
		}
		t.members[endpoint] = struct{}{}
	}
	return t
}

func (t *traffic) whenAllFailed(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allFailed = f
}

func (t *traffic) fail(member string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed[member] = err
	if len(t.failed) >= len(t.members) && t.allFailed != nil {
		t.allFailed()
	}
}

func (t *traffic) answered(member string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.failed, member)
}

// failures returns the errors by member, or nil if not all members have failed.
func (t *traffic) failures() map[string]error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failed) < len(t.members) {
		return nil
	}
	failed := make(map[string]error, len(t.failed))
	for member, err := range t.failed {
		failed[member] = err
	}
	return failed
}

// dial is gRPC's dialer. It connects directly to the member, without a proxy of the
// environment.
func (t *traffic) dial(ctx context.Context, member string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", member)
	if err != nil {
		if ctx.Err() == nil {
			t.fail(member, err)
		}
		return nil, err
	}
	return &memberConn{Conn: conn, member: member}, nil
}

// memberConn is a connection with the name of its member.
type memberConn struct {
	net.Conn
	member string
}

// watchedCredentials reports failed handshakes and watches the connections of
// successful ones.
type watchedCredentials struct {
	credentials.TransportCredentials
	seen *traffic
}

func (w *watchedCredentials) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ClientHandshake(ctx, authority, raw)
	dialed, ok := raw.(*memberConn)
	if !ok { // a later gRPC version may wrap it; then only gRPC's own errors are available
		return conn, info, err
	}
	if err != nil {
		w.seen.fail(dialed.member, &handshakeError{err})
		return nil, nil, err
	}
	plain := conn == raw // otherwise it is wrapped in TLS
	return &watchedConn{Conn: conn, member: dialed.member, plain: plain, seen: w.seen, identified: make(chan struct{})}, info, nil
}

func (w *watchedCredentials) Clone() credentials.TransportCredentials {
	return &watchedCredentials{TransportCredentials: w.TransportCredentials.Clone(), seen: w.seen}
}

// handshakeError is the error of a failed TLS handshake.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// watchedConn reports a connection that ends before the first response. With TLS 1.3 a
// member refuses a client certificate this way, after the handshake.
type watchedConn struct {
	net.Conn
	member string
	plain  bool // without TLS
	seen   *traffic

	identified chan struct{} // closed after the first read
	once       sync.Once
}

// verdictTime is how long Close waits for the first read: gRPC closes a connection when
// writing fails, but the cause comes from reading.
const verdictTime = 100 * time.Millisecond

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.once.Do(func() {
		defer close(c.identified)
		switch {
		case n > 0 && isHTTP2(p[:n]):
			c.seen.answered(c.member)
		case n > 0:
			c.seen.fail(c.member, &notEtcdError{answer: string(p[:min(n, 20)])})
		case err != nil && !errors.Is(err, net.ErrClosed):
			if c.plain {
				err = &unansweredError{err}
			}
			c.seen.fail(c.member, err)
		}
	})
	return n, err
}

func (c *watchedConn) Close() error {
	select {
	case <-c.identified:
	case <-time.After(verdictTime):
	}
	return c.Conn.Close()
}

// unansweredError is the error of a connection without TLS that ended before a
// response. A server that requires TLS ends it this way, with either a close or a
// reset.
type unansweredError struct{ err error }

func (e *unansweredError) Error() string { return "the connection ended before a response" }
func (e *unansweredError) Unwrap() error { return e.err }

// isHTTP2 reports whether a server's first bytes are HTTP/2: a SETTINGS frame, whose
// type follows three bytes of length.
func isHTTP2(p []byte) bool { return len(p) < 4 || p[3] == 0x04 }

// notEtcdError is the error of a server that responds but is not etcd.
type notEtcdError struct{ answer string }

func (e *notEtcdError) Error() string {
	return fmt.Sprintf("the server responded with %s, which is not gRPC", text.Quote(e.answer))
}
