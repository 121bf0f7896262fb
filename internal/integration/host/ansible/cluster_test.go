//go:build host && linux

package ansible

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

// vars are inventory variables.
type vars map[string]any

func (v vars) with(more vars) vars {
	all := maps.Clone(v)
	maps.Copy(all, more)
	return all
}

// cluster is an inventory with a host in masters and etcd, and one in nodes. Both are
// this machine.
type cluster struct {
	vars   vars            // of all hosts
	hosts  map[string]vars // of each host
	groups map[string][]string
	folder string
}

// newCluster returns a cluster whose variables have the endpoints and certificates of
// etcd, unless it is nil.
func newCluster(t *testing.T, etcd *etcdtest.Server) *cluster {
	t.Helper()
	c := &cluster{
		folder: t.TempDir(),
		vars: vars{
			"ansible_connection":     "local",
			"ansible_become":         false, // the tests run as root, and sudo may be missing
			"calico_ippools_binary":  program,
			"calico_ippools_timeout": "60s",
			// Its findings depend on the networks of the machine.
			"calico_ippools_preflight": "off",
			"calico_open_firewall":     false,
		},
		hosts:  map[string]vars{"master": {}, "node": {}},
		groups: map[string][]string{"masters": {"master"}, "etcd": {"master"}, "nodes": {"node"}},
	}
	if etcd != nil {
		c.vars["calico_etcd_endpoints"] = etcd.Endpoints()[0]
	}
	if etcd != nil && etcd.PKI() != nil {
		c.vars["calico_etcd_ca_cert_file"] = etcd.PKI().CACertFile
		c.vars["calico_etcd_cert_file"] = etcd.PKI().ClientCertFile
		c.vars["calico_etcd_key_file"] = etcd.PKI().ClientKeyFile
	}
	return c
}

// withFirewalld gives a host of the inventory a firewalld. Ansible's modules use its bus.
// With inside, they run in its network namespace, too, from which this machine is
// unreachable.
func (c *cluster) withFirewalld(t *testing.T, name string, host *firewalldtest.Host, inside bool) {
	t.Helper()
	enter := ""
	if inside {
		enter = "ip netns exec " + host.Namespace + " "
	}
	python := filepath.Join(c.folder, "python-"+name)
	script := fmt.Sprintf("#!/bin/sh\nDBUS_SYSTEM_BUS_ADDRESS=%s exec %s/usr/bin/python3 \"$@\"\n", host.Bus, enter)
	require.NoError(t, os.WriteFile(python, []byte(script), 0o700))
	c.hosts[name]["ansible_python_interpreter"] = python
	c.hosts[name]["calico_open_firewall"] = true
}

// played is the result of a run of ansible-playbook.
type played struct {
	out   string
	code  int
	recap map[string]map[string]int // by host: changed, failed, …
}

var messageBlock = regexp.MustCompile(`(?m)^ {4}msg: \|-?\n((?: {8}.*\n)+)`)

// messages returns the lines of all messages, including those of failed tasks.
func (p played) messages() []string {
	var lines []string
	for _, block := range messageBlock.FindAllStringSubmatch(p.out, -1) {
		for line := range strings.Lines(block[1]) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

var warningBlock = regexp.MustCompile(`(?m)^\[WARNING\]: (.*(?:\n[^\s[].*)*)$`)

// warnings returns the warnings that Ansible printed. Ansible wraps their lines, so they
// are returned without white space: see dense.
func (p played) warnings() []string {
	var all []string
	for _, block := range warningBlock.FindAllStringSubmatch(p.out, -1) {
		all = append(all, dense(block[1]))
	}
	return all
}

// dense returns the text without white space.
func dense(text string) string { return strings.Join(strings.Fields(text), "") }

var recapLine = regexp.MustCompile(`(?m)^(\S+) +: (ok=.*)$`)

// play runs the playbook of examples/ansible.
func (c *cluster) play(t *testing.T, more vars, args ...string) played {
	t.Helper()
	inventory := map[string]any{"all": map[string]any{"vars": c.vars.with(more), "hosts": c.hosts, "children": c.children()}}
	text, err := json.Marshal(inventory)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "inventory.yml")
	require.NoError(t, os.WriteFile(file, text, 0o600))

	command := exec.CommandContext(t.Context(), "ansible-playbook", append([]string{"-i", file, filepath.Join(examples, "site.yml")}, args...)...)
	command.Dir = c.folder
	command.Env = environment(t)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err = command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	result := played{out: out.String(), code: command.ProcessState.ExitCode(), recap: map[string]map[string]int{}}
	for _, line := range recapLine.FindAllStringSubmatch(result.out, -1) {
		result.recap[line[1]] = map[string]int{}
		for _, field := range strings.Fields(line[2]) {
			name, count, _ := strings.Cut(field, "=")
			result.recap[line[1]][name], err = strconv.Atoi(count)
			require.NoError(t, err)
		}
	}
	return result
}

// environment returns the environment of ansible-playbook, without that of the test.
func environment(t *testing.T) []string {
	t.Helper()
	home := t.TempDir()
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1",
		"ANSIBLE_CONFIG=" + filepath.Join(examples, "ansible.cfg"), "ANSIBLE_REMOTE_TEMP=" + filepath.Join(home, "tmp"),
		// Settings on the host, which the role must ignore.
		"CALICO_IPV4POOL_NAME=not-me", "ETCD_USERNAME=nobody", "DATASTORE_TYPE=kubernetes",
	}
}

func (c *cluster) children() map[string]any {
	children := map[string]any{}
	for name, members := range c.groups {
		hosts := map[string]any{}
		for _, member := range members {
			hosts[member] = nil
		}
		children[name] = map[string]any{"hosts": hosts}
	}
	return children
}

// requirePlayed asserts that the run succeeded, and returns the number of changed tasks
// of each host.
func requirePlayed(t *testing.T, got played) map[string]int {
	t.Helper()
	require.Equal(t, 0, got.code, got.out)
	require.NotContains(t, got.out, "DEPRECATION")
	changed := map[string]int{}
	for host, counts := range got.recap {
		require.Zero(t, counts["failed"]+counts["unreachable"], got.out)
		changed[host] = counts["changed"]
	}
	return changed
}

// storedPools returns the pools in etcd, by name.
func storedPools(t *testing.T, etcd *etcdtest.Server) map[string]v3.IPPoolSpec {
	t.Helper()
	const prefix = "/calico/resources/v3/projectcalico.org/ippools/"
	answer, err := etcd.Client(t).Get(t.Context(), prefix, clientv3.WithPrefix())
	require.NoError(t, err)
	pools := map[string]v3.IPPoolSpec{}
	for _, pair := range answer.Kvs {
		var pool v3.IPPool
		require.NoError(t, json.Unmarshal(pair.Value, &pool))
		pools[strings.TrimPrefix(string(pair.Key), prefix)] = pool.Spec
	}
	return pools
}
