//go:build !linux

package host

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/calicolinks"
)

func (thisHost) Networks(context.Context) ([]facts.Located, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing this host's interfaces: %w", err)
	}
	var networks []facts.Located
	for _, i := range interfaces {
		if calicolinks.Is(i.Name) {
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
			networks = append(networks, facts.Located{Prefix: prefix.Masked(), Source: origin.Host("interface " + i.Name)})
		}
	}
	return networks, nil
}

func (thisHost) Routes(context.Context) ([]facts.Located, error) { return nil, nil }
