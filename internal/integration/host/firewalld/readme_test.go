//go:build host && linux

package firewalld

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

// TestREADME compares the README's example of --check with the program's output, on a host
// where BGP is open in the runtime configuration only.
func TestREADME(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../../../README.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```\n# calico-bootstrap firewall (.*?)\n(.*?)```").FindStringSubmatch(string(readme))
	require.NotNil(t, block)

	host := firewalldtest.Start(t)
	host.Peer(t)
	ip(t, host.Namespace, "route add default via "+firewalldtest.PeerIPv4)
	host.FirewallCmd(t, "--zone=public", "--add-interface=eth0")
	host.FirewallCmd(t, "--zone=public", "--add-service=bgp")
	got := call(t, host, strings.Fields(block[1])...)
	assert.Equal(t, 3, got.code, got.stderr)
	version := regexp.MustCompile(`firewalld [0-9.]+`)
	assert.Equal(t, version.ReplaceAllString(got.stdout, "firewalld"), version.ReplaceAllString(block[2], "firewalld"))
}
