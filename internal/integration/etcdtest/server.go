// Package etcdtest starts real etcd servers inside the test process, so that
// what the datastore code is tested against is etcd and not an idea of it.
//
// Everything listens on loopback, every server is stopped in the cleanup of
// the test that started it, and none of it prints. Servers write without
// fsync and tick ten times faster than in production: they are quick and safe
// against nothing. The package holds ports with SO_REUSEPORT and therefore
// builds on Unix systems only.
package etcdtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"golang.org/x/crypto/bcrypt"
	"google.golang.org/grpc"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/loopback"
)

const (
	// readyTimeout is far beyond the fraction of a second that a start
	// takes: it only has to end a test that would never get on.
	readyTimeout = time.Minute

	// A lone member elects itself, so nothing is gained by patience. Members
	// of a cluster must bear with a machine that is busy with other tests, or
	// leaders change for no reason that the test knows of.
	aloneTick, aloneElection     = 10, 100 // milliseconds
	clusterTick, clusterElection = 30, 300 // milliseconds
)

// Server is one etcd member. Its methods may be called from several
// goroutines, except Restart, which may end the test and so belongs to the
// test's own goroutine.
type Server struct {
	tb      testing.TB
	opts    options
	name    string
	dir     string
	client  *loopback.Port
	peer    *loopback.Port
	initial string // what etcd calls the initial cluster
	cluster *Cluster
	log     *testLog
	rpcs    recorder

	// armed lets the hooks of WithUnaryInterceptor in. They are kept out
	// while Start sets users and roles up, or no fault could be injected into
	// a server with authentication.
	armed atomic.Bool

	mu  sync.Mutex
	run *run // nil while stopped
}

// run is what one start of a Server leaves to be stopped.
type run struct {
	etcd     *embed.Etcd
	grpc     atomic.Pointer[grpc.Server]
	stopping atomic.Bool // turns all calls down
}

// Start returns a server with one member that is ready to serve. It is stopped
// and its data removed when the test ends.
func Start(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	o := newOptions(tb, opts)
	s := newServer(tb, o, "m0")
	s.initial = s.name + "=" + s.peerURL().String()
	require.NoError(tb, s.launch(), "etcd does not start")
	require.NoError(tb, s.ready(), "etcd does not start")
	if o.auth {
		enableAuth(tb, o, s.Endpoints())
	}
	s.open()
	return s
}

// newServer takes the ports and the directory of a member and sees to their
// end, but does not start it.
func newServer(tb testing.TB, o options, name string) *Server {
	tb.Helper()
	// The directory's own cleanup has to run after the member has stopped.
	dir := filepath.Join(tb.TempDir(), name)
	s := &Server{tb: tb, opts: o, name: name, dir: dir, log: newTestLog(tb, name)}
	var err error
	s.client, err = loopback.Reserve()
	require.NoError(tb, err)
	tb.Cleanup(s.client.Release)
	s.peer, err = loopback.Reserve()
	require.NoError(tb, err)
	tb.Cleanup(s.peer.Release)
	tb.Cleanup(func() {
		s.Kill()
		s.log.close()
	})
	return s
}

// open ends the preparations: from here on calls are the test's.
func (s *Server) open() {
	s.rpcs.reset()
	s.armed.Store(true)
}

// Endpoints returns the client URL of the member, http or https. It stays the
// same over Stop and Restart.
func (s *Server) Endpoints() []string {
	u := s.clientURL()
	return []string{u.String()}
}

// SRV returns a record that leads to the member by its name in Domain.
func (s *Server) SRV() net.SRV {
	return net.SRV{Target: s.name + "." + Domain + ".", Port: s.client.Number()}
}

// PKI returns the keys and certificates of the server, nil when it serves
// without TLS.
func (s *Server) PKI() *PKI { return s.opts.pki }

// Client returns a client that may do everything: it has the right
// certificate and is root when there are users. It is closed when tb ends.
// Its calls are counted like any other client's, its Authenticate included.
func (s *Server) Client(tb testing.TB) *clientv3.Client {
	tb.Helper()
	return adminClient(tb, s.opts, s.Endpoints())
}

// Stop stops the member: connections end, calls in flight fail. Nothing
// listens at its address any more, and nobody else can take the address. The
// leader of a cluster that has a quorum without it hands over first, so that
// the others go on at once. Stopping a stopped server does nothing.
func (s *Server) Stop() {
	if s.cluster != nil {
		s.cluster.handOver(s)
	}
	s.Kill()
}

