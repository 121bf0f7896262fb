package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// memoryLimit is a small memory limit for a container, in bytes.
const memoryLimit = 64 << 20

// TestMemoryLimit runs the program in a cgroup with a memory limit, on datastores
// with more blocks and pools than clusters have.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	confine := func(t *testing.T, cmd *exec.Cmd, limit int) (code int, output string) {
		t.Helper()
		group := newCgroup(t, limit)
		inside := exec.Command("sh", append([]string{"-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(group, "cgroup.procs"), cmd.Path}, cmd.Args[1:]...)...)
		inside.Env, inside.Dir = cmd.Env, cmd.Dir
		out, _ := inside.CombinedOutput()
		return inside.ProcessState.ExitCode(), string(out)
	}
	t.Run("etcd", func(t *testing.T) {
		world := newEtcdWorld(t)
		env := append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]}, bothCIDRs...)

		code, out := confine(t, command(t, env), 1<<20)
		require.NotZero(t, code, "the limit has no effect: %s", out)
		require.Empty(t, world.Pools(t))

		etcdtest.Fill(t, world.admin, 50_000, func(i int) (string, string) {
			block := blockOf(i)
			return "/calico/ipam/v2/assignment/ipv4/block/" + strings.ReplaceAll(block, "/", "-"), fmt.Sprintf(`{"cidr":%q}`, block)
		})
		code, out = confine(t, command(t, env), memoryLimit)
		assert.Zero(t, code, "with 50,000 blocks: %s", out)
		assert.Equal(t, defaultNames, names(world.Pools(t)))

		etcdtest.Fill(t, world.admin, 5_000, func(i int) (string, string) {
			pool := anotherIPv6Pool()
			pool.Name, pool.Spec.CIDR = fmt.Sprintf("pool-%d", i), fmt.Sprintf("fd00:1:%x::/64", i)
			record, err := ippool.NewRecord(pool).Encode()
			require.NoError(t, err)
			return ippool.RecordKey(pool.Name), string(record)
		})
		code, out = confine(t, command(t, env), memoryLimit)
		assert.Zero(t, code, "with 5,000 pools: %s", out)
	})
	t.Run("Kubernetes", func(t *testing.T) {
		world := newKubernetesWorld(t, ippool.CRDV1)
		env := append([]string{"DATASTORE_TYPE=kubernetes", "KUBECONFIG=" + world.server.Kubeconfig(t)}, bothCIDRs...)
		code, out := confine(t, command(t, env), memoryLimit)
		require.Zero(t, code, "empty: %s", out)

		client := etcdBelow(t, world.server)
		empty := func(ctx context.Context, prefixes ...string) {
			for _, prefix := range prefixes {
				_, err := client.Delete(ctx, prefix, clientv3.WithPrefix())
				require.NoError(t, err)
			}
		}
		defer empty(context.WithoutCancel(t.Context()), storedPools, storedBlocks)
		empty(t.Context(), storedPools)
		storeBlocks(t, client, 50_000)
		code, out = confine(t, command(t, env), memoryLimit)
		assert.Zero(t, code, "with 50,000 blocks: %s", out)
		assert.Equal(t, defaultNames, names(world.Pools(t)))

		etcdtest.Fill(t, client, 5_000, func(i int) (string, string) {
			name := fmt.Sprintf("pool-%d", i)
			return storedPools + name, storedAs("IPPool", name, fmt.Sprintf("fd00:1:%x::/64", i))
		})
		require.Eventually(t, func() bool { return len(world.Pools(t)) == 5_002 }, waitTimeout, pollInterval)
		code, out = confine(t, command(t, env), memoryLimit)
		assert.Zero(t, code, "with 5,000 pools: %s", out)
	})
}

// newCgroup creates a cgroup, version 1 or 2, with a memory limit in bytes, and
// returns its directory. It skips the test if that is not possible.
func newCgroup(t *testing.T, limit int) string {
	t.Helper()
	parent, file := "/sys/fs/cgroup", "memory.max"
	if _, err := os.Stat(parent + "/memory/memory.limit_in_bytes"); err == nil {
		parent, file = parent+"/memory", "memory.limit_in_bytes"
	}
	group, err := os.MkdirTemp(parent, "calico-bootstrap-test-")
	if err != nil {
		t.Skipf("can't create a cgroup: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, os.Remove(group)) })
	if err := os.WriteFile(filepath.Join(group, file), []byte(strconv.Itoa(limit)), 0); err != nil {
		t.Skipf("can't limit memory: %v", err)
	}
	return group
}

// TestReadOnlyFileSystem runs the program in a mount namespace where all file
// systems are read-only.
func TestReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	t.Run("etcd", func(t *testing.T) {
		world := newEtcdWorld(t)
		runReadOnly(t, []string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]})
		assert.Equal(t, defaultNames, names(world.Pools(t)))
	})
	t.Run("Kubernetes", func(t *testing.T) {
		world := newSteadyWorld(t)
		world.empty(t)
		runReadOnly(t, []string{"DATASTORE_TYPE=kubernetes", "KUBECONFIG=" + world.server.Kubeconfig(t)})
		assert.Equal(t, defaultNames, names(world.Pools(t)))
	})
}

func runReadOnly(t *testing.T, env []string) {
	t.Helper()
	cmd := command(t, append(env, bothCIDRs...))
	const (
		notRemounted = 90
		writable     = 91
		script       = `mount -o remount,bind,ro / || exit 90
			touch "$HOME/file" 2>/dev/null && exit 91
			exec "$@"`
	)
	namespace := func(args ...string) *exec.Cmd {
		return exec.Command("unshare", append([]string{"--user", "--map-root-user", "--mount"}, args...)...)
	}
	if out, err := namespace("true").CombinedOutput(); err != nil { // some distributions don't allow it to users
		t.Skipf("can't create a namespace: %v: %s", err, out)
	}
	inside := namespace(append([]string{"sh", "-c", script, "sh", cmd.Path}, cmd.Args[1:]...)...)
	inside.Env, inside.Dir = cmd.Env, cmd.Dir
	var stderr bytes.Buffer
	inside.Stderr = &stderr
	_ = inside.Run()
	switch code := inside.ProcessState.ExitCode(); code {
	case notRemounted, writable:
		t.Skipf("can't make the file system read-only: %s", stderr.String())
	default:
		assert.Zero(t, code, stderr.String())
	}
}
