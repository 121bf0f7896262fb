package integration

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// quickTimeout is the timeout of quick.
const quickTimeout = 4 * time.Second

// quick returns settings for a run that must time out.
func quick() settings.Settings {
	return settings.Settings{Timeout: settings.Given(quickTimeout.String(), origin.Caller("test"))}
}

// patient returns settings for a run that must succeed, with time for a late server
// or a busy machine.
func patient() settings.Settings {
	return settings.Settings{Timeout: settings.Given("60s", origin.Caller("test"))}
}

func runOn(t *testing.T, config etcdv3.Config, settings settings.Settings, options ...bootstrap.Option) (bootstrap.Report, error) {
	t.Helper()
	options = append(options, bootstrap.WithHost(suite.Host{}))
	return bootstrap.New(open(t, config), options...).Run(t.Context(), settings)
}

// fault is the error that a run must return.
type fault struct {
	kind      error
	retryable bool // retried until the timeout
	message   []string
}

func (f fault) check(t *testing.T, config etcdv3.Config) {
	t.Helper()
	settings := patient()
	if f.retryable {
		settings = quick()
	}
	begin := time.Now()
	_, err := runOn(t, config, settings)
	took := time.Since(begin)
	require.ErrorIs(t, err, f.kind)
	for _, text := range append(f.message, config.Endpoints...) {
		assert.ErrorContains(t, err, text)
	}
	if f.retryable {
		require.ErrorIs(t, err, bootstrap.ErrTimedOut)
		assert.GreaterOrEqual(t, took, quickTimeout, "it retries until the timeout")
		assert.Less(t, took, soon, "and not longer")
	} else {
		require.NotErrorIs(t, err, bootstrap.ErrTimedOut, "the error is not retried")
		assert.Less(t, took, soon)
	}
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), password)
}

// password is unlikely to be in any output by chance.
const password = "pass-word-that-must-not-show"

func TestTLS(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithMutualTLS())
	pki := server.PKI()
	config := func(keys *etcdtest.KeyPair) etcdv3.Config {
		return etcdv3.Config{Endpoints: server.Endpoints(), TLS: pki.TLS(t, keys)}
	}

	t.Run("valid", func(t *testing.T) {
		report, err := runOn(t, config(pki.Client()), patient())
		require.NoError(t, err)
		assert.Len(t, report.Pools, 2)
	})
	t.Run("no client certificate", func(t *testing.T) {
		fault{kind: datastore.ErrTLS, message: []string{"certificate required", "etcd.certFile"}}.check(t, config(nil))
	})
	t.Run("client certificate of another CA", func(t *testing.T) {
		fault{kind: datastore.ErrTLS, message: []string{"is it signed by a CA that etcd trusts?"}}.check(t, config(pki.OtherCAClient(t)))
	})
	t.Run("expired client certificate", func(t *testing.T) {
		fault{kind: datastore.ErrTLS, message: []string{"the client certificate expired on 20"}}.check(t, config(pki.ExpiredClient(t)))
	})
	t.Run("server certificate of an unknown CA", func(t *testing.T) {
		fault{kind: datastore.ErrTLS, message: []string{"unknown authority", "etcd.caCertFile"}}.
			check(t, etcdv3.Config{Endpoints: server.Endpoints()})
	})
	t.Run("http to a TLS server", func(t *testing.T) {
		plain := "http" + server.Endpoints()[0][len("https"):]
		fault{kind: datastore.ErrUnreachable, retryable: true, message: []string{"https://?"}}.
			check(t, etcdv3.Config{Endpoints: []string{plain}})
	})
}

func TestTLSServerCertificates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		cert    etcdtest.ServerCert
		message []string
	}{
		{"expired", etcdtest.ServerCertExpired, []string{"expired", "renew"}},
		{"another host", etcdtest.ServerCertWrongHost, []string{"127.0.0.1", "host name or address"}},
		{"another CA", etcdtest.ServerCertOtherCA, []string{"unknown authority"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := etcdtest.Start(t, etcdtest.WithServerTLS(), etcdtest.WithServerCert(test.cert))
			fault{kind: datastore.ErrTLS, message: test.message}.
				check(t, etcdv3.Config{Endpoints: server.Endpoints(), TLS: server.PKI().TLS(t, nil)})
		})
	}
}

