package etcdv3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/netcause"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// explain wraps an error in a *datastore.Error with kind, cause and hint. Nil and
// ErrConflict are returned unchanged.
func (d *Datastore) explain(operation string, err error) error {
	if err == nil || errors.Is(err, datastore.ErrConflict) {
		return err
	}
	e := &datastore.Error{Place: d.config.place(), Operation: operation, Err: err}
	if d.seen != nil {
		if failures := d.seen.failures(); failures != nil {
			d.explainFailures(e, failures)
			return e
		}
	}
	var (
		discovery *discoveryError
		malformed malformedError
		limit     limitError
	)
	switch {
	case errors.As(err, &malformed):
		e.Hint = "check that the endpoint is etcd's client port, and the proxies in between"
	case exceedsLimit(err):
		e.Err = limitError(status.Convert(err).Message())
		e.Hint = fmt.Sprintf("a response to a read must have at most %d bytes, any other %d", maxPage, maxResponse)
	case errors.As(err, &limit):
		e.Hint = "is the endpoint the etcd of Calico?"
	case errors.As(err, &discovery):
		e.Kind, e.Hint = datastore.ErrUnreachable, "check the SRV records _etcd-client-ssl._tcp and _etcd-client._tcp of "+discovery.domain
	case errors.Is(err, rpctypes.ErrAuthFailed):
		e.Kind, e.Hint = datastore.ErrUnauthorized, fmt.Sprintf("check the user name (%s) and the password", text.Quote(d.config.Username))
	case errors.Is(err, rpctypes.ErrUserEmpty):
		e.Kind, e.Hint = datastore.ErrUnauthorized, fmt.Sprintf("etcd has authentication enabled: set %s, and %s, or use a client certificate whose common name is an etcd user",
			d.name(origin.SettingEtcdUsername), d.name(origin.SettingEtcdPassword))
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		e.Kind, e.Hint = datastore.ErrForbidden, d.grantHint("readwrite", ippool.RecordPrefix) // see toRead
	case errors.Is(err, rpctypes.ErrInvalidAuthToken), errors.Is(err, rpctypes.ErrAuthOldRevision), errors.Is(err, rpctypes.ErrCompacted):
		// A new connection gets a new token, a new snapshot a new revision.
		e.Kind = datastore.ErrUnreachable
	case isRetryable(err):
		e.Kind = datastore.ErrUnreachable
		e.Err = &memberError{only: true, err: err} // removes the local port from the text
		if isContext(err) {
			e.Err = fmt.Errorf("no response: %w", err)
			e.Hint = "check that the endpoint is etcd's client port, and the firewalls in between"
		}
	case errors.Is(err, rpctypes.ErrNoSpace):
		e.Hint = "etcd rejects writes: free space (etcdctl compact, etcdctl defrag), then etcdctl alarm disarm"
	case isTooLarge(err):
		e.Hint = "an IPPool is larger than etcd accepts (--max-request-bytes, 1.5 MiB by default): shorten its labels and annotations"
	}
	return e
}

// name returns how hints name a setting.
func (d *Datastore) name(setting origin.Setting) string { return d.config.Names.Of(setting) }

// toRead returns the error of a read of the keys with the prefix. If it is forbidden, its
// hint grants that read and no more.
func (d *Datastore) toRead(prefix string, err error) error {
	var forbidden *datastore.Error
	if !errors.Is(err, datastore.ErrForbidden) || !errors.As(err, &forbidden) {
		return err
	}
	read := *forbidden
	read.Hint = d.grantHint("read", prefix)
	return &read
}

// grantHint returns the hint for what the user may not do with the keys with the prefix.
func (d *Datastore) grantHint(permission, prefix string) string {
	user := "the etcd user"
	if d.config.Username != "" {
		user = "user " + text.Quote(d.config.Username)
	}
	return fmt.Sprintf("grant a role of %s access: etcdctl role grant-permission ROLE --prefix=true %s %s", user, permission, prefix)
}

func isContext(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// isTooLarge reports whether a request exceeds the limit of the server or the client.
func isTooLarge(err error) bool {
	return errors.Is(err, rpctypes.ErrRequestTooLarge) ||
		status.Code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "trying to send message larger than max")
}

// proposalDropped is etcd's error while it has no leader or transfers leadership
// (raft.ErrProposalDropped). It has no error code of its own.
const proposalDropped = "raft proposal dropped"

