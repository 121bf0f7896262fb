package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
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
		assert.Equal(t, "env CALICO_IPV4POOL_IPIP: \"sometimes\": unknown mode; must be one of off, never, always, crosssubnet, cross-subnet\n", r.stderr)
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

// watchedWorld tells which pools our programs wrote, or tried to.
type watchedWorld interface {
	suite.World

	// forget begins anew.
	forget(t *testing.T)

	// written are the pools' names, in the order of the requests.
	written(t *testing.T) []string
}

func (w *etcdWorld) forget(*testing.T) { w.server.ResetRPCs() }

func (w *etcdWorld) written(*testing.T) []string {
	all := []string{}
	for _, call := range w.server.RPCs() {
		for _, op := range call.Txn.GetSuccess() { // the test itself has no transactions
			all = append(all, strings.TrimPrefix(string(op.GetRequestPut().GetKey()), ippool.RecordPrefix))
		}
	}
	return all
}

func (w *kubernetesWorld) forget(t *testing.T) { w.server.ResetAudit(t, kubetest.AdminUser) }

func (w *kubernetesWorld) written(t *testing.T) []string {
	all := []string{}
	for _, entry := range w.server.Audit(t, kubetest.AdminUser) {
		if strings.HasPrefix(entry.UserAgent, "calico-bootstrap/") && entry.Verb != "get" && entry.Verb != "list" {
			all = append(all, entry.Name)
		}
	}
	return all
}

// raw is what is stored under each pool's name.
func raw(t *testing.T, world suite.World) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pool := range world.Pools(t) {
		all[pool.Name] = world.Raw(t, pool.Name)
	}
	return all
}

const (
	question   = "Apply this plan? [y/N] "
	plannedIn4 = "+ IPv4 pool default-ipv4-ippool 10.244.0.0/16: would-create (no IPv4 pool exists)\n"
	plannedIn6 = "+ IPv6 pool default-ipv6-ippool fd00:10:244::/64: would-create (no IPv6 pool exists)\n"
)

func testInstaller(t *testing.T, world watchedWorld, datastore string) {
	env := append([]string{datastore}, bothCIDRs...)
	installer := func(stdin string, args ...string) result {
		return output(t, example(t, programs.Installer, env, args...), stdin)
	}

	for stdin, message := range map[string]string{
		"n\n": "nothing was written\n", "\n": "nothing was written\n",
		"": "no answer on stdin (--yes applies without confirmation): nothing was written\n",
	} {
		r := installer(stdin, "--ipv4-pool-nat-outgoing=false")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, message)
		assert.Equal(t, plannedIn4+plannedIn6+question, r.stdout)
	}
	r := installer("y\n", "--ipv4-pool-cidr", "10.244.0.0/33", "--ipv6-pool-cidr", "10.0.0.0/8")
	assert.Equal(t, 2, r.code)
	assert.Equal(t, 2, strings.Count(r.stderr, "\n"), r.stderr)
	assert.Empty(t, r.stdout)
	require.Empty(t, world.Pools(t))

	r = installer("y\n", "--ipv4-pool-nat-outgoing", "false", "--ipv4-pool-cidr", "10.9.0.0/16")
	assert.Equal(t, 2, r.code)
	assert.Equal(t, "command line: ***: unexpected argument after the flags; the value of a boolean flag is joined to it with =\n", r.stderr)
	require.Empty(t, world.Pools(t))

	if runtime.GOOS != "windows" {
		interrupted := startInstaller(t, env)
		interrupted.asks(t)
		require.NoError(t, interrupted.cmd.Process.Signal(os.Interrupt))
		code, _ := interrupted.wait()
		assert.Equal(t, 1, code)
		assert.Contains(t, interrupted.stderr(), "interrupted: nothing was written")
		require.Empty(t, world.Pools(t))
	}

	agreed := startInstaller(t, env, "--ipv4-pool-nat-outgoing=false")
	assert.Equal(t, plannedIn4+plannedIn6, agreed.asks(t))
	agreed.answer(t, "Yes\n")
	code, rest := agreed.wait()
	assert.Zero(t, code, agreed.stderr())
	assert.Contains(t, agreed.stderr(), "writing 2 pools\n")
	assert.Contains(t, rest, "default-ipv4-ippool  created  10.244.0.0/16     natOutgoing false  no IPv4 pool existed\n")
	assert.Equal(t, defaultNames, names(world.Pools(t)))
	assert.False(t, world.Pools(t)[0].Spec.NATOutgoing)

	before := raw(t, world)
	r = installer("", "--ipv4-pool-nat-outgoing=false")
	assert.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.stdout, "= IPv4 pool default-ipv4-ippool 10.244.0.0/16: unchanged (exists)\n")
	assert.True(t, strings.HasSuffix(r.stdout, "Nothing to do.\n"), r.stdout)
	assert.Equal(t, before, raw(t, world))
}

// asking is an installer that asks.
type asking struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr func() string // so far
}

func startInstaller(t *testing.T, env []string, args ...string) asking {
	t.Helper()
	a := asking{cmd: example(t, programs.Installer, env, args...)}
	a.stderr = logged(t, a.cmd)
	stdin, err := a.cmd.StdinPipe()
	require.NoError(t, err)
	a.stdin = stdin
	stdout, err := a.cmd.StdoutPipe()
	require.NoError(t, err)
	a.stdout = bufio.NewReader(stdout)
	require.NoError(t, a.cmd.Start())
	return a
}

// asks waits for the next question, and returns what was said before it.
func (a asking) asks(t *testing.T) string {
	t.Helper()
	said := ""
	for !strings.HasSuffix(said, question) {
		letter, err := a.stdout.ReadByte()
		require.NoError(t, err, "%s%s", said, a.stderr())
		said += string(letter)
	}
	return strings.TrimSuffix(said, question)
}

