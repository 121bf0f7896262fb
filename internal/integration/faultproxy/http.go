// Package faultproxy has proxies that inject faults between a client and a server in
// tests. They listen on loopback.
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

// HTTP is a proxy for HTTP requests. It passes them on with its own credentials, except
// those that Inject has faults for. It supports HTTP/2.
type HTTP struct {
	server   *httptest.Server
	upstream http.Handler
	closing  chan struct{}

	mu       sync.Mutex
	rules    []*rule
	requests []string
}

// Option configures an HTTP proxy.
type Option func(*httptest.Server)

// WithHTTP1 disables HTTP/2.
func WithHTTP1() Option { return func(s *httptest.Server) { s.EnableHTTP2 = false } }

// WithCertificate sets the server certificate of the proxy.
func WithCertificate(cert tls.Certificate) Option {
	return func(s *httptest.Server) { s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}} }
}

// NewHTTP returns a proxy with TLS for the API server that upstream configures. It is
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

// URL returns the URL of the proxy.
func (p *HTTP) URL() string { return p.server.URL }

// CA returns the certificate to trust, as PEM; empty without TLS.
func (p *HTTP) CA() []byte {
	if cert := p.server.Certificate(); cert != nil {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return nil
}

// Config returns the config of a client of the proxy. The proxy ignores its token.
func (p *HTTP) Config() *rest.Config {
	return &rest.Config{Host: p.URL(), BearerToken: "ignored", TLSClientConfig: rest.TLSClientConfig{CAData: p.CA()}}
}

// Requests selects requests.
type Requests func(*http.Request) bool

// The kinds of requests of a run.
func Pools(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/ippools")
}
func Blocks(r *http.Request) bool     { return strings.HasSuffix(r.URL.Path, "/ipamblocks") }
func ConfigMaps(r *http.Request) bool { return strings.Contains(r.URL.Path, "/configmaps/") }
func Nodes(r *http.Request) bool      { return strings.HasSuffix(r.URL.Path, "/nodes") }
func Services(r *http.Request) bool   { return strings.HasSuffix(r.URL.Path, "/servicecidrs") }
func Creates(r *http.Request) bool    { return r.Method == http.MethodPost }
func All(*http.Request) bool          { return true }

// Always is an unlimited number of times for Inject.
const Always = 1 << 30

type rule struct {
	which Requests
	left  int
	fault Fault
}

// Inject handles the next requests that which selects with the fault, up to times
// requests. If several rules select a request, the first that is not used up applies.
func (p *HTTP) Inject(which Requests, times int, fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, &rule{which: which, left: times, fault: fault})
}

// Requests returns the method and path of each request so far.
func (p *HTTP) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.requests...)
}

// Left returns the number of injected faults that have not occurred.
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
