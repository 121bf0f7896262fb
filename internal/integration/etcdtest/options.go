package etcdtest

import (
	"testing"

	"google.golang.org/grpc"
)

// Option configures Start and StartCluster. By default, servers use neither TLS nor
// authentication.
type Option func(*options)

type options struct {
	tls      tlsMode
	cert     ServerCert
	pki      *PKI // nil without TLS
	auth     bool
	password string
	hooks    []grpc.UnaryServerInterceptor
	tokens   uint  // lifetime of unused tokens in seconds; 0: etcd's default
	quota    int64 // of the database, in bytes; 0: etcd's default
}

type tlsMode int

const (
	tlsNone tlsMode = iota
	tlsServer
	tlsMutual
)

func newOptions(tb testing.TB, opts []Option) options {
	tb.Helper()
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if o.tls != tlsNone {
		o.pki = newPKI(tb, o.cert)
	}
	return o
}

// WithServerTLS enables TLS without client certificates.
func WithServerTLS() Option {
	return func(o *options) { o.tls = tlsServer }
}

// WithMutualTLS enables TLS and requires client certificates of the server's own
// authority. Traffic between the peers of a cluster is not encrypted.
func WithMutualTLS() Option {
	return func(o *options) { o.tls = tlsMutual }
}

// WithServerCert selects the certificate of a server with TLS. It has no effect without
// TLS. Server.Client does not verify it unless it is ServerCertValid.
func WithServerCert(cert ServerCert) Option {
	return func(o *options) { o.cert = cert }
}

// WithAuth enables authentication with simple tokens. The users RootUser, CalicoUser,
// OtherUser and ReaderUser all have the given password.
func WithAuth(password string) Option {
	return func(o *options) { o.auth, o.password = true, password }
}

// WithUnaryInterceptor passes every unary call through the hook, after it is recorded and
// before etcd handles it. The hook may delay it, fail it or change its answer. With
// several hooks, the first is outermost. It applies to the admin client's calls, too, but
// not to those of Start.
func WithUnaryInterceptor(hook grpc.UnaryServerInterceptor) Option {
	return func(o *options) { o.hooks = append(o.hooks, hook) }
}

// WithQuota limits the size of the database. A server that exceeds it raises the alarm
// NOSPACE and accepts only reads and deletes.
func WithQuota(bytes int64) Option {
	return func(o *options) { o.quota = bytes }
}

// WithTokenTime sets the lifetime of the tokens of WithAuth. A token expires if it is
// unused for that long.
func WithTokenTime(seconds uint) Option {
	return func(o *options) { o.tokens = seconds }
}
