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

// background is a run in a goroutine.
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

// halt blocks the first request of a kind until resume is closed.
type halt struct{ reached, resume chan struct{} }

func haltAt(config *rest.Config, which faultproxy.Requests) (*rest.Config, halt) {
	h := halt{make(chan struct{}), make(chan struct{})}
	var once sync.Once
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if which(r) {
				once.Do(func() {
					close(h.reached)
					<-h.resume
				})
			}
			return next.RoundTrip(r)
		})
	})
	return config, h
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// userConfig returns the config of a ServiceAccount with the program's permissions
// only, as in a cluster.
func userConfig(t *testing.T, server *kubetest.Server, name string) *rest.Config {
	t.Helper()
	a := newAccount(t, server, name)
	return &rest.Config{Host: server.URL(), BearerToken: a.token, TLSClientConfig: rest.TLSClientConfig{CAData: server.CA()}}
}

// TestKubernetesServerRestarts has the API server start after the run, or stop and
// start during it.
func TestKubernetesServerRestarts(t *testing.T) {
	t.Parallel()
	server := kubetest.Start(t)
	server.InstallCRDs(t, ippool.CRDV1)
	world := &kubernetesWorld{server: server, group: ippool.CRDV1, config: server.AdminConfig()}
	user := userConfig(t, server, "restarts")

	// Until it is ready, an API server refuses connections, then may answer
	// that it is not ready or that the user is unknown, so there are several
	// causes.
	assertFew := func(t *testing.T, causes []string) {
		t.Helper()
		assert.LessOrEqual(t, len(causes), 4, "%q", causes)
		assert.NotContains(t, strings.Join(causes, ""), "->", "a port would make the same cause look different each time")
	}
	t.Run("late", func(t *testing.T) {
		server.Stop()
		run := startRun(t, kubernetes.Config{REST: user})
		require.Eventually(t, func() bool { return len(run.logs.all()) > 0 }, waitTimeout, pollInterval)
		time.Sleep(500 * time.Millisecond) // several attempts fail
		causes := run.logs.all()
		require.Len(t, causes, 1)
		assert.Contains(t, causes[0], server.URL())
		assert.Contains(t, causes[0], "connection refused")
		assert.Contains(t, causes[0], "no process listens on this address")
		server.Restart(t)
		require.NoError(t, <-run.done)
		assert.Equal(t, bothPools, world.poolsOf(t))
		assertFew(t, run.logs.all())
	})
	for name, which := range map[string]faultproxy.Requests{"before the blocks": faultproxy.Blocks, "before the create": faultproxy.Creates} {
		t.Run(name, func(t *testing.T) {
			world.empty(t)
			config, halt := haltAt(user, which)
			run := startRun(t, kubernetes.Config{REST: config})
			<-halt.reached
			server.Kill()
			close(halt.resume)
			server.Restart(t)
			require.NoError(t, <-run.done)
			assert.Equal(t, bothPools, world.poolsOf(t))
			require.NotEmpty(t, run.logs.all())
			assertFew(t, run.logs.all())
		})
	}
	t.Run("its etcd", func(t *testing.T) {
		world.empty(t)
		config, halt := haltAt(user, faultproxy.Creates)
		run := startRun(t, kubernetes.Config{REST: config, RequestTimeout: 3 * time.Second})
		<-halt.reached
		server.StopEtcd()
		close(halt.resume)
		time.Sleep(time.Second)
		server.StartEtcd(t)
		require.NoError(t, <-run.done)
		assert.Equal(t, bothPools, world.poolsOf(t))
		assertFew(t, run.logs.all())
	})
}

