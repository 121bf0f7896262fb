package bootstrap

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRoute goes the other way than FuzzNetlink: it puts a route into a message as
// the kernel does, and wants it back, or nothing where it is none to be told of.
func FuzzRoute(f *testing.F) {
	f.Add([]byte{10, 1, 0, 0}, uint8(16), []byte{10, 0, 0, 1}, uint32(254), uint8(4), uint8(1), false, uint8(2), false)
	f.Add([]byte{0xfd, 15: 1}, uint8(64), []byte{0xfe, 0x80, 15: 1}, uint32(100), uint8(12), uint8(1), false, uint8(3), true)
	f.Add([]byte{10, 2, 0, 0}, uint8(16), []byte{}, uint32(1000), uint8(4), uint8(1), false, uint8(1), false)
	f.Add([]byte{10, 9, 9, 9}, uint8(33), []byte{}, uint32(255), uint8(80), uint8(7), true, uint8(1), true)
	f.Fuzz(func(t *testing.T, to []byte, bits uint8, gateway []byte, table uint32, protocol, kind uint8, cloned bool, device uint8, multipath bool) {
		names := devices{1: "lo", 2: "eth0", 3: "cali1", 4: "tunl0", 5: "eth1"}
		index := uint32(device%5) + 1
		addr, ok := netip.AddrFromSlice(to)
		via, hasGateway := netip.AddrFromSlice(gateway)
		if !ok || int(bits) > addr.BitLen() || len(gateway) > 0 && !hasGateway {
			t.Skip("no route")
		}
		var flags uint32
		if cloned {
			flags = syscall.RTM_F_CLONED
		}
		family := uint8(syscall.AF_INET)
		if addr.Is6() {
			family = syscall.AF_INET6
		}
		var way []byte
		if hasGateway {
			way = attribute(syscall.RTA_GATEWAY, gateway)
		}
		attributes := slices.Concat(attribute(syscall.RTA_TABLE, number(table)), attribute(syscall.RTA_DST, to))
		if multipath {
			hop := []byte{byte(syscall.SizeofRtNexthop + len(way)), 0, 0, 0}
			attributes = append(attributes, attribute(syscall.RTA_MULTIPATH, hop, number(index), way)...)
		} else {
			attributes = slices.Concat(attributes, way, attribute(syscall.RTA_OIF, number(index)))
		}
		message := syscall.NetlinkMessage{
			Header: syscall.NlMsghdr{Type: syscall.RTM_NEWROUTE},
			Data:   slices.Concat([]byte{family, bits, 0, 0, byte(table), protocol, 0, kind}, number(flags), attributes),
		}
		all, err := routesIn([]syscall.NetlinkMessage{message}, names)
		require.NoError(t, err)

		destination, err := addr.Prefix(int(bits))
		require.NoError(t, err)
		told := kind == syscall.RTN_UNICAST && !cloned && protocol != protocolBIRD && protocol != protocolFelix &&
			table != syscall.RT_TABLE_LOCAL && index != 3 && index != 4 && worthTelling(destination)
		if !told {
			require.Empty(t, all)
			return
		}
		source := "route dev " + names[index]
		if hasGateway {
			source = fmt.Sprintf("route via %s dev %s", via, names[index])
		}
		if table != syscall.RT_TABLE_MAIN {
			source += fmt.Sprintf(" table %d", table)
		}
		require.Equal(t, []Located{{destination, Source(source)}}, all)
	})
}
