package netcause_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/netcause"
)

// TestConnectionsThatEnd checks connections that end early, with any protocol.
func TestConnectionsThatEnd(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	hangUp := func(w http.ResponseWriter, r *http.Request) {
		_ = raw(r).CloseWrite() // Close could reset the connection
		hang(w, r)
	}
	inTLS := func(v version, handler http.HandlerFunc) func(*testing.T) string {
		return func(t *testing.T) string { return web(t, v, showing(t, ca, nil), handler) }
	}
	at := func(scheme string, serve func(*net.TCPConn)) func(*testing.T) string {
		return func(t *testing.T) string { return scheme + peer(t, serve) }
	}
	const cutOff = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
	for _, test := range []struct {
		name    string
		v       version
		url     func(*testing.T) string
		want    netcause.Cause
		message string // the stable text
	}{
		{"no response", http1, at("http://", message("")), netcause.Closed, "EOF"},
		{"half a head", http1, at("http://", message("HTTP/1.1 200 OK\r\n")), netcause.Closed,
			"net/http: HTTP/1.x transport connection broken: unexpected EOF"},
		{"half a body", http1, at("http://", message(cutOff)), netcause.Closed, "unexpected EOF"},
		{"no handshake", http2, at("https://", message("")), netcause.Closed, "EOF"},
		{"half a record", http2, at("https://", message("\x16\x03")), netcause.Closed, "unexpected EOF"},
		{"aborted", http1, inTLS(http1, abort), netcause.Closed, "EOF"},
		{"aborted", http2, inTLS(http2, abort), netcause.Closed, "stream error: INTERNAL_ERROR; received from peer"},
		{"hung up", http1, inTLS(http1, hangUp), netcause.Closed, "EOF"},
		{"hung up", http2, inTLS(http2, hangUp), netcause.Closed, "unexpected EOF"},
		{"reset", http1, at("http://", reset), netcause.Unreachable, "read: read: connection reset by peer"},
		{"reset in the handshake", http2, at("https://", reset), netcause.Unreachable, "read: read: connection reset by peer"},
		{"not HTTP", http1, at("http://", message("SSH-2.0-OpenSSH_9.9\r\n")), netcause.NotHTTP,
			`net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-OpenSSH_9.9"`},
		{"a TLS alert", http1, at("http://", message("\x15\x03\x01\x00\x02\x02\x0a")), netcause.NotHTTP,
			`net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x15\x03\x01\x00\x02\x02"`},
		{"no header", http1, at("http://", message("HTTP/1.1 200 OK\r\nhello\r\n\r\n")), netcause.NotHTTP,
			`net/http: HTTP/1.x transport connection broken: malformed MIME header: missing colon: "hello"`},
		{"no listener", http1, func(*testing.T) string { return "http://" + unusedPort }, netcause.Refused, "dial: connect: connection refused"},
		{"no listener", http2, func(*testing.T) string { return "https://" + unusedPort }, netcause.Refused, "dial: connect: connection refused"},
	} {
		t.Run(test.name+" "+string(test.v), func(t *testing.T) {
			t.Parallel()
			url := test.url(t)
			c := client(t, test.v, trusting(ca))
			for range 2 { // each connection has another local port
				err := get(t, c, url)
				assertCause(t, test.want, err)
				assert.Equal(t, test.message, netcause.Stable(err))
			}
		})
	}
}

// A Go web server, such as kube-apiserver, responds to a plain-text request on its
// TLS port, so there is no error to classify.
func TestClearRequestToTLS(t *testing.T) {
	t.Parallel()
	url := web(t, http1, showing(t, newAuthority(t), nil), ok)
	response, err := client(t, http1, nil).Get("http" + url[len("https"):])
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusBadRequest, response.StatusCode)
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	const timeout = 100 * time.Millisecond
	ca := newAuthority(t)
	for _, v := range []version{http1, http2} {
		url := func(t *testing.T) string { return web(t, v, showing(t, ca, nil), hang) }
		mute := func(t *testing.T) string { return "https://" + peer(t, silent) }
		for _, test := range []struct {
			name string
			url  func(*testing.T) string
			set  func(*http.Client, *http.Transport)
		}{
			{"deadline", url, nil},
			{"deadline in the handshake", mute, nil},
			{"timeout of the client", url, func(c *http.Client, _ *http.Transport) { c.Timeout = timeout }},
			{"timeout of the headers", url, func(_ *http.Client, t *http.Transport) { t.ResponseHeaderTimeout = timeout }},
			{"timeout of the handshake", mute, func(_ *http.Client, t *http.Transport) { t.TLSHandshakeTimeout = timeout }},
			{"deadline of the connection", mute, func(_ *http.Client, t *http.Transport) {
				t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := new(net.Dialer).DialContext(ctx, network, address)
					if err == nil {
						err = conn.SetDeadline(time.Now().Add(timeout))
					}
					return conn, err
				}
			}},
		} {
			t.Run(test.name+" "+string(v), func(t *testing.T) {
				t.Parallel()
				c := client(t, v, trusting(ca))
				if test.set == nil {
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					defer cancel()
					assertCause(t, netcause.TimedOut, getWithin(ctx, t, c, test.url(t)))
					return
				}
				test.set(c, c.Transport.(*http.Transport))
				assertCause(t, netcause.TimedOut, get(t, c, test.url(t)))
			})
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, v := range []version{http1, http2} {
		ctx, cancel := context.WithCancel(t.Context())
		url := web(t, v, showing(t, ca, nil), func(w http.ResponseWriter, r *http.Request) {
			cancel()
			hang(w, r)
		})
		err := getWithin(ctx, t, client(t, v, trusting(ca)), url)
		require.ErrorIs(t, err, context.Canceled)
		assertCause(t, netcause.Unknown, err)

		// net returns its own error.
		_, err = new(net.Dialer).DialContext(ctx, "tcp", unusedPort)
		require.ErrorIs(t, err, context.Canceled)
		assertCause(t, netcause.Unknown, err)
	}
}

func TestNameServerFails(t *testing.T) {
	t.Parallel()
	c := client(t, http1, nil)
	c.Transport.(*http.Transport).DialContext = (&net.Dialer{Resolver: &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no name server") },
	}}).DialContext
	err := get(t, c, "https://kubernetes.invalid:6443/")
	assertCause(t, netcause.DNS, err)
	assert.Equal(t, "lookup kubernetes.invalid: no name server", netcause.Stable(err))
}
