package integration

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// example prepares a call of an example, as command does of the program. The
// examples are programs that somebody copies: each runs here on real servers.
func example(t *testing.T, build programs.Program, env []string, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	cmd := exec.Command(binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "CALICO_IPPOOLS_PREFLIGHT=off"}, env...)
	return cmd
}

// output runs it, with something on stdin.
func output(t *testing.T, cmd *exec.Cmd, stdin string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	_ = cmd.Run()
	require.NotNil(t, cmd.ProcessState)
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func names(pools []v3.IPPool) []string {
	var all []string
	for _, pool := range pools {
		all = append(all, pool.Name)
	}
	return all
}

// anotherIPv6Pool is what somebody else may have made.
func anotherIPv6Pool() *v3.IPPool {
	pool := &v3.IPPool{Spec: v3.IPPoolSpec{CIDR: "fd00:9::/64"}}
	pool.Name = "default-ipv6-ippool"
	ippool.Default(pool)
	return pool
}

var defaultNames = []string{"default-ipv4-ippool", "default-ipv6-ippool"}

func TestNodefork(t *testing.T) {
	t.Run("etcd", func(t *testing.T) {
		t.Parallel()
		world := newEtcdWorld(t)
		env := append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0], "CALICO_IPV4POOL_NAT_OUTGOING=false", "CALICO_IPV4POOL_IPIP=CrossSubnet"}, bothCIDRs...)
		for range 2 { // a node, and the next
			r := output(t, example(t, programs.Nodefork, env), "")
			require.Zero(t, r.code, r.stderr)
			assert.Equal(t, "2 IPPools; tunnel devices: IP-in-IP true, VXLAN false\n", r.stdout)
		}
		pools := world.Pools(t)
		require.Equal(t, defaultNames, names(pools))
		assert.False(t, pools[0].Spec.NATOutgoing)

		r := output(t, example(t, programs.Nodefork, append(env, "CALICO_IPV4POOL_IPIP=sometimes")), "")
		assert.Equal(t, 1, r.code)
		assert.Equal(t, "env CALICO_IPV4POOL_IPIP: \"sometimes\": unknown mode; want one of off, never, always, crosssubnet, cross-subnet\n", r.stderr)
	})
	t.Run("Kubernetes", func(t *testing.T) {
		world := newKubernetesWorld(t, v3.SchemeGroupVersion)
		env := append([]string{"KUBECONFIG=" + world.server.Kubeconfig(t)}, bothCIDRs...)
		for range 2 {
			r := output(t, example(t, programs.Nodefork, env), "")
			require.Zero(t, r.code, r.stderr)
		}
		assert.Equal(t, defaultNames, names(world.Pools(t)))
	})
}

func TestInstaller(t *testing.T) {
	t.Run("etcd", func(t *testing.T) {
		t.Parallel()
		world := newEtcdWorld(t)
		testInstaller(t, world, "ETCD_ENDPOINTS="+world.server.Endpoints()[0])
	})
	t.Run("Kubernetes", func(t *testing.T) {
		world := newKubernetesWorld(t, ippool.CRDV1)
		testInstaller(t, world, "KUBECONFIG="+world.server.Kubeconfig(t))
	})
}

// poolsWorld is a datastore to look into.
type poolsWorld interface {
	Pools(t *testing.T) []v3.IPPool
	Write(t *testing.T, pool *v3.IPPool)
}

func testInstaller(t *testing.T, world poolsWorld, datastore string) {
	env := append([]string{datastore}, bothCIDRs...)
	installer := func(stdin string, args ...string) result {
		return output(t, example(t, programs.Installer, env, args...), stdin)
	}

	for stdin, says := range map[string]string{
		"n\n": "nothing was written\n", "\n": "nothing was written\n",
		"": "nobody is there to answer (--yes applies without asking): nothing was written\n",
	} {
		r := installer(stdin, "--ipv4-pool-nat-outgoing=false")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, says)
		assert.Contains(t, r.stdout, "default-ipv4-ippool  would-create  10.244.0.0/16     natOutgoing false  no IPv4 pool exists")
		assert.True(t, strings.HasSuffix(r.stdout, "Apply this plan? [y/N] "), r.stdout)
	}
	r := installer("y\n", "--ipv4-pool-cidr", "10.244.0.0/33", "--ipv6-pool-cidr", "10.0.0.0/8")
	assert.Equal(t, 2, r.code)
	assert.Equal(t, 2, strings.Count(r.stderr, "\n"), r.stderr)
	assert.Empty(t, r.stdout)
	require.Empty(t, world.Pools(t))

	r = installer("y\n", "--ipv4-pool-nat-outgoing", "false", "--ipv4-pool-cidr", "10.9.0.0/16")
	assert.Equal(t, 2, r.code)
	assert.Equal(t, "command line: ***: a word is left over behind the flags; the value of a boolean flag is joined to it with =\n", r.stderr)
	require.Empty(t, world.Pools(t))

	if runtime.GOOS != "windows" {
		interrupted := startInstaller(t, env)
		require.NoError(t, interrupted.cmd.Process.Signal(os.Interrupt))
		assert.Equal(t, 1, interrupted.wait())
		assert.Contains(t, interrupted.stderr.String(), "interrupted: nothing was written")
		require.Empty(t, world.Pools(t))
	}

	// Somebody else is there before the answer.
	late := startInstaller(t, env)
	world.Write(t, anotherIPv6Pool())
	late.answer(t, "y\n")
	assert.Zero(t, late.wait(), "less is to be done than was agreed to")
	assert.Equal(t, defaultNames, names(world.Pools(t)))
	assert.Contains(t, late.stderr.String(), "writing 1 pools\npool default-ipv4-ippool is created\n")

	r = installer("")
	assert.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.stdout, "Nothing to do.\n")
}

// asking is an installer that asks.
type asking struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *bytes.Buffer
}

// startInstaller starts it, and returns when it asks.
func startInstaller(t *testing.T, env []string) asking {
	t.Helper()
	a := asking{cmd: example(t, programs.Installer, env), stderr: &bytes.Buffer{}}
	a.cmd.Stderr = a.stderr
	stdin, err := a.cmd.StdinPipe()
	require.NoError(t, err)
	a.stdin = stdin
	stdout, err := a.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, a.cmd.Start())
	reader := bufio.NewReader(stdout)
	_, err = reader.ReadString('?')
	require.NoError(t, err, a.stderr)
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	return a
}

func (a asking) answer(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(a.stdin, text)
	require.NoError(t, err)
}

func (a asking) wait() int {
	_ = a.cmd.Wait()
	return a.cmd.ProcessState.ExitCode()
}

// What somebody agreed to is what is done, or nothing is: a pool that went in
// the meantime isn't made anew.
func TestInstallerWhosePlanChanged(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	env := append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]}, bothCIDRs...)
	world.Write(t, anotherIPv6Pool())
	late := startInstaller(t, env)
	world.Delete(t, "default-ipv6-ippool")
	late.answer(t, "yes\n")
	assert.Equal(t, 1, late.wait())
	assert.Contains(t, late.stderr.String(), "the pools have changed since the plan was shown; run the installer again: nothing was written\n")
	assert.NotContains(t, late.stderr.String(), "writing")
	assert.Empty(t, world.Pools(t))
}
