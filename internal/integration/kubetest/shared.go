package kubetest

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxShared is the number of servers that tests share. Each takes about 400 MB of
// memory, and two cores are busy with this many.
const maxShared = 3

// pool has the servers of Shared.
var pool = sharedServers{tests: map[string]*lease{}}

type sharedServers struct {
	mu      sync.Mutex
	free    sync.Cond // signalled when a server becomes free
	idle    []*Server
	started int
	err     error             // of a start: no server starts after that
	tests   map[string]*lease // by the name of the top-level test
}

// lease is a server that one top-level test and its subtests use.
type lease struct {
	server *Server
	uses   int
	ready  chan struct{} // closed when server or the pool's error is set
}

// Shared returns a server that no other top-level test uses until this test ends; its
// subtests get the same one. At most maxShared servers are started for a process, so
// it may wait for another test: a parallel test with a server has no parallel subtests,
// since all places for parallel tests may wait for its server. A server keeps what earlier tests left on it. TestMain
// has to call StopShared.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	name, _, _ := strings.Cut(tb.Name(), "/")
	server, err := pool.acquire(name)
	require.NoError(tb, err)
	tb.Cleanup(func() { pool.release(name) })
	return server
}

func (p *sharedServers) acquire(name string) (*Server, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free.L == nil {
		p.free.L = &p.mu
	}
	l, held := p.tests[name]
	if !held {
		l = &lease{ready: make(chan struct{})}
		p.tests[name] = l
	}
	l.uses++
	if held {
		p.mu.Unlock()
		<-l.ready
		p.mu.Lock()
		return l.server, p.err
	}
	defer close(l.ready)
	for len(p.idle) == 0 && p.started == maxShared && p.err == nil {
		p.free.Wait()
	}
	switch {
	case p.err != nil:
	case len(p.idle) > 0:
		l.server, p.idle = p.idle[0], p.idle[1:]
	default:
		p.started++
		p.mu.Unlock()
		server, err := start()
		p.mu.Lock()
		l.server = server
		if err != nil {
			p.err = err
			p.free.Broadcast()
		}
	}
	return l.server, p.err
}

// release ends a use of the test's server.
func (p *sharedServers) release(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.tests[name]
	l.uses--
	if l.uses > 0 {
		return
	}
	delete(p.tests, name)
	if l.server != nil {
		p.idle = append(p.idle, l.server)
		p.free.Signal()
	}
}

// StopShared stops the servers of Shared, which no test uses any more.
func StopShared() {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	for _, server := range slices.Backward(pool.idle) {
		server.close()
	}
	pool.idle = nil
}