func TestHTTPSToAPlainServer(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	secure := "https" + server.Endpoints()[0][len("http"):]
	fault{kind: datastore.ErrUnreachable, retryable: true, message: []string{"TLS handshake: EOF", "is the endpoint http://?"}}.
		check(t, etcdv3.Config{Endpoints: []string{secure}})
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithAuth(password))
	config := func(user, pass string) etcdv3.Config {
		return etcdv3.Config{Endpoints: server.Endpoints(), Username: user, Password: pass}
	}

	t.Run("wrong password", func(t *testing.T) {
		fault{kind: datastore.ErrUnauthorized, message: []string{`"calico"`, "password"}}.check(t, config(etcdtest.CalicoUser, "wrong"))
	})
	t.Run("unknown user", func(t *testing.T) {
		fault{kind: datastore.ErrUnauthorized, message: []string{`"nobody"`}}.check(t, config("nobody", password))
	})
	t.Run("no user", func(t *testing.T) {
		fault{kind: datastore.ErrUnauthorized, message: []string{"etcd.username"}}.check(t, config("", ""))
	})
	t.Run("user without read permission", func(t *testing.T) {
		fault{kind: datastore.ErrForbidden, message: []string{"reading IP pools", `"other"`, "grant-permission ROLE --prefix=true read " + ippool.RecordPrefix}}.
			check(t, config(etcdtest.OtherUser, password))
	})
	t.Run("user without write permission", func(t *testing.T) {
		fault{kind: datastore.ErrForbidden, message: []string{"creating IP pools", `"reader"`, "readwrite " + ippool.RecordPrefix}}.
			check(t, config(etcdtest.ReaderUser, password))
	})
	t.Run("valid", func(t *testing.T) {
		server.ResetRPCs()
		_, err := runOn(t, config(etcdtest.CalicoUser, password), patient())
		require.NoError(t, err)
		assert.Positive(t, server.Count("Authenticate"))
		assert.Positive(t, server.Count("Txn"))
	})
	t.Run("authentication is disabled", func(t *testing.T) {
		_, err := runOn(t, etcdv3.Config{
			Endpoints: etcdtest.Start(t).Endpoints(), Username: etcdtest.CalicoUser, Password: password,
		}, patient())
		require.NoError(t, err)
	})
}

func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	fault{kind: datastore.ErrUnreachable, retryable: true, message: []string{"connection refused", "no process listens on this address"}}.
		check(t, etcdv3.Config{Endpoints: []string{"http://" + listener.Addr().String()}})
}

// TestHangs connects to a server that accepts connections and does not answer.
func TestHangs(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	fault{kind: datastore.ErrUnreachable, retryable: true, message: []string{"no response"}}.
		check(t, etcdv3.Config{Endpoints: []string{"http://" + listener.Addr().String()}})
}

func TestOneMemberOfTwoIsEnough(t *testing.T) {
	t.Parallel()
	gone := etcdtest.Start(t)
	gone.Stop()
	server := etcdtest.Start(t)
	_, err := runOn(t, etcdv3.Config{Endpoints: append(gone.Endpoints(), server.Endpoints()...)}, patient())
	require.NoError(t, err)
}

func TestServerStartsLate(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	server.Stop()
	logs := newLogCounter()
	done := make(chan error, 1)
	go func() {
		_, err := runOn(t, etcdv3.Config{Endpoints: server.Endpoints()}, patient(), bootstrap.WithLogger(logs.logger()))
		done <- err
	}()
	time.Sleep(1500 * time.Millisecond) // several attempts fail
	server.Restart()
	require.NoError(t, <-done)
	assert.Equal(t, 1, logs.count("waiting for the datastore"), "logged once for the same cause")
}

// TestCommitIsCutOff stops the server after a commit, before it answers: the run
// must recognize its own pools.
func TestCommitIsCutOff(t *testing.T) {
	t.Parallel()
	var server *etcdtest.Server
	var once sync.Once
	stopped := make(chan struct{})
	server = etcdtest.Start(t, etcdtest.WithUnaryInterceptor(
		func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			answer, err := handler(ctx, req)
			if info.FullMethod == "/etcdserverpb.KV/Txn" {
				once.Do(func() { go func() { server.Stop(); close(stopped) }() })
				<-ctx.Done() // until the connection breaks
			}
			return answer, err
		}))
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		<-stopped
		server.Restart()
	}()
	report, err := runOn(t, etcdv3.Config{Endpoints: server.Endpoints(), RequestTimeout: 3 * time.Second}, patient())
	<-restarted
	require.NoError(t, err)
	require.Len(t, report.Pools, 2)
	for _, pool := range report.Pools {
		assert.Equal(t, plan.Created, pool.Action, "this run created it")
	}
}

// TestRefusalIsAlwaysTLS connects many times without a client certificate and
// without the retries of a run. The refusal may show in different ways on the
// connection, and is always an ErrTLS.
func TestRefusalIsAlwaysTLS(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithMutualTLS())
	for range 100 {
		_, err := open(t, etcdv3.Config{Endpoints: server.Endpoints(), TLS: server.PKI().TLS(t, nil)}).Snapshot(t.Context())
		require.ErrorIs(t, err, datastore.ErrTLS)
	}
}

// TestNotEtcd connects to an HTTP server that is not etcd.
func TestNotEtcd(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	fault{kind: datastore.ErrUnreachable, retryable: true, message: []string{"not gRPC", "etcd's client port?"}}.
		check(t, etcdv3.Config{Endpoints: []string{web.URL}})
}
