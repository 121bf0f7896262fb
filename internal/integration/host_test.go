package integration

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// TestDiskIsFull uses an etcd whose quota is used up: a run that has to write fails
// without retries, and a run whose pools exist succeeds.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	fill := func(world *etcdWorld) {
		filler := strings.Repeat("x", 1<<20)
		require.Eventually(t, func() bool {
			_, err := world.admin.Put(t.Context(), "/filler", filler)
			return errors.Is(err, rpctypes.ErrNoSpace)
		}, waitTimeout, pollInterval)
	}
	world := newEtcdWorld(t, etcdtest.WithQuota(4<<20))
	fill(world)
	env := append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]}, bothCIDRs...)
	begin := time.Now()
	r := call(t, env)
	assert.Less(t, time.Since(begin), soon, "the error is not retried")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "database space exceeded: etcd rejects writes: free space (etcdctl compact, etcdctl defrag), then etcdctl alarm disarm")
	assert.Equal(t, 1, strings.Count(r.stderr, "error: "), r.stderr)
	assert.Empty(t, world.Pools(t))

	world = newEtcdWorld(t, etcdtest.WithQuota(4<<20))
	env[0] = "ETCD_ENDPOINTS=" + world.server.Endpoints()[0]
	require.Zero(t, call(t, env).code)
	fill(world)
	r = call(t, env)
	assert.Zero(t, r.code, r.stderr)
}

// TestCompactedSinceTheSnapshot compacts etcd between snapshot and commit. The commit
// succeeds, as it compares and does not read old revisions.
func TestCompactedSinceTheSnapshot(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	world.put(t, "/other", "1")
	store := world.Open(t)
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	world.put(t, "/other", "2")
	answer, err := world.admin.Put(t.Context(), "/other", "3")
	require.NoError(t, err)
	_, err = world.admin.Compact(t.Context(), answer.Header.Revision)
	require.NoError(t, err)
	_, err = store.Commit(t.Context(), snapshot, changesOf(anotherIPv6Pool()))
	require.NoError(t, err)
	assert.Len(t, world.Pools(t), 1)
}

// TestRestrictedProcess runs the program without things that a process usually has:
// it works without them, or reports an error.
func TestRestrictedProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /dev/full")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { full.Close() })
	gone := filepath.Join(t.TempDir(), "gone")
	tests := []struct {
		name    string
		change  func(*exec.Cmd)
		code    int
		message string // on stderr
	}{
		{"no home", func(c *exec.Cmd) { c.Env = without(c.Env, "HOME") }, 0, ""},
		{"home does not exist", func(c *exec.Cmd) { c.Env = append(without(c.Env, "HOME"), "HOME="+gone) }, 0, ""},
		{"TMPDIR does not exist", func(c *exec.Cmd) { c.Env = append(without(c.Env, "TMPDIR"), "TMPDIR="+gone) }, 0, ""},
		{"no environment but the settings", func(c *exec.Cmd) { c.Env = c.Env[3:] }, 0, ""},
		{"no stdin", func(c *exec.Cmd) { c.Stdin = nil }, 0, ""},
		{"stdout is full", func(c *exec.Cmd) { c.Stdout = full }, 1, "error: the pools were created, but writing the output failed: "},
		{"stdout is a broken pipe", func(c *exec.Cmd) { c.Stdout = brokenPipe(t) }, 1, "error: the pools were created, but writing the output failed: "},
		// Go opens /dev/null in place of a closed stream.
		{"stdout is closed", func(c *exec.Cmd) { closeStream(c, "1>&-"); c.Stdout = nil }, 0, ""},
		{"stderr is full", func(c *exec.Cmd) { c.Stderr = full }, 0, ""},
		{"stderr is closed", func(c *exec.Cmd) { closeStream(c, "2>&-") }, 0, ""},
		{"little memory", func(c *exec.Cmd) { c.Env = append(c.Env, "GOMEMLIMIT=24MiB") }, 0, ""},
		{"one processor", func(c *exec.Cmd) { c.Env = append(c.Env, "GOMAXPROCS=1") }, 0, ""},
	}
	cluster := newSteadyWorld(t)
	kubernetes := append([]string{"DATASTORE_TYPE=kubernetes", "KUBECONFIG=" + cluster.server.Kubeconfig(t)}, bothCIDRs...)
	for _, tt := range tests {
		check := func(t *testing.T, env []string, pools func() []v3.IPPool) {
			t.Helper()
			cmd := command(t, env)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			tt.change(cmd)
			begin := time.Now()
			_ = cmd.Run()
			assert.Less(t, time.Since(begin), soon)
			assert.Equal(t, tt.code, cmd.ProcessState.ExitCode(), stderr.String())
			assert.Contains(t, stderr.String(), tt.message)
			assert.Equal(t, min(tt.code, 1), strings.Count(stderr.String(), "error: "), stderr.String())
			assert.NotContains(t, stderr.String(), "goroutine ", "a panic")
			assert.Equal(t, defaultNames, names(pools()))
			if cmd.Stdout == &stdout {
				assert.Contains(t, stdout.String(), "default-ipv6-ippool")
			}
		}
		t.Run(tt.name+", Kubernetes", func(t *testing.T) {
			cluster.empty(t)
			check(t, kubernetes, func() []v3.IPPool { return cluster.Pools(t) })
		})
		t.Run(tt.name+", etcd", func(t *testing.T) {
			t.Parallel()
			world := newEtcdWorld(t)
			check(t, append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]}, bothCIDRs...),
				func() []v3.IPPool { return world.Pools(t) })
		})
	}
}

