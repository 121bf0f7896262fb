//go:build !linux

package bootstrap

import (
	"fmt"
	"net"
	"net/netip"
)

func (thisHost) Networks() ([]Located, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing this host's interfaces: %w", err)
	}
	var networks []Located
	for _, i := range interfaces {
		if isCalicos(i.Name) {
			continue
		}
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
