//go:build !unix

package loopback

import (
	"fmt"
	"net"
	"net/netip"
)

// Port is a TCP port of 127.0.0.1 that was free a moment ago. Where a socket
// can't hold it beside the server, as on Unix, somebody else may take it while
// the server is down.
type Port struct{ addr netip.AddrPort }

// Shared says whether the server must listen beside the socket that holds its
// port.
const Shared = false

// Reserve returns a free port.
func Reserve() (*Port, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	defer listener.Close()
	addr, err := netip.ParseAddrPort(listener.Addr().String())
	return &Port{addr: addr}, err
}

// Address returns host and port.
func (p *Port) Address() string { return p.addr.String() }

// Number returns the port alone.
func (p *Port) Number() uint16 { return p.addr.Port() }

// Release does nothing: nothing is held.
func (p *Port) Release() {}
