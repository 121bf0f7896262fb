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

// version is the version of HTTP that client and server use.
type version string

const (
	http1 version = "HTTP/1"
	http2 version = "HTTP/2"
)

// web starts a web server of that version, with TLS if config is not nil.
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

// raw returns the TCP connection of a TLS request.
func raw(r *http.Request) *net.TCPConn {
	return r.Context().Value(connKey{}).(*tls.Conn).NetConn().(*net.TCPConn)
}

func ok(http.ResponseWriter, *http.Request) {}

// hang doesn't respond until the client gives up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// peer starts a TCP server without a protocol: it calls serve for each connection.
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
				// Close the connection when the test ends: a client that gives up
				// during a handshake leaves it open.
				defer context.AfterFunc(t.Context(), func() { _ = conn.Close() })()
				serve(conn.(*net.TCPConn))
			}()
		}
	}()
	return listener.Addr().String()
}

// message reads the client's first message and responds with the text. It reads
// first, because closing a connection with unread data resets it.
func message(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 1<<16))
		_, _ = io.WriteString(conn, text)
	}
}

// silent waits until the client closes the connection.
func silent(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) }

// reset resets a connection.
func reset(conn *net.TCPConn) {
	_, _ = conn.Read(make([]byte, 1))
	_ = conn.SetLinger(0)
}

// unusedPort is an address without a listener: only root can listen on port 1.
const unusedPort = "127.0.0.1:1"

// client returns a client that connects as client-go does.
func client(t *testing.T, v version, config *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: v == http2}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// get returns the error of a request on a new connection.
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

// trusting returns a client configuration that trusts the authority.
func trusting(a *authority, certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: a.pool(), Certificates: certificates}
}

// showing returns a server configuration with a certificate of the authority.
func showing(t *testing.T, a *authority, change func(*x509.Certificate)) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{a.issue(t, change)}}
}
