//go:build !unix

package loopback

import (
	"fmt"
	"net"
	"net/netip"
)

// Port is a TCP port of 127.0.0.1 that was free when it was reserved. Unlike on Unix, no
// socket holds it, so another process may take it while the server is stopped.
type Port struct{ addr netip.AddrPort }

// Shared reports whether the server must use SO_REUSEPORT, as a socket holds its port.
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

// Number returns the port number.
func (p *Port) Number() uint16 { return p.addr.Port() }

// Release does nothing.
func (p *Port) Release() {}
