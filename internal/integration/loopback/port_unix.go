//go:build unix

package loopback

import (
	"fmt"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Port is a TCP port of 127.0.0.1 held by a socket that is bound and never
// listens. A server has to know its ports before it listens, to tell its peers
// and its clients, and has to find them free again when it restarts. A port
// that is merely chosen and let go may be anybody's by then, the local end of a
// connection of another test included. With SO_REUSEPORT a server can listen on
// the held port, and while it does not, connections are refused.
type Port struct {
	addr netip.AddrPort
	fd   int
	once sync.Once
}

// Shared says whether the server must listen beside the socket that holds its
// port.
const Shared = true

// Reserve returns a port that is held until Release.
func Reserve() (*Port, error) {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	// Held so that no child of the test process inherits the socket.
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("hold a port: %w", err)
	}
	p := &Port{fd: fd}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		p.Release()
		return nil, fmt.Errorf("hold a port: share it: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback.As4()}); err != nil {
		p.Release()
		return nil, fmt.Errorf("hold a port: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		p.Release()
		return nil, fmt.Errorf("hold a port: read it: %w", err)
	}
	in4, ok := name.(*unix.SockaddrInet4)
	if !ok {
		p.Release()
		return nil, fmt.Errorf("hold a port: bound to %T", name)
	}
	p.addr = netip.AddrPortFrom(loopback, uint16(in4.Port))
	return p, nil
}

// Address returns host and port.
func (p *Port) Address() string { return p.addr.String() }

// Number returns the port alone.
func (p *Port) Number() uint16 { return p.addr.Port() }

// Release lets go of the port. A second time it does nothing.
func (p *Port) Release() {
	p.once.Do(func() { _ = unix.Close(p.fd) })
}
