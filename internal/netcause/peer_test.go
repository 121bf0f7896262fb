package netcause_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// version is the HTTP that the client asks for, and a web server grants.
type version string

const (
	http1 version = "HTTP/1"
	http2 version = "HTTP/2"
)

// web is a real web server of the version, with TLS if config is not nil.
func web(t *testing.T, v version, config *tls.Config, handler http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	server.EnableHTTP2 = v == http2
	t.Cleanup(server.Close)
	if config == nil {
		server.Start()
	} else {
		server.TLS = config
		server.StartTLS()
	}
	return server.URL
}

type connKey struct{}

// raw returns the TCP connection below the TLS that a request came on.
func raw(r *http.Request) *net.TCPConn {
	return r.Context().Value(connKey{}).(*tls.Conn).NetConn().(*net.TCPConn)
}

func ok(http.ResponseWriter, *http.Request) {}

// hang answers nothing for as long as the client waits.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// peer is a listener that speaks no protocol: it does this with each
// connection.
func peer(t *testing.T, serve func(*net.TCPConn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	serving.Add(1)
	go func() {
		defer serving.Done()
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Add(1)
			go func() {
				defer serving.Done()
				defer func() { _ = conn.Close() }()
				// The test's end is the connection's: a client that gave up in a
				// handshake leaves it open.
				defer context.AfterFunc(t.Context(), func() { _ = conn.Close() })()
				serve(conn.(*net.TCPConn))
			}()
		}
	}()
	return listener.Addr().String()
}

// says reads what the client begins with, and answers with this. A connection
// that is closed with something unread is reset.
func message(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 1<<16))
		_, _ = io.WriteString(conn, text)
	}
}

// silent waits until the client goes.
func silent(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) }

// reset closes a connection rudely.
func reset(conn *net.TCPConn) {
	_, _ = conn.Read(make([]byte, 1))
	_ = conn.SetLinger(0)
}

// nobody is an address where nothing listens: its port is root's to give.
const unusedPort = "127.0.0.1:1"

// client makes connections as client-go does.
func client(t *testing.T, v version, config *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: v == http2}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// get is the error of a request with a new connection.
func get(t *testing.T, c *http.Client, url string) error {
	t.Helper()
	defer c.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return getWithin(ctx, t, c, url)
}

func getWithin(ctx context.Context, t *testing.T, c *http.Client, url string) error {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// trusting is a client's configuration that trusts the authority.
func trusting(a *authority, certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: a.pool(), Certificates: certificates}
}

// showing is a server's configuration with a certificate of the authority.
func showing(t *testing.T, a *authority, change func(*x509.Certificate)) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{a.issue(t, change)}}
}
