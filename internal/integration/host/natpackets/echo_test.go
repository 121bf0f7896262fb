//go:build host && linux

package natpackets

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// echoPort is the port on which every address answers.
const echoPort = 7

// patience is the time limit for an answer. No packet is dropped on purpose.
const patience = 10 * time.Second

// listen answers on all addresses of the network, by TCP, UDP and ICMP, with the source
// address and port that a packet has there. The identifier of ICMP counts as the port.
func (n *network) listen(t *testing.T) {
	t.Helper()
	for p := pod; int(p) < len(n); p++ {
		firewalldtest.Inside(t, n[p], func() error {
			for _, f := range families {
				for _, addr := range f.addresses(p) {
					if err := errors.Join(echo(t, netip.AddrPortFrom(addr, echoPort)), echoICMP(t, f, addr)); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
}

func echo(t *testing.T, addr netip.AddrPort) error {
	packets, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return err
	}
	t.Cleanup(func() { packets.Close() })
	go func() {
		buffer := make([]byte, 64)
		for {
			_, from, err := packets.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			_, _ = packets.WriteToUDPAddrPort([]byte(from.String()), from)
		}
	}()
	listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return err
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = connection.Write([]byte(connection.RemoteAddr().String()))
			connection.Close()
		}
	}()
	return nil
}

// probe is a question that a packet answers.
type probe struct {
	family   family
	from, to place
	source   netip.AddrPort
	target   netip.Addr // which answers; a Service leads to it
	service  bool
	protocol nat.Protocol

	seen netip.AddrPort // the source at the target
	err  error
}

func (p *probe) String() string {
	by := ""
	if p.service {
		by = " by its Service"
	}
	return fmt.Sprintf("%s from %s %s to %s %s%s", p.protocol, p.from, p.source, p.to, p.target, by)
}

// address returns the address that the probe is sent to.
func (p *probe) address() netip.Addr {
	if p.service {
		return p.family.service(p.target)
	}
	return p.target
}

// send sends the probes from the namespaces of their sources, and waits for each answer.
func (n *network) send(t *testing.T, probes []*probe) {
	t.Helper()
	for p := pod; int(p) < len(n); p++ {
		firewalldtest.Inside(t, n[p], func() error {
			for _, probe := range probes {
				if probe.from == p {
					probe.seen, probe.err = probe.send()
				}
			}
			return nil
		})
	}
	for _, probe := range probes {
		require.NoError(t, probe.err, probe)
	}
}

// send connects its socket, so that it reads no answer from another address than the one
// that it sent to.
func (p *probe) send() (netip.AddrPort, error) {
	if p.protocol == p.family.icmp {
		return p.sendICMP()
	}
	dialer := net.Dialer{Timeout: patience}
	if p.protocol == nat.TCP {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(p.source)
	} else {
		dialer.LocalAddr = net.UDPAddrFromAddrPort(p.source)
	}
	connection, err := dialer.Dial(string(p.protocol), netip.AddrPortFrom(p.address(), echoPort).String())
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		return netip.AddrPort{}, err
	}
	if p.protocol == nat.UDP {
		if _, err := connection.Write([]byte("?")); err != nil {
			return netip.AddrPort{}, err
		}
	}
	buffer := make([]byte, 64)
	size, err := connection.Read(buffer)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.ParseAddrPort(string(buffer[:size]))
}
