package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/calicolinks"
)

// Each kind of object is read with one netlink dump. Package net would dump all
// addresses again for each interface, and a node has an interface per pod.

func (thisHost) Networks(ctx context.Context) ([]facts.Located, error) {
	names, err := linkNames(ctx)
	if err != nil {
		return nil, err
	}
	addresses, err := uninterrupted(ctx, func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("listing this host's addresses: %w", err)
	}
	var networks []facts.Located
	for _, address := range addresses {
		name := names[address.LinkIndex]
		if calicolinks.Is(name) {
			continue
		}
		own, peer := prefixOf(address.IPNet), prefixOf(address.Peer)
		for _, end := range []netip.Prefix{peer, own} {
			if end.IsValid() && (end == peer || !peer.Contains(own.Addr())) {
				networks = append(networks, facts.Located{Prefix: end.Masked(), Source: origin.Host("interface " + name)})
			}
		}
	}
	return networks, nil
}

func (thisHost) Routes(ctx context.Context) ([]facts.Located, error) {
	names, err := linkNames(ctx)
	if err != nil {
		return nil, err
	}
	every := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
	all, err := uninterrupted(ctx, func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(netlink.FAMILY_ALL, every, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("listing this host's routes: %w", err)
	}
	return routesIn(all, names), nil
}

const (
	maxDumps  = 10
	dumpPause = 10 * time.Millisecond
)

// uninterrupted repeats a dump that the kernel marks as interrupted: there was a change
// in between, and entries may be missing. It returns an error after maxDumps attempts.
func uninterrupted[T any](ctx context.Context, dump func() ([]T, error)) ([]T, error) {
	for tries := 1; ; tries++ {
		all, err := dump()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
		if tries == maxDumps {
			return nil, fmt.Errorf("they changed while being read, %d times in a row: %w", maxDumps, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (%w)", ctx.Err(), err)
		case <-time.After(dumpPause):
		}
	}
}

// linkNames returns the names of the interfaces by index.
func linkNames(ctx context.Context) (map[int]string, error) {
	links, err := uninterrupted(ctx, netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("listing this host's interfaces: %w", err)
	}
	names := map[int]string{}
	for _, link := range links {
		names[link.Attrs().Index] = link.Attrs().Name
	}
	return names, nil
}

// protocolFelix is the protocol of Felix's routes. BIRD's routes have RTPROT_BIRD.
const protocolFelix = 80

// routesIn returns the routes to specific destinations. It omits local and default
// routes, those that drop packets, other families, and those of Calico.
func routesIn(all []netlink.Route, names map[int]string) []facts.Located {
	var routes []facts.Located
	for _, route := range all {
		destination := prefixOf(route.Dst)
		switch {
		case route.Family != netlink.FAMILY_V4 && route.Family != netlink.FAMILY_V6,
			route.Type != unix.RTN_UNICAST, route.Table == unix.RT_TABLE_LOCAL,
			route.Protocol == unix.RTPROT_BIRD, route.Protocol == protocolFelix, !isSpecific(destination):
			continue
		}
		hops := hopsOf(route, names)
		if len(hops) == 0 {
			continue
		}
		source := "route " + strings.Join(hops, ", ")
		if route.Table != unix.RT_TABLE_MAIN {
			source += fmt.Sprintf(" table %d", route.Table)
		}
		routes = append(routes, facts.Located{Prefix: destination.Masked(), Source: origin.Host(source)})
	}
	return routes
}

// globalIPv6 is all global unicast addresses. A route to it is a default route.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

// isSpecific reports whether the destination is not a default route, not one of the two
// halves of a default route that VPNs add, and not in a range that can't contain pools.
func isSpecific(destination netip.Prefix) bool {
	addr := destination.Addr()
	return destination.Bits() > 1 && destination != globalIPv6 && !addr.IsMulticast() && !addr.IsLinkLocalUnicast()
}

// hopsOf returns the next hops of a route, such as "via 10.0.0.1 dev eth0", without those
// through Calico's interfaces.
func hopsOf(route netlink.Route, names map[int]string) []string {
	nexthops := route.MultiPath
	if len(nexthops) == 0 {
		nexthops = []*netlink.NexthopInfo{{LinkIndex: route.LinkIndex, Gw: route.Gw, Via: route.Via}}
	}
	var hops []string
	for _, hop := range nexthops {
		name := names[hop.LinkIndex]
		if name == "" || calicolinks.Is(name) {
			continue
		}
		gateway := hop.Gw
		if via, other := hop.Via.(*netlink.Via); other { // the gateway is of another family than the route
			gateway = via.Addr
		}
		text := "dev " + name
		if len(gateway) > 0 {
			text = fmt.Sprintf("via %s dev %s", gateway, name)
		}
		hops = append(hops, text)
	}
	return hops
}

// prefixOf converts a network. Nil, which is a default route, becomes the zero prefix.
func prefixOf(network *net.IPNet) netip.Prefix {
	if network == nil {
		return netip.Prefix{}
	}
	addr, _ := netip.AddrFromSlice(network.IP)
	ones, _ := network.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), ones)
}
