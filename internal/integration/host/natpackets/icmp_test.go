//go:build host && linux

package natpackets

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// icmpFamily is how ICMP is sent in a family.
type icmpFamily struct {
	network        string
	number         int
	request, reply icmp.Type
}

func (f family) icmpFamily() icmpFamily {
	if f.bits == 32 {
		return icmpFamily{"ip4:icmp", 1, ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply}
	}
	return icmpFamily{"ip6:ipv6-icmp", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply}
}

// read returns the next echo message of the type, and where it is from.
func (f icmpFamily) read(connection *net.IPConn, kind icmp.Type) (*icmp.Echo, netip.Addr, error) {
	buffer := make([]byte, 512)
	for {
		size, from, err := connection.ReadFromIP(buffer)
		if err != nil {
			return nil, netip.Addr{}, err
		}
		message, err := icmp.ParseMessage(f.number, buffer[:size])
		if err != nil || message.Type != kind {
			continue
		}
		if body, ok := message.Body.(*icmp.Echo); ok {
			addr, _ := netip.AddrFromSlice(from.IP)
			return body, addr.Unmap(), nil
		}
	}
}

// marshal returns an echo message. The kernel computes the checksum of ICMPv6.
func (f icmpFamily) marshal(kind icmp.Type, id int, data string) ([]byte, error) {
	message := icmp.Message{Type: kind, Body: &icmp.Echo{ID: id, Data: []byte(data)}}
	return message.Marshal(nil)
}

func echoICMP(t *testing.T, f family, addr netip.Addr) error {
	how := f.icmpFamily()
	connection, err := net.ListenIP(how.network, &net.IPAddr{IP: addr.AsSlice()})
	if err != nil {
		return err
	}
	t.Cleanup(func() { connection.Close() })
	go func() {
		for {
			request, from, err := how.read(connection, how.request)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			seen := netip.AddrPortFrom(from, uint16(request.ID))
			if reply, err := how.marshal(how.reply, request.ID, seen.String()); err == nil {
				_, _ = connection.WriteToIP(reply, &net.IPAddr{IP: from.AsSlice()})
			}
		}
	}()
	return nil
}

func (p *probe) sendICMP() (netip.AddrPort, error) {
	how := p.family.icmpFamily()
	connection, err := net.DialIP(how.network, &net.IPAddr{IP: p.source.Addr().AsSlice()}, &net.IPAddr{IP: p.address().AsSlice()})
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		return netip.AddrPort{}, err
	}
	request, err := how.marshal(how.request, int(p.source.Port()), "?")
	if err != nil {
		return netip.AddrPort{}, err
	}
	if _, err := connection.Write(request); err != nil {
		return netip.AddrPort{}, err
	}
	for {
		reply, _, err := how.read(connection, how.reply)
		if err != nil {
			return netip.AddrPort{}, err
		}
		if reply.ID == int(p.source.Port()) {
			return netip.ParseAddrPort(string(reply.Data))
		}
	}
}
