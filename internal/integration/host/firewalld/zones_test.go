//go:build host && linux

package firewalld

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

// configurations have the arguments and the openings of each configuration.
var configurations = []struct {
	name     string
	args     []string
	openings []string
}{
	{"no encapsulation", nil, []string{"179/tcp"}},
	{"IPIP", []string{"--ipv4-pool-ipip", "Always"}, []string{"179/tcp", "4"}},
	{"IPIP across subnets", []string{"--ipv4-pool-ipip", "CrossSubnet"}, []string{"179/tcp", "4"}},
	{"VXLAN", []string{"--ipv4-pool-vxlan", "Always", "--ipv6-pool-vxlan", "Always"}, []string{"179/tcp", "4789/udp"}},
	{"VXLAN across subnets for IPv6", []string{"--ipv6-pool-vxlan", "CrossSubnet"}, []string{"179/tcp", "4789/udp"}},
	{"VXLAN without BGP", []string{"--no-bgp", "--ipv4-pool-vxlan", "Always", "--ipv6-pool-vxlan", "Always"}, []string{"4789/udp"}},
	{"a control plane with etcd", []string{
		"--role", "control-plane", "--datastore-type", "etcdv3", "--etcd-endpoints", "https://10.0.0.1:2379,https://10.0.0.2:4001",
	}, []string{"179/tcp", "2379/tcp", "4001/tcp"}},
	{"everything, on a control plane with Kubernetes", []string{
		"--role", "control-plane", "--datastore-type", "kubernetes",
		"--ipv4-pool-ipip", "Always", "--ipv6-pool-vxlan", "Always", "--typha", "--wireguard", "--registry",
	}, []string{"179/tcp", "4", "4789/udp", "6443/tcp", "5473/tcp", "51820/udp", "51821/udp", "5000/tcp"}},
}

// TestEveryZoneAndMode checks every configuration in every zone, before and after the
// printed commands.
func TestEveryZoneAndMode(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	everything := configurations[len(configurations)-2:] // for both datastores
	zones := strings.Fields(host.FirewallCmd(t, "--get-zones"))
	require.Contains(t, zones, "public")
	for _, zone := range zones {
		assertAll := func(state, when string) {
			for _, tt := range configurations {
				got := check(t, host, append([]string{"--zone", zone}, tt.args...)...)
				assert.Equal(t, states(tt.openings, state, state), got.states(t), "%s in %s, %s", tt.name, zone, when)
			}
		}
		if zone == "trusted" {
			assertAll("open", "at first")
			continue
		}
		assertAll("missing", "at first")
		for _, tt := range everything {
			shell(t, host, call(t, host, append([]string{"--zone", zone, "-o", "firewall-cmd"}, tt.args...)...).stdout)
		}
		assertAll("open", "after the commands")
	}
	host.FirewallCmd(t, "--reload")
	for _, zone := range zones {
		for _, tt := range everything {
			got := check(t, host, append([]string{"--zone", zone}, tt.args...)...)
			assert.Equal(t, states(tt.openings, "open", "open"), got.states(t), "%s, after a reload", zone)
		}
	}
}

// TestCommandsOfEveryMode checks that --check prints only the commands that are still
// missing.
func TestCommandsOfEveryMode(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	for _, tt := range configurations {
		args := append([]string{"-o", "firewall-cmd"}, tt.args...)
		commands := call(t, host, args...)
		require.Equal(t, 0, commands.code, commands.stderr)
		left := call(t, host, append(args, "--check")...)
		assert.Equal(t, 3, left.code, tt.name)
		assert.Equal(t, commands.stdout, strings.ReplaceAll(left.stdout, " --zone=public", ""), tt.name)

		shell(t, host, commands.stdout)
		assert.Equal(t, states(tt.openings, "open", "open"), check(t, host, tt.args...).states(t), tt.name)
		left = call(t, host, append(args, "--check")...)
		assert.Equal(t, 0, left.code, tt.name)
		assert.Empty(t, left.stdout, tt.name)
		shell(t, host, strings.ReplaceAll(commands.stdout, "--add-", "--remove-"))
	}
}

