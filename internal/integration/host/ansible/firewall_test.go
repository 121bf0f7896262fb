//go:build host && linux

package ansible

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

// etcdPort returns the port of etcd, which must be open on the control plane.
func etcdPort(t *testing.T, etcd *etcdtest.Server) string {
	t.Helper()
	endpoint, err := url.Parse(etcd.Endpoints()[0])
	require.NoError(t, err)
	return endpoint.Port() + "/tcp"
}

// openIn returns the open ports and protocols of a zone.
func openIn(t *testing.T, host *firewalldtest.Host, zone string, flags ...string) string {
	t.Helper()
	list := func(what string) string {
		items := strings.Fields(host.FirewallCmd(t, append(flags, "--zone="+zone, "--list-"+what)...))
		slices.Sort(items)
		return "[" + strings.Join(items, " ") + "]"
	}
	return list("ports") + " " + list("protocols")
}

var commandBlock = regexp.MustCompile(`(?m)^changed: \[(\S+)\] => \n {4}msg: \|-?\n((?: {8}firewall-cmd .*\n)+)`)

// commands returns the commands that check mode showed for a host.
func (p played) commands(host string) []string {
	var commands []string
	for _, block := range commandBlock.FindAllStringSubmatch(p.out, -1) {
		if block[1] != host {
			continue
		}
		for line := range strings.Lines(block[2]) {
			commands = append(commands, strings.TrimSpace(line))
		}
	}
	return commands
}

// TestOnlyWhatIsMissing checks that the role adds only missing openings, to the runtime
// or the permanent configuration, and each host's own openings to that host only.
func TestOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	c := newCluster(t, etcd)
	master, node := firewalldtest.Start(t), firewalldtest.Start(t)
	c.withFirewalld(t, "master", master, false)
	c.withFirewalld(t, "node", node, true)
	c.vars["calico_firewalld_zone"] = "internal"
	c.hosts["node"]["calico_firewall_registry"] = true
	c.hosts["node"]["calico_firewall_typha"] = true
	node.FirewallCmd(t, "--zone=internal", "--add-service=bgp")
	node.FirewallCmd(t, "--permanent", "--zone=internal", "--add-port=5000/tcp")

	check := c.play(t, nil, "--check")
	assert.Equal(t, []string{
		"firewall-cmd --permanent --zone=internal --add-port=179/tcp", "firewall-cmd --permanent --zone=internal --add-port=5473/tcp",
		"firewall-cmd --zone=internal --add-port=5473/tcp", "firewall-cmd --zone=internal --add-port=5000/tcp",
	}, check.commands("node"))
	assert.Contains(t, check.messages(), "179/tcp (BGP) in zone internal: now open (service bgp), after a reload missing")
	requirePlayed(t, c.play(t, nil))
	assert.Equal(t, "[5000/tcp 5473/tcp] []", openIn(t, node, "internal"))
	assert.Equal(t, "[179/tcp 5000/tcp 5473/tcp] []", openIn(t, node, "internal", "--permanent"))
	assert.Equal(t, "[179/tcp "+etcdPort(t, etcd)+"] []", openIn(t, master, "internal"))
	assert.Equal(t, "[] []", openIn(t, master, "public"))
	assert.Equal(t, map[string]int{"master": 0, "node": 0}, requirePlayed(t, c.play(t, nil)))
	node.FirewallCmd(t, "--reload")
	assert.Equal(t, map[string]int{"master": 0, "node": 0}, requirePlayed(t, c.play(t, nil)))
}

// TestInterfaces opens the ports, including WireGuard's, in the zone of an interface.
func TestInterfaces(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	c := newCluster(t, etcd)
	node := firewalldtest.Start(t)
	c.withFirewalld(t, "node", node, true)
	node.FirewallCmd(t, "--zone=work", "--add-interface=eth7")
	requirePlayed(t, c.play(t, vars{"calico_firewalld_interfaces": "eth7", "calico_firewall_wireguard": true, "calico_ippools_ipv6": true}))
	assert.Equal(t, "[179/tcp 51820/udp 51821/udp] []", openIn(t, node, "work"))
	assert.Equal(t, "[] []", openIn(t, node, "public"))
}

// TestBlockedByRule checks that a port that a rich rule blocks is reported as missing.
func TestBlockedByRule(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	c := newCluster(t, etcd)
	node := firewalldtest.Start(t)
	c.withFirewalld(t, "node", node, true)
	node.FirewallCmd(t, "--zone=public", "--add-rich-rule=rule priority=-1 port port=179 protocol=tcp drop")
	got := c.play(t, nil)
	assert.Equal(t, 2, got.code)
	var blocked []string
	for _, line := range got.messages() {
		if strings.HasPrefix(line, "179/tcp") {
			blocked = append(blocked, line)
		}
	}
	require.Len(t, blocked, 1, got.out)
	assert.Contains(t, blocked[0], "179/tcp (BGP) in zone public: now missing (rich rule ")
	assert.Contains(t, blocked[0], "), after a reload open")
}

// TestNoFirewalld checks that the role skips the firewall, with a message, if firewalld
// does not run or calico_open_firewall is false.
func TestNoFirewalld(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	c := newCluster(t, etcd)
	master, node := firewalldtest.New(t), firewalldtest.Start(t)
	c.withFirewalld(t, "master", master, false)
	c.withFirewalld(t, "node", node, true)

	requirePlayed(t, c.play(t, nil))
	assert.Equal(t, "[179/tcp] []", openIn(t, node, "public"))
	stopped := c.play(t, nil)
	assert.Equal(t, map[string]int{"master": 0, "node": 0}, requirePlayed(t, stopped))
	assert.Contains(t, stopped.messages(), "firewalld does not run on this host: its firewall is not changed.")

	c.hosts["master"]["calico_open_firewall"] = "false"
	left := c.play(t, nil)
	requirePlayed(t, left)
	assert.Contains(t, left.messages(), "calico_open_firewall is false: its firewall is not changed.")

	// No firewall-cmd, no bus.
	c.hosts["master"]["calico_open_firewall"] = true
	python := c.hosts["master"]["ansible_python_interpreter"].(string)
	script := "#!/bin/sh\nPATH=/nowhere exec /usr/bin/python3 \"$@\"\n"
	require.NoError(t, os.WriteFile(python, []byte(script), 0o700))
	absent := c.play(t, nil)
	requirePlayed(t, absent)
	assert.Contains(t, absent.messages(), "firewalld does not run on this host: its firewall is not changed.")
	script = "#!/bin/sh\nDBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere exec /usr/bin/python3 \"$@\"\n"
	require.NoError(t, os.WriteFile(python, []byte(script), 0o700))
	unreachable := c.play(t, nil)
	assert.Equal(t, 2, unreachable.code)
	assert.Contains(t, unreachable.messages(), "firewall-cmd --state: Error: DBUS_ERROR: Failed to connect to socket /nowhere: No such file or directory; "+
		"set calico_open_firewall to false to skip this host's firewall")
}
