package etcdv3

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
)

// alert is what crypto/tls returns when the other side breaks a connection off.
func alert(number tls.AlertError) error { return &net.OpError{Op: "remote error", Err: number} }

func TestExplainFailure(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, test := range []struct {
		name string
		err  error
		kind error
		says string
	}{
		{"unknown CA", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, bootstrap.ErrTLS, "--etcd-ca-cert-file"},
		{"bad certificate", alert(42), bootstrap.ErrTLS, "client certificate"},
		{"certificate expired", alert(45), bootstrap.ErrTLS, "client certificate"},
		{"unknown CA alert", alert(48), bootstrap.ErrTLS, "client certificate"},
		{"certificate required", alert(116), bootstrap.ErrTLS, "client certificate"},
		{"protocol version", alert(70), bootstrap.ErrTLS, "in common"},
		{"no application protocol", alert(120), bootstrap.ErrTLS, "in common"},
		{"internal error passes", alert(80), bootstrap.ErrUnreachable, "its log"},
		{"refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), bootstrap.ErrUnreachable, "nothing listens"},
		{"no such host", dial(&net.DNSError{Err: "no such host", Name: "etcd.test"}), bootstrap.ErrUnreachable, "DNS"},
		{"EOF", io.EOF, bootstrap.ErrUnreachable, "https://?"},
		{"EOF in the handshake", &handshakeError{io.EOF}, bootstrap.ErrUnreachable, "http://?"},
		{"no route", dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), bootstrap.ErrUnreachable, "firewalls"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			hint, kind := (&Datastore{}).explainFailure(test.err)
			assert.Equal(t, test.kind, kind)
			assert.Contains(t, hint, test.says)
		})
	}
}

// TestStableText: a cause that stays the same must read the same, whatever
// local port it came from.
func TestStableText(t *testing.T) {
	t.Parallel()
	lookup := &net.DNSError{Err: "read udp 127.0.0.1:46149->127.0.0.53:53: i/o timeout", Name: "etcd.test"}
	assert.Equal(t, "lookup etcd.test: i/o timeout", stable(&net.OpError{Op: "dial", Err: lookup}))
	assert.Equal(t, "lookup a: no such host; lookup b: no such host", stable(errors.Join(
		&net.DNSError{Err: "no such host", Name: "a"}, &net.DNSError{Err: "no such host", Name: "b"})))
	read := &net.OpError{Op: "read", Source: &net.TCPAddr{Port: 40000}, Err: syscall.ECONNRESET}
	assert.Equal(t, "read: "+syscall.ECONNRESET.Error(), stable(read))
	assert.Equal(t, "EOF", stable(io.EOF))
}

func TestOpenJudgesEndpoints(t *testing.T) {
	t.Parallel()
	for _, endpoints := range [][]string{
		{"unix:///run/etcd.sock"}, {"http://a"}, {"https://a:1", "http://b:1"}, {"a:1", "https://b:1"},
	} {
		_, err := Open(Config{Endpoints: endpoints})
		require.Error(t, err, endpoints)
	}
	_, err := Open(Config{Endpoints: []string{"http://a:1"}, DiscoverySRV: "b"})
	require.Error(t, err)

	store, err := Open(Config{Endpoints: []string{"http://a:1", "http://a:1/"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"http://a:1"}, store.config.Endpoints)
}
