package integration

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// background is a run under way.
type background struct {
	logs causeLog
	done chan error
}

func startRun(t *testing.T, config kubernetes.Config) *background {
	t.Helper()
	b := &background{done: make(chan error, 1)}
	store := openKubernetes(t, config)
	go func() {
		_, err := bootstrap.New(store, bootstrap.WithHost(suite.Host{}), bootstrap.WithLogger(slog.New(&b.logs))).Run(t.Context(), dual(patient()))
		b.done <- err
	}()
	return b
}

// halt holds the first request of a kind until goOn is closed.
type halt struct{ reached, goOn chan struct{} }

func haltAt(config *rest.Config, which faultproxy.Requests) (*rest.Config, halt) {
	h := halt{make(chan struct{}), make(chan struct{})}
	var once sync.Once
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if which(r) {
				once.Do(func() {
					close(h.reached)
					<-h.goOn
				})
			}
			return next.RoundTrip(r)
		})
	})
	return config, h
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// userConfig is that of an account which RBAC holds, as in a cluster.
func userConfig(t *testing.T, server *kubetest.Server, name string) *rest.Config {
	t.Helper()
	a := newAccount(t, server, name)
	return &rest.Config{Host: server.URL(), BearerToken: a.token, TLSClientConfig: rest.TLSClientConfig{CAData: server.CA()}}
}

// TestKubernetesServerComesAndGoes has an API server that is not there yet, or
// goes in the middle of a run, and comes.
func TestKubernetesServerComesAndGoes(t *testing.T) {
	t.Parallel()
	server := kubetest.Start(t)
	server.InstallCRDs(t, ippool.CRDV1)
	world := &kubernetesWorld{server: server, group: ippool.CRDV1, config: server.AdminConfig()}
	user := userConfig(t, server, "comes-and-goes")

	// Until it is ready, an API server refuses connections, and may say that
	// it is not ready, or not know us: that is several causes, but no more.
	few := func(t *testing.T, causes []string) {
		t.Helper()
		assert.LessOrEqual(t, len(causes), 4, "%q", causes)
		assert.NotContains(t, strings.Join(causes, ""), "->", "ports differ each time")
	}
	t.Run("late", func(t *testing.T) {
		server.Stop()
		run := startRun(t, kubernetes.Config{REST: user})
		require.Eventually(t, func() bool { return len(run.logs.all()) > 0 }, waiting, step)
		time.Sleep(500 * time.Millisecond) // several attempts fail meanwhile
		causes := run.logs.all()
		require.Len(t, causes, 1)
		assert.Contains(t, causes[0], server.URL())
		assert.Contains(t, causes[0], "connection refused")
		assert.Contains(t, causes[0], "nothing listens there")
		server.Restart(t)
		require.NoError(t, <-run.done)
		assert.Equal(t, bothPools, world.poolsOf(t))
		few(t, run.logs.all())
	})
	for name, which := range map[string]faultproxy.Requests{"before the blocks": faultproxy.Blocks, "before the create": faultproxy.Creates} {
		t.Run(name, func(t *testing.T) {
			world.empty(t)
			config, halt := haltAt(user, which)
			run := startRun(t, kubernetes.Config{REST: config})
			<-halt.reached
			server.Kill()
			close(halt.goOn)
			server.Restart(t)
			require.NoError(t, <-run.done)
			assert.Equal(t, bothPools, world.poolsOf(t))
			require.NotEmpty(t, run.logs.all())
			few(t, run.logs.all())
		})
	}
	t.Run("etcd below it", func(t *testing.T) {
		world.empty(t)
		config, halt := haltAt(user, faultproxy.Creates)
		run := startRun(t, kubernetes.Config{REST: config, RequestTimeout: 3 * time.Second})
		<-halt.reached
		server.StopEtcd()
		close(halt.goOn)
		time.Sleep(time.Second)
		server.StartEtcd(t)
		require.NoError(t, <-run.done)
		assert.Equal(t, bothPools, world.poolsOf(t))
		few(t, run.logs.all())
	})
}

// TestKubernetesWaitsForCRDs has the CRDs come after the run, or in its middle,
// or not at all.
func TestKubernetesWaitsForCRDs(t *testing.T) {
	server := kubetest.Shared(t)
	world := &kubernetesWorld{server: server, group: ippool.CRDV1, config: server.AdminConfig()}
	const missing = "not installed: crd.projectcalico.org/v1 has no ippools, projectcalico.org/v3 has no ippools: install Calico's CRDs"

	t.Run("never", func(t *testing.T) {
		server.RemoveCRDs(t)
		_, causes, err := onKubernetes(t, kubernetes.Config{REST: world.config}, lasting("700ms"))
		require.ErrorIs(t, err, bootstrap.ErrTimedOut)
		require.ErrorIs(t, err, datastore.ErrNotInstalled)
		assert.ErrorContains(t, err, missing)
		assert.Len(t, causes, 1)
	})
	t.Run("never, says the program", func(t *testing.T) {
		begin := time.Now()
		r := call(t, nil, "--kubeconfig", server.Kubeconfig(t), "--timeout", "2s")
		assert.Equal(t, 4, r.code, r.stderr)
		assert.GreaterOrEqual(t, time.Since(begin), 2*time.Second)
		assert.Empty(t, r.stdout)
		assert.Contains(t, r.stderr, "error: timed out after 2s: Kubernetes "+server.URL()+": reading IP pools: "+missing)
		assert.Equal(t, 1, strings.Count(r.stderr, "waiting for the datastore"))
	})
	t.Run("late", func(t *testing.T) {
		server.RemoveCRDs(t)
		run := startRun(t, kubernetes.Config{REST: world.config})
		time.Sleep(time.Second) // installing takes two more
		server.InstallCRDs(t, ippool.CRDV1)
		require.NoError(t, <-run.done)
		assert.Equal(t, bothPools, world.poolsOf(t))
		require.NotEmpty(t, run.logs.all())
		assert.Contains(t, run.logs.all()[0], missing)
		assert.LessOrEqual(t, len(run.logs.all()), 2, "%q", run.logs.all()) // one while they come
	})
	t.Run("gone in the middle", func(t *testing.T) {
		server.InstallCRDs(t, ippool.CRDV1)
		world.empty(t)
		config, halt := haltAt(world.config, faultproxy.Creates)
		run := startRun(t, kubernetes.Config{REST: config})
		<-halt.reached
		server.RemoveCRDs(t)
		close(halt.goOn)
		server.InstallCRDs(t, v3.SchemeGroupVersion)
		require.NoError(t, <-run.done)
		assert.Equal(t, bothPools, (&kubernetesWorld{server: server, group: v3.SchemeGroupVersion}).poolsOf(t), "of the group that came instead")
	})
}

