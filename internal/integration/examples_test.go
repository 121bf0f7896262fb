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

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// example prepares a run of an example program, as command does for the program.
// Readers copy the examples, so each is tested on real servers.
func example(t *testing.T, build programs.Program, env []string, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	cmd := exec.Command(binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "CALICO_IPPOOLS_PREFLIGHT=off"}, env...)
	return cmd
}

// output runs the command with the given stdin.
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

// anotherIPv6Pool is a pool that another program may have created.
func anotherIPv6Pool() *v3.IPPool {
	pool := &v3.IPPool{Spec: v3.IPPoolSpec{CIDR: "fd00:9::/64"}}
	pool.Name = "default-ipv6-ippool"
	ippool.Default(pool)
	return pool
}

var defaultNames = []string{"default-ipv4-ippool", "default-ipv6-ippool"}

func TestNodefork(t *testing.T) {
	t.Parallel()
	t.Run("etcd", func(t *testing.T) {
		t.Parallel()
		world := newEtcdWorld(t)
		env := append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0], "CALICO_IPV4POOL_NAT_OUTGOING=false", "CALICO_IPV4POOL_IPIP=CrossSubnet"}, bothCIDRs...)
		for range 2 { // the first node, and the next
			r := output(t, example(t, programs.Nodefork, env), "")
			require.Zero(t, r.code, r.stderr)
			assert.Equal(t, "2 IPPools; tunnel devices: IP-in-IP true, VXLAN false\n", r.stdout)
		}
		pools := world.Pools(t)
		require.Equal(t, defaultNames, names(pools))
		assert.False(t, pools[0].Spec.NATOutgoing)

		r := output(t, example(t, programs.Nodefork, append(env, "ETCD_USERNAME=calico", "ETCD_PASSWORD=calico")), "")
		require.Zero(t, r.code, r.stderr)
		assert.Contains(t, r.stderr, "WARN env ETCD_ENDPOINTS: http:// endpoints are not encrypted")

		r = output(t, example(t, programs.Nodefork, append(env, "CALICO_IPV4POOL_IPIP=sometimes")), "")
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
	t.Parallel()
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

// watchedWorld records which pools the programs under test wrote or tried to write.
type watchedWorld interface {
	suite.World

	// forget discards what was recorded.
	forget(t *testing.T)

	// written returns the names of the pools, in the order of the requests.
	written(t *testing.T) []string
}

func (w *etcdWorld) forget(*testing.T) { w.server.ResetRPCs() }