// isRetryable reports whether the same request may succeed later.
func isRetryable(err error) bool {
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
	case codes.Unknown:
		return strings.Contains(err.Error(), proposalDropped)
	default:
		return false
	}
}

// explainFailures explains the failure of all connections. The kind is ErrTLS only if
// TLS failed with every member: a member that is unreachable may recover.
func (d *Datastore) explainFailures(e *datastore.Error, failures map[string]error) {
	members := make([]string, 0, len(failures))
	for member := range failures {
		members = append(members, member)
	}
	slices.Sort(members)

	e.Kind = datastore.ErrTLS
	var causes []error
	var hints []string
	for _, member := range members {
		err := failures[member]
		hint, kind := d.explainFailure(err)
		if kind != datastore.ErrTLS {
			e.Kind = kind
		}
		if !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
		causes = append(causes, &memberError{member: member, only: len(members) == 1, err: err})
	}
	e.Err, e.Hint = errors.Join(causes...), strings.Join(hints, "; ")
}

// explainFailure returns hint and kind for the failure of one connection.
func (d *Datastore) explainFailure(err error) (hint string, kind error) {
	cause := netcause.Of(err)
	if cause.TLS() {
		return d.hint(cause, err), datastore.ErrTLS
	}
	return d.hint(cause, err), datastore.ErrUnreachable
}

// hint returns the hint for a failed connection.
func (d *Datastore) hint(cause netcause.Cause, err error) string {
	var (
		notEtcd    *notEtcdError
		unanswered *unansweredError
	)
	switch {
	case errors.As(err, &notEtcd):
		return "is the endpoint etcd's client port?"
	case errors.As(err, &unanswered):
		return "is the endpoint https://? If it isn't, check the route to it, and the firewalls in between"
	}
	switch cause {
	case netcause.UnknownAuthority:
		return "set " + d.name(origin.SettingEtcdCACertFile) + " to the CA that signed the member's certificate"
	case netcause.WrongHost:
		return "use an endpoint whose host name or address is in the member's certificate"
	case netcause.Expired:
		return "renew the member's certificate, or set this host's clock"
	case netcause.BadCertificate:
		return "check the member's certificate against the CA"
	case netcause.NotTLS:
		return "the member does not use TLS on this port: is the endpoint http://?"
	case netcause.ClientCertificate:
		return d.clientCertificateHint()
	case netcause.NothingInCommon:
		return "the member and this program have no TLS version (1.2 and later here), cipher or protocol in common"
	case netcause.BrokenOff:
		return "the member closed the TLS connection: check its log"
	case netcause.Closed:
		return closedHint(err)
	case netcause.DNS:
		return "check the endpoint's host name, and this host's DNS"
	case netcause.Refused:
		return "no process listens on this address: check the endpoint, and that etcd is running"
	default:
		return routeHint
	}
}

const routeHint = "check the endpoint, the route to it, and the firewalls in between"

// closedHint returns the hint for a member that closed the connection. It may be
// restarting, so this is not a TLS failure.
func closedHint(err error) string {
	var handshake *handshakeError
	if errors.Is(err, io.EOF) && errors.As(err, &handshake) {
		return "the member closed the connection: is the endpoint http://?"
	}
	return routeHint // in a response or within TLS, so the protocol is right
}

// clientCertificateHint returns the hint for a member that requires a client
// certificate or refuses it.
func (d *Datastore) clientCertificateHint() string {
	if d.config.TLS == nil || len(d.config.TLS.Certificates) == 0 {
		return fmt.Sprintf("the member requires a client certificate: set %s and %s", d.name(origin.SettingEtcdCertFile), d.name(origin.SettingEtcdKeyFile))
	}
	if leaf := d.config.TLS.Certificates[0].Leaf; leaf != nil && time.Now().After(leaf.NotAfter) {
		return "the client certificate expired on " + leaf.NotAfter.UTC().Format(time.DateOnly)
	}
	return "the member refuses the client certificate: is it signed by a CA that etcd trusts?"
}

// memberError is the error of one member. Its text omits the local port, so that it is
// the same for the same cause.
type memberError struct {
	member string
	only   bool // this is the only member: the text omits its name
	err    error
}

func (e *memberError) Error() string {
	cause := stable(e.err)
	if e.only {
		return cause
	}
	return e.member + ": " + cause
}

func (e *memberError) Unwrap() error { return e.err }

// stable returns a text of the error that is the same for the same cause.
func stable(err error) string { return netcause.Stable(err) }