// TestPlanOutputFails checks that a plan that can't be printed is an error, and that
// nothing is written.
func TestPlanOutputFails(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /dev/full")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { full.Close() })
	world := newEtcdWorld(t)
	env := append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]}, bothCIDRs...)
	into := func(stdout *os.File, args ...string) (stderr string, code int) {
		cmd := command(t, env, args...)
		var buffer bytes.Buffer
		cmd.Stdout, cmd.Stderr = stdout, &buffer
		_ = cmd.Run()
		return buffer.String(), cmd.ProcessState.ExitCode()
	}
	check := func(t *testing.T) {
		t.Helper()
		before := raw(t, world)
		for _, args := range [][]string{{"plan"}, {"plan", "-o", "json"}, {"plan", "-o", "yaml"}, {"plan", "--exit-code"}} {
			for _, stdout := range []*os.File{full, brokenPipe(t)} {
				stderr, code := into(stdout, args...)
				assert.Equal(t, 1, code, args)
				assert.Contains(t, stderr, "error: writing the plan: ")
				assert.NotContains(t, stderr, "all was done")
				assert.Equal(t, 1, strings.Count(stderr, "error: "), stderr)
			}
		}
		assert.Equal(t, before, raw(t, world))
		assert.Zero(t, world.server.Count("Txn"))
	}
	check(t)
	stderr, code := into(full, "apply")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "error: the pools were created, but writing the output failed: ")
	assert.NotContains(t, stderr, "the plan")
	assert.Equal(t, defaultNames, names(world.Pools(t)))
	world.server.ResetRPCs()
	check(t)
}

// closeStream starts the program by a shell that closes one of its streams.
func closeStream(c *exec.Cmd, how string) {
	c.Args = append([]string{"sh", "-c", `exec "$@" ` + how, "sh", c.Path}, c.Args[1:]...)
	c.Path = "/bin/sh"
}

// brokenPipe returns the write end of a pipe whose read end is closed.
func brokenPipe(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.Close())
	t.Cleanup(func() { write.Close() })
	return write
}

// without returns the environment without a variable.
func without(env []string, name string) []string {
	var rest []string
	for _, variable := range env {
		if !strings.HasPrefix(variable, name+"=") {
			rest = append(rest, variable)
		}
	}
	return rest
}