func (a asking) answer(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(a.stdin, text)
	require.NoError(t, err)
}

// wait returns the exit code, and what was said since the last question.
func (a asking) wait() (code int, said string) {
	rest, _ := io.ReadAll(a.stdout)
	_ = a.cmd.Wait()
	return a.cmd.ProcessState.ExitCode(), string(rest)
}

// meanwhile is what happens between the installer's question and the answer.
type meanwhile struct {
	name    string
	given   func(t *testing.T) // before the plan
	happens func(t *testing.T)
	first   string // the plan that is agreed to
	message string // on stderr
	second  string // the plan that is shown then
	written []string
}

// installsWhatIsAgreedTo has the plan change after it was agreed to: nothing is
// written then, and it takes another answer to have the new plan applied.
func installsWhatIsAgreedTo(t *testing.T, world watchedWorld, env []string, m meanwhile) {
	for _, second := range []string{"n\n", "yes\n"} {
		t.Run(m.name+", then "+strings.TrimSpace(second), func(t *testing.T) {
			for _, name := range names(world.Pools(t)) {
				world.Delete(t, name)
			}
			m.given(t)
			late := startInstaller(t, env)
			assert.Equal(t, m.first, late.asks(t))
			m.happens(t)
			theirs := raw(t, world)
			world.forget(t)
			late.answer(t, "y\n")

			assert.Equal(t, m.second, late.asks(t))
			assert.Equal(t, m.message+"\n", late.stderr())
			assert.Empty(t, world.written(t))
			assert.Equal(t, theirs, raw(t, world))

			late.answer(t, second)
			code, rest := late.wait()
			after := raw(t, world)
			if second == "n\n" {
				assert.Equal(t, 1, code)
				assert.Empty(t, world.written(t))
				assert.Equal(t, theirs, after)
				return
			}
			assert.Zero(t, code, late.stderr())
			assert.Equal(t, m.written, world.written(t), "each once, and no other")
			assert.Equal(t, defaultNames, names(world.Pools(t)))
			for _, name := range m.written {
				assert.Contains(t, late.stderr(), "pool "+name+" is created\n")
				assert.Contains(t, rest, name+"  created")
				delete(after, name)
			}
			assert.Equal(t, theirs, after, "what others made stays as it is")
		})
	}
}

// poolsChange are changes that either datastore can have.
func poolsChange(world watchedWorld) []meanwhile {
	const kept = "= IPv6 pool default-ipv6-ippool fd00:9::/64: unchanged (exists; differs from desired: cidr)\n" +
		`warning: env CALICO_IPV6POOL_CIDR: "fd00:10:244::/64" has no effect: IPPool "default-ipv6-ippool" exists with cidr fd00:9::/64; ` +
		"it can't be changed in place; to migrate: 1. create a pool of another name and range (--pools-file), " +
		"2. disable this one (disabled: true), 3. restart its pods, which moves them, 4. delete this one\n"
	empty := func(*testing.T) {}
	putTheirs := func(t *testing.T) { world.Write(t, anotherIPv6Pool()) }
	return []meanwhile{
		{
			name: "a pool is created", given: empty, happens: putTheirs,
			first:   plannedIn4 + plannedIn6,
			message: `the plan is outdated: IPPool "default-ipv6-ippool" was: fd00:10:244::/64 created (no IPv6 pool exists); it is now: fd00:9::/64 unchanged (exists; differs from desired: cidr)`,
			second:  plannedIn4 + kept, written: defaultNames[:1],
		},
		{
			name: "a pool is deleted", given: putTheirs, happens: func(t *testing.T) { world.Delete(t, "default-ipv6-ippool") },
			first:   plannedIn4 + kept,
			message: `the plan is outdated: IPPool "default-ipv6-ippool" was: fd00:9::/64 unchanged (exists; differs from desired: cidr); it is now: fd00:10:244::/64 created (no IPv6 pool exists)`,
			second:  plannedIn4 + plannedIn6, written: defaultNames,
		},
	}
}

func TestInstallerWhosePlanChanged(t *testing.T) {
	t.Run("etcd", func(t *testing.T) {
		t.Parallel()
		world := newEtcdWorld(t)
		env := append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]}, bothCIDRs...)
		for _, m := range poolsChange(world) {
			installsWhatIsAgreedTo(t, world, env, m)
		}
	})
	t.Run("Kubernetes", func(t *testing.T) {
		world := newKubernetesWorld(t, ippool.CRDV1)
		env := append([]string{"KUBECONFIG=" + world.server.Kubeconfig(t)}, bothCIDRs...)
		for _, m := range poolsChange(world) {
			installsWhatIsAgreedTo(t, world, env, m)
		}
		// The CIDR is the cluster's to say.
		const planned = "+ IPv4 pool default-ipv4-ippool %s: would-create (no IPv4 pool exists)\n"
		installsWhatIsAgreedTo(t, world, append(env[:1:1], bothCIDRs[1]), meanwhile{
			name:    "the pod CIDR changes",
			given:   func(t *testing.T) { putKubeadmConfig(t, world.server, "10.1.0.0/16") },
			happens: func(t *testing.T) { putKubeadmConfig(t, world.server, "10.2.0.0/16") },
			first:   fmt.Sprintf(planned, "10.1.0.0/16") + plannedIn6,
			message: `the plan is outdated: IPPool "default-ipv4-ippool" was: 10.1.0.0/16 created (no IPv4 pool exists); it is now: 10.2.0.0/16 created (no IPv4 pool exists)`,
			second:  fmt.Sprintf(planned, "10.2.0.0/16") + plannedIn6, written: defaultNames,
		})
	})
}
