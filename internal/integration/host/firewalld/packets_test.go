//go:build host && linux

package firewalld

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

// patience is the time limit for a packet. A packet that is dropped takes this long.
const patience = 500 * time.Millisecond

// connects reports whether a TCP connection from one namespace to an address of another
// is possible.
func connects(t *testing.T, from, to, address, port string) bool {
	t.Helper()
	target := net.JoinHostPort(address, port)
	var listener net.Listener
	firewalldtest.Inside(t, to, func() (err error) {
		listener, err = net.Listen("tcp", target)
		return err
	})
	defer listener.Close()
	answered := false
	firewalldtest.Inside(t, from, func() error {
		connection, err := net.DialTimeout("tcp", target, patience)
		if err == nil {
			answered = true
			return connection.Close()
		}
		return nil
	})
	return answered
}

// arrives reports whether a packet from the peer arrives. The network is that of
// net.Dial, such as "udp4" or "ip4:4".
func arrives(t *testing.T, host *firewalldtest.Host, peer firewalldtest.Peer, network, address string, payload []byte) bool {
	t.Helper()
	var listener net.PacketConn
	firewalldtest.Inside(t, host.Namespace, func() (err error) {
		listener, err = net.ListenPacket(network, address)
		return err
	})
	defer listener.Close()
	firewalldtest.Inside(t, peer.Namespace, func() error {
		connection, err := net.Dial(network, address)
		if err != nil {
			return err
		}
		defer connection.Close()
		_, err = connection.Write(payload)
		return err
	})
	require.NoError(t, listener.SetReadDeadline(time.Now().Add(patience)))
	buffer := make([]byte, 1500)
	n, _, err := listener.ReadFrom(buffer)
	return err == nil && bytes.Contains(buffer[:n], payload)
}

// inner is a packet between pods as a tunnel carries it: IPv4 with protocol 59, which has
// no content.
var inner = []byte{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59, 0, 0, 10, 244, 1, 2, 10, 244, 2, 3}

func TestPackets(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	peer := host.Peer(t)
	bgp := func() bool { return connects(t, peer.Namespace, host.Namespace, firewalldtest.HostIPv4, "179") }
	bgp6 := func() bool { return connects(t, peer.Namespace, host.Namespace, firewalldtest.HostIPv6, "179") }
	ipip := func() bool { return arrives(t, host, peer, "ip4:4", firewalldtest.HostIPv4, inner) }
	vxlan := func() bool { return arrives(t, host, peer, "udp4", firewalldtest.HostIPv4+":4789", inner) }
	etcd := func() bool { return connects(t, peer.Namespace, host.Namespace, firewalldtest.HostIPv4, "2379") }
	all := func() []bool { return []bool{bgp(), bgp6(), ipip(), vxlan(), etcd()} }
	assert.Equal(t, []bool{false, false, false, false, false}, all(), "at first")

	// Protocol ipip of /etc/protocols is 94.
	host.FirewallCmd(t, "--add-protocol=94")
	assert.False(t, ipip(), "protocol 94 is not IP-in-IP")

	steps := []struct {
		args []string
		want []bool
	}{
		{nil, []bool{true, true, false, false, false}},
		{[]string{"--ipv4-pool-ipip", "CrossSubnet"}, []bool{true, true, true, false, false}},
		{[]string{"--ipv4-pool-vxlan", "Always"}, []bool{true, true, true, true, false}},
		{[]string{"--role", "control-plane", "--etcd-endpoints", "http://" + firewalldtest.HostIPv4 + ":2379"}, []bool{true, true, true, true, true}},
	}
	for _, step := range steps {
		shell(t, host, call(t, host, append(step.args, "-o", "firewall-cmd")...).stdout)
		assert.Equal(t, step.want, all(), step.args)
	}
	host.FirewallCmd(t, "--reload")
	assert.Equal(t, []bool{true, true, true, true, true}, all(), "after a reload")
}

