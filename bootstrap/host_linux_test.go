package bootstrap

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// inNamespace is set where the test binary runs in a network namespace of its
// own.
const inNamespace = "CALICO_BOOTSTRAP_TEST_NAMESPACE"

// runInNamespace runs the test that calls it once more, in a new network
// namespace, and returns true there. Where none can be made it skips the test.
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
	// Root may do without a user namespace, where those are forbidden.
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
	t.Skipf("no network namespace can be made here: %v %s", err, output)
	return false
}

// lines are texts "prefix source".
func lines(all []Located) []string {
	var lines []string
	for _, located := range all {
		lines = append(lines, fmt.Sprintf("%s %s", located.Prefix, located.Source))
	}
	slices.Sort(lines)
	return lines
}

// A host with all that a host may have, in a network namespace that is made for
// it: interfaces of its own and of Calico's, and every kind of route.
func TestThisHostInANamespace(t *testing.T) {
	if !runInNamespace(t) {
		return
	}
	k := newKernel(t)
	if err := k.try(syscall.RTM_NEWLINK, 0, link(1, syscall.IFF_UP)); errors.Is(err, syscall.EPERM) {
		t.Skip("no rights in the namespace")
	}
	if reason := ThisHost().NoIPv6(); reason != "" {
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
	// What is left out.
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
	k.route(route{to: "10.34.0.0/16", via: "10.0.5.1", dev: "eth0", protocol: protocolBIRD})
	k.route(route{to: "10.35.0.0/16", dev: "cali1234"})
	k.route(route{to: "10.36.0.0/16", dev: "wireguard.cali", table: 1})
	k.route(route{to: "10.37.0.0/16", dev: "eth0", table: syscall.RT_TABLE_LOCAL})
	k.route(route{to: "169.254.169.254/32", dev: "eth0"})
	k.route(route{to: "239.0.0.0/8", dev: "eth0"})

	networks, err := ThisHost().Networks()
	require.NoError(t, err)
	networks = slices.DeleteFunc(networks, func(l Located) bool { return l.Prefix.Addr().IsLinkLocalUnicast() })
	assert.Equal(t, []string{
		"10.0.5.0/24 interface eth0",
		"10.0.5.0/24 interface eth0",
		"10.7.0.1/32 interface calm",
		"10.8.0.1/32 interface eth1", // this end
		"10.9.0.0/24 interface eth1", // and the other's network
		"127.0.0.0/8 interface lo",
		"::1/128 interface lo",
		"fd00:5::/64 interface eth0",
	}, lines(networks))

	routes, err := ThisHost().Routes()
	require.NoError(t, err)
	routes = slices.DeleteFunc(routes, func(l Located) bool { return l.Prefix.Addr().IsLoopback() }) // kernels differ
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

	store := newStore()
	report, err := Run(t.Context(), store, given(t, "CALICO_IPV4POOL_CIDR=10.0.0.0/11", "CALICO_IPV6POOL_CIDR=fd00:20::/47", natIPv6))
	require.NoError(t, err)
	var found []string
	for _, finding := range report.Findings {
		found = append(found, fmt.Sprintf("%s %s %s", finding.Code, finding.Pool, finding.Other.Prefix))
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
	}, found)
	assert.Contains(t, report.Findings[8].Text, "; 2 more routes of this host overlap it;")
	assert.Len(t, store.stored(), 2)

	// Calico's own traces speak against no pool.
	report, err = Run(t.Context(), newStore(), given(t, "CALICO_IPV4POOL_CIDR=10.244.0.0/16", "CALICO_IPV6POOL_CIDR=none"))
	require.NoError(t, err)
	assert.Empty(t, report.Findings)
}

