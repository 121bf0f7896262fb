package bootstrap

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
)

// The kernel is asked by netlink, in one dump for each kind of thing: package
// net would dump all addresses anew for every interface, and a node has one for
// every pod.

func (thisHost) Networks() ([]Located, error) {
	names, err := deviceNames()
	if err != nil {
		return nil, err
	}
	messages, err := dump(syscall.RTM_GETADDR)
	if err != nil {
		return nil, fmt.Errorf("listing this host's addresses: %w", err)
	}
	return networksIn(messages, names)
}

func (thisHost) Routes() ([]Located, error) {
	names, err := deviceNames()
	if err != nil {
		return nil, err
	}
	messages, err := dump(syscall.RTM_GETROUTE)
	if err != nil {
		return nil, fmt.Errorf("listing this host's routes: %w", err)
	}
	return routesIn(messages, names)
}

// devices are the names of the interfaces by their index.
type devices map[uint32]string

func deviceNames() (devices, error) {
	messages, err := dump(syscall.RTM_GETLINK)
	if err != nil {
		return nil, fmt.Errorf("listing this host's interfaces: %w", err)
	}
	names := devices{}
	for _, message := range messages {
		if message.Header.Type != syscall.RTM_NEWLINK {
			continue
		}
		attributes, err := attributesOf(&message)
		if err != nil {
			return nil, err
		}
		name, _, _ := bytes.Cut(attributes[syscall.IFLA_IFNAME], []byte{0})
		names[native.Uint32(message.Data[4:])] = string(name)
	}
	return names, nil
}

// dump asks for everything of a kind, in both families.
func dump(kind int) ([]syscall.NetlinkMessage, error) {
	answer, err := syscall.NetlinkRIB(kind, syscall.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	return syscall.ParseNetlinkMessage(answer)
}

// isIP leaves out other families, such as MPLS, whose labels look like addresses.
func isIP(message syscall.NetlinkMessage) bool {
	return len(message.Data) > 0 && (message.Data[0] == syscall.AF_INET || message.Data[0] == syscall.AF_INET6)
}

// networksIn reads struct ifaddrmsg: family, length, flags and scope of a byte
// each, then the index of the interface.
func networksIn(messages []syscall.NetlinkMessage, names devices) ([]Located, error) {
	var networks []Located
	for _, message := range messages {
		if message.Header.Type != syscall.RTM_NEWADDR || !isIP(message) {
			continue
		}
		attributes, err := attributesOf(&message)
		if err != nil {
			return nil, err
		}
		device := names[native.Uint32(message.Data[4:])]
		if isCalicos(device) {
			continue
		}
		// The length is that of the address, which on a link between two is
		// the other end's; this end's is then apart, and by itself.
		length := int(message.Data[1])
		ends := []netip.Prefix{prefixFrom(attributes[syscall.IFA_ADDRESS], length)}
		if local, ok := netip.AddrFromSlice(attributes[syscall.IFA_LOCAL]); ok && !ends[0].Contains(local) {
			ends = append(ends, netip.PrefixFrom(local, local.BitLen()))
		}
		for _, end := range ends {
			if end.IsValid() {
				networks = append(networks, Located{end, Source("interface " + device)})
			}
		}
	}
	return networks, nil
}

// The protocols of routes that Calico makes.
const (
	protocolBIRD  = 12
	protocolFelix = 80
)

// routesIn reads struct rtmsg: a byte each for family, lengths of destination
// and source, TOS, table, protocol, scope and type, then four of flags. A cloned
// route is what the kernel learnt of the way to one destination, for a while.
func routesIn(messages []syscall.NetlinkMessage, names devices) ([]Located, error) {
	var routes []Located
	for _, message := range messages {
		if message.Header.Type != syscall.RTM_NEWROUTE || !isIP(message) {
			continue
		}
		if len(message.Data) < syscall.SizeofRtMsg {
			return nil, errNetlink
		}
		length, protocol, kind := int(message.Data[1]), message.Data[5], message.Data[7]
		cloned := native.Uint32(message.Data[8:])&syscall.RTM_F_CLONED != 0
		if cloned || kind != syscall.RTN_UNICAST || protocol == protocolBIRD || protocol == protocolFelix {
			continue
		}
		attributes, err := attributesOf(&message)
		if err != nil {
			return nil, err
		}
		table := uint32(message.Data[4])
		if wide := attributes[syscall.RTA_TABLE]; len(wide) == 4 {
			table = native.Uint32(wide)
		}
		destination := prefixFrom(attributes[syscall.RTA_DST], length)
		if table == syscall.RT_TABLE_LOCAL || !worthTelling(destination) {
			continue
		}
		hops, err := hopsOf(attributes, names)
		if err != nil {
			return nil, err
		}
		if len(hops) == 0 {
			continue
		}
		source := "route " + strings.Join(hops, ", ")
		if table != syscall.RT_TABLE_MAIN {
			source += fmt.Sprintf(" table %d", table)
		}
		routes = append(routes, Located{destination, Source(source)})
	}
	return routes, nil
}

// globalIPv6 is all that is given out of IPv6, and so a default route by another
// name.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

// worthTelling leaves out default routes, whole or in two halves, as VPNs set
// them beside the real one, and what no pool can be in.
func worthTelling(destination netip.Prefix) bool {
	addr := destination.Addr()
	return destination.Bits() > 1 && destination != globalIPv6 && !addr.IsMulticast() && !addr.IsLinkLocalUnicast()
}

// hopsOf are the ways that a route goes, "via 10.0.0.1 dev eth0", without those
// through Calico's interfaces.
func hopsOf(attributes map[uint16][]byte, names devices) ([]string, error) {
	var hops []string
	add := func(device string, attributes map[uint16][]byte) {
		hop := "dev " + device
		if gateway, ok := gatewayOf(attributes); ok {
			hop = fmt.Sprintf("via %s dev %s", gateway, device)
		}
		if !isCalicos(device) {
			hops = append(hops, hop)
		}
	}
	if out := attributes[syscall.RTA_OIF]; len(out) == 4 {
		add(names[native.Uint32(out)], attributes)
	}
	// Each is a struct rtnexthop, whose length counts its attributes too.
	for rest := attributes[syscall.RTA_MULTIPATH]; len(rest) > 0; {
		length, err := lengthIn(rest, syscall.SizeofRtNexthop)
		if err != nil {
			return nil, err
		}
		nested, err := parseAttributes(rest[syscall.SizeofRtNexthop:length])
		if err != nil {
			return nil, err
		}
		add(names[native.Uint32(rest[4:])], nested)
		rest = rest[min(aligned(length), len(rest)):]
	}
	return hops, nil
}

// attributeVia is RTA_VIA, a gateway of another family than the route's: the
// family, then the address.
const attributeVia = 18

func gatewayOf(attributes map[uint16][]byte) (netip.Addr, bool) {
	if via := attributes[attributeVia]; len(via) > 2 {
		return netip.AddrFromSlice(via[2:])
	}
	return netip.AddrFromSlice(attributes[syscall.RTA_GATEWAY])
}

// prefixFrom returns the zero prefix where there is no address: that is a
// default route.
func prefixFrom(address []byte, length int) netip.Prefix {
	addr, _ := netip.AddrFromSlice(address)
	return netip.PrefixFrom(addr, length).Masked()
}
