package host

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
)

func TestThisHostNetworks(t *testing.T) {
	t.Parallel()
	networks, err := This().Networks(t.Context())
	require.NoError(t, err)
	assert.Contains(t, prefixesOf(networks), netip.MustParsePrefix("127.0.0.0/8"))
	for _, network := range networks {
		assert.Equal(t, network.Prefix.Masked(), network.Prefix)
		assert.True(t, strings.HasPrefix(network.Source.String(), "interface "), network.Source)
	}
}

// Every address of the host is in one of its networks, so that no chosen range holds it.
func TestThisHostNetworksHoldItsAddresses(t *testing.T) {
	t.Parallel()
	networks, err := This().Networks(t.Context())
	require.NoError(t, err)
	addrs, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, addr := range addrs {
		ipNet, ok := addr.(*net.IPNet)
		require.True(t, ok, "%T", addr)
		ip, ok := netip.AddrFromSlice(ipNet.IP)
		require.True(t, ok)
		ones, _ := ipNet.Mask.Size()
		assert.Contains(t, prefixesOf(networks), netip.PrefixFrom(ip.Unmap(), ones).Masked())
	}
}

func TestThisHostIPv6Disabled(t *testing.T) {
	t.Parallel()
	_, err := os.Stat("/proc/sys/net/ipv6")
	if runtime.GOOS == "linux" && errors.Is(err, fs.ErrNotExist) {
		assert.Equal(t, "/proc/sys/net/ipv6 is missing on this host", This().IPv6Disabled())
	} else {
		assert.Empty(t, This().IPv6Disabled())
	}
}

func prefixesOf(all []facts.Located) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, located := range all {
		prefixes = append(prefixes, located.Prefix)
	}
	return prefixes
}