// TestProgramWaitsForCRDs has the program start ten seconds before the CRDs
// come, as on a cluster that is being built.
func TestProgramWaitsForCRDs(t *testing.T) {
	t.Parallel()
	server := kubetest.Start(t)
	kubeconfig := server.Kubeconfig(t)
	done := make(chan result, 1)
	cmd := command(t, append(bothCIDRs[:2:2], "KUBECONFIG="+kubeconfig))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Start())
	go func() {
		_ = cmd.Wait() // the code says it
		done <- result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	}()
	time.Sleep(10 * time.Second)
	server.InstallCRDs(t, ippool.CRDV1)
	r := <-done
	require.Zero(t, r.code, r.stderr)
	assert.Equal(t, 2, strings.Count(r.stdout, "created"), r.stdout)
	assert.Contains(t, r.stderr, "has no ippools")
	assert.LessOrEqual(t, strings.Count(r.stderr, "waiting for the datastore"), 2, r.stderr)
}

// TestKubernetesTimeIsOver has a run end with what was in the way.
func TestKubernetesTimeIsOver(t *testing.T) {
	t.Parallel()
	config := func(t *testing.T, manner faultproxy.Manner) kubernetes.Config {
		return kubernetes.Config{REST: &rest.Config{Host: "https://" + faultproxy.NewTCP(t, "").Then(manner).Address(), BearerToken: "t"}}
	}
	t.Run("in a pause", func(t *testing.T) {
		t.Parallel()
		_, causes, err := onKubernetes(t, config(t, faultproxy.Manner{Reset: true}), lasting("1s"))
		require.ErrorIs(t, err, bootstrap.ErrTimedOut)
		require.ErrorIs(t, err, datastore.ErrUnreachable)
		assert.ErrorContains(t, err, "timed out after 1s: Kubernetes https://")
		assert.ErrorContains(t, err, "connection reset by peer")
		assert.NotEmpty(t, causes)
	})
	t.Run("in a request", func(t *testing.T) {
		t.Parallel()
		begin := time.Now()
		_, _, err := onKubernetes(t, config(t, faultproxy.Manner{Silent: true}), lasting("500ms"))
		require.ErrorIs(t, err, bootstrap.ErrTimedOut)
		require.ErrorIs(t, err, datastore.ErrUnreachable)
		assert.ErrorContains(t, err, "no response in time")
		assert.Less(t, time.Since(begin), soon)
	})
	t.Run("of the caller's context", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := bootstrap.New(openKubernetes(t, config(t, faultproxy.Manner{Silent: true}))).Run(ctx, patient())
		require.ErrorIs(t, err, bootstrap.ErrTimedOut)
	})
	for name, manner := range map[string]faultproxy.Manner{"a pause": {Reset: true}, "a request": {Silent: true}} {
		t.Run("cancelled in "+name, func(t *testing.T) {
			t.Parallel()
			why := errors.New("the operator stops")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(1200*time.Millisecond, func() { cancel(why) })
			begin := time.Now()
			_, err := bootstrap.New(openKubernetes(t, config(t, manner))).Run(ctx, lasting("0"))
			require.ErrorIs(t, err, why)
			require.NotErrorIs(t, err, bootstrap.ErrTimedOut)
			assert.ErrorContains(t, err, "interrupted (the operator stops): ")
			assert.Less(t, time.Since(begin), soon)
		})
	}
}

// TestProgramWaitsForKubernetes has a run without a limit, and SIGTERM.
func TestProgramWaitsForKubernetes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM on Windows")
	}
	proxy := faultproxy.NewTCP(t, "").Then(faultproxy.Manner{Reset: true})
	cmd := command(t, []string{"K8S_API_ENDPOINT=https://" + proxy.Address(), "K8S_API_TOKEN=hunter2", "WAIT_FOR_DATASTORE=true"})
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	assert.Eventually(t, func() bool { return proxy.Connections() >= 4 }, waiting, step, "it goes on")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	assert.Equal(t, 1, cmd.ProcessState.ExitCode())
	assert.Contains(t, stderr.String(), "error: interrupted")
	assert.Contains(t, stderr.String(), "connection reset by peer")
	assert.NotContains(t, stderr.String(), "hunter2")
}
