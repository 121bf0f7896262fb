//go:build host && linux

package firewalld

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

// The address of a pod and the CIDR of its pool.
const (
	podIPv4 = "10.129.1.2"
	podCIDR = "10.128.0.0/14"
)

// TestForward checks traffic between pods and other hosts, which is forwarded.
// firewalld's nftables backend blocks it and the check warns of that, until the policies
// of docs/OPENSHIFT.md exist.
func TestForward(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	peer := host.Peer(t)
	pod := newPod(t, host, peer)
	forwards := func() []bool {
		return []bool{
			connects(t, pod, peer.Namespace, firewalldtest.PeerIPv4, "8080"), connects(t, peer.Namespace, pod, podIPv4, "8080"),
		}
	}
	warnings := func() []string {
		return check(t, host, "--ipv4-pool-cidr", podCIDR, "--ipv6-pool-cidr", "none").Warnings
	}
	warned := []string{"firewalld's nftables backend filters forwarded packets too, and blocks pods of 10.128.0.0/14 from other hosts: " +
		"no policy from ANY to ANY accepts these addresses as source and as destination"}

	assert.Equal(t, []bool{false, false}, forwards())
	assert.Equal(t, warned, warnings())
	commands := documented(t)
	shell(t, host, strings.Join(commands[:4], "\n")+"\nfirewall-cmd --reload\n")
	assert.Equal(t, []bool{true, false}, forwards(), "one direction")
	assert.Equal(t, warned, warnings())
	shell(t, host, strings.Join(commands[4:], "\n"))
	assert.Equal(t, []bool{true, true}, forwards())
	assert.Empty(t, warnings())
}

// documented returns the commands of docs/OPENSHIFT.md.
func documented(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../../../docs/OPENSHIFT.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)<!-- forward: .*? -->\n```\n(.*?)\n```").FindStringSubmatch(string(text))
	require.NotNil(t, block)
	commands := strings.Split(block[1], "\n")
	require.Len(t, commands, 6)
	return commands
}

// newPod creates a network namespace that is linked to the host like a pod of Calico, and
// the routes to it.
func newPod(t *testing.T, host *firewalldtest.Host, peer firewalldtest.Peer) string {
	t.Helper()
	pod := firewalldtest.NewNamespace(t)
	for _, line := range [][2]string{
		{host.Namespace, "link add cali123 type veth peer name eth0 netns " + pod},
		{host.Namespace, "link set cali123 up"},
		{host.Namespace, "address add 169.254.1.1/32 dev cali123"},
		{host.Namespace, "route add " + podIPv4 + " dev cali123"},
		{pod, "address add " + podIPv4 + "/32 dev eth0"},
		{pod, "link set eth0 up"},
		{pod, "route add 169.254.1.1 dev eth0"},
		{pod, "route add default via 169.254.1.1"},
		{peer.Namespace, "route add " + podCIDR + " via " + firewalldtest.HostIPv4},
	} {
		ip(t, line[0], line[1])
	}
	out, err := host.Command("sysctl", "-w", "net.ipv4.ip_forward=1").CombinedOutput()
	require.NoError(t, err, string(out))
	return pod
}
