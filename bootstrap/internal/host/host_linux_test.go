package host

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
)

// inNamespace names the variable that is set if the test binary runs in its own network
// namespace.
const inNamespace = "CALICO_BOOTSTRAP_TEST_NAMESPACE"

// runInNamespace runs the calling test again in a new network namespace, and returns
// true there. If no namespace can be created, it skips the test.
func runInNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNamespace) != "" {
		return true
	}
	var (
		output []byte
		err    error
	)
	user := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	// Root needs no user namespace, which may be forbidden.
	for _, attributes := range []*syscall.SysProcAttr{user, {Cloneflags: syscall.CLONE_NEWNET}} {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), inNamespace+"=1")
		again.SysProcAttr = attributes
		output, err = again.CombinedOutput()
		var exit *exec.ExitError
		started := err == nil || errors.As(err, &exit)
		if started && !strings.Contains(string(output), "--- SKIP") {
			require.NoError(t, err, "%s", output)
			require.Contains(t, string(output), "--- PASS: "+t.Name())
			return false
		}
	}
	t.Skipf("can't create a network namespace: %v %s", err, output)
	return false
}

// lines returns "prefix source" of each, sorted.
func lines(all []facts.Located) []string {
	var lines []string
	for _, located := range all {
		lines = append(lines, fmt.Sprintf("%s %s", located.Prefix, located.Source))
	}
	slices.Sort(lines)
	return lines
}

