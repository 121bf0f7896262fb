//go:build host && linux

package natpackets

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// place is where an address is. Its number is the last part of its addresses.
type place int

// The places. Every packet between two of them passes the node, except those between the
// other node and the backend.
const (
	pod       place = 1 + iota // on the node
	outside                    // behind eth0 of the node
	backend                    // behind the other node
	neighbour                  // another pod on the node
	node                       // the node n1, which is programmed
	otherNode                  // the node n2, behind eth1 of n1
)

var placeNames = [...]string{pod: "pod", outside: "outside", backend: "backend", neighbour: "neighbour", node: "node", otherNode: "other node"}

func (p place) String() string { return placeNames[p] }

// devices are those by which the node reaches a place.
var devices = [...]string{pod: "cali0", outside: "eth0", backend: "eth1", neighbour: "cali1", node: "lo", otherNode: "eth1"}

// family is an IP version.
type family struct {
	name, nft, ipset, iptables string
	icmp                       nat.Protocol
	bits                       int // of an address
	netBits                    int // of a prefix with the addresses of one net
}

var families = []family{{"IPv4", "ip", "inet", "iptables", nat.ICMP, 32, 16}, {"IPv6", "ip6", "inet6", "ip6tables", nat.ICMPv6, 128, 48}}

// nets is the number of nets. Every place but the nodes has an address in each.
const nets = 4

// serviceNet is the net of the addresses of Services.
const serviceNet = 96

// address returns an address such as 10.1.0.2 and fd00:10:1::2.
func (f family) address(net, host int) netip.Addr {
	if f.bits == 32 {
		return netip.AddrFrom4([4]byte{10, byte(net), 0, byte(host)})
	}
	return netip.AddrFrom16([16]byte{0: 0xfd, 3: 0x10, 5: byte(net), 15: byte(host)})
}

// addresses returns the addresses of a place.
func (f family) addresses(p place) []netip.Addr {
	var addresses []netip.Addr
	for net := range nets {
		// Those of a node are on eth0 and eth1, or are its HostIP and that of a tunnel.
		if p < node || net == 1 || net == 2 {
			addresses = append(addresses, f.address(net, int(p)))
		}
	}
	return addresses
}

// service returns the address of the Service whose only backend is the address.
func (f family) service(backend netip.Addr) netip.Addr {
	bytes := backend.As16()
	if f.bits == 32 {
		return f.address(serviceNet, 16*int(bytes[13])+int(bytes[15]))
	}
	return f.address(serviceNet, 16*int(bytes[5])+int(bytes[15]))
}

// network are the namespaces.
type network [len(placeNames)]string

// newNetwork creates the namespaces and links them. Packets are routed to addresses of the
// link, so that no prefix of a link matters.
func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{}
	for p := pod; int(p) < len(n); p++ {
		n[p] = firewalldtest.NewNamespace(t)
		firewalldtest.Inside(t, n[p], func() error {
			// The test answers to ICMP echo requests, in the place of the kernel.
			for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/icmp_echo_ignore_all", "ipv6/icmp/echo_ignore_all"} {
				if err := os.WriteFile("/proc/sys/net/"+name, []byte("1"), 0); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, p := range []place{pod, outside, neighbour, otherNode} {
		n.link(t, node, devices[p], p)
	}
	n.link(t, otherNode, "cali0", backend)
	// Packets of the node itself to a Service need a route before DNAT.
	commands := []string{"route add 0.0.0.0/0 via inet6 fe80::2 dev eth0", "route add ::/0 via fe80::2 dev eth0"}
	for _, f := range families {
		for i, addr := range f.addresses(node) {
			commands = append(commands, fmt.Sprintf("address add %s dev eth%d nodad", addr, i))
		}
		for _, addr := range f.addresses(backend) {
			commands = append(commands, route(addr, "fe80::2", devices[backend]))
		}
	}
	n.batch(t, node, commands)
	return n
}

// link links a place to the one that it is behind.
func (n *network) link(t *testing.T, front place, device string, behind place) {
	t.Helper()
	// Without automatic addresses, whose detection of duplicates takes time.
	n.batch(t, front, []string{
		"link add " + device + " type veth peer name eth0 netns " + n[behind],
		"link set " + device + " addrgenmode none up", "address add fe80::1/64 dev " + device + " nodad",
	})
	n.batch(t, behind, []string{
		"link set eth0 addrgenmode none up", "address add fe80::2/64 dev eth0 nodad",
		"route add 0.0.0.0/0 via inet6 fe80::1 dev eth0", "route add ::/0 via fe80::1 dev eth0",
	})
	for _, f := range families {
		var addresses, routes []string
		for _, addr := range f.addresses(behind) {
			addresses = append(addresses, fmt.Sprintf("address add %s dev eth0 nodad", addr))
			routes = append(routes, route(addr, "fe80::2", device))
		}
		n.batch(t, behind, addresses)
		n.batch(t, front, routes)
	}
}

func route(to netip.Addr, via, device string) string {
	if to.Is4() {
		via = "inet6 " + via
	}
	return fmt.Sprintf("route add %s via %s dev %s", to, via, device)
}

// batch runs commands of ip in the namespace of a place.
func (n *network) batch(t *testing.T, p place, commands []string) {
	t.Helper()
	require.NoError(t, feed(strings.Join(commands, "\n")+"\n", "ip", "-n", n[p], "-batch", "-"))
}

// feed runs a command with the text as its input.
func feed(input, name string, args ...string) error {
	command := exec.Command(name, args...)
	command.Stdin = strings.NewReader(input)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s%s", name, strings.Join(args, " "), err, out, input)
	}
	return nil
}

// needNamespaces skips the test where it can't create network namespaces.
func needNamespaces(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need the command ip")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so that the thread ends with the goroutine
		done <- unix.Unshare(unix.CLONE_NEWNET)
	}()
	if err := <-done; err != nil {
		t.Skipf("network namespaces are not available: %v", err)
	}
}