// TestCheckAndPacketsAgree compares the check's result for BGP with connections over IPv4
// and IPv6, for many configurations of firewalld.
func TestCheckAndPacketsAgree(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		commands []string // reverted afterwards
		message  string   // for both families: open, limited, missing
		by       string
		connects []bool // over IPv4 and IPv6
	}{
		{"a port", []string{"--add-port=179/tcp"}, "open", "port 179/tcp", []bool{true, true}},
		{"a range", []string{"--add-port=170-180/tcp"}, "open", "port 170-180/tcp", []bool{true, true}},
		{"another range", []string{"--add-port=180-190/tcp"}, "missing", "", []bool{false, false}},
		{"a UDP port", []string{"--add-port=179/udp"}, "missing", "", []bool{false, false}},
		{"a source port", []string{"--add-source-port=179/tcp"}, "missing", "", []bool{false, false}},
		{"all of TCP", []string{"--add-protocol=tcp"}, "open", "protocol tcp", []bool{true, true}},
		{"all of UDP", []string{"--add-protocol=udp"}, "missing", "", []bool{false, false}},
		{"a service", []string{"--add-service=bgp"}, "open", "service bgp", []bool{true, true}},
		{"a service that includes it", []string{"--add-service=routing"}, "open", "service routing", []bool{true, true}},
		{"another service", []string{"--add-service=etcd-server"}, "missing", "", []bool{false, false}},
		{"a rich rule", []string{"--add-rich-rule=rule port port=179 protocol=tcp accept"}, "open",
			`rich rule 'rule port port="179" protocol="tcp" accept'`, []bool{true, true}},
		{"a rich rule with a service", []string{"--add-rich-rule=rule service name=bgp log prefix=\"bgp: \" level=info limit value=1/m accept"},
			"open", `rich rule 'rule service name="bgp" log prefix="bgp: " level="info" limit value="1/m" accept'`, []bool{true, true}},
		{"a rich rule with a protocol", []string{"--add-rich-rule=rule protocol value=tcp accept"}, "open",
			`rich rule 'rule protocol value="tcp" accept'`, []bool{true, true}},
		{"IPv4 only", []string{"--add-rich-rule=rule family=ipv4 port port=179 protocol=tcp accept"}, "missing", "IPv6", []bool{true, false}},
		{"a source", []string{"--add-rich-rule=rule family=ipv4 source address=10.255.77.0/24 port port=179 protocol=tcp accept",
			"--add-rich-rule=rule family=ipv6 source address=fd00:255:77::/64 accept"}, "limited",
			`IPv4: rich rule 'rule family="ipv4" source address="10.255.77.0/24" port port="179" protocol="tcp" accept'`, []bool{true, true}},
		{"a port, and a rule drops one address", []string{"--add-port=179/tcp", "--add-rich-rule=rule family=ipv4 source address=10.9.9.9 drop"},
			"limited", `IPv4: rich rule 'rule family="ipv4" source address="10.9.9.9" drop'`, []bool{true, true}},
		{"a port, and a rule drops all but some addresses", []string{"--add-port=179/tcp", "--add-rich-rule=rule family=ipv4 source not address=10.9.0.0/16 drop"},
			"limited", `IPv4: rich rule 'rule family="ipv4" source NOT address="10.9.0.0/16" drop'`, []bool{false, true}},
		{"a port, and a rule rejects this host's address", []string{"--add-port=179/tcp", "--add-rich-rule=rule family=ipv6 destination address=" + firewalldtest.HostIPv6 + " reject"},
			"limited", `IPv6: rich rule 'rule family="ipv6" destination address="fd00:255:77::1" reject'`, []bool{true, false}},
		{"a port, and a rule drops every address", []string{"--add-port=179/tcp", "--add-rich-rule=rule family=ipv4 source address=0.0.0.0/0 drop"},
			"missing", `IPv4: rich rule 'rule family="ipv4" source address="0.0.0.0/0" drop'`, []bool{false, true}},
		{"a port, and a rule rejects it", []string{"--add-port=179/tcp", "--add-rich-rule=rule port port=179 protocol=tcp reject"}, "missing",
			`rich rule 'rule port port="179" protocol="tcp" reject'`, []bool{false, false}},
		{"accept before drop", []string{"--add-rich-rule=rule priority=-2 service name=bgp accept", "--add-rich-rule=rule priority=-1 service name=bgp drop"},
			"open", `rich rule 'rule priority="-2" service name="bgp" accept'`, []bool{true, true}},
		{"reject before accept", []string{"--add-rich-rule=rule priority=-2 service name=bgp reject", "--add-rich-rule=rule priority=-1 service name=bgp accept"},
			"missing", `rich rule 'rule priority="-2" service name="bgp" reject'`, []bool{false, false}},
		{"a port before a later rule", []string{"--add-port=179/tcp", "--add-rich-rule=rule priority=32767 reject"}, "open", "port 179/tcp", []bool{true, true}},
		{"a rule with a rate limit", []string{"--add-rich-rule=rule port port=179 protocol=tcp accept limit value=100/s"}, "limited",
			`rich rule 'rule port port="179" protocol="tcp" accept limit value="100/s"'`, []bool{true, true}},
		{"panic", []string{"--panic-on"}, "missing", "panic mode is on", []bool{false, false}},
		{"a policy for every zone", []string{"--policy=fabric --add-port=179/tcp"}, "open", "policy fabric: port 179/tcp", []bool{true, true}},
		{"a policy that rejects before the zone accepts", []string{"--add-port=179/tcp", "--policy=fabric --add-rich-rule=rule service name=bgp reject"},
			"missing", `policy fabric: rich rule 'rule service name="bgp" reject'`, []bool{false, false}},
		{"a policy of another zone", []string{"--policy=other --add-port=179/tcp"}, "missing", "", []bool{false, false}},
		{"a policy for forwarded traffic", []string{"--policy=through --add-port=179/tcp"}, "missing", "", []bool{false, false}},
		{"a policy of the default zone, to which no interface is bound", []string{"--remove-interface=eth0", "--policy=last --add-port=179/tcp"}, "missing", "", []bool{false, false}},
		{"a policy after the zone", []string{"--policy=last --add-port=179/tcp"}, "open", "policy last: port 179/tcp", []bool{true, true}},
		{"a policy's target", []string{"--policy=accepting --add-ingress-zone=public"}, "open", "policy accepting's target ACCEPT", []bool{true, true}},
	}

	host := firewalldtest.Start(t)
	peer := host.Peer(t)
	for _, permanent := range []string{
		"--new-service=routing", "--service=routing --set-short=x", "--service=routing --add-include=bgp", "--service=routing --add-include=routing",
		"--new-policy=fabric", "--policy=fabric --add-ingress-zone=ANY", "--policy=fabric --add-egress-zone=HOST",
		"--new-policy=other", "--policy=other --add-ingress-zone=home", "--policy=other --add-egress-zone=HOST",
		"--new-policy=through", "--policy=through --add-ingress-zone=ANY", "--policy=through --add-egress-zone=home",
		"--new-policy=last", "--policy=last --add-ingress-zone=public", "--policy=last --add-egress-zone=HOST", "--policy=last --set-priority=10",
		"--new-policy=accepting", "--policy=accepting --add-egress-zone=HOST", "--policy=accepting --set-target=ACCEPT",
	} {
		host.FirewallCmd(t, append([]string{"--permanent"}, strings.Fields(permanent)...)...)
	}
	host.FirewallCmd(t, "--reload")
	host.FirewallCmd(t, "--zone=public", "--add-interface=eth0")

	for _, tt := range tests {
		for _, command := range tt.commands {
			host.FirewallCmd(t, arguments(command)...)
		}
		got := check(t, host, "--interface", "eth0").Check.Zones[0].Openings[0]
		assert.Equal(t, []string{tt.message, tt.by}, []string{got.Runtime, got.RuntimeBy}, tt.name)
		connected := []bool{connects(t, peer.Namespace, host.Namespace, firewalldtest.HostIPv4, "179"), connects(t, peer.Namespace, host.Namespace, firewalldtest.HostIPv6, "179")}
		assert.Equal(t, tt.connects, connected, tt.name)
		for _, command := range tt.commands {
			host.FirewallCmd(t, arguments(undo.Replace(command))...)
		}
	}
	assert.Equal(t, []string{"179/tcp missing missing"}, check(t, host).states(t), "everything is reverted")
}

