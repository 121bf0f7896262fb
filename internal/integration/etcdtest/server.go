// Package etcdtest starts real etcd servers in the test process.
//
// Servers listen on loopback, print nothing, and are stopped in the cleanup of the test
// that started them. They write without fsync and tick ten times faster than in
// production, so they are fast and not durable. The package reserves ports with
// SO_REUSEPORT and therefore builds on Unix systems only.
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
	// readyTimeout ends a test whose server never becomes ready. A start takes a
	// fraction of a second.
	readyTimeout = time.Minute

	// A single member elects itself, so its times are short. The times of a cluster
	// are longer, so that the leader does not change when the machine is busy with
	// other tests.
	singleTick, singleElection   = 10, 100 // milliseconds
	clusterTick, clusterElection = 30, 300 // milliseconds
)

// Server is one etcd member. Its methods are safe for concurrent use, except Restart,
// which may end the test and so must be called from the test's goroutine.
type Server struct {
	tb      testing.TB
	opts    options
	name    string
	dir     string
	client  *loopback.Port
	peer    *loopback.Port
	initial string // etcd's initial-cluster
	cluster *Cluster
	log     *testLog
	rpcs    recorder

	// armed enables the hooks of WithUnaryInterceptor. They are disabled while Start
	// creates users and roles, which they could otherwise break.
	armed atomic.Bool

	mu  sync.Mutex
	run *run // nil while stopped
}

// run is one start of a Server.
type run struct {
	etcd     *embed.Etcd
	grpc     atomic.Pointer[grpc.Server]
	stopping atomic.Bool // rejects all calls
}

// Start returns a server with one member that is ready to serve. It is stopped and its
// data is removed when the test ends.
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

// newServer reserves the ports and the directory of a member and registers their
// cleanup. It does not start the member.
func newServer(tb testing.TB, o options, name string) *Server {
	tb.Helper()
	// The directory's cleanup must run after the member has stopped.
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

// open ends the setup: later calls are recorded and pass through the hooks.
func (s *Server) open() {
	s.rpcs.reset()
	s.armed.Store(true)
}

// Endpoints returns the client URL of the member, http or https. Stop and Restart don't
// change it.
func (s *Server) Endpoints() []string {
	u := s.clientURL()
	return []string{u.String()}
}

// SRV returns a record that points to the member by its name in Domain.
func (s *Server) SRV() net.SRV {
	return net.SRV{Target: s.name + "." + Domain + ".", Port: s.client.Number()}
}

// PKI returns the keys and certificates of the server, or nil without TLS.
func (s *Server) PKI() *PKI { return s.opts.pki }

// Client returns a client with all permissions: it has a valid certificate and, with
// authentication, is the user root. It is closed when tb ends. Its calls are recorded
// like those of other clients, including Authenticate.
func (s *Server) Client(tb testing.TB) *clientv3.Client {
	tb.Helper()
	return adminClient(tb, s.opts, s.Endpoints())
}

// Stop stops the member: connections end and calls in flight fail. Nothing listens at
// its address, which remains reserved. The leader of a cluster that has a quorum without
// it first transfers its leadership, so that the others continue without an election.
// Stop has no effect on a stopped server.
func (s *Server) Stop() {
	if s.cluster != nil {
		s.cluster.handOver(s)
	}
	s.Kill()
}

// Kill is Stop without the transfer of leadership. If it was the leader, the others
// notice after a while; calls that they forwarded to it fail after about five seconds,
// with an error such as rpctypes.ErrTimeout.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return
	}
	s.log.mute(true) // it would log that its listeners are closed
	// Close alone would wait for streams such as watches for its request timeout of
	// more than five seconds, and as long for a leader to transfer its leadership, even
	// to a stopped member.
	//
	// With TLS, gRPC shares etcd's HTTP server, which still accepts calls while gRPC
	// waits for the canceled ones. Without the flag it would wait forever for a watch
	// that its client resumes.
	s.run.stopping.Store(true)
	if gs := s.run.grpc.Load(); gs != nil {
		gs.Stop()
	}
	s.run.etcd.Server.HardStop()
	s.run.etcd.Close()
	s.run = nil
}

// Restart starts the server with its previous data and addresses, after stopping it if it
// runs. It returns when the member is ready; in a cluster without a quorum, when it
// listens. Recorded calls are kept. The tokens of clients become invalid, as etcd keeps
// simple tokens in memory.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	require.NoError(s.tb, s.launch(), "etcd does not restart")
	if s.cluster == nil || s.cluster.running() >= s.cluster.quorum() {
		require.NoError(s.tb, s.ready(), "etcd does not restart")
	}
}

// launch starts the member. It listens on return, and is ready later.
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

// ready waits until the member is ready, which requires a quorum.
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
		err = errors.New("stopped unexpectedly")
	case <-timer.C:
		err = fmt.Errorf("not ready after %s", readyTimeout)
	}
	return fmt.Errorf("member %s: %w", s.name, err)
}

// current returns the running member, or nil if it is stopped.
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
	cfg.TickMs, cfg.ElectionMs = singleTick, singleElection
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
	// Ports are reused, so a member must not accept one of an earlier test's cluster.
	cfg.InitialClusterToken = s.initial
	cfg.EnableGRPCGateway = false

	// The lowest cost of password hashes is fast even with the race detector.
	cfg.BcryptCost = uint(bcrypt.MinCost)
	cfg.AuthToken = "simple"
	if s.opts.tokens > 0 {
		cfg.AuthTokenTTL = s.opts.tokens
	}

	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(s.log.logger())
	cfg.ServiceRegister = func(gs *grpc.Server) { r.grpc.Store(gs) }
	// These interceptors run before etcd's own, which are chained, so that a call is
	// recorded even if etcd rejects it.
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
