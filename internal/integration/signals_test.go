package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// An instant is the point at which a run is stopped: during its n-th request, either
// before the server handles it, or after that and before the answer.
type instant struct {
	request int
	done    bool
}

func (m instant) String() string {
	if m.done {
		return fmt.Sprintf("after request %d", m.request)
	}
	return fmt.Sprintf("before request %d", m.request)
}

// TestSignalsAtEveryPhase stops the program in each of its requests, with SIGTERM, which
// it reports, and with SIGKILL. On etcd either all pools are stored or none, on
// Kubernetes those that were created. The next run succeeds.
func TestSignalsAtEveryPhase(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM on Windows")
	}
	t.Run("etcd", func(t *testing.T) {
		t.Parallel()
		var holding holder
		world := newEtcdWorld(t, etcdtest.WithUnaryInterceptor(holding.intercept))
		stopEverywhere(t, phases{
			env:   append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]}, bothCIDRs...),
			hold:  holding.hold,
			empty: func() { world.empty(t) },
			pools: func() []string { return names(world.Pools(t)) },
			left:  []int{0, 2},
		})
	})
	t.Run("Kubernetes", func(t *testing.T) {
		world := newKubernetesWorld(t, ippool.CRDV1)
		stopEverywhere(t, phases{
			hold: func(t *testing.T, at instant, then func()) []string {
				proxy := faultproxy.NewHTTP(t, world.config)
				fault := faultproxy.Hold(then)
				if at.done {
					fault = faultproxy.After(fault)
				}
				count := 0
				proxy.Inject(func(*http.Request) bool { count++; return count == at.request }, 1, fault)
				ca := filepath.Join(t.TempDir(), "ca.pem")
				require.NoError(t, os.WriteFile(ca, proxy.CA(), 0o600))
				return append([]string{"DATASTORE_TYPE=kubernetes", "K8S_API_ENDPOINT=" + proxy.URL(), "K8S_CA_FILE=" + ca}, bothCIDRs...)
			},
			empty: func() { world.empty(t) },
			pools: func() []string { return names(world.Pools(t)) },
			left:  []int{0, 1, 2},
		})
	})
}

// phases is a datastore whose requests can be blocked.
type phases struct {
	env   []string
	hold  func(t *testing.T, at instant, then func()) []string // calls then at the instant; returns additional variables
	empty func()
	pools func() []string
	left  []int // the possible numbers of pools after a stopped run
}

func stopEverywhere(t *testing.T, p phases) {
	t.Helper()
	left := map[int]bool{}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for request := 1; ; request++ {
			reached := false
			for _, done := range []bool{false, true} {
				at := instant{request, done}
				t.Run(fmt.Sprint(signal, " ", at), func(t *testing.T) {
					p.empty()
					reached = p.stop(t, at, signal)
					pools := p.pools()
					assert.Contains(t, p.left, len(pools), "%v", pools)
					left[len(pools)] = true
					env := append(p.env, p.hold(t, instant{}, nil)...)
					r := call(t, env)
					assert.Zero(t, r.code, r.stderr)
					assert.Equal(t, defaultNames, p.pools())
				})
			}
			if !reached {
				assert.Greater(t, request, 3, "no run was stopped late enough")
				break
			}
		}
	}
	assert.Len(t, left, len(p.left), "%v: some outcome did not occur", left)
}

// stop does a run and stops it at the instant. It reports whether the run reached it.
func (p phases) stop(t *testing.T, at instant, signal syscall.Signal) (reached bool) {
	t.Helper()
	var (
		stderr  bytes.Buffer
		started = make(chan *os.Process, 1)
		held    = make(chan time.Time, 1)
	)
	env := append(p.env, p.hold(t, at, func() {
		process := <-started
		held <- time.Now()
		assert.NoError(t, process.Signal(signal))
	})...)
	cmd := command(t, env)
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	started <- cmd.Process
	err := cmd.Wait()
	p.hold(t, instant{}, nil) // the test's own requests must not be blocked
	select {
	case since := <-held:
		assert.Less(t, time.Since(since), soon)
		var exit *exec.ExitError
		require.True(t, errors.As(err, &exit), "the run was not stopped: %v", stderr.String())
		assert.NotContains(t, stderr.String(), "goroutine ", "a panic")
		if signal == syscall.SIGTERM {
			assert.Equal(t, 1, exit.ExitCode(), stderr.String())
			assert.Contains(t, stderr.String(), "error: interrupted")
			if !at.done && len(p.pools()) == 1 { // else the program may not know
				assert.Contains(t, stderr.String(), `IPPool "default-ipv4-ippool" was created and not rolled back`)
			}
			// One error, and a line for each pool that was or may have been written.
			lines := 1 + strings.Count(stderr.String(), "was created and not rolled back") + strings.Count(stderr.String(), "may have been written")
			assert.Equal(t, lines, strings.Count(stderr.String(), "error: "), stderr.String())
		}
		return true
	default:
		assert.NoError(t, err, stderr.String())
		return false
	}
}

// holder blocks a call to etcd.
type holder struct {
	mu    sync.Mutex
	calls int
	at    instant
	then  func()
}

func (h *holder) hold(_ *testing.T, at instant, then func()) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls, h.at, h.then = 0, at, then
	return nil
}

func (h *holder) intercept(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	h.mu.Lock()
	h.calls++
	at, then, held := h.at, h.then, h.calls == h.at.request
	h.mu.Unlock()
	switch {
	case !held:
		return handler(ctx, req)
	case at.done:
		answer, err := handler(ctx, req)
		then()
		<-ctx.Done()
		return answer, err
	default:
		then()
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

// TestClosedOutput blocks stdout, so that the program hangs when it prints the result.
// The pools are written. The first signal does not end the program, as the write can't
// be canceled; the second does.
func TestClosedOutput(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM on Windows")
	}
	world := newEtcdWorld(t)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	require.NoError(t, write.SetWriteDeadline(time.Now().Add(time.Second/5)))
	_, err = write.Write(make([]byte, 1<<20)) // more than a pipe holds
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	cmd := command(t, append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0], "CALICO_STARTUP_LOGLEVEL=info"}, bothCIDRs...))
	cmd.Stdout = write
	logged := logged(t, cmd)
	require.NoError(t, cmd.Start())
	require.NoError(t, write.Close())
	require.Eventually(t, func() bool { return strings.Contains(logged(), "IPv6 pool created") }, waitTimeout, pollInterval) // only the output is left
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-ended:
		require.Fail(t, "the first signal ended it", logged())
	case <-time.After(10 * pollInterval):
	}
	require.Eventually(t, func() bool {
		_ = cmd.Process.Signal(syscall.SIGTERM) // again, if the first is not yet handled
		select {
		case err = <-ended:
			return true
		default:
			return false
		}
	}, soon, pollInterval)
	require.Error(t, err)
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	assert.Equal(t, syscall.SIGTERM, status.Signal(), "ended by the second signal")
	assert.Equal(t, defaultNames, names(world.Pools(t)))
}
