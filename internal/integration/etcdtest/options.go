package etcdtest

import (
	"testing"

	"google.golang.org/grpc"
)

// Option changes what Start and StartCluster start. Without any, servers
// speak plain text and let everybody do everything.
type Option func(*options)

type options struct {
	tls      tlsMode
	cert     ServerCert
	pki      *PKI // nil without TLS
	auth     bool
	password string
	hooks    []grpc.UnaryServerInterceptor
	tokens   uint  // how long tokens last that nobody uses, in seconds; 0: etcd's own
	quota    int64 // of the database, in bytes; 0: etcd's own
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

// WithServerTLS serves over TLS and asks no certificate of clients.
func WithServerTLS() Option {
	return func(o *options) { o.tls = tlsServer }
}

// WithMutualTLS serves over TLS and only clients whose certificate is of the
// server's own authority. Peers of a cluster go on speaking plain text.
func WithMutualTLS() Option {
	return func(o *options) { o.tls = tlsMutual }
}

// WithServerCert chooses the certificate that a server with TLS shows; without
// TLS it changes nothing. Server.Client does not check it, unless it is valid.
func WithServerCert(cert ServerCert) Option {
	return func(o *options) { o.cert = cert }
}

// WithAuth turns authentication on, with the users RootUser, CalicoUser,
// OtherUser and ReaderUser, who all have the given password, and simple
// tokens.
func WithAuth(password string) Option {
	return func(o *options) { o.auth, o.password = true, password }
}

// WithUnaryInterceptor leads every unary call through the hook, after it was
// recorded and before etcd sees it, to delay it, to fail it, or to change its
// answer. With more than one hook, the first is outermost. The admin client's
// calls go through as well; those of Start do not.
func WithUnaryInterceptor(hook grpc.UnaryServerInterceptor) Option {
	return func(o *options) { o.hooks = append(o.hooks, hook) }
}

// WithQuota limits the database to so many bytes. A server that has more
// raises the alarm NOSPACE, and takes reads and deletes only.
func WithQuota(bytes int64) Option {
	return func(o *options) { o.quota = bytes }
}

// WithTokenTime has the tokens of WithAuth end after so many seconds in which
// nobody used them.
func WithTokenTime(seconds uint) Option {
	return func(o *options) { o.tokens = seconds }
}
