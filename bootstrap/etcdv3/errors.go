package etcdv3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
)

// explain puts an error into a *bootstrap.DatastoreError: what kind it is, what
// caused it, and what may be done.
func (d *Datastore) explain(doing string, err error) error {
	if err == nil || errors.Is(err, bootstrap.ErrConflict) {
		return err
	}
	e := &bootstrap.DatastoreError{Place: d.config.place(), Doing: doing, Err: err}
	if d.seen != nil {
		if failures := d.seen.failures(); failures != nil {
			d.explainFailures(e, failures)
			return e
		}
	}
	var discovery *discoveryError
	switch {
	case errors.As(err, &discovery):
		e.Kind, e.Hint = bootstrap.ErrUnreachable, "check the SRV records _etcd-client-ssl._tcp and _etcd-client._tcp of "+discovery.domain
	case errors.Is(err, rpctypes.ErrAuthFailed):
		e.Kind, e.Hint = bootstrap.ErrUnauthorized, fmt.Sprintf("check the user name (%q) and the password", d.config.Username)
	case errors.Is(err, rpctypes.ErrUserEmpty):
		e.Kind, e.Hint = bootstrap.ErrUnauthorized, "etcd has authentication on: set --etcd-username and --etcd-password, or use a client certificate whose common name is an etcd user"
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		e.Kind, e.Hint = bootstrap.ErrForbidden, d.grantHint()
	case errors.Is(err, rpctypes.ErrInvalidAuthToken), errors.Is(err, rpctypes.ErrAuthOldRevision):
		// A new connection brings a new token.
		e.Kind = bootstrap.ErrUnreachable
	case isPassing(err):
		e.Kind = bootstrap.ErrUnreachable
		if isContext(err) {
			e.Err = fmt.Errorf("no answer: %w", err)
			e.Hint = "check that the endpoint is etcd's client port, and the firewalls in between"
		}
	case errors.Is(err, rpctypes.ErrNoSpace):
		e.Hint = "etcd takes no more writes: free space (etcdctl compact, etcdctl defrag), then etcdctl alarm disarm"
	}
	return e
}

func (d *Datastore) grantHint() string {
	user := "the etcd user"
	if d.config.Username != "" {
		user = fmt.Sprintf("user %q", d.config.Username)
	}
	return fmt.Sprintf("give a role of %s the rights: etcdctl role grant-permission ROLE --prefix=true readwrite /calico/", user)
}

func isContext(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// isPassing reports whether the same request may succeed in a while.
func isPassing(err error) bool {
	if isContext(err) {
		return true
	}
	code := status.Code(err)
	var etcdErr rpctypes.EtcdError
	if errors.As(err, &etcdErr) {
		code = etcdErr.Code()
	}
	switch code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted:
		return true
	case codes.ResourceExhausted:
		return errors.Is(err, rpctypes.ErrTooManyRequests)
	default:
		return false
	}
}

// explainFailures judges connections that all failed. It is a TLS failure only
// if it is one with every member: while one of them is only out of reach, it
// may come back and be fine.
func (d *Datastore) explainFailures(e *bootstrap.DatastoreError, failures map[string]error) {
	members := make([]string, 0, len(failures))
	for member := range failures {
		members = append(members, member)
	}
	slices.Sort(members)

	e.Kind = bootstrap.ErrTLS
	var causes []error
	var hints []string
	for _, member := range members {
		err := failures[member]
		hint, kind := d.explainFailure(err)
		if kind != bootstrap.ErrTLS {
			e.Kind = kind
		}
		if !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
		causes = append(causes, &memberError{member: member, alone: len(members) == 1, err: err})
	}
	e.Err, e.Hint = errors.Join(causes...), strings.Join(hints, "; ")
}