// What a kernel learnt of the way to one destination, such as its MTU, is in the
// dump as a route too: one that goes by itself, and was not set up by anybody.
func TestRoutesLeaveOutWhatTheKernelLearnt(t *testing.T) {
	t.Parallel()
	message := func(flags uint32) syscall.NetlinkMessage {
		return syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: syscall.RTM_NEWROUTE}, Data: slices.Concat(
			[]byte{syscall.AF_INET, 32, 0, 0, syscall.RT_TABLE_MAIN, 0, 0, syscall.RTN_UNICAST}, number(flags),
			attribute(syscall.RTA_DST, []byte{10, 1, 0, 7}), attribute(syscall.RTA_OIF, number(2)))}
	}
	routes, err := routesIn([]syscall.NetlinkMessage{message(0), message(syscall.RTM_F_CLONED)}, devices{2: "eth0"})
	require.NoError(t, err)
	assert.Equal(t, []string{"10.1.0.7/32 route dev eth0"}, lines(routes))
}

func TestAnswersOfAKernelThatCantBeRead(t *testing.T) {
	t.Parallel()
	route := []byte{syscall.AF_INET, 16, 0, 0, 254, 4, 0, syscall.RTN_UNICAST, 0, 0, 0, 0}
	to := attribute(syscall.RTA_DST, []byte{10, 1, 0, 0})
	tests := []struct {
		name string
		data []byte
	}{
		{"half a header", route[:4]},
		{"half an attribute", slices.Concat(route, to[:6])},
		{"half an attribute's header", slices.Concat(route, to, []byte{8})},
		{"an attribute shorter than itself", slices.Concat(route, []byte{2, 0, 1, 0})},
		{"half a hop", slices.Concat(route, to, attribute(syscall.RTA_MULTIPATH, []byte{16, 0, 0, 0}))},
		{"a hop longer than all", slices.Concat(route, to, attribute(syscall.RTA_MULTIPATH, []byte{16, 0, 0, 0, 1, 0, 0, 0}))},
		{"a hop with half an attribute", slices.Concat(route, to, attribute(syscall.RTA_MULTIPATH, []byte{12, 0, 0, 0, 1, 0, 0, 0, 8, 0, 5, 0}))},
	}
	for _, tt := range tests {
		// What follows in memory is not to be read.
		data := append(slices.Clone(tt.data), make([]byte, 64)...)[:len(tt.data)]
		_, err := routesIn([]syscall.NetlinkMessage{{Header: syscall.NlMsghdr{Type: syscall.RTM_NEWROUTE}, Data: data}}, devices{1: "lo"})
		assert.ErrorIs(t, err, errNetlink, tt.name)
	}
}

// Whatever a kernel answers, reading it ends, with no prefix that has host bits.
func FuzzNetlink(f *testing.F) {
	for _, kind := range []int{syscall.RTM_GETADDR, syscall.RTM_GETROUTE} {
		answer, err := syscall.NetlinkRIB(kind, syscall.AF_UNSPEC)
		require.NoError(f, err)
		messages, err := syscall.ParseNetlinkMessage(answer)
		require.NoError(f, err)
		for _, message := range messages {
			f.Add(message.Header.Type == syscall.RTM_NEWADDR, message.Data)
		}
	}
	f.Add(false, slices.Concat([]byte{syscall.AF_INET, 16, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0},
		attribute(syscall.RTA_DST, []byte{10, 1, 0, 0}),
		attribute(syscall.RTA_MULTIPATH, []byte{16, 0, 0, 0, 1, 0, 0, 0}, attribute(syscall.RTA_GATEWAY, []byte{10, 0, 0, 1}))))
	f.Fuzz(func(t *testing.T, address bool, data []byte) {
		names := devices{1: "lo", 2: "eth0", 3: "cali1"}
		message := syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: syscall.RTM_NEWROUTE}, Data: data}
		read := routesIn
		if address {
			message.Header.Type, read = syscall.RTM_NEWADDR, networksIn
		}
		all, err := read([]syscall.NetlinkMessage{message}, names)
		if err != nil {
			require.ErrorIs(t, err, errNetlink)
		}
		for _, located := range all {
			require.True(t, located.Prefix.IsValid())
			require.Equal(t, located.Prefix.Masked(), located.Prefix)
			require.NotZero(t, ippool.FamilyOf(located.Prefix))
			require.NotContains(t, located.Source, "cali1")
		}
	})
}
