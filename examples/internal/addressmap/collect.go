package addressmap

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// maxTotal limits Blocks.Total, so that every language reads it exactly from JSON.
const maxTotal = 1 << 53

// ipvsInterface has the address of every Service: kube-proxy adds them.
const ipvsInterface = "interface kube-ipvs0"

// UsesOf returns the uses of addresses in an inventory, and notes about what is no use: one
// line each, of pools without a range and blocks without a pool.
func UsesOf(all bootstrap.Inventory) (uses []Use, notes []string) {
	c := collector{blocksRead: all.BlocksRead, blocks: ranges.New(all.Facts.Blocks), held: make([]bool, len(all.Facts.Blocks))}
	for _, record := range all.Snapshot.Pools {
		pool := record.Pool()
		state := State("")
		if pool.Spec.Disabled {
			state = Disabled
		}
		c.pool(pool, state)
	}
	for _, unreadable := range all.Snapshot.Unreadable {
		if unreadable.CIDR == "" {
			c.notes = append(c.notes, fmt.Sprintf("IPPool %q is malformed and is not shown: %s", text.OneLine(unreadable.Name), text.Cause(unreadable.Err)))
			continue
		}
		pool := ippool.New(unreadable.Name)
		pool.Spec.CIDR = unreadable.CIDR
		c.pool(pool, Malformed)
	}
	c.reportBlocks()
	for _, pool := range all.Planned {
		if pool.Spec.CIDR == "" {
			c.notes = append(c.notes, fmt.Sprintf("the CIDR of IPPool %q is chosen when the pool is created", pool.Name))
			continue
		}
		c.pool(pool, Planned)
	}
	c.cluster(all.Facts)
	c.located(Interface, all.Facts.Networks)
	c.located(Route, all.Facts.Routes)
	return c.uses, c.notes
}

type collector struct {
	uses       []Use
	notes      []string
	blocksRead bool
	blocks     ranges.Index
	held       []bool // of the blocks: an existing pool has it
}

func (c *collector) add(kind Kind, prefix netip.Prefix, source string) {
	c.uses = append(c.uses, Use{Prefix: prefix, Kind: kind, Source: text.OneLine(source)})
}

func (c *collector) located(kind Kind, all []facts.Located) {
	for _, one := range all {
		if source := one.Source.String(); source != ipvsInterface {
			c.add(kind, one.Prefix, source)
		}
	}
}

// cluster adds the ranges of the cluster.
func (c *collector) cluster(known facts.Facts) {
	for _, source := range known.PodCIDRs {
		for _, prefix := range source.Prefixes {
			c.add(PodCIDR, prefix, source.Name.String())
		}
	}
	c.located(ServiceCIDR, known.ServiceCIDRs())
	for _, node := range known.Survey.Nodes {
		for _, prefix := range node.PodCIDRs {
			c.add(NodePodCIDR, prefix, "node "+node.Name)
		}
		for _, addr := range node.Addresses {
			addr = addr.Unmap()
			c.add(NodeAddress, netip.PrefixFrom(addr.WithZone(""), addr.BitLen()), "node "+node.Name)
		}
	}
	c.operator(known.Installation)
}

// operator adds the pools that the Tigera operator creates.
func (c *collector) operator(installation facts.Installation) {
	if !installation.CreatesPools {
		return
	}
	source := "Tigera operator, " + installation.Name.String()
	if len(installation.Pools) == 0 && !slices.ContainsFunc(c.uses, func(use Use) bool { return use.Kind == Pool && use.State != Planned }) {
		c.notes = append(c.notes, source+": names no pools; the range of the operator's default pool is not shown, and may be within a free range")
	}
	exists := map[netip.Prefix]bool{}
	for _, use := range c.uses {
		if use.Kind == Pool {
			exists[use.Prefix.Masked()] = true
		}
	}
	for _, cidr := range installation.Pools {
		prefix, err := ippool.ParseCIDR(cidr)
		switch {
		case err != nil:
			c.notes = append(c.notes, fmt.Sprintf("%s: the CIDR %s of a pool is not shown: it is invalid", source, text.Quote(cidr)))
		case !exists[prefix.Masked()]:
			exists[prefix.Masked()] = true
			c.uses = append(c.uses, Use{Prefix: prefix, Kind: Pool, Source: source, State: Planned})
		}
	}
}

// pool adds a pool.
func (c *collector) pool(pool *v3.IPPool, state State) {
	prefix, err := asCalicoReads(pool.Spec.CIDR)
	if err != nil {
		c.notes = append(c.notes, fmt.Sprintf("IPPool %q is not shown: its CIDR %s is invalid", text.OneLine(pool.Name), text.Quote(pool.Spec.CIDR)))
		return
	}
	use := Use{Prefix: prefix, Kind: Pool, Source: text.OneLine(pool.Name), State: state}
	switch uses := pool.Spec.AllowedUses; {
	case plan.IsNoNAT(pool):
		use.Kind = NoNAT
	case len(uses) == 1 && uses[0] == v3.IPPoolAllowedUseLoadBalancer:
		use.Kind = LoadBalancer
	}
	switch {
	case !c.blocksRead || state == Planned:
	case state == Malformed:
		use.Blocks = c.blocksIn(prefix, 0)
	case pool.Spec.BlockSize == 0:
		use.Blocks = c.blocksIn(prefix, ippool.FamilyOf(prefix).DefaultBlockSize())
	default:
		use.Blocks = c.blocksIn(prefix, pool.Spec.BlockSize)
	}
	c.uses = append(c.uses, use)
}

// asCalicoReads parses a CIDR of a stored pool as Calico does, with package net: it clears
// host bits, and IPv4-mapped addresses are IPv4.
func asCalicoReads(cidr string) (netip.Prefix, error) {
	_, network, err := net.ParseCIDR(cidr)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr, _ := netip.AddrFromSlice(network.IP)
	bits, _ := network.Mask.Size()
	if addr.Is4In6() {
		addr, bits = addr.Unmap(), max(bits-96, 0)
	}
	return netip.PrefixFrom(addr, bits), nil
}

// blocksIn counts the blocks in a pool. A block size of zero is unknown.
func (c *collector) blocksIn(pool netip.Prefix, size int) *Blocks {
	blocks := &Blocks{}
	if fit := size - pool.Bits(); fit >= 0 && fit < 53 {
		blocks.Total = 1 << fit
	}
	around, from, to := c.blocks.Overlapping(pool)
	if n := len(around); n > 0 && c.blocks.Prefixes[around[n-1]] == pool {
		from--
	}
	addresses := 0.0
	for i := from; i < to; i++ {
		c.held[i] = true
		blocks.Used++
		addresses += sizeOf(c.blocks.Prefixes[i])
	}
	blocks.Percent = min(100, 100*addresses/sizeOf(pool))
	return blocks
}

// reportBlocks notes the blocks that no existing pool contains.
func (c *collector) reportBlocks() {
	var without []string
	for i, block := range c.blocks.Prefixes {
		if !c.held[i] {
			without = append(without, block.String())
		}
	}
	if len(without) > 0 {
		c.notes = append(c.notes, fmt.Sprintf("%d IPAM block(s) are in no pool: %s", len(without), strings.Join(firstOf(without), ", ")))
	}
}
