package preflight

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Checks of the use of a pool: whether its pods can reach other networks, and whether
// its nodes get blocks.

var (
	uniqueLocal   = netip.MustParsePrefix("fc00::/7") // RFC 4193
	privateRanges = []netip.Prefix{                   // RFC 1918 and RFC 6598
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("100.64.0.0/10"),
	}
)

func (c *checker) localWithoutNAT(pool checkedPool) []Finding {
	if pool.drawn || !pool.isLocalWithoutNAT() {
		return nil // a drawn one is a note: see Notes
	}
	return []Finding{{CIDR: pool.located(), Text: pool.describeLocalWithoutNAT()}}
}

func (p checkedPool) isLocalWithoutNAT() bool {
	return !p.object.Spec.NATOutgoing && (p.randomRange || ippool.Contains(uniqueLocal, p.prefix()))
}

func (p checkedPool) describeLocalWithoutNAT() string {
	return fmt.Sprintf("%s is unique local, and natOutgoing is false (%s): such addresses are not routed on the internet, so pods can't reach IPv6 hosts outside the cluster; %s, or set a global range",
		p.describeCIDR(), p.source("natOutgoing"), p.set("natOutgoing", "true"))
}

func (c *checker) privateWithoutNAT(pool checkedPool) []Finding {
	private := func(within netip.Prefix) bool { return ippool.Contains(within, pool.prefix()) }
	if pool.object.Spec.NATOutgoing || !slices.ContainsFunc(privateRanges, private) {
		return nil
	}
	return []Finding{{
		CIDR: pool.located(),
		Text: fmt.Sprintf("%s is private, and natOutgoing is false (%s): pods reach only hosts with a return route to them, such as by BGP; %s, or ensure that return routes exist",
			pool.describeCIDR(), pool.source("natOutgoing"), pool.set("natOutgoing", "true")),
	}}
}

// fewerBlocks finds pools with fewer blocks than nodes. A node without a block has no
// addresses for pods, or borrows them from blocks of other nodes.
func (c *checker) fewerBlocks(pool checkedPool) []Finding {
	size, prefix := pool.object.Spec.BlockSize, pool.prefix()
	if size == 0 {
		size = pool.family.DefaultBlockSize()
	}
	matched, ok := c.matched(pool)
	bits := size - prefix.Bits()
	if !ok || !prefix.IsValid() || bits < 0 || bits > 63 || uint64(1)<<bits >= uint64(matched) {
		return nil // 2^64 blocks and more are enough
	}
	return []Finding{{
		CIDR: pool.located(),
		Text: fmt.Sprintf("%s has %d block(s) of /%d (blockSize: %s) for %d node(s): pods on the other nodes get no address, or a borrowed one; %s, or smaller blocks",
			pool.describeCIDR(), uint64(1)<<bits, size, pool.source("blockSize"), matched, pool.wider()),
	}}
}

// wider returns how to get more addresses.
func (p checkedPool) wider() string {
	if p.existing {
		return "CIDR and block size are not updatable in place, so add another pool with a wider range"
	}
	return p.moveRemedy() + ", a wider one"
}

func (c *checker) noNode(pool checkedPool) []Finding {
	if matched, ok := c.matched(pool); !ok || matched > 0 {
		return nil
	}
	return []Finding{{
		CIDR: pool.located(),
		Text: fmt.Sprintf("%s matches none of the cluster's %d node(s), so no pod gets an address from the pool; %s, or label nodes",
			pool.describe("nodeSelector", text.Quote(pool.object.Spec.NodeSelector)), len(c.survey.Nodes), pool.set("nodeSelector", "one that matches")),
	}}
}
