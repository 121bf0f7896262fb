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

// An instant is when a run is stopped: in its n-th request, before the server
// hears of it, or when the server has done what it asks and nobody knows yet.
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

// TestSignalsAtEveryPhase stops the program in each of its requests: with
// SIGTERM it says so and ends at once, with SIGKILL it just ends; what is left is
// whole on etcd, and on Kubernetes what was created; and the next run finishes
// the job.
func TestSignalsAtEveryPhase(t *testing.T) {
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
			hold: func(t *testing.T, at instant, what func()) []string {
				proxy := faultproxy.NewHTTP(t, world.config)
				fault := faultproxy.Hold(what)
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

// phases is a datastore whose requests can be held.
type phases struct {
	env   []string
	hold  func(t *testing.T, at instant, what func()) []string // further variables; what is called when the instant has come
	empty func()
	pools func() []string
	left  []int // how many pools there may be after a run that was stopped
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
				assert.Greater(t, request, 3, "no run was stopped late enough to say anything")
				break
			}
		}
	}
	assert.Len(t, left, len(p.left), "%v: some outcome was never seen", left)
}

// stop reports whether a run came to the instant; then it was stopped there.
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
	p.hold(t, instant{}, nil) // what the test itself asks is not meant
	select {
	case since := <-held:
		assert.Less(t, time.Since(since), soon)
		var exit *exec.ExitError
		require.True(t, errors.As(err, &exit), "it went on: %v", stderr.String())
		assert.NotContains(t, stderr.String(), "goroutine ", "a panic")
		if signal == syscall.SIGTERM {
			assert.Equal(t, 1, exit.ExitCode(), stderr.String())
			assert.Contains(t, stderr.String(), "error: interrupted")
			errs := 1
			if !at.done && len(p.pools()) == 1 { // else nobody may know yet
				assert.Contains(t, stderr.String(), `IPPool "default-ipv4-ippool" was created and not rolled back`)
			}
			if strings.Contains(stderr.String(), "was created and not rolled back") {
				errs++
			}
			assert.Equal(t, errs, strings.Count(stderr.String(), "error: "), stderr.String())
		}
		return true
	default:
		assert.NoError(t, err, stderr.String())
		return false
	}
}

// holder holds a call of etcd.
type holder struct {
	mu    sync.Mutex
	calls int
	at    instant
	what  func()
}

func (h *holder) hold(_ *testing.T, at instant, what func()) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls, h.at, h.what = 0, at, what
	return nil
}

func (h *holder) intercept(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	h.mu.Lock()
	h.calls++
	at, what, held := h.at, h.what, h.calls == h.at.request
	h.mu.Unlock()
	switch {
	case !held:
		return handler(ctx, req)
	case at.done:
		answer, err := handler(ctx, req)
		what()
		<-ctx.Done()
		return answer, err
	default:
		what()
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

// A run that can't get rid of its result has done its work. The first signal
// doesn't end it, as a write can't be given up; the second does.
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
	require.Eventually(t, func() bool { return strings.Contains(logged(), "IPv6 pool created") }, waiting, step) // all it still does is to print
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-ended:
		require.Fail(t, "the first signal ended it", logged())
	case <-time.After(10 * step):
	}
	require.Eventually(t, func() bool {
		_ = cmd.Process.Signal(syscall.SIGTERM) // once more, in case it hadn't seen the first yet
		select {
		case err = <-ended:
			return true
		default:
			return false
		}
	}, soon, step)
	require.Error(t, err)
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	assert.Equal(t, syscall.SIGTERM, status.Signal(), "of the second signal")
	assert.Equal(t, defaultNames, names(world.Pools(t)))
}
