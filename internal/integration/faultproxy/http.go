// Package faultproxy has proxies for tests that stand on loopback between a
// client and an API server, and get in the way.
package faultproxy

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// HTTP is a proxy that understands the requests. It passes them on with
// credentials of its own, over HTTP/2 where the client speaks that, until
// Inject says otherwise.
type HTTP struct {
	server   *httptest.Server
	upstream http.Handler
	closing  chan struct{}

	mu       sync.Mutex
	rules    []*rule
	requests []string
}

// Option changes how a proxy is reached.
type Option func(*httptest.Server)

// WithHTTP1 keeps the proxy from HTTP/2.
func WithHTTP1() Option { return func(s *httptest.Server) { s.EnableHTTP2 = false } }

// WithCertificate has the proxy show this certificate.
func WithCertificate(cert tls.Certificate) Option {
	return func(s *httptest.Server) { s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}} }
}

// NewHTTP returns a proxy that reaches the API server as upstream says. It is
// closed when the test ends.
func NewHTTP(tb testing.TB, upstream *rest.Config, options ...Option) *HTTP {
	tb.Helper()
	p := newHTTP(tb, upstream)
	p.server.EnableHTTP2 = true
	for _, option := range options {
		option(p.server)
	}
	p.server.StartTLS()
	return p
}

// NewPlainHTTP is NewHTTP without TLS.
func NewPlainHTTP(tb testing.TB, upstream *rest.Config) *HTTP {
	tb.Helper()
	p := newHTTP(tb, upstream)
	p.server.Start()
	return p
}

func newHTTP(tb testing.TB, upstream *rest.Config) *HTTP {
	tb.Helper()
	client, err := rest.HTTPClientFor(upstream)
	require.NoError(tb, err)
	target, err := url.Parse(upstream.Host)
	require.NoError(tb, err)
	quiet := log.New(io.Discard, "", 0)
	p := &HTTP{closing: make(chan struct{})}
	p.upstream = &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Header.Del("Authorization") },
		Transport: client.Transport,
		ErrorLog:  quiet,
	}
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.server.Config.ErrorLog = quiet
	tb.Cleanup(func() {
		close(p.closing)
		p.server.CloseClientConnections()
		p.server.Close()
		client.CloseIdleConnections()
	})
	return p
}

// URL is where the proxy is.
func (p *HTTP) URL() string { return p.server.URL }

// CA is the certificate to trust, as PEM; empty without TLS.
func (p *HTTP) CA() []byte {
	if cert := p.server.Certificate(); cert != nil {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return nil
}

// Config is how a client reaches the proxy. Its token is not looked at.
func (p *HTTP) Config() *rest.Config {
	return &rest.Config{Host: p.URL(), BearerToken: "not-looked-at", TLSClientConfig: rest.TLSClientConfig{CAData: p.CA()}}
}

// Requests are those that matter, in the order in which they came.
type Requests func(*http.Request) bool

// The requests of a run.
func Pools(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/ippools")
}
func Blocks(r *http.Request) bool     { return strings.HasSuffix(r.URL.Path, "/ipamblocks") }
func ConfigMaps(r *http.Request) bool { return strings.Contains(r.URL.Path, "/configmaps/") }
func Nodes(r *http.Request) bool      { return strings.HasSuffix(r.URL.Path, "/nodes") }
func Services(r *http.Request) bool   { return strings.HasSuffix(r.URL.Path, "/servicecidrs") }
func Creates(r *http.Request) bool    { return r.Method == http.MethodPost }
func All(*http.Request) bool          { return true }

// Always is a number of times without end.
const Always = 1 << 30

type rule struct {
	which Requests
	left  int
	fault Fault
}

// Inject lets the next of the requests, so many times, meet the fault. Of
// several rules the first that is not used up counts.
func (p *HTTP) Inject(which Requests, times int, fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, &rule{which: which, left: times, fault: fault})
}

// Requests returns what was asked for so far: method and path.
func (p *HTTP) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.requests...)
}

// Left is how often faults are still due.
func (p *HTTP) Left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := 0
	for _, rule := range p.rules {
		left += rule.left
	}
	return left
}

func (p *HTTP) serve(w http.ResponseWriter, r *http.Request) {
	if fault := p.next(r); fault != nil {
		fault(exchange{w: w, r: r, proxy: p})
		return
	}
	p.upstream.ServeHTTP(w, r)
}

func (p *HTTP) next(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r.Method+" "+r.URL.Path)
	for _, rule := range p.rules {
		if rule.left > 0 && rule.which(r) {
			rule.left--
			return rule.fault
		}
	}
	return nil
}