// The host is a new network namespace with interfaces of its own and of Calico, and with
// every kind of route.
func TestThisHostInANamespace(t *testing.T) {
	if !runInNamespace(t) {
		return
	}
	k := newKernel(t)
	if err := k.try(syscall.RTM_NEWLINK, 0, link(1, syscall.IFF_UP)); errors.Is(err, syscall.EPERM) {
		t.Skip("no permission in the namespace")
	}
	if reason := This().IPv6Disabled(); reason != "" {
		t.Skip(reason)
	}
	k.pair("eth0", "eth1")
	k.pair("cali1234", "tunl0")
	k.pair("vxlan.calico", "wireguard.cali")
	k.pair("calm", "vxlan-v6.calico")

	k.address("eth0", "10.0.5.7/24")
	k.address("eth0", "10.0.5.8/24")
	k.address("eth0", "fd00:5::7/64")
	k.address("eth1", "10.8.0.1/24", "10.9.0.1")
	k.address("calm", "10.7.0.1/32")
	k.address("tunl0", "10.244.0.1/32")
	k.address("vxlan.calico", "10.244.0.2/32")
	k.address("vxlan-v6.calico", "fd00:244::1/128")
	k.address("wireguard.cali", "10.244.0.4/32")
	k.address("cali1234", "10.244.0.3/24")

	k.route(route{to: "10.20.0.0/16", via: "10.0.5.1", dev: "eth0"})
	k.route(route{to: "10.21.0.0/16", dev: "eth1"})
	k.route(route{to: "10.22.0.0/16", hops: [][2]string{{"10.0.5.1", "eth0"}, {"10.9.0.9", "eth1"}}})
	k.route(route{to: "10.23.0.0/16", hops: [][2]string{{"10.0.5.1", "eth0"}, {"10.244.0.9", "cali1234"}}})
	k.route(route{to: "10.24.0.0/16", via: "10.0.5.1", dev: "eth0", table: 100})
	k.route(route{to: "10.25.0.0/16", via: "10.0.5.1", dev: "eth0", table: 70000})
	k.route(route{to: "10.26.0.0/16", via: "fd00:5::1", dev: "eth0"})
	k.route(route{to: "fd00:20::/48", via: "fd00:5::1", dev: "eth0"})
	k.route(route{to: "fd00:22::/48", hops: [][2]string{{"fd00:5::1", "eth0"}, {"fd00:5::2", "eth0"}}})
	// Ignored routes.
	k.route(route{to: "0.0.0.0/0", via: "10.0.5.1", dev: "eth0"})
	k.route(route{to: "0.0.0.0/1", via: "10.0.5.1", dev: "eth0"})
	k.route(route{to: "128.0.0.0/1", via: "10.0.5.1", dev: "eth0"})
	k.route(route{to: "::/0", via: "fd00:5::1", dev: "eth0"})
	k.route(route{to: "2000::/3", via: "fd00:5::1", dev: "eth0"})
	k.route(route{to: "10.30.0.0/16", kind: syscall.RTN_BLACKHOLE})
	k.route(route{to: "10.31.0.0/16", kind: syscall.RTN_UNREACHABLE})
	k.route(route{to: "10.32.0.0/16", kind: syscall.RTN_PROHIBIT})
	k.route(route{to: "fd00:30::/48", kind: syscall.RTN_BLACKHOLE, dev: "lo"})
	k.route(route{to: "10.33.0.0/16", via: "10.0.5.1", dev: "eth0", protocol: protocolFelix})
	k.route(route{to: "10.34.0.0/16", via: "10.0.5.1", dev: "eth0", protocol: unix.RTPROT_BIRD})
	k.route(route{to: "10.35.0.0/16", dev: "cali1234"})
	k.route(route{to: "10.36.0.0/16", dev: "wireguard.cali", table: 1})
	k.route(route{to: "10.37.0.0/16", dev: "eth0", table: syscall.RT_TABLE_LOCAL})
	k.route(route{to: "169.254.169.254/32", dev: "eth0"})
	k.route(route{to: "239.0.0.0/8", dev: "eth0"})

	networks, err := This().Networks(t.Context())
	require.NoError(t, err)
	networks = slices.DeleteFunc(networks, func(l facts.Located) bool { return l.Prefix.Addr().IsLinkLocalUnicast() })
	assert.Equal(t, []string{
		"10.0.5.0/24 interface eth0",
		"10.0.5.0/24 interface eth0",
		"10.7.0.1/32 interface calm",
		"10.8.0.1/32 interface eth1", // the own address
		"10.9.0.0/24 interface eth1", // and the network of the peer
		"127.0.0.0/8 interface lo",
		"::1/128 interface lo",
		"fd00:5::/64 interface eth0",
	}, lines(networks))

	routes, err := This().Routes(t.Context())
	require.NoError(t, err)
	routes = slices.DeleteFunc(routes, func(l facts.Located) bool { return l.Prefix.Addr().IsLoopback() }) // kernels differ
	assert.Equal(t, []string{
		"10.0.5.0/24 route dev eth0",
		"10.20.0.0/16 route via 10.0.5.1 dev eth0",
		"10.21.0.0/16 route dev eth1",
		"10.22.0.0/16 route via 10.0.5.1 dev eth0, via 10.9.0.9 dev eth1",
		"10.23.0.0/16 route via 10.0.5.1 dev eth0",
		"10.24.0.0/16 route via 10.0.5.1 dev eth0 table 100",
		"10.25.0.0/16 route via 10.0.5.1 dev eth0 table 70000",
		"10.26.0.0/16 route via fd00:5::1 dev eth0",
		"10.9.0.0/24 route dev eth1",
		"fd00:20::/48 route via fd00:5::1 dev eth0",
		"fd00:22::/48 route via fd00:5::1 dev eth0, via fd00:5::2 dev eth0",
		"fd00:5::/64 route dev eth0",
	}, lines(routes))

	check := func(given ...string) []preflight.Finding {
		draft, err := plan.Compute(settingstest.Resolved(t, given...).Desired, datastore.Snapshot{}, plan.DriftReport)
		require.NoError(t, err)
		known := facts.Facts{Networks: networks, Routes: routes}
		settled, err := draft.Settle(known, netip.Prefix{})
		require.NoError(t, err)
		return preflight.Check(settled, known, false)
	}
	found := check("--ipv4-pool-cidr=10.0.0.0/11", "--ipv6-pool-cidr=fd00:20::/47", "--ipv6-pool-nat-outgoing=true")
	var overlaps []string
	for _, finding := range found {
		require.NotNil(t, finding.Other, finding.Text)
		overlaps = append(overlaps, fmt.Sprintf("%s %s %s", finding.Code, finding.Pool, finding.Other.Prefix))
	}
	assert.Equal(t, []string{
		"HostInterfaceOverlap default-ipv4-ippool 10.0.5.0/24",
		"HostInterfaceOverlap default-ipv4-ippool 10.7.0.1/32",
		"HostInterfaceOverlap default-ipv4-ippool 10.8.0.1/32",
		"HostInterfaceOverlap default-ipv4-ippool 10.9.0.0/24",
		"HostRouteOverlap default-ipv4-ippool 10.20.0.0/16",
		"HostRouteOverlap default-ipv4-ippool 10.21.0.0/16",
		"HostRouteOverlap default-ipv4-ippool 10.22.0.0/16",
		"HostRouteOverlap default-ipv4-ippool 10.23.0.0/16",
		"HostRouteOverlap default-ipv4-ippool 10.24.0.0/16",
		"HostRouteOverlap default-ipv6-ippool fd00:20::/48",
	}, overlaps)
	assert.Contains(t, found[8].Text, "; 2 more routes of this host overlap it;")

	// Calico's own interfaces and routes are no findings.
	assert.Empty(t, check("--ipv4-pool-cidr=10.244.0.0/16", "--ipv6-pool-cidr=none"))
}

// A dump that the kernel marks as interrupted is read again, up to 10 times or until the
// context ends.
func TestInterruptedDumpsAreRetried(t *testing.T) {
	t.Parallel()
	times := 0
	all, err := uninterrupted(t.Context(), func() ([]int, error) {
		if times++; times < 4 {
			return []int{times}, netlink.ErrDumpInterrupted
		}
		return []int{1, 2, 3}, nil
	})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3}, all)

	times = 0
	_, err = uninterrupted(t.Context(), func() ([]int, error) { times++; return nil, netlink.ErrDumpInterrupted })
	require.ErrorIs(t, err, netlink.ErrDumpInterrupted)
	require.ErrorContains(t, err, "they changed while being read, 10 times in a row")
	assert.Equal(t, 10, times)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = uninterrupted(ctx, func() ([]int, error) {
		cancel()
		return nil, netlink.ErrDumpInterrupted
	})
	require.ErrorIs(t, err, context.Canceled)
	_, err = uninterrupted(t.Context(), func() ([]int, error) { return nil, syscall.EPERM })
	require.ErrorIs(t, err, syscall.EPERM)
}