// TestKubernetesWaitsForCRDs installs the CRDs after the start of a run, removes them
// during it, or never installs them.
func TestKubernetesWaitsForCRDs(t *testing.T) {
	t.Parallel()
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
	t.Run("never, program", func(t *testing.T) {
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
		time.Sleep(time.Second) // the installation takes two more
		server.InstallCRDs(t, ippool.CRDV1)
		require.NoError(t, <-run.done)
		assert.Equal(t, bothPools, world.poolsOf(t))
		require.NotEmpty(t, run.logs.all())
		assert.Contains(t, run.logs.all()[0], missing)
		assert.LessOrEqual(t, len(run.logs.all()), 2, "%q", run.logs.all()) // another one is possible during the installation
	})
	t.Run("removed during the run", func(t *testing.T) {
		server.InstallCRDs(t, ippool.CRDV1)
		world.empty(t)
		config, halt := haltAt(world.config, faultproxy.Creates)
		run := startRun(t, kubernetes.Config{REST: config})
		<-halt.reached
		server.RemoveCRDs(t)
		close(halt.resume)
		server.InstallCRDs(t, v3.SchemeGroupVersion)
		require.NoError(t, <-run.done)
		assert.Equal(t, bothPools, (&kubernetesWorld{server: server, group: v3.SchemeGroupVersion}).poolsOf(t), "in the group that is installed now")
	})
}

// TestProgramWaitsForCRDs starts the program ten seconds before the CRDs are
// installed, as in a new cluster.
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
		_ = cmd.Wait() // the exit code is checked instead
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

// TestKubernetesTimeout checks that a run that times out or is canceled returns the
// last cause.
func TestKubernetesTimeout(t *testing.T) {
	t.Parallel()
	config := func(t *testing.T, behavior faultproxy.Behavior) kubernetes.Config {
		return kubernetes.Config{REST: &rest.Config{Host: "https://" + faultproxy.NewTCP(t, "").Then(behavior).Address(), BearerToken: "t"}}
	}
	t.Run("between attempts", func(t *testing.T) {
		t.Parallel()
		_, causes, err := onKubernetes(t, config(t, faultproxy.Behavior{Reset: true}), lasting("1s"))
		require.ErrorIs(t, err, bootstrap.ErrTimedOut)
		require.ErrorIs(t, err, datastore.ErrUnreachable)
		assert.ErrorContains(t, err, "timed out after 1s: Kubernetes https://")
		assert.ErrorContains(t, err, "connection reset by peer")
		assert.NotEmpty(t, causes)
	})
	t.Run("during a request", func(t *testing.T) {
		t.Parallel()
		begin := time.Now()
		_, _, err := onKubernetes(t, config(t, faultproxy.Behavior{Silent: true}), lasting("500ms"))
		require.ErrorIs(t, err, bootstrap.ErrTimedOut)
		require.ErrorIs(t, err, datastore.ErrUnreachable)
		assert.ErrorContains(t, err, "no response in time")
		assert.Less(t, time.Since(begin), soon)
	})
	t.Run("the caller's context", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := bootstrap.New(openKubernetes(t, config(t, faultproxy.Behavior{Silent: true}))).Run(ctx, patient())
		require.ErrorIs(t, err, bootstrap.ErrTimedOut)
	})
	for name, behavior := range map[string]faultproxy.Behavior{"between attempts": {Reset: true}, "during a request": {Silent: true}} {
		t.Run("canceled "+name, func(t *testing.T) {
			t.Parallel()
			cause := errors.New("the operator stops")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(1200*time.Millisecond, func() { cancel(cause) })
			begin := time.Now()
			_, err := bootstrap.New(openKubernetes(t, config(t, behavior))).Run(ctx, lasting("0"))
			require.ErrorIs(t, err, cause)
			require.NotErrorIs(t, err, bootstrap.ErrTimedOut)
			assert.ErrorContains(t, err, "interrupted (the operator stops): ")
			assert.Less(t, time.Since(begin), soon)
		})
	}
}

// TestProgramWaitsForKubernetes sends SIGTERM to a run without a timeout.
func TestProgramWaitsForKubernetes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM on Windows")
	}
	proxy := faultproxy.NewTCP(t, "").Then(faultproxy.Behavior{Reset: true})
	cmd := command(t, []string{"K8S_API_ENDPOINT=https://" + proxy.Address(), "K8S_API_TOKEN=hunter2", "WAIT_FOR_DATASTORE=true"})
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	assert.Eventually(t, func() bool { return proxy.Connections() >= 4 }, waitTimeout, pollInterval, "it retries")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	assert.Equal(t, 1, cmd.ProcessState.ExitCode())
	assert.Contains(t, stderr.String(), "error: interrupted")
	assert.Contains(t, stderr.String(), "connection reset by peer")
	assert.NotContains(t, stderr.String(), "hunter2")
}
