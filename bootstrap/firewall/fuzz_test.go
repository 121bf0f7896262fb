package firewall_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// command matches every command that FirewallCmd may return, as people run it as root.
var command = regexp.MustCompile(`^firewall-cmd( --permanent)?( --add-port=[1-9][0-9]{0,4}/(tcp|udp|sctp|dccp)| --add-protocol=(0|[1-9][0-9]{0,2}))$`)

// FuzzOpening checks that any opening is either rejected or gives commands without
// characters that are special to a shell.
func FuzzOpening(f *testing.F) {
	for _, port := range []string{"179/tcp", "0179/tcp", "4789/UDP", "179/tcp; reboot", "+1/tcp", "1-2/tcp", "65536/tcp", "179/tcp/", "179\n/tcp"} {
		f.Add(port, "", uint8(4))
		f.Add("", port, uint8(6))
	}
	f.Add("", "4", uint8(4))
	f.Add("", "256", uint8(5))
	f.Fuzz(func(t *testing.T, port, protocol string, family uint8) {
		opening := firewall.Opening{Name: "x", Port: port, Protocol: protocol, Families: []ippool.Family{ippool.Family(family)}}
		if err := opening.Validate(); err != nil {
			assert.NotContains(t, err.Error(), "\n")
			return
		}
		for _, line := range firewall.FirewallCmd([]firewall.Opening{opening}, "") {
			require.Regexp(t, command, line)
		}
	})
}

// FuzzDatastorePorts checks that any endpoints give valid openings.
func FuzzDatastorePorts(f *testing.F) {
	for _, endpoint := range []string{
		"", "https://10.0.0.1:2379", "https://a:02379", "https://a:0", "a:4001/", "[fd00::1]:2379", "fd00::1", "https://x:$(reboot)", "https://a:65536", ":9443", " https://a:1 ",
	} {
		f.Add(endpoint)
	}
	f.Fuzz(func(t *testing.T, endpoint string) {
		openings := append(firewall.Etcd([]string{endpoint, "https://a:2379"}), firewall.APIServer(endpoint))
		require.GreaterOrEqual(t, len(openings), 2)
		for _, opening := range openings {
			opening.Families = []ippool.Family{ippool.IPv4}
			require.NoError(t, opening.Validate())
		}
	})
}
