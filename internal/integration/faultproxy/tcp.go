package faultproxy

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TCP is a proxy that passes bytes on without parsing them, so that TLS is end to end.
type TCP struct {
	listener net.Listener
	wait     sync.WaitGroup

	mu     sync.Mutex
	target func() string
	first  []Behavior // for the next connections
	rest   Behavior   // for those after them
	conns  map[net.Conn]bool
	count  int
	passed Passed
	closed bool
}

// Behavior is how a connection is handled. The zero value passes everything on.
type Behavior struct {
	// CutAfter is the number of bytes of the server after which the connection
	// breaks; zero: never.
	CutAfter int64

	// CutRequest is the number of bytes of the client after which the connection
	// breaks; zero: never.
	CutRequest int64

	// Reset resets the connection immediately, like a firewall.
	Reset bool

	// Silent keeps the connection open and sends nothing.
	Silent bool

	// Reply is sent to the client in place of the server's answer. Then the connection
	// is closed, unless Silent is set.
	Reply string
}

// NewTCP returns a proxy that is closed when the test ends. The first connections are
// handled with the given behaviors, one each, and later ones with that of Then.
func NewTCP(tb testing.TB, target string, first ...Behavior) *TCP {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	p := &TCP{listener: listener, target: func() string { return target }, first: first, conns: map[net.Conn]bool{}}
	p.wait.Go(p.accept)
	tb.Cleanup(p.Close)
	return p
}

// Then sets how the connections after the first ones are handled.
func (p *TCP) Then(behavior Behavior) *TCP {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = behavior
	return p
}

// Choose calls choose for the target of each connection, like a load balancer with
// health checks.
func (p *TCP) Choose(choose func() (target string)) *TCP {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = choose
	return p
}

// dial connects to the current target.
func (p *TCP) dial() (net.Conn, error) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	return net.Dial("tcp", target())
}

// Address returns host and port.
func (p *TCP) Address() string { return p.listener.Addr().String() }

// Connections returns the number of connections so far.
func (p *TCP) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Passed is the number of bytes that were passed on, in each direction.
type Passed struct{ Request, Answered int64 }

// Passed returns the number of bytes of all closed connections.
func (p *TCP) Passed() Passed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed
}

func (p *TCP) add(request, answered int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed.Request += request
	p.passed.Answered += answered
}

// pass copies bytes, up to limit if it is positive.
func pass(to, from net.Conn, limit int64) (n int64) {
	if limit > 0 {
		n, _ = io.CopyN(to, from, limit)
		return n
	}
	n, _ = io.Copy(to, from)
	return n
}

// Break closes all open connections.
func (p *TCP) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// Close closes the proxy and its connections. The cleanup of the test calls it, too.
func (p *TCP) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Break()
	p.wait.Wait()
}

func (p *TCP) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wait.Go(func() { p.serve(conn, p.behavior()) })
	}
}

func (p *TCP) behavior() Behavior {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	if len(p.first) > 0 {
		behavior := p.first[0]
		p.first = p.first[1:]
		return behavior
	}
	return p.rest
}

// hold registers a connection for Break until release is called.
func (p *TCP) hold(conn net.Conn) (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = conn.Close()
	}
	p.conns[conn] = true
	return func() {
		_ = conn.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
	}
}

func (p *TCP) serve(client net.Conn, behavior Behavior) {
	defer p.hold(client)()
	switch {
	case behavior.Reset:
		_ = client.(*net.TCPConn).SetLinger(0)
		return
	case behavior.Silent || behavior.Reply != "":
		if behavior.Reply != "" {
			_, _ = client.Read(make([]byte, 4096)) // or the answer is lost with a reset
			_, _ = io.WriteString(client, behavior.Reply)
		}
		if behavior.Silent {
			_, _ = io.Copy(io.Discard, client) // until it is closed
		}
		return
	}
	server, err := p.dial()
	if err != nil {
		return
	}
	defer p.hold(server)()
	p.wait.Go(func() {
		p.add(pass(server, client, behavior.CutRequest), 0)
		_ = server.Close()
	})
	p.add(0, pass(client, server, behavior.CutAfter))
}
