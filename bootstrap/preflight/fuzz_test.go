package preflight

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// prefixesFrom makes a prefix from every two bytes. The addresses differ little, so that
// prefixes often overlap.
func prefixesFrom(data []byte) []netip.Prefix {
	var all []netip.Prefix
	for ; len(data) >= 2; data = data[2:] {
		if data[0]&1 == 0 {
			addr := netip.AddrFrom4([4]byte{10, data[0] >> 5, data[0] & 0x18, data[1] >> 5})
			all = append(all, netip.PrefixFrom(addr, 8+int(data[1]%25)).Masked())
			continue
		}
		addr := netip.AddrFrom16([16]byte{0xfd, data[0] >> 5, data[0] & 0x18, 15: data[1] >> 5})
		all = append(all, netip.PrefixFrom(addr, 8+int(data[1]%121)).Masked())
	}
	return all
}

// FuzzOverlapFindings checks that the findings are exactly the overlaps.
func FuzzOverlapFindings(f *testing.F) {
	f.Add([]byte{0, 8, 2, 16}, []byte{0, 8, 64, 200, 1, 1, 33, 50}, []byte{4, 9, 0, 8, 3, 40})
	f.Add([]byte{0, 0}, []byte{0, 0, 0, 0}, []byte{0, 24, 0, 24, 0, 23})
	f.Fuzz(func(t *testing.T, poolBytes, networkBytes, routeBytes []byte) {
		known := input{networks: factstest.Locate(origin.Host("interface eth0"), prefixesFrom(networkBytes)...), routes: factstest.Locate(origin.Host("route dev eth1"), prefixesFrom(routeBytes)...)}
		known.survey.ServiceCIDRs = known.routes
		var pools []checkedPool
		for _, prefix := range prefixesFrom(poolBytes) {
			pools = append(pools, pool(prefix.String(), prefix.String()))
		}
		found := known.findings(pools, poolstest.BothFamilies)
		again := known
		again.networks, again.routes = reversed(known.networks), reversed(known.routes)
		again.survey.ServiceCIDRs = again.routes
		assert.Equal(t, found, again.findings(pools, poolstest.BothFamilies), "the order of the facts does not matter")

		for _, p := range pools {
			for code, with := range map[FindingCode][]facts.Located{HostInterfaceOverlap: known.networks, HostRouteOverlap: known.routes, ServiceCIDROverlap: known.routes} {
				clashes := slices.ContainsFunc(with, func(l facts.Located) bool { return l.Prefix.Overlaps(p.prefix()) })
				reported := slices.ContainsFunc(found, func(f Finding) bool { return f.Pool == p.name && f.Code == code })
				if code == HostRouteOverlap && clashes && !reported {
					// The overlap with an interface is reported in its place.
					require.True(t, slices.ContainsFunc(found, func(f Finding) bool { return f.Pool == p.name && f.Code == HostInterfaceOverlap }))
					continue
				}
				require.Equal(t, clashes, reported, "%s: %s", p.name, code)
			}
		}
		for _, finding := range found {
			require.NotNil(t, finding.Other)
			require.True(t, finding.Other.Prefix.Overlaps(finding.CIDR.Prefix), finding.Text)
			assert.Contains(t, finding.Text, finding.Other.Prefix.String())
			assert.Contains(t, finding.Text, finding.CIDR.Prefix.String())
			assert.NotContains(t, finding.Text, "\n")
		}
	})
}

func reversed(all []facts.Located) []facts.Located {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}

// FuzzBlocksForNodes compares the finding with the number of blocks, counted one by one
// if they are few.
func FuzzBlocksForNodes(f *testing.F) {
	f.Add(uint8(24), uint8(26), uint16(5))
	f.Add(uint8(48), uint8(122), uint16(3))
	f.Fuzz(func(t *testing.T, bits, size uint8, count uint16) {
		family, base := ippool.IPv4, netip.MustParseAddr("10.0.0.0")
		if bits > 32 {
			family, base = ippool.IPv6, netip.MustParseAddr("fd00::")
		}
		smallest, largest := family.BlockSizes()
		blocks := smallest + int(size)%(largest-smallest+1)
		prefix := netip.PrefixFrom(base, min(int(bits), base.BitLen())).Masked()
		p := pool("p", prefix.String(), blockSize(blocks))
		n := int(count%300) + 1
		var want bool
		switch {
		case prefix.Bits() > blocks: // not a valid pool
		case blocks-prefix.Bits() > 16:
		default:
			first, held := prefix.Addr(), 0
			for block := first; block.IsValid() && prefix.Contains(block); block = next(block, base.BitLen()-blocks) {
				held++
			}
			want = held < n
		}
		codes := []FindingCode{}
		for _, finding := range (input{survey: nodes(n)}).findings([]checkedPool{p}, nil) {
			codes = append(codes, finding.Code)
			assert.True(t, strings.HasPrefix(finding.Text, `IPPool "p": `))
		}
		assert.Equal(t, want, slices.Contains(codes, FewerBlocksThanNodes), "%s in blocks of /%d for %d nodes", prefix, blocks, n)
	})
}

// next returns the address plus 2^host, which is invalid after the last.
func next(addr netip.Addr, host int) netip.Addr {
	wide := addr.As16()
	low := binary.BigEndian.Uint64(wide[8:])
	if addr.Is4() {
		sum := uint64(binary.BigEndian.Uint32(wide[12:])) + 1<<host
		if sum > 1<<32-1 {
			return netip.Addr{}
		}
		return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	}
	if low+1<<host < low {
		return netip.Addr{}
	}
	binary.BigEndian.PutUint64(wide[8:], low+1<<host)
	return netip.AddrFrom16(wide)
}
