package firewalld

import (
	"bufio"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// DefaultInterfaces returns the interfaces of this host's preferred default routes
// for IPv4 and IPv6. It returns none on platforms other than Linux.
func DefaultInterfaces() []string {
	var names []string
	for _, table := range []struct {
		file string
		read func(fields []string) (route, bool)
	}{
		{"/proc/net/route", readIPv4Route},
		{"/proc/net/ipv6_route", readIPv6Route},
	} {
		file, err := os.Open(table.file)
		if err != nil { // the family is not supported, or this is not Linux
			continue
		}
		name := preferred(file, table.read)
		file.Close()
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

type route struct {
	device string
	metric int64
}

// rejecting is the flag of a route that rejects packets: RTF_REJECT of
// linux/route.h.
const rejecting = 0x200

// preferred returns the device of the default route with the lowest metric.
func preferred(table io.Reader, read func([]string) (route, bool)) string {
	best := route{metric: -1}
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		if found, ok := read(strings.Fields(lines.Text())); ok && (best.metric < 0 || found.metric < best.metric) {
			best = found
		}
	}
	return best.device
}

// readIPv4Route parses a default route: interface, destination, gateway, flags,
// references, use, metric (decimal), mask, ….
func readIPv4Route(fields []string) (route, bool) {
	if len(fields) < 8 || fields[1] != "00000000" || fields[7] != "00000000" {
		return route{}, false
	}
	return readRoute(fields[0], fields[3], fields[6], 10)
}

// readIPv6Route parses a default route: destination, its length, source, its
// length, next hop, metric (hexadecimal), references, use, flags, interface.
func readIPv6Route(fields []string) (route, bool) {
	if len(fields) < 10 || fields[0] != strings.Repeat("0", 32) || fields[1] != "00" {
		return route{}, false
	}
	return readRoute(fields[9], fields[8], fields[5], 16)
}

func readRoute(device, flags, metric string, base int) (route, bool) {
	set, err1 := strconv.ParseUint(flags, 16, 32)
	order, err2 := strconv.ParseInt(metric, base, 64)
	return route{device, order}, err1 == nil && err2 == nil && set&rejecting == 0
}
