//go:build host && linux

package natpackets

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// dataplane is a way to program the node.
type dataplane struct {
	name    string
	answers nat.Dataplane
	needs   [][]string // commands that must succeed in a namespace
	program func(namespace string, all []rules) error
}

var dataplanes = []dataplane{
	{"nftables", nat.NFTables, [][]string{{"nft", "list", "ruleset"}}, programNFTables},
	{"iptables-nft", nat.IPTables, iptablesNeeds("nft"), programIPTables("nft")},
	{"iptables-legacy", nat.IPTables, iptablesNeeds("legacy"), programIPTables("legacy")},
}

// need skips the test where the host or its kernel lacks the dataplane.
func (d dataplane) need(t *testing.T) {
	t.Helper()
	namespace := firewalldtest.NewNamespace(t)
	for _, command := range d.needs {
		if _, err := exec.LookPath(command[0]); err != nil {
			t.Skipf("%s is not installed", command[0])
		}
		if out, err := exec.Command("ip", append([]string{"netns", "exec", namespace}, command...)...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v: %s", strings.Join(command, " "), err, out)
		}
	}
}
