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

// Cluster is a set of members that agree with each other over loopback.
type Cluster struct {
	opts    options
	members []*Server
}

// peerReadTimeout is how long etcd waits for a peer to say something; members
// that are well greet each other three times in it.
const peerReadTimeout = 500 * time.Millisecond

// handOverTimeout leaves time for several elections.
const handOverTimeout = 2 * time.Second

// A request among peers may end at the moment at which the HTTP server begins
// to look whether its client is still there. etcd's connections set their own
// deadline on each read, and so undo the one by which the server means to end
// that read: its connection hangs until the read times out. With etcd's five
// seconds that is enough to make every stop late, and to look like a leak. The
// variable is etcd's own setting, read by every start, so it is set once,
// before there can be any.
func init() { rafthttp.ConnReadTimeout = peerReadTimeout }

// awaitPeers waits for connections that hang as said above.
func awaitPeers() {
	for end := time.Now().Add(2 * peerReadTimeout); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var stacks strings.Builder
		err := pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		if err != nil || !strings.Contains(stacks.String(), "net/http.(*connReader).abortPendingRead") {
			return
		}
	}
}

// StartCluster returns a cluster of n members, all of which serve. They are
// stopped and their data removed when the test ends.
func StartCluster(tb testing.TB, n int, opts ...Option) *Cluster {
	tb.Helper()
	require.Positive(tb, n, "members of a cluster")
	c := &Cluster{opts: newOptions(tb, opts)}
	// Registered before any member's, so that it runs after they stopped.
	tb.Cleanup(awaitPeers)
	var initial []string
	for i := range n {
		s := newServer(tb, c.opts, fmt.Sprintf("m%d", i))
		s.cluster = c
		c.members = append(c.members, s)
		initial = append(initial, s.name+"="+s.peerURL().String())
	}
	// One after the other, and not at once: a new member asks the others about
	// the cluster, and waits a second for each that listens but is not yet up.
	// And none is ready before most of them are.
	for _, s := range c.members {
		s.initial = strings.Join(initial, ",")
		require.NoError(tb, s.launch(), "etcd does not start")
	}
	for _, s := range c.members {
		require.NoError(tb, s.ready(), "etcd does not start")
	}
	if c.opts.auth {
		enableAuth(tb, c.opts, c.Endpoints())
		// The answer only says that most members know. A client that asks
		// one of the others for a token is told that there is no need.
		require.Eventually(tb, c.authEnabled, readyTimeout, clusterTick*time.Millisecond)
	}
	for _, s := range c.members {
		s.open()
	}
	return c
}

// Members returns the members in a fixed order, stopped ones among them.
func (c *Cluster) Members() []*Server { return slices.Clone(c.members) }

// Endpoints returns the client URLs of all members, in the order of Members.
func (c *Cluster) Endpoints() []string {
	var all []string
	for _, s := range c.members {
		all = append(all, s.Endpoints()...)
	}
	return all
}

// PKI returns the keys and certificates that the members share, nil when they
// serve without TLS.
func (c *Cluster) PKI() *PKI { return c.opts.pki }

// Client is Server.Client with the endpoints of all members.
func (c *Cluster) Client(tb testing.TB) *clientv3.Client {
	tb.Helper()
	return adminClient(tb, c.opts, c.Endpoints())
}

// Leader returns the index in Members of the running member whom most members
// hold for the leader. During an election it waits for the outcome. It returns
// -1 if there is none for a minute, as when most members are stopped.
func (c *Cluster) Leader() int {
	for end := time.Now().Add(readyTimeout); ; {
		if i := c.leader(); i >= 0 || !time.Now().Before(end) || c.running() < c.quorum() {
			return i
		}
		time.Sleep(clusterTick * time.Millisecond)
	}
}

// leader is Leader without the wait. A member that was the leader when it lost
// touch goes on claiming so: only the others' word makes a leader.
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

// MoveLeader makes another member the leader, if there is one now. Whether it came
// about is not waited for.
func (c *Cluster) MoveLeader() {
	if i := c.leader(); i >= 0 {
		c.handOver(c.members[i])
	}
}

// handOver makes another member the leader if s is, and if the others are
// enough to have one. At worst they elect one after s has stopped.
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
