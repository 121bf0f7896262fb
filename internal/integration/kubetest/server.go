// Package kubetest starts real Kubernetes API servers for tests: kube-apiserver and its
// etcd, without nodes, schedulers and controllers.
//
// Both are separate processes. They are built once with the versions of the module's
// go.mod, and stopped when the test ends or (on Linux) when the test process is killed.
// They listen on loopback. etcd writes without fsync, so it is fast and not durable.
package kubetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/loopback"
)

const (
	// readyTimeout ends a test whose server never becomes ready. A start takes
	// seconds.
	readyTimeout = 2 * time.Minute
	readyStep    = 50 * time.Millisecond

	// buildTimeout is enough for the first build of Kubernetes on a slow machine.
	buildTimeout = time.Hour
)

// Server is a kube-apiserver and its etcd. Its methods are safe for concurrent use, but
// those that take a testing.TB may end the test and so must be called from the test's
// goroutine.
type Server struct {
	options  options
	programs Paths
	folder   string
	ca       *authority
	admin    keyPair
	signing  *signer
	api      *loopback.Port
	client   *loopback.Port // etcd's, for clients
	peer     *loopback.Port // etcd's, for peers; there are none
	http     *http.Client
	dynamic  dynamic.Interface
	audit    auditLog

	mu        sync.Mutex
	apiserver *process // nil while stopped
	etcd      *process // nil while stopped
}

// Option configures Start.
type Option func(*options)

type options struct{ flags []string }

// WithFlags adds flags of the API server, such as --anonymous-auth=false. They override
// the default ones.
func WithFlags(flags ...string) Option {
	return func(o *options) { o.flags = append(o.flags, flags...) }
}

// Start returns a server that is ready to serve. It is stopped and its data is removed when
// the test ends. It takes some seconds, so tests that can share a server should use Shared.
func Start(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s, err := start(opts...)
	require.NoError(tb, err)
	tb.Cleanup(s.close)
	return s
}

// start starts a server. The caller must close it.
func start(opts ...Option) (s *Server, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	s = &Server{}
	for _, opt := range opts {
		opt(&s.options)
	}
	if s.programs, err = Binaries(ctx); err != nil {
		return nil, err
	}
	if s.folder, err = os.MkdirTemp("", "kubetest-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for _, port := range []**loopback.Port{&s.api, &s.client, &s.peer} {
		if *port, err = loopback.Reserve(); err != nil {
			return nil, err
		}
	}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("prepare kube-apiserver: %w", err)
	}
	s.audit.path = s.file(auditFile)
	if err := s.connect(); err != nil {
		return nil, fmt.Errorf("connect to kube-apiserver: %w", err)
	}
	if err := s.startEtcd(); err != nil {
		return nil, err
	}
	return s, s.startAPIServer()
}

// close kills the processes and removes their data.
func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range []*process{s.apiserver, s.etcd} {
		if p != nil {
			p.kill()
		}
	}
	s.apiserver, s.etcd = nil, nil
	if s.http != nil {
		s.http.CloseIdleConnections()
	}
	for _, port := range []*loopback.Port{s.api, s.client, s.peer} {
		if port != nil {
			port.Release()
		}
	}
	_ = os.RemoveAll(s.folder)
}

func (s *Server) file(name string) string { return filepath.Join(s.folder, name) }

// Stop stops the API server, but not its etcd: requests in flight are finished and watches
// end. Nothing listens at its address, which remains reserved. Stop has no effect on a
// stopped server.
func (s *Server) Stop() { s.end(&s.apiserver, (*process).stop) }

// Kill kills the API server: connections break.
func (s *Server) Kill() { s.end(&s.apiserver, (*process).kill) }

// Restart starts the API server at its previous address, after stopping it if it runs. It
// returns when the server is ready. Tokens remain valid.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.Stop()
	require.NoError(tb, s.startAPIServer())
}

// StopEtcd kills etcd, but not the API server. A graceful stop would wait five seconds for
// the API server's watches; no data is lost.
func (s *Server) StopEtcd() { s.end(&s.etcd, (*process).kill) }

// StartEtcd starts etcd with its previous data, and waits until the API server, if it runs,
// has reconnected. The longer etcd was stopped, the less often the API server retries:
// after two minutes that takes twenty seconds.
func (s *Server) StartEtcd(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, s.startEtcd())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.apiserver != nil {
		require.NoError(tb, s.apiserver.await(readyTimeout, s.Ready))
	}
}

func (s *Server) end(p **process, how func(*process)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *p != nil {
		how(*p)
		*p = nil
	}
}

func (s *Server) startEtcd() error {
	return s.begin(&s.etcd, s.programs.Etcd, s.etcdFlags(), s.etcdHealthy)
}

func (s *Server) startAPIServer() error {
	return s.begin(&s.apiserver, s.programs.APIServer, s.apiserverFlags(), s.Ready)
}

func (s *Server) begin(p **process, program string, flags []string, check func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *p != nil {
		return nil
	}
	started, err := launch(s.folder, program, flags...)
	if err != nil {
		return fmt.Errorf("start %s: %w", filepath.Base(program), err)
	}
	if err := started.await(readyTimeout, check); err != nil {
		started.kill()
		return fmt.Errorf("start: %w", err)
	}
	*p = started
	return nil
}

// checkTimeout is the time limit of each readiness check.
const checkTimeout = 5 * time.Second

func (s *Server) etcdHealthy() error {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.etcdURL(s.client)+"/health", http.NoBody)
	if err != nil {
		return err
	}
	// A separate connection that is not kept alive, so that it needs no close.
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// Ready returns nil if the API server is ready by /readyz, and otherwise an error with the
// failed checks. Load balancers use the same check.
func (s *Server) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	code, body, err := s.request(ctx, http.MethodGet, "/readyz?verbose", nil)
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("%d %s", code, body)
	}
	return err
}

// connect creates the clients of AdminUser.
func (s *Server) connect() error {
	config := s.AdminConfig()
	var err error
	if s.http, err = rest.HTTPClientFor(config); err != nil {
		return err
	}
	s.dynamic, err = dynamic.NewForConfigAndClient(config, s.http)
	return err
}