var undo = strings.NewReplacer("--add-", "--remove-", "--remove-interface", "--add-interface", "--panic-on", "--panic-off")

// arguments splits a command into the policy and the rest, which may have spaces.
func arguments(command string) []string {
	if policy, rest, found := strings.Cut(command, " --"); found && strings.HasPrefix(policy, "--policy=") {
		return []string{policy, "--" + rest}
	}
	return []string{command}
}

// TestDirectRules checks the warning about direct rules, which may block a port that is
// open in the zone, in the runtime or the permanent configuration.
func TestDirectRules(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	peer := host.Peer(t)
	host.FirewallCmd(t, "--add-port=179/tcp")
	bgp := func() bool { return connects(t, peer.Namespace, host.Namespace, firewalldtest.HostIPv4, "179") }
	assert.True(t, bgp())
	assert.Empty(t, check(t, host).Warnings)
	warned := func(by string) []string {
		return []string{"firewalld has direct rules, which take precedence over all others and are not checked; list them, with and without --permanent, with " + by}
	}

	rule := strings.Fields("ipv4 filter INPUT 0 -p tcp --dport 179 -j DROP")
	host.FirewallCmd(t, append([]string{"--direct", "--add-rule"}, rule...)...)
	assert.False(t, bgp())
	assert.Equal(t, warned("firewall-cmd --direct --get-all-rules"), check(t, host).Warnings)
	host.FirewallCmd(t, append([]string{"--direct", "--remove-rule"}, rule...)...)
	assert.Empty(t, check(t, host).Warnings)

	passthrough := strings.Fields("ipv4 -A INPUT -p tcp --dport 179 -j DROP")
	host.FirewallCmd(t, append([]string{"--permanent", "--direct", "--add-passthrough"}, passthrough...)...)
	assert.True(t, bgp())
	assert.Equal(t, warned("firewall-cmd --direct --get-all-passthroughs"), check(t, host).Warnings)
	host.FirewallCmd(t, append([]string{"--permanent", "--direct", "--add-rule"}, rule...)...)
	assert.Equal(t, warned("firewall-cmd --direct --get-all-rules and firewall-cmd --direct --get-all-passthroughs"), check(t, host).Warnings)
}

// TestTargets checks that a zone with target ACCEPT accepts everything, regardless of its
// openings.
func TestTargets(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	peer := host.Peer(t)
	for zone, want := range map[string]bool{"trusted": true, "public": false, "drop": false, "block": false} {
		host.FirewallCmd(t, "--zone="+zone, "--change-interface="+firewalldtest.HostDevice)
		got := check(t, host, "--interface", firewalldtest.HostDevice).Check
		assert.Equal(t, want, got.Missing == 0, zone)
		assert.Equal(t, want, connects(t, peer.Namespace, host.Namespace, firewalldtest.HostIPv4, "179"), zone)
		assert.Equal(t, fmt.Sprintf("interface %s", firewalldtest.HostDevice), got.Zones[0].Because)
	}
}
