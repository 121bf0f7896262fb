// Package kubetest starts real Kubernetes API servers for tests: kube-apiserver
// and the etcd below it, without nodes, schedulers and controllers.
//
// Both are programs of their own, built once from the module's go.mod and ended
// with the test, or with the test process if that is killed (on Linux).
// Everything listens on loopback. etcd writes without fsync: it is quick and
// safe against nothing.
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
	// readyTimeout is far beyond the seconds that a start takes: it only has
	// to end a test that would never get on.
	readyTimeout = 2 * time.Minute
	readyStep    = 50 * time.Millisecond

	// buildTimeout is for a slow machine that has never built Kubernetes.
	buildTimeout = time.Hour
)

// Server is a kube-apiserver and its etcd. Its methods may be called from
// several goroutines, but those that take a testing.TB may end its test and so
// belong to that test's own goroutine.
type Server struct {
	options  options
	programs Paths
	folder   string
	ca       *authority
	admin    keyPair
	signing  *signer
	api      *loopback.Port
	client   *loopback.Port // etcd's, for clients
	peer     *loopback.Port // etcd's, for its peers, of which there are none
	http     *http.Client
	dynamic  dynamic.Interface
	audit    auditLog

	mu        sync.Mutex
	apiserver *process // nil while stopped
	etcd      *process // nil while stopped
}

// Option changes what Start starts.
type Option func(*options)

type options struct{ flags []string }

// WithFlags gives the API server further flags, such as --anonymous-auth=false.
// They win over those that it has anyway.
func WithFlags(flags ...string) Option {
	return func(o *options) { o.flags = append(o.flags, flags...) }
}

// Start returns a server that is ready to serve. It is stopped and its data
// removed when the test ends. That takes some seconds: a test that can live
// with others on one server takes Shared.
func Start(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s, err := start(opts...)
	require.NoError(tb, err)
	tb.Cleanup(s.close)
	return s
}

// start starts a server that somebody has to close.
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

// close ends everything. The data is of no more use, so nobody is asked to put
// it in order.
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

// Stop stops the API server alone: requests in flight are finished, watches
// end. Nothing listens at its address any more, and nobody else can take the
// address. Stopping a stopped server does nothing.
func (s *Server) Stop() { s.end(&s.apiserver, (*process).stop) }

// Kill is Stop without notice: connections break.
func (s *Server) Kill() { s.end(&s.apiserver, (*process).kill) }

// Restart starts a stopped API server at the address it had, and stops a
// running one first. It returns when the server is ready. Tokens stay valid.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.Stop()
	require.NoError(tb, s.startAPIServer())
}

// StopEtcd ends etcd alone, without notice: asked to stop, it would wait five
// seconds for the API server's watches, and it loses nothing anyway.
func (s *Server) StopEtcd() { s.end(&s.etcd, (*process).kill) }

// StartEtcd starts a stopped etcd on the data it had, and waits until the API
// server, if it runs, has found it again. The longer etcd was away, the more
// rarely the API server looks: after two minutes that takes twenty seconds.
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

// askTime bounds each question whether a server is ready.
const askTime = 5 * time.Second

func (s *Server) etcdHealthy() error {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.etcdURL(s.client)+"/health", http.NoBody)
	if err != nil {
		return err
	}
	// A connection of its own, which nobody has to close.
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

// Ready says nothing if the API server says at /readyz that it is ready, as a load
// balancer asks, and otherwise why it is not.
func (s *Server) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	code, body, err := s.ask(ctx, http.MethodGet, "/readyz?verbose", nil)
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("%d %s", code, body)
	}
	return err
}

// connect makes the clients of the administrator.
func (s *Server) connect() error {
	config := s.AdminConfig()
	var err error
	if s.http, err = rest.HTTPClientFor(config); err != nil {
		return err
	}
	s.dynamic, err = dynamic.NewForConfigAndClient(config, s.http)
	return err
}
