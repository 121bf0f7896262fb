//go:build unix

package loopback

import (
	"fmt"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Port is a TCP port of 127.0.0.1 that a bound socket holds without listening. A server
// must know its ports before it listens, and they must be free when it restarts. Another
// process could take a port that is not held, even as the local port of a connection. With
// SO_REUSEPORT a server can listen on the held port; while it does not, connections are
// refused.
type Port struct {
	addr netip.AddrPort
	fd   int
	once sync.Once
}

// Shared reports whether the server must use SO_REUSEPORT, as a socket holds its port.
const Shared = true

// Reserve returns a free port that is held until Release.
func Reserve() (*Port, error) {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	// The lock prevents that a child of the test process inherits the socket.
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

// Number returns the port number.
func (p *Port) Number() uint16 { return p.addr.Port() }

// Release releases the port. Further calls have no effect.
func (p *Port) Release() {
	p.once.Do(func() { _ = unix.Close(p.fd) })
}