// explainFailure judges the failure of one connection.
func (d *Datastore) explainFailure(err error) (hint string, kind error) {
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		unknown      x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
		op           *net.OpError
		handshake    *handshakeError
		dns          *net.DNSError
		stranger     *strangerError
	)
	switch {
	case errors.As(err, &unknown):
		return "name the CA that signed the member's certificate with --etcd-ca-cert-file", bootstrap.ErrTLS
	case errors.As(err, &host):
		return "use an endpoint whose host name or address is in the member's certificate", bootstrap.ErrTLS
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the member's certificate, or set this host's clock", bootstrap.ErrTLS
	case errors.As(err, &verification):
		return "check the member's certificate against the CA", bootstrap.ErrTLS
	case errors.As(err, &record):
		return "the member does not speak TLS there: is the endpoint http://?", bootstrap.ErrTLS
	case errors.As(err, &op) && op.Op == "remote error":
		return d.explainAlert(op.Err)
	case errors.Is(err, io.EOF) && errors.As(err, &handshake):
		// It may be a member that restarts, so this is no TLS failure yet.
		return "the member closed the connection: is the endpoint http://?", bootstrap.ErrUnreachable
	case errors.Is(err, io.EOF):
		return "the member closed the connection without an answer: is the endpoint https://?", bootstrap.ErrUnreachable
	case errors.As(err, &stranger):
		return "is the endpoint etcd's client port?", bootstrap.ErrUnreachable
	case errors.As(err, &dns):
		return "check the endpoint's host name, and this host's DNS", bootstrap.ErrUnreachable
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check the endpoint, and that etcd is running", bootstrap.ErrUnreachable
	default:
		return "check the endpoint, the route to it, and the firewalls in between", bootstrap.ErrUnreachable
	}
}

// explainAlert judges what a member says when it breaks off a TLS connection.
// The alerts are those of RFC 8446, section 6.
func (d *Datastore) explainAlert(alert error) (hint string, kind error) {
	is := func(numbers ...tls.AlertError) bool {
		return slices.ContainsFunc(numbers, func(n tls.AlertError) bool { return n.Error() == alert.Error() })
	}
	switch {
	case is(42, 43, 44, 45, 46, 48, 49, 116): // about certificates, and access
		return d.clientCertificateHint(), bootstrap.ErrTLS
	case is(40, 70, 71, 86, 120): // no version, cipher or protocol in common
		return "the member and this program have no TLS version (1.2 and later here), cipher or protocol in common", bootstrap.ErrTLS
	default: // such as an internal error while its certificate is replaced
		return "the member broke the TLS connection off: its log says why", bootstrap.ErrUnreachable
	}
}

// clientCertificateHint is for a member that refuses us.
func (d *Datastore) clientCertificateHint() string {
	if d.config.TLS == nil || len(d.config.TLS.Certificates) == 0 {
		return "the member wants a client certificate: set --etcd-cert-file and --etcd-key-file"
	}
	if leaf := d.config.TLS.Certificates[0].Leaf; leaf != nil && time.Now().After(leaf.NotAfter) {
		return "the client certificate expired on " + leaf.NotAfter.UTC().Format(time.DateOnly)
	}
	return "the member refuses the client certificate: is it signed by a CA that etcd trusts?"
}

// memberError names the member that an error is of, and leaves out the local
// port, so that a cause that stays the same reads the same.
type memberError struct {
	member string
	alone  bool // there is no other member to tell it from
	err    error
}

func (e *memberError) Error() string {
	text := stable(e.err)
	if e.alone {
		return text
	}
	return e.member + ": " + text
}

func (e *memberError) Unwrap() error { return e.err }

// stable is the text of an error without the local ports in it, which differ
// each time.
func stable(err error) string {
	var (
		joined interface{ Unwrap() []error }
		dns    *net.DNSError
		op     *net.OpError
	)
	switch {
	case errors.As(err, &joined):
		var texts []string
		for _, one := range joined.Unwrap() {
			texts = append(texts, stable(one))
		}
		return strings.Join(texts, "; ")
	case errors.As(err, &dns):
		// Its text goes from the sockets to the cause: "read udp A->B: i/o timeout".
		cause := dns.Err
		if i := strings.LastIndex(cause, ": "); i >= 0 {
			cause = cause[i+2:]
		}
		return fmt.Sprintf("lookup %s: %s", dns.Name, cause)
	case errors.As(err, &op):
		return fmt.Sprintf("%s: %v", op.Op, op.Err)
	default:
		return err.Error()
	}
}
