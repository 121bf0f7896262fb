package plan

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// FuzzBlocks compares the faults of IPAM blocks with those of looking at every block for
// every pool.
func FuzzBlocks(f *testing.F) {
	f.Add([]byte{16, 0, 24, 1, 24, 2, 40, 0}, []byte{26, 0, 25, 1, 27, 1, 12, 0, 64, 3, 122, 0})
	f.Add([]byte{8, 0, 8, 0}, []byte{26, 0, 26, 0, 25, 9})
	prefixes := func(data []byte) []netip.Prefix {
		var all []netip.Prefix
		for ; len(data) >= 2; data = data[2:] {
			prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, data[1] & 7, data[1] & 0xc0}), int(data[0])%33)
			if data[0] > 32 {
				prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 6: data[1]}), int(data[0])%129)
			}
			all = append(all, prefix.Masked())
		}
		return all
	}
	f.Fuzz(func(t *testing.T, poolBytes, blockBytes []byte) {
		var p Plan
		known := map[netip.Prefix]bool{}
		var blocks []netip.Prefix // an IPAM has each of them once
		for _, block := range prefixes(blockBytes) {
			if !known[block] {
				known[block], blocks = true, append(blocks, block)
			}
		}
		var want []error
		for i, prefix := range prefixes(poolBytes) {
			pool := ippool.New(fmt.Sprintf("p%d", i))
			pool.Spec.CIDR = prefix.String()
			pool.Spec.BlockSize = []int{26, 0, 26, 25, 122}[i*len(blocks)%5] // 0: the default; often the same for all
			if i%5 == 4 {
				pool.Spec.CIDR = "10.0.0.1" // no CIDR
			}
			p.Steps = append(p.Steps, Step{Action: Created, Pool: pool, Name: pool.Name})
			for _, fault := range ippool.ValidateBlocks(pool, blocks) {
				want = append(want, fmt.Errorf("%w: IPPool %q: %w", ErrIncompatible, pool.Name, fault))
			}
		}
		assert.Equal(t, want, p.blocks(blocks))
	})
}

// TestAllocationsOfBlocks checks that blocks of the size of the pool, which nearly all have, are
// neither copied nor sorted.
func TestAllocationsOfBlocks(t *testing.T) {
	pool := ippool.New("default-ipv4-ippool")
	pool.Spec.CIDR, pool.Spec.BlockSize = "10.0.0.0/8", 26
	p := Plan{Steps: []Step{{Action: Created, Pool: pool, Name: pool.Name}}}
	var blocks []netip.Prefix
	for i := range 50_000 {
		blocks = append(blocks, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 10), byte(i >> 2), byte(i << 6)}), 26))
	}
	assert.LessOrEqual(t, testing.AllocsPerRun(5, func() { assert.Empty(t, p.blocks(blocks)) }), 20.0)
}
