package bootstrap

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
)

// Host is what a run asks of the machine that it is on.
type Host interface {
	// Networks returns the networks of the interfaces, each with the length
	// of its address: 192.168.1.10/24 on an interface is 192.168.1.0/24 here.
	// It is called when an IPv4 CIDR must be chosen, and for the preflight:
	// once a run at most, perhaps beside Routes.
	Networks() ([]Located, error)

	// Routes returns where the host's routes lead, default routes apart. It is
	// called for the preflight, once a run at most.
	Routes() ([]Located, error)

	// NoIPv6 returns why the host has no IPv6; empty: it has.
	NoIPv6() string
}

// Located is a range of addresses, and where it was found.
type Located struct {
	Prefix netip.Prefix `json:"prefix"` // without host bits
	Source Source       `json:"source"` // "interface eth0", "kubeadm-config"
}

// prefixesOf are the ranges alone.
func prefixesOf(all []Located) []netip.Prefix {
	prefixes := make([]netip.Prefix, len(all))
	for i, located := range all {
		prefixes[i] = located.Prefix
	}
	return prefixes
}

// ThisHost returns the machine that the process runs on. What Calico itself has
// set up there, interfaces and routes, it leaves out. It knows routes only on
// Linux.
func ThisHost() Host { return thisHost{} }

type thisHost struct{}

// isCalicos reports whether Calico made the interface: its addresses and routes
// come out of pools, and so speak against none.
func isCalicos(device string) bool {
	return strings.HasPrefix(device, "cali") || slices.Contains(calicoDevices, device)
}

var calicoDevices = []string{"tunl0", "vxlan.calico", "vxlan-v6.calico", "wireguard.cali", "wg-v6.cali"}

// ipv6Sysctls is where Linux shows IPv6 when it has it. calico-node looks
// there too.
const ipv6Sysctls = "/proc/sys/net/ipv6"

func (thisHost) NoIPv6() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	if _, err := os.Stat(ipv6Sysctls); errors.Is(err, fs.ErrNotExist) {
		return ipv6Sysctls + " is missing on this host"
	}
	return ""
}