// TestRuntimeAndPermanent checks openings that are only in the runtime or only in the
// permanent configuration.
func TestRuntimeAndPermanent(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	args := []string{"--zone", "internal", "--ipv4-pool-ipip", "Always"}
	host.FirewallCmd(t, "--zone=internal", "--add-port=179/tcp")
	host.FirewallCmd(t, "--permanent", "--zone=internal", "--add-protocol=4")
	assert.Equal(t, []string{"179/tcp open missing", "4 missing open"}, check(t, host, args...).states(t))

	table := call(t, host, append(args, "--check")...)
	assert.Equal(t, 3, table.code)
	assert.Contains(t, table.stdout, "1 missing, 1 open now, but missing after a reload.")
	left := call(t, host, append(args, "--check", "-o", "firewall-cmd")...)
	assert.Equal(t, "firewall-cmd --permanent --zone=internal --add-port=179/tcp\nfirewall-cmd --zone=internal --add-protocol=4\n", left.stdout)
	assert.Equal(t, 3, left.code)

	host.FirewallCmd(t, "--reload")
	assert.Equal(t, []string{"179/tcp missing missing", "4 open open"}, check(t, host, args...).states(t))
}

// TestWhichZone checks the choice of the zone: that of the interface, that of the default
// route's interface, or the default zone.
func TestWhichZone(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	host.Peer(t)
	because := func(args ...string) (string, string) {
		zones := check(t, host, args...).Check.Zones
		require.Len(t, zones, 1)
		return zones[0].Zone, zones[0].Because
	}
	assertZone := func(zone, why string, args ...string) {
		t.Helper()
		gotZone, gotWhy := because(args...)
		assert.Equal(t, []string{zone, why}, []string{gotZone, gotWhy})
	}

	assertZone("public", "the default zone")
	assertZone("public", "interface eth0, which is in no zone: the default zone", "--interface", "eth0")
	host.FirewallCmd(t, "--set-default-zone=home")
	assertZone("home", "the default zone")
	host.FirewallCmd(t, "--zone=internal", "--change-interface=eth0")
	assertZone("internal", "interface eth0", "--interface", "eth0")

	ip(t, host.Namespace, "link add bond0 type veth peer name bond1")
	ip(t, host.Namespace, "link set bond1 up")
	ip(t, host.Namespace, "link set bond0 up")
	ip(t, host.Namespace, "route add default via "+firewalldtest.PeerIPv4+" metric 100")
	ip(t, host.Namespace, "route add default dev bond0 metric 200")
	assertZone("internal", "interface eth0 of the default route")
	ip(t, host.Namespace, "-6 route add default dev bond0")
	two := check(t, host).Check.Zones
	require.Len(t, two, 2)
	assert.Equal(t, "home", two[1].Zone)
	assert.Equal(t, []string{"bond0"}, two[1].Interfaces)

	host.FirewallCmd(t, "--zone=trusted", "--add-source=10.9.0.0/16")
	assert.Equal(t, []string{"zone trusted applies to packets from 10.9.0.0/16 on any interface: if nodes are among them, check it with --zone trusted"},
		check(t, host, "--zone", "internal").Warnings)
	assert.Empty(t, check(t, host, "--zone", "trusted").Warnings)
}

// TestCheckChangesNothing checks that --check never modifies firewalld's state.
func TestCheckChangesNothing(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	state := func() string {
		rules, err := host.Command("nft", "list", "ruleset").Output()
		require.NoError(t, err)
		return string(rules) + host.FirewallCmd(t, "--list-all-zones") + host.FirewallCmd(t, "--permanent", "--list-all-zones")
	}
	before := state()
	for _, tt := range configurations {
		for _, format := range []string{"table", "json", "yaml", "firewall-cmd"} {
			got := call(t, host, append([]string{"--check", "-o", format}, tt.args...)...)
			assert.Equal(t, 3, got.code, got.stderr)
		}
	}
	assert.Equal(t, before, state())
}

func states(openings []string, runtime, permanent string) []string {
	var all []string
	for _, opening := range openings {
		all = append(all, fmt.Sprintf("%s %s %s", opening, runtime, permanent))
	}
	return all
}

// shell runs a printed script on the host.
func shell(t *testing.T, host *firewalldtest.Host, script string) {
	t.Helper()
	out, err := host.Command("sh", "-e", "-c", script).CombinedOutput()
	require.NoError(t, err, "%s\n%s", script, out)
}

// ip runs ip in a network namespace.
func ip(t *testing.T, namespace, command string) {
	t.Helper()
	out, err := exec.Command("ip", append([]string{"-n", namespace}, strings.Fields(command)...)...).CombinedOutput()
	require.NoError(t, err, "ip %s: %s", command, out)
}
