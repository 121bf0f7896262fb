package etcdtest

import (
	"context"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
)

// Cluster is an etcd cluster whose members run on loopback.
type Cluster struct {
	opts    options
	members []*Server
}

// peerReadTimeout is how long etcd waits for data from a peer. Healthy members send
// three heartbeats in that time.
const peerReadTimeout = 500 * time.Millisecond

// handOverTimeout is enough for several elections.
const handOverTimeout = 2 * time.Second

// A request between peers may end just when the HTTP server starts its background
// read. etcd's connections set their own deadline for each read and so override
// the deadline with which the server aborts that read: the connection hangs until the
// read times out. With etcd's default of five seconds every stop would be late and look
// like a goroutine leak. Every start of etcd reads the variable, so it is set once,
// before any.
func init() { rafthttp.ConnReadTimeout = peerReadTimeout }

// awaitPeers waits for connections that hang as described above.
func awaitPeers() {
	for end := time.Now().Add(2 * peerReadTimeout); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var stacks strings.Builder
		err := pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		if err != nil || !strings.Contains(stacks.String(), "net/http.(*connReader).abortPendingRead") {
			return
		}
	}
}

// StartCluster returns a cluster of n members that are ready to serve. They are stopped
// and their data is removed when the test ends.
func StartCluster(tb testing.TB, n int, opts ...Option) *Cluster {
	tb.Helper()
	require.Positive(tb, n, "members of a cluster")
	c := &Cluster{opts: newOptions(tb, opts)}
	// Registered before the members' cleanups, so that it runs after them.
	tb.Cleanup(awaitPeers)
	var initial []string
	for i := range n {
		s := newServer(tb, c.opts, fmt.Sprintf("m%d", i))
		s.cluster = c
		c.members = append(c.members, s)
		initial = append(initial, s.name+"="+s.peerURL().String())
	}
	// Members are launched one after the other, as a new member asks the others about
	// the cluster and waits a second for each that listens and does not answer. No
	// member is ready before a quorum runs.
	for _, s := range c.members {
		s.initial = strings.Join(initial, ",")
		require.NoError(tb, s.launch(), "etcd does not start")
	}
	for _, s := range c.members {
		require.NoError(tb, s.ready(), "etcd does not start")
	}
	if c.opts.auth {
		enableAuth(tb, c.opts, c.Endpoints())
		// Only a quorum has applied the change. The other members would refuse to
		// issue tokens, as authentication is not enabled there.
		require.Eventually(tb, c.authEnabled, readyTimeout, clusterTick*time.Millisecond)
	}
	for _, s := range c.members {
		s.open()
	}
	return c
}

// Members returns the members in a fixed order, including stopped ones.
func (c *Cluster) Members() []*Server { return slices.Clone(c.members) }

// Endpoints returns the client URLs of all members, in the order of Members.
func (c *Cluster) Endpoints() []string {
	var all []string
	for _, s := range c.members {
		all = append(all, s.Endpoints()...)
	}
	return all
}

// PKI returns the keys and certificates of the members, or nil without TLS.
func (c *Cluster) PKI() *PKI { return c.opts.pki }

// Client is Server.Client with the endpoints of all members.
func (c *Cluster) Client(tb testing.TB) *clientv3.Client {
	tb.Helper()
	return adminClient(tb, c.opts, c.Endpoints())
}

// Leader returns the index in Members of the leader: the running member that a quorum
// names. During an election it waits for the result. It returns -1 if there is no
// leader for a minute or no quorum runs.
func (c *Cluster) Leader() int {
	for end := time.Now().Add(readyTimeout); ; {
		if i := c.leader(); i >= 0 || !time.Now().Before(end) || c.running() < c.quorum() {
			return i
		}
		time.Sleep(clusterTick * time.Millisecond)
	}
}

// leader is Leader without the wait. A leader that loses its connections still claims to
// be the leader, so the others' view counts.
func (c *Cluster) leader() int {
	votes := map[uint64]int{}
	for _, s := range c.members {
		if e := s.current(); e != nil {
			votes[uint64(e.Server.Leader())]++
		}
	}
	for i, s := range c.members {
		if e := s.current(); e != nil && votes[uint64(e.Server.MemberID())] >= c.quorum() {
			return i
		}
	}
	return -1
}

// MoveLeader makes another member the leader, if there is a leader. It ignores errors.
func (c *Cluster) MoveLeader() {
	if i := c.leader(); i >= 0 {
		c.handOver(c.members[i])
	}
}

// handOver makes another member the leader if s is the leader and the others are a
// quorum. If it fails, they elect one after s has stopped.
func (c *Cluster) handOver(s *Server) {
	e := s.current()
	if e == nil || e.Server.Leader() != e.Server.MemberID() || c.running()-1 < c.quorum() {
		return
	}
	for _, other := range c.members {
		if to := other.current(); to != nil && other != s {
			ctx, cancel := context.WithTimeout(context.Background(), handOverTimeout)
			defer cancel()
			_ = e.Server.MoveLeader(ctx, uint64(e.Server.MemberID()), uint64(to.Server.MemberID()))
			return
		}
	}
}

func (c *Cluster) authEnabled() bool {
	for _, s := range c.members {
		if e := s.current(); e == nil || !e.Server.AuthStore().IsAuthEnabled() {
			return false
		}
	}
	return true
}

func (c *Cluster) quorum() int { return len(c.members)/2 + 1 }

func (c *Cluster) running() int {
	n := 0
	for _, s := range c.members {
		if s.current() != nil {
			n++
		}
	}
	return n
}
