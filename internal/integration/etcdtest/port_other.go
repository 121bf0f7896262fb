//go:build !unix

package etcdtest

import (
	"fmt"
	"net"
	"net/netip"
)

// port is a TCP port of 127.0.0.1 that was free a moment ago. Where a socket
// can't hold it beside the server, as on Unix, somebody else may take it while
// the server is down.
type port struct{ addr netip.AddrPort }

// shared says whether the server must listen beside the socket that holds its
// port.
const shared = false

func reservePort() (*port, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	defer listener.Close()
	addr, err := netip.ParseAddrPort(listener.Addr().String())
	return &port{addr: addr}, err
}

func (p *port) address() string { return p.addr.String() }

func (p *port) release() {}