// Kill is Stop without the handing over. If it was the leader, the others only
// find out by and by; what they forwarded to it meanwhile they give up after
// some five seconds, with rpctypes.ErrTimeout or its like.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return
	}
	s.log.mute(true) // that its listeners are closed is no news
	// Left to itself, Close gives streams such as watches its request timeout
	// of more than five seconds to end, and a leader as long to hand over,
	// even to a member that is gone.
	//
	// Over TLS, gRPC shares etcd's HTTP server, which goes on to accept calls
	// while gRPC waits for those that it ended. A watch that its client
	// resumes would be waited for without end, were it not turned down.
	s.run.stopping.Store(true)
	if gs := s.run.grpc.Load(); gs != nil {
		gs.Stop()
	}
	s.run.etcd.Server.HardStop()
	s.run.etcd.Close()
	s.run = nil
}

// Restart starts a stopped server on the data and the addresses it had, and
// stops a running one first. It returns when the member serves; in a cluster
// without a quorum, when it listens. Recorded calls are kept. The tokens of
// authenticated clients are not: etcd holds simple tokens in memory.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	require.NoError(s.tb, s.launch(), "etcd does not restart")
	if s.cluster == nil || s.cluster.running() >= s.cluster.quorum() {
		require.NoError(s.tb, s.ready(), "etcd does not restart")
	}
}

// launch starts the member; it listens on return and serves some time after.
func (s *Server) launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.mute(false)
	r := &run{}
	var err error
	if r.etcd, err = embed.StartEtcd(s.config(r)); err != nil {
		return fmt.Errorf("member %s: %w", s.name, err)
	}
	s.run = r
	return nil
}

// ready waits until the launched member serves, which takes a quorum.
func (s *Server) ready() error {
	e := s.current()
	if e == nil {
		return fmt.Errorf("member %s: stopped", s.name)
	}
	timer := time.NewTimer(readyTimeout)
	defer timer.Stop()
	var err error
	select {
	case <-e.Server.ReadyNotify():
		return nil
	case err = <-e.Err():
	case <-e.Server.StopNotify():
		err = errors.New("stopped by itself")
	case <-timer.C:
		err = fmt.Errorf("not ready after %s", readyTimeout)
	}
	return fmt.Errorf("member %s: %w", s.name, err)
}

// current returns the running member, nil while it is stopped.
func (s *Server) current() *embed.Etcd {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return nil
	}
	return s.run.etcd
}

func (s *Server) config(r *run) *embed.Config {
	cfg := embed.NewConfig()
	cfg.Name = s.name
	cfg.Dir = s.dir
	cfg.UnsafeNoFsync = true
	cfg.TickMs, cfg.ElectionMs = aloneTick, aloneElection
	if s.cluster != nil {
		cfg.TickMs, cfg.ElectionMs = clusterTick, clusterElection
	}

	cfg.QuotaBackendBytes = s.opts.quota

	cfg.ListenClientUrls = []url.URL{s.clientURL()}
	cfg.AdvertiseClientUrls = cfg.ListenClientUrls
	cfg.ListenPeerUrls = []url.URL{*s.peerURL()}
	cfg.AdvertisePeerUrls = cfg.ListenPeerUrls
	cfg.SocketOpts = transport.SocketOpts{ReusePort: loopback.Shared}
	cfg.InitialCluster = s.initial
	// Ports come round: no member may take one of an earlier test's cluster
	// for its own.
	cfg.InitialClusterToken = s.initial
	cfg.EnableGRPCGateway = false

	// The cost is of hashing passwords; the lowest one is fast even under
	// the race detector.
	cfg.BcryptCost = uint(bcrypt.MinCost)
	cfg.AuthToken = "simple"
	if s.opts.tokens > 0 {
		cfg.AuthTokenTTL = s.opts.tokens
	}

	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(s.log.logger())
	cfg.ServiceRegister = func(gs *grpc.Server) { r.grpc.Store(gs) }
	// Of all interceptors the one set this way runs first, before etcd's
	// own, which are chained: a call counts though etcd may turn it down.
	cfg.GRPCAdditionalServerOptions = []grpc.ServerOption{
		grpc.UnaryInterceptor(s.unary(r)),
		grpc.StreamInterceptor(s.stream(r)),
	}

	if s.opts.tls != tlsNone {
		cfg.ClientTLSInfo.CertFile = s.opts.pki.server.CertFile
		cfg.ClientTLSInfo.KeyFile = s.opts.pki.server.KeyFile
	}
	if s.opts.tls == tlsMutual {
		cfg.ClientTLSInfo.ClientCertAuth = true
		cfg.ClientTLSInfo.TrustedCAFile = s.opts.pki.CACertFile
	}
	return cfg
}

func (s *Server) clientURL() url.URL {
	u := url.URL{Scheme: "http", Host: s.client.Address()}
	if s.opts.tls != tlsNone {
		u.Scheme = "https"
	}
	return u
}

func (s *Server) peerURL() *url.URL {
	return &url.URL{Scheme: "http", Host: s.peer.Address()}
}
