package etcdv3

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
)

// TestHints checks the text of every hint about a failed connection.
func TestHints(t *testing.T) {
	t.Parallel()
	untrusted := func(err error) error { return &handshakeError{&tls.CertificateVerificationError{Err: err}} }
	const (
		route           = "check the endpoint, the route to it, and the firewalls in between"
		wanted          = "the member requires a client certificate: set etcd.certFile and etcd.keyFile"
		nothingInCommon = "the member and this program have no TLS version (1.2 and later here), cipher or protocol in common"
	)
	for _, test := range []struct {
		err  error
		kind error
		want string
	}{
		{untrusted(x509.UnknownAuthorityError{}), datastore.ErrTLS, "set etcd.caCertFile to the CA that signed the member's certificate"},
		{untrusted(x509.HostnameError{Certificate: new(x509.Certificate)}), datastore.ErrTLS, "use an endpoint whose host name or address is in the member's certificate"},
		{untrusted(x509.CertificateInvalidError{Reason: x509.Expired}), datastore.ErrTLS, "renew the member's certificate, or set this host's clock"},
		{untrusted(x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}), datastore.ErrTLS, "check the member's certificate against the CA"},
		{&handshakeError{tls.RecordHeaderError{}}, datastore.ErrTLS, "the member does not use TLS on this port: is the endpoint http://?"},
		{alert(42), datastore.ErrTLS, wanted},  // bad certificate
		{alert(45), datastore.ErrTLS, wanted},  // expired
		{alert(48), datastore.ErrTLS, wanted},  // of an unknown CA
		{alert(116), datastore.ErrTLS, wanted}, // none
		{alert(40), datastore.ErrTLS, nothingInCommon},
		{alert(70), datastore.ErrTLS, nothingInCommon},  // protocol version
		{alert(120), datastore.ErrTLS, nothingInCommon}, // no application protocol
		{alert(80), datastore.ErrUnreachable, "the member closed the TLS connection: check its log"},
		{&handshakeError{io.EOF}, datastore.ErrUnreachable, "the member closed the connection: is the endpoint http://?"},
		{&unansweredError{io.EOF}, datastore.ErrUnreachable, "is the endpoint https://? If it isn't, check the route to it, and the firewalls in between"},
		{&unansweredError{&net.OpError{Op: "read", Err: syscall.ECONNRESET}}, datastore.ErrUnreachable,
			"is the endpoint https://? If it isn't, check the route to it, and the firewalls in between"},
		{io.EOF, datastore.ErrUnreachable, route}, // with TLS
		{&handshakeError{io.ErrUnexpectedEOF}, datastore.ErrUnreachable, route},
		{&notEtcdError{answer: "SSH-2.0"}, datastore.ErrUnreachable, "is the endpoint etcd's client port?"},
		{&net.DNSError{IsNotFound: true}, datastore.ErrUnreachable, "check the endpoint's host name, and this host's DNS"},
		{syscall.ECONNREFUSED, datastore.ErrUnreachable, "no process listens on this address: check the endpoint, and that etcd is running"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, datastore.ErrUnreachable, route},
		{&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, datastore.ErrUnreachable, route},
		{errors.New("other"), datastore.ErrUnreachable, route},
	} {
		hint, kind := new(Datastore).explainFailure(test.err)
		assert.Equal(t, test.want, hint, "%v", test.err)
		assert.Equal(t, test.kind, kind, "%v", test.err)
	}
}