func (w *etcdWorld) written(*testing.T) []string {
	all := []string{}
	for _, call := range w.server.RPCs() {
		for _, op := range call.Txn.GetSuccess() { // the test itself uses no transactions
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

// raw returns the stored value of each pool, by name.
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
	plannedIn4 = "+ IPv4 pool default-ipv4-ippool 10.244.0.0/16: would-create (no IPv4 pool exists)\n" +
		"  NAT: traffic from 10.244.0.0/16 is masqueraded, except to the addresses of pool default-ipv4-ippool\n"
	plannedIn4WithoutNAT = "+ IPv4 pool default-ipv4-ippool 10.244.0.0/16: would-create (no IPv4 pool exists)\n" +
		"  NAT: traffic from 10.244.0.0/16 is not masqueraded\n"
	plannedIn6 = "+ IPv6 pool default-ipv6-ippool fd00:10:244::/64: would-create (no IPv6 pool exists)\n" +
		"  NAT: traffic from fd00:10:244::/64 is not masqueraded\n"
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
		assert.Equal(t, plannedIn4WithoutNAT+plannedIn6+question, r.stdout)
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
	assert.Equal(t, plannedIn4WithoutNAT+plannedIn6, agreed.asks(t))
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

// asking is a running installer that asks for confirmation.
type asking struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr func() string // the output so far
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

// asks waits for the next question and returns the output before it.
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

// wait returns the exit code and the output since the last question.
func (a asking) wait() (code int, output string) {
	rest, _ := io.ReadAll(a.stdout)
	_ = a.cmd.Wait()
	return a.cmd.ProcessState.ExitCode(), string(rest)
}

// change is a change of the cluster between the installer's question and the answer.
type change struct {
	name    string
	setUp   func(t *testing.T) // called before the plan
	make    func(t *testing.T) // called after the question
	first   string             // the plan that is confirmed
	message string             // on stderr
	second  string             // the plan after the change
	written []string
}

// testChangedPlan changes the plan after its confirmation: the installer writes
// nothing and asks for confirmation of the new plan.
func testChangedPlan(t *testing.T, world watchedWorld, env []string, c change) {
	for _, second := range []string{"n\n", "yes\n"} {
		t.Run(c.name+", then "+strings.TrimSpace(second), func(t *testing.T) {
			for _, name := range names(world.Pools(t)) {
				world.Delete(t, name)
			}
			c.setUp(t)
			late := startInstaller(t, env)
			assert.Equal(t, c.first, late.asks(t))
			c.make(t)
			others := raw(t, world)
			world.forget(t)
			late.answer(t, "y\n")

			assert.Equal(t, c.second, late.asks(t))
			assert.Equal(t, c.message+"\n", late.stderr())
			assert.Empty(t, world.written(t))
			assert.Equal(t, others, raw(t, world))

			late.answer(t, second)
			code, rest := late.wait()
			after := raw(t, world)
			if second == "n\n" {
				assert.Equal(t, 1, code)
				assert.Empty(t, world.written(t))
				assert.Equal(t, others, after)
				return
			}
			assert.Zero(t, code, late.stderr())
			assert.Equal(t, c.written, world.written(t), "each pool is written once, and no others")
			assert.Equal(t, defaultNames, names(world.Pools(t)))
			for _, name := range c.written {
				assert.Contains(t, late.stderr(), "pool "+name+" is created\n")
				assert.Contains(t, rest, name+"  created")
				delete(after, name)
			}
			assert.Equal(t, others, after, "pools of others are not modified")
		})
	}
}

// poolsChange returns changes that are possible on both datastores.
func poolsChange(world watchedWorld, cli datastore.CLI) []change {
	kept := fmt.Sprintf("= IPv6 pool default-ipv6-ippool fd00:9::/64: unchanged (exists; differs from desired: cidr)\n"+
		`warning: env CALICO_IPV6POOL_CIDR: "fd00:10:244::/64" has no effect: IPPool "default-ipv6-ippool" exists with cidr fd00:9::/64; `+
		"not updatable in place; to migrate: 1. create a pool with another name and CIDR (--pools-file); "+
		"2. disable this pool: add it to that file with disabled: true, and run with --on-drift=update and without env CALICO_IPV6POOL_CIDR, or: %s; "+
		"3. recreate the pods with addresses in fd00:9::/64; 4. remove this pool from the file, and delete it: %s\n", cli.Patch("default-ipv6-ippool", `{"spec":{"disabled":true}}`), cli.Delete("default-ipv6-ippool"))
	empty := func(*testing.T) {}
	putOther := func(t *testing.T) { world.Write(t, anotherIPv6Pool()) }
	return []change{
		{
			name: "a pool is created", setUp: empty, make: putOther,
			first:   plannedIn4 + plannedIn6,
			message: `the plan is outdated: IPPool "default-ipv6-ippool" was: fd00:10:244::/64 created (no IPv6 pool exists); it is now: fd00:9::/64 unchanged (exists; differs from desired: cidr)`,
			second:  plannedIn4 + kept, written: defaultNames[:1],
		},
		{
			name: "a pool is deleted", setUp: putOther, make: func(t *testing.T) { world.Delete(t, "default-ipv6-ippool") },
			first:   plannedIn4 + kept,
			message: `the plan is outdated: IPPool "default-ipv6-ippool" was: fd00:9::/64 unchanged (exists; differs from desired: cidr); it is now: fd00:10:244::/64 created (no IPv6 pool exists)`,
			second:  plannedIn4 + plannedIn6, written: defaultNames,
		},
	}
}

func TestInstallerPlanChanges(t *testing.T) {
	t.Parallel()
	t.Run("etcd", func(t *testing.T) {
		t.Parallel()
		world := newEtcdWorld(t)
		env := append([]string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]}, bothCIDRs...)
		for _, c := range poolsChange(world, datastore.CLI{Program: datastore.Calicoctl, Resource: "ippool"}) {
			testChangedPlan(t, world, env, c)
		}
	})
	t.Run("Kubernetes", func(t *testing.T) {
		world := newKubernetesWorld(t, ippool.CRDV1)
		env := append([]string{"KUBECONFIG=" + world.server.Kubeconfig(t)}, bothCIDRs...)
		for _, c := range poolsChange(world, datastore.CLI{Program: datastore.Kubectl, Resource: "ippools.crd.projectcalico.org"}) {
			testChangedPlan(t, world, env, c)
		}
		// Without CALICO_IPV4POOL_CIDR the CIDR is the cluster's pod CIDR.
		const planned = "+ IPv4 pool default-ipv4-ippool %[1]s: would-create (no IPv4 pool exists)\n" +
			"  NAT: traffic from %[1]s is masqueraded, except to the addresses of pool default-ipv4-ippool\n"
		testChangedPlan(t, world, append(env[:1:1], bothCIDRs[1]), change{
			name:    "the pod CIDR changes",
			setUp:   func(t *testing.T) { putKubeadmConfig(t, world.server, "10.1.0.0/16") },
			make:    func(t *testing.T) { putKubeadmConfig(t, world.server, "10.2.0.0/16") },
			first:   fmt.Sprintf(planned, "10.1.0.0/16") + plannedIn6,
			message: `the plan is outdated: IPPool "default-ipv4-ippool" was: 10.1.0.0/16 created (no IPv4 pool exists); it is now: 10.2.0.0/16 created (no IPv4 pool exists)`,
			second:  fmt.Sprintf(planned, "10.2.0.0/16") + plannedIn6, written: defaultNames,
		})
	})
}
