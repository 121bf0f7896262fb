package netcause_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/netcause"
)

// TestServersThatAreNotTrusted checks how the client classifies a server's
// certificate.
func TestServersThatAreNotTrusted(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, test := range []struct {
		name    string
		change  func(*x509.Certificate) // of the server's certificate
		ca      *authority              // that the client trusts; nil: that of the server
		want    netcause.Cause
		message string // the beginning of the stable text
	}{
		{
			name: "unknown CA", ca: newAuthority(t), want: netcause.UnknownAuthority,
			message: "tls: failed to verify certificate: x509: certificate signed by unknown authority",
		},
		{
			name: "other host", change: func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.test"} },
			want:    netcause.WrongHost,
			message: "tls: failed to verify certificate: x509: cannot validate certificate for 127.0.0.1",
		},
		{
			name: "expired", change: func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) },
			want: netcause.Expired, message: "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
		},
		{
			name: "not valid yet", change: func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) },
			want: netcause.Expired, message: "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
		},
		{
			name: "client certificate", change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
			want:    netcause.BadCertificate,
			message: "tls: failed to verify certificate: x509: certificate specifies an incompatible key usage",
		},
	} {
		if test.ca == nil {
			test.ca = ca
		}
		for _, v := range []version{http1, http2} {
			t.Run(test.name+" "+string(v), func(t *testing.T) {
				t.Parallel()
				url := web(t, v, showing(t, ca, test.change), ok)
				err := get(t, client(t, v, trusting(test.ca)), url)
				assertCause(t, test.want, err)
				assert.Regexp(t, "^"+test.message, netcause.Stable(err))
			})
		}
	}
}

// TestServersThatRefuse checks servers that reject the client. With TLS 1.3, the
// client's handshake is complete when the alert arrives.
func TestServersThatRefuse(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	ours, others := ca.issue(t, nil), newAuthority(t).issue(t, nil)
	expired := ca.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	requireCertificate := func(tlsVersion uint16) func(*tls.Config) {
		return func(server *tls.Config) {
			server.MaxVersion, server.ClientAuth, server.ClientCAs = tlsVersion, tls.RequireAndVerifyClientCert, ca.pool()
		}
	}
	for _, test := range []struct {
		name    string
		server  func(*tls.Config)
		client  []tls.Certificate
		want    netcause.Cause
		message string // the stable text
	}{
		{"no certificate, TLS 1.2", requireCertificate(tls.VersionTLS12), nil, netcause.NothingInCommon, "remote error: tls: handshake failure"},
		{"no certificate, TLS 1.3", requireCertificate(tls.VersionTLS13), nil, netcause.ClientCertificate, "remote error: tls: certificate required"},
		{"unknown CA, TLS 1.2", requireCertificate(tls.VersionTLS12), []tls.Certificate{others}, netcause.ClientCertificate, "remote error: tls: unknown certificate authority"},
		{"unknown CA, TLS 1.3", requireCertificate(tls.VersionTLS13), []tls.Certificate{others}, netcause.ClientCertificate, "remote error: tls: unknown certificate authority"},
		{"expired, TLS 1.3", requireCertificate(tls.VersionTLS13), []tls.Certificate{expired}, netcause.ClientCertificate, "remote error: tls: expired certificate"},
		{"good certificate", requireCertificate(tls.VersionTLS13), []tls.Certificate{ours}, netcause.Unknown, ""},
		{
			"old TLS", func(server *tls.Config) { server.MinVersion, server.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
			nil, netcause.NothingInCommon, "remote error: tls: protocol version not supported",
		},
		{
			"broken server", func(server *tls.Config) {
				server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("broken") }
			}, nil, netcause.BrokenOff, "remote error: tls: internal error",
		},
	} {
		for _, v := range []version{http1, http2} {
			t.Run(test.name+" "+string(v), func(t *testing.T) {
				t.Parallel()
				config := showing(t, ca, nil)
				test.server(config)
				url := web(t, v, config, ok)
				err := get(t, client(t, v, trusting(ca, test.client...)), url)
				// If the server closes the connection before the client has written
				// its request, the client doesn't read the alert. Retry.
				for attempt := 1; attempt < 20 && retryable(err); attempt++ {
					err = get(t, client(t, v, trusting(ca, test.client...)), url)
				}
				if test.message == "" {
					require.NoError(t, err)
					return
				}
				assertCause(t, test.want, err)
				assert.Equal(t, test.message, netcause.Stable(err))
			})
		}
	}
}

func retryable(err error) bool {
	cause := netcause.Of(err)
	return cause == netcause.Closed || cause == netcause.Unreachable
}

func TestServersOfAnotherProtocol(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	config := showing(t, ca, nil)
	config.NextProtos = []string{"other"}
	err := get(t, client(t, http2, trusting(ca)), web(t, http1, config, ok))
	assertCause(t, netcause.NothingInCommon, err)
	assert.Equal(t, "remote error: tls: no application protocol", netcause.Stable(err))
}

func TestPlainTextResponses(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, v := range []version{http1, http2} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			server := web(t, v, nil, ok)
			err := get(t, client(t, v, trusting(ca)), "https"+server[len("http"):])
			assertCause(t, netcause.NotTLS, err)
			assert.Equal(t, "http: server gave HTTP response to HTTPS client", netcause.Stable(err))

			err = get(t, client(t, v, trusting(ca)), "https://"+peer(t, message("SSH-2.0-OpenSSH_9.9\r\n")))
			assertCause(t, netcause.NotTLS, err)
			assert.Equal(t, "tls: first record does not look like a TLS handshake", netcause.Stable(err))
		})
	}
}
