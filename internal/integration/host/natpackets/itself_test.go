//go:build host && linux

package natpackets

import (
	"net/netip"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// TestNodeToItself shows where the verdict and the source of a packet differ: a process of
// the node that sends to the node, from an address in a pool with natOutgoing, such as that
// of a tunnel. The packet leaves by lo, and the rules apply there, too. A pod's packet to
// its node never gets to them.
func TestNodeToItself(t *testing.T) {
	needNamespaces(t)
	for _, d := range dataplanes {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d.need(t)
			n := newNetwork(t)
			n.listen(t)
			for i, f := range families {
				pool := &v3.IPPool{}
				pool.Spec.CIDR, pool.Spec.NATOutgoing = netip.PrefixFrom(f.address(2, 0), f.netBits).String(), true
				hostIP, tunnel, inPool := f.addresses(node)[0], f.addresses(node)[1], f.address(2, int(pod))
				cluster := nat.Cluster{Pools: []*v3.IPPool{pool}, Nodes: []nat.Node{{Name: "n1", HostIPs: []string{hostIP.String()}, OtherAddresses: []string{tunnel.String()}}}}
				require.NoError(t, d.program(n[node], []rules{newRules(cluster, f)}))

				model := nat.New(cluster)
				probes := []*probe{
					{family: f, from: pod, to: node, source: netip.AddrPortFrom(inPool, firstPort+uint16(i)), target: hostIP, protocol: nat.UDP},
					{family: f, from: node, to: node, source: netip.AddrPortFrom(tunnel, firstPort+uint16(i)), target: hostIP, protocol: nat.UDP},
				}
				n.send(t, probes)
				for _, p := range probes {
					verdict := explain(t, model, p.source.Addr(), p.target, nat.Options{Node: "n1"})
					assert.Equal(t, []any{nat.No, 4}, []any{verdict.Masqueraded, verdict.Row}, p)
				}
				assert.Equal(t, inPool.String(), probes[0].seen.Addr().String())
				assert.Equal(t, hostIP.String(), probes[1].seen.Addr().String(), "another address of the node")
			}
		})
	}
}
