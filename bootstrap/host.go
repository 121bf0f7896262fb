package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"runtime"
)

// Host is what a run asks of the machine that it is on.
type Host interface {
	// Networks returns the networks of the interfaces, each with the length
	// of its address: 192.168.1.10/24 on an interface is 192.168.1.0/24 here.
	// It is called only when an IPv4 CIDR must be chosen, or for the preflight.
	Networks() ([]Located, error)

	// Routes returns where the host's routes lead, default routes apart. It is
	// called only for the preflight.
	Routes() ([]Located, error)

	// NoIPv6 returns why the host has no IPv6; empty: it has.
	NoIPv6() string
}

// Located is a range of addresses, and where it was found.
type Located struct {
	Prefix netip.Prefix `json:"prefix"`
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

// ThisHost returns the machine that the process runs on.
func ThisHost() Host { return thisHost{} }

type thisHost struct{}

func (thisHost) Networks() ([]Located, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing this host's interfaces: %w", err)
	}
	var networks []Located
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("listing the addresses of %s: %w", i.Name, err)
		}
		for _, addr := range addrs {
			prefix, err := netip.ParsePrefix(addr.String())
			if err != nil {
				continue // an address with a zone, which is link-local
			}
			networks = append(networks, Located{prefix.Masked(), Source("interface " + i.Name)})
		}
	}
	return networks, nil
}

func (thisHost) Routes() ([]Located, error) { return nil, nil }

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
