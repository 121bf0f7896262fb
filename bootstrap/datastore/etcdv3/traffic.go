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
)

// traffic watches the connections to the members. gRPC reports a connection
// that can't be made as a text, late or never; here are the errors themselves,
// as soon as they happen.
type traffic struct {
	mu        sync.Mutex
	members   map[string]struct{} // host:port
	failed    map[string]error    // the members whose last connection failed, and how
	allFailed func()              // called when the last member has failed; may be nil
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

// failures returns what is wrong with each member, by member; nil as long as
// one of them has not failed.
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

// dial is gRPC's dialer. It goes straight to the member: no proxy from the
// environment stands between a node and its etcd.
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

// memberConn remembers the member that a connection was made to.
type memberConn struct {
	net.Conn
	member string
}

// watchedCredentials tells of handshakes that fail, and watches what comes
// after them.
type watchedCredentials struct {
	credentials.TransportCredentials
	seen *traffic
}

func (w *watchedCredentials) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ClientHandshake(ctx, authority, raw)
	dialed, ok := raw.(*memberConn)
	if !ok { // it is, unless a gRPC to come wraps it: then the causes are what that says of them
		return conn, info, err
	}
	if err != nil {
		w.seen.fail(dialed.member, &handshakeError{err})
		return nil, nil, err
	}
	plain := conn == raw // or TLS is around it
	return &watchedConn{Conn: conn, member: dialed.member, plain: plain, seen: w.seen, identified: make(chan struct{})}, info, nil
}

func (w *watchedCredentials) Clone() credentials.TransportCredentials {
	return &watchedCredentials{TransportCredentials: w.TransportCredentials.Clone(), seen: w.seen}
}

// handshakeError is a failure to secure a connection.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// watchedConn tells of a connection that ends before the first answer. With
// TLS 1.3 that is how a member refuses a client certificate: the handshake is
// over by then.
type watchedConn struct {
	net.Conn
	member string
	plain  bool // without TLS
	seen   *traffic

	identified chan struct{} // closed when the first read said what this is
	once       sync.Once
}

// verdictTime is how long a connection that gRPC closes, because writing to it
// failed, stays open for the reader to find out why.
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

// unansweredError is a connection without TLS that ended before an answer. A server
// that speaks TLS ends it so; whether it closes or resets it is chance, and no other
// cause.
type unansweredError struct{ err error }

func (e *unansweredError) Error() string { return "the connection ended before an answer" }
func (e *unansweredError) Unwrap() error { return e.err }

// isHTTP2 reports whether a server's first bytes are those of HTTP/2: a
// SETTINGS frame, whose type stands behind three bytes of length.
func isHTTP2(p []byte) bool { return len(p) < 4 || p[3] == 0x04 }

// notEtcdError is a server that answers, and is no etcd.
type notEtcdError struct{ answer string }

func (e *notEtcdError) Error() string {
	return fmt.Sprintf("the server answered %q, which is not gRPC", e.answer)
}
