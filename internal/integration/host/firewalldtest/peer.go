//go:build host && linux

package firewalldtest

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The link between a host and its peer.
const (
	HostDevice = "eth0"
	HostIPv4   = "10.255.77.1"
	HostIPv6   = "fd00:255:77::1"
	PeerIPv4   = "10.255.77.2"
	PeerIPv6   = "fd00:255:77::2"
	peerDevice = "eth0"
)

// Peer is a network namespace that is linked to a host, like another node of its
// cluster.
type Peer struct{ Namespace string }

// Peer creates a peer that is linked to the host's device eth0.
func (h *Host) Peer(t testing.TB) Peer {
	t.Helper()
	peer := Peer{NewNamespace(t)}
	run(t, "ip", "-n", h.Namespace, "link", "add", HostDevice, "type", "veth", "peer", "name", peerDevice, "netns", peer.Namespace)
	for _, end := range []struct{ namespace, device, ipv4, ipv6 string }{
		{h.Namespace, HostDevice, HostIPv4, HostIPv6},
		{peer.Namespace, peerDevice, PeerIPv4, PeerIPv6},
	} {
		run(t, "ip", "-n", end.namespace, "address", "add", end.ipv4+"/24", "dev", end.device)
		// Without duplicate address detection, which takes time.
		run(t, "ip", "-n", end.namespace, "address", "add", end.ipv6+"/64", "dev", end.device, "nodad")
		run(t, "ip", "-n", end.namespace, "link", "set", end.device, "up")
	}
	return peer
}

// Inside calls the function on a thread in the network namespace. Sockets that it opens
// remain in the namespace. Goroutines that it starts are not in the namespace.
func Inside(t testing.TB, namespace string, function func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so that the thread ends with the goroutine
		file, err := os.Open("/run/netns/" + namespace)
		if err == nil {
			defer file.Close()
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
		}
		if err == nil {
			err = function()
		}
		done <- err
	}()
	require.NoError(t, <-done)
}
