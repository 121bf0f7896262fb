package host

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// attributeVia is RTA_VIA, a gateway of another family than the route's.
const attributeVia = 18

var native = binary.NativeEndian

// aligned returns the offset of the next attribute.
func aligned(length int) int { return (length + 3) &^ 3 }

// kernel configures the namespace by netlink, so that no tools are required.
type kernel struct {
	t        *testing.T
	socket   int
	sequence uint32
}

func newKernel(t *testing.T) *kernel {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(socket) })
	require.NoError(t, syscall.Bind(socket, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}))
	return &kernel{t: t, socket: socket}
}

// try sends a request and waits until it is acknowledged.
func (k *kernel) try(kind, flags uint16, body ...[]byte) error {
	k.t.Helper()
	k.sequence++
	data := slices.Concat(body...)
	message := make([]byte, syscall.NLMSG_HDRLEN)
	native.PutUint32(message, uint32(len(message)+len(data)))
	native.PutUint16(message[4:], kind)
	native.PutUint16(message[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_ACK|flags)
	native.PutUint32(message[8:], k.sequence)
	require.NoError(k.t, syscall.Sendto(k.socket, append(message, data...), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}))
	answer := make([]byte, 8192)
	n, _, err := syscall.Recvfrom(k.socket, answer, 0)
	require.NoError(k.t, err)
	messages, err := syscall.ParseNetlinkMessage(answer[:n])
	require.NoError(k.t, err)
	require.Len(k.t, messages, 1)
	require.Equal(k.t, uint16(syscall.NLMSG_ERROR), messages[0].Header.Type)
	if code := int32(native.Uint32(messages[0].Data)); code != 0 {
		return syscall.Errno(-code)
	}
	return nil
}

const create = syscall.NLM_F_CREATE | syscall.NLM_F_EXCL

func (k *kernel) must(kind, flags uint16, body ...[]byte) {
	k.t.Helper()
	require.NoError(k.t, k.try(kind, flags, body...))
}

// attribute encodes an attribute with a value or with nested attributes.
func attribute(kind uint16, values ...[]byte) []byte {
	value := slices.Concat(values...)
	data := make([]byte, syscall.SizeofRtAttr, aligned(syscall.SizeofRtAttr+len(value)))
	native.PutUint16(data, uint16(syscall.SizeofRtAttr+len(value)))
	native.PutUint16(data[2:], kind)
	data = append(data, value...)
	return data[:aligned(len(data))]
}

func number(n uint32) []byte { return native.AppendUint32(nil, n) }

func link(index uint32, flags uint32) []byte {
	data := make([]byte, syscall.SizeofIfInfomsg)
	native.PutUint32(data[4:], index)
	native.PutUint32(data[8:], flags)
	native.PutUint32(data[12:], flags)
	return data
}

// pair creates a pair of veth interfaces and sets them up.
func (k *kernel) pair(one, other string) {
	k.t.Helper()
	const kind, data, peer = 1, 2, 1 // IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER
	err := k.try(syscall.RTM_NEWLINK, create, link(0, 0), attribute(syscall.IFLA_IFNAME, []byte(one+"\x00")),
		attribute(syscall.IFLA_LINKINFO, attribute(kind, []byte("veth")), attribute(data,
			attribute(peer, link(0, 0), attribute(syscall.IFLA_IFNAME, []byte(other+"\x00"))))))
	if errors.Is(err, syscall.EOPNOTSUPP) {
		k.t.Skip("this kernel has no veth interfaces")
	}
	require.NoError(k.t, err)
	k.up(one)
	k.up(other)
}

func (k *kernel) up(device string) {
	k.t.Helper()
	k.must(syscall.RTM_NEWLINK, 0, link(k.index(device), syscall.IFF_UP))
}

func (k *kernel) index(device string) uint32 {
	k.t.Helper()
	link, err := net.InterfaceByName(device)
	require.NoError(k.t, err)
	return uint32(link.Index)
}

func family(addr netip.Addr) byte {
	if addr.Is4() {
		return syscall.AF_INET
	}
	return syscall.AF_INET6
}

// address adds an address to a device. With a peer address, the prefix length is that of
// the peer's network.
func (k *kernel) address(device, prefix string, peer ...string) {
	k.t.Helper()
	const noDAD = 2 // IFA_F_NODAD: it is valid immediately
	own := netip.MustParsePrefix(prefix)
	other := own.Addr()
	for _, text := range peer {
		other = netip.MustParseAddr(text)
	}
	message := []byte{family(own.Addr()), byte(own.Bits()), noDAD, 0}
	k.must(syscall.RTM_NEWADDR, create, message, number(k.index(device)),
		attribute(syscall.IFA_LOCAL, own.Addr().AsSlice()), attribute(syscall.IFA_ADDRESS, other.AsSlice()))
}

// route is a route to create.
type route struct {
	to, via, dev string
	hops         [][2]string // via, dev
	protocol     byte        // zero: static
	kind         byte        // zero: unicast
	table        uint32      // zero: main
}

func (k *kernel) route(r route) {
	k.t.Helper()
	const static = 4
	to := netip.MustParsePrefix(r.to)
	protocol, kind, table := r.protocol, r.kind, r.table
	if protocol == 0 {
		protocol = static
	}
	if kind == 0 {
		kind = syscall.RTN_UNICAST
	}
	if table == 0 {
		table = syscall.RT_TABLE_MAIN
	}
	scope := byte(syscall.RT_SCOPE_UNIVERSE)
	if r.via == "" && r.hops == nil && r.dev != "" {
		scope = syscall.RT_SCOPE_LINK
	}
	message := []byte{family(to.Addr()), byte(to.Bits()), 0, 0, 0, protocol, scope, kind, 0, 0, 0, 0}
	body := [][]byte{message, attribute(syscall.RTA_TABLE, number(table)), attribute(syscall.RTA_DST, to.Addr().AsSlice())}
	if r.dev != "" {
		body = append(body, attribute(syscall.RTA_OIF, number(k.index(r.dev))))
	}
	if r.via != "" {
		body = append(body, k.gateway(to, r.via))
	}
	if r.hops != nil {
		var all []byte
		for _, hop := range r.hops {
			gateway := k.gateway(to, hop[0])
			next := make([]byte, syscall.SizeofRtNexthop)
			native.PutUint16(next, uint16(len(next)+len(gateway)))
			native.PutUint32(next[4:], k.index(hop[1]))
			all = slices.Concat(all, next, gateway)
		}
		body = append(body, attribute(syscall.RTA_MULTIPATH, all))
	}
	k.must(syscall.RTM_NEWROUTE, create, body...)
}

func (k *kernel) gateway(to netip.Prefix, via string) []byte {
	addr := netip.MustParseAddr(via)
	if addr.Is4() == to.Addr().Is4() {
		return attribute(syscall.RTA_GATEWAY, addr.AsSlice())
	}
	return attribute(attributeVia, native.AppendUint16(nil, uint16(family(addr))), addr.AsSlice())
}
