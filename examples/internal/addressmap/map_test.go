package addressmap_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	. "github.com/calico-bootstrap/calico-bootstrap/examples/internal/addressmap"
)

// lines returns the rows as a table without the private ranges and the free parts, one
// line each.
func lines(uses ...Use) []string {
	var all []string
	for _, row := range New(uses).Rows {
		if row.Kind != Private && row.Kind != Free {
			all = append(all, strings.TrimRight(fmt.Sprintf("%s%s %s %s! %s", strings.Repeat(">", row.Depth), row.Range(), row.Called(), row.Name(), row.OverlapText()), "! "))
		}
	}
	return all
}

func in(kind Kind, cidr, source string) Use {
	return Use{Prefix: prefix(cidr), Kind: kind, Source: source}
}

func TestNesting(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{
		"8.0.0.0/6 route route a! pod CIDR 10.244.0.0/16 (flag --cluster-cidr), node podCIDR 10.244.1.0/24 (node a), pool 10.244.0.0/16 (default)",
		">>10.0.0.0/16 interface interface eth0, route b",
		">>>10.0.0.7/32 node address node a",
		">>10.244.0.0/16 pod CIDR flag --cluster-cidr, kubeadm-config! route 8.0.0.0/6 (route a)",
		">>10.244.0.0/16 pool default! route 8.0.0.0/6 (route a)",
		">>>10.244.1.0/24 node podCIDR node a! route 8.0.0.0/6 (route a)",
		"203.0.113.0/24 pool public",
		">fd00::/64 Service CIDR s",
	}, lines(
		in(Route, "10.0.0.0/16", "route b"), in(Interface, "10.0.0.0/16", "interface eth0"), in(Route, "8.0.0.0/6", "route a"),
		in(Pool, "10.244.7.8/16", "default"), in(PodCIDR, "10.244.0.0/16", "kubeadm-config"), in(PodCIDR, "10.244.0.0/16", "flag --cluster-cidr"),
		in(NodePodCIDR, "10.244.1.0/24", "node a"), in(NodeAddress, "10.0.0.7/32", "node a"), in(Pool, "203.0.113.0/24", "public"),
		in(ServiceCIDR, "fd00::/64", "s"), in(Interface, "127.0.0.0/8", "interface lo"), in(Interface, "fe80::/64", "interface eth0"),
	), "sources are sorted, and the route of a network is no row of its own")
}

func TestOverlaps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		outer, inner Kind
		conflict     bool
	}{
		{Pool, ServiceCIDR, true}, {Pool, Interface, true}, {Pool, Route, true}, {Pool, NodeAddress, true}, {Pool, Pool, true},
		{Pool, PodCIDR, false}, {Pool, NodePodCIDR, false}, {Pool, NoNAT, true}, {Pool, LoadBalancer, true},
		{PodCIDR, ServiceCIDR, true}, {PodCIDR, Route, true}, {PodCIDR, NodePodCIDR, false}, {PodCIDR, NoNAT, false},
		{ServiceCIDR, NodeAddress, true}, {ServiceCIDR, NoNAT, true}, {ServiceCIDR, ServiceCIDR, false}, {ServiceCIDR, Interface, true},
		{NoNAT, NodeAddress, false}, {NoNAT, Route, false}, {NoNAT, NoNAT, true},
		{LoadBalancer, Interface, false}, {LoadBalancer, NodeAddress, true}, {LoadBalancer, ServiceCIDR, true},
		{Interface, NodeAddress, false}, {Route, Interface, false},
	}
	for _, tt := range tests {
		for _, pair := range [][2]Kind{{tt.outer, tt.inner}, {tt.inner, tt.outer}} {
			rows := New([]Use{in(pair[0], "10.0.0.0/16", "outer"), in(pair[1], "10.0.1.0/24", "inner")}).Rows
			for _, row := range rows {
				switch row.Range() {
				case "10.0.0.0/16":
					assert.Equal(t, tt.conflict, row.OverlapCount == 1, "%v", pair)
				case "10.0.1.0/24":
					assert.Equal(t, tt.conflict, row.OverlapCount == 1, "%v", pair)
				}
			}
		}
	}
	assert.Equal(t, []string{">10.0.0.0/16 pool a! pool 10.0.0.0/16 (b)", ">10.0.0.0/16 pool b! pool 10.0.0.0/16 (a)"},
		lines(in(Pool, "10.0.0.0/16", "b"), in(Pool, "10.0.0.0/16", "a")), "the same range")
	var many []Use
	for i := range 6 {
		many = append(many, in(Route, fmt.Sprintf("10.0.%d.0/24", i), "route"))
	}
	assert.Contains(t, lines(append(many, in(Pool, "10.0.0.0/16", "a"))...),
		">10.0.0.0/16 pool a! route 10.0.0.0/24 (route), route 10.0.1.0/24 (route), route 10.0.2.0/24 (route), 3 more")
}

// Thousands of similar ranges are one row, with all of their blocks.
func TestGroups(t *testing.T) {
	t.Parallel()
	uses := []Use{in(PodCIDR, "10.0.0.0/8", "kubeadm-config")}
	for i := range 5000 {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0})
		uses = append(uses, Use{Prefix: netip.PrefixFrom(addr, 24), Kind: NodePodCIDR, Source: fmt.Sprintf("node n%04d", i)})
		uses = append(uses, Use{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}), 32), Kind: NodeAddress, Source: fmt.Sprintf("node n%04d", i)})
		uses = append(uses, Use{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{30, byte(i >> 8), byte(i), 0}), 24), Kind: Pool, Source: fmt.Sprintf("pool-%04d", i), Blocks: &Blocks{Used: 1, Total: 4, Percent: 25}})
	}
	slices.Reverse(uses)
	assert.Equal(t, []string{
		"30.0.0.0-30.19.135.255 5000 pools pool-0000, pool-0001, pool-0002, pool-0003, pool-0004, 4995 more",
	}, lines(uses...)[2:3])
	rows := New(uses).Rows
	assert.Less(t, len(rows), 40)
	i := slices.IndexFunc(rows, func(row Row) bool { return row.Count == 5000 && row.Kind == Pool })
	require.Positive(t, i)
	assert.Equal(t, Blocks{Used: 5000, Total: 20000, Percent: 25}, *rows[i].Blocks)
	assert.False(t, rows[i].Prefix.IsValid())
	assertWellFormed(t, New(uses).SVG("Address ranges", nil))

	eight := lines(uses[len(uses)-1-3*8:]...)
	assert.Len(t, eight, 1+3*8, "a few ranges are rows of their own")
	with := New([]Use{{Prefix: prefix("10.0.0.0/16"), Kind: Pool, Source: "a", Blocks: &Blocks{Used: 1, Percent: 50}}}).Rows
	i = slices.IndexFunc(with, func(row Row) bool { return row.Kind == Pool })
	assert.Equal(t, "1 (50%)", with[i].BlocksText())
}

func TestGaps(t *testing.T) {
	t.Parallel()
	free := func(uses ...Use) []string {
		var all []string
		for _, row := range New(uses).Rows {
			if row.Kind == Free {
				all = append(all, fmt.Sprintf("%d %s %s", row.Depth, row.Range(), row.Name()))
			}
		}
		return all
	}
	all := []string{
		"1 10.0.0.0-10.255.255.255 largest 10.0.0.0/8", "1 100.64.0.0-100.127.255.255 largest 100.64.0.0/10",
		"1 172.16.0.0-172.31.255.255 largest 172.16.0.0/12", "1 192.168.0.0-192.168.255.255 largest 192.168.0.0/16",
		"1 fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff largest fc00::/7",
	}
	assert.Equal(t, all, free())
	assert.Equal(t, append([]string{
		"1 10.0.0.0-10.95.255.255 largest 10.0.0.0/10", "1 10.112.0.0-10.243.255.255 largest 10.128.0.0/10", "1 10.245.0.0-10.255.255.255 largest 10.248.0.0/13",
	}, all[1:]...), free(in(ServiceCIDR, "10.96.0.0/12", "s"), in(Pool, "10.244.0.0/16", "p"), in(NodePodCIDR, "10.244.3.0/24", "n")))
	assert.Equal(t, all[1:], free(in(Pool, "10.0.0.0/8", "p"), in(NodePodCIDR, "10.244.3.0/24", "n")), "the whole range")
	assert.Equal(t, all[1:], free(in(Route, "8.0.0.0/6", "r")), "more than the range")
	assert.Equal(t, all[1:], free(in(Route, "10.0.0.0/9", "r"), in(Route, "10.128.0.0/9", "r")), "both halves")

	var many []Use
	for i := range 100 {
		many = append(many, in(NodeAddress, fmt.Sprintf("10.%d.0.0/32", 2*i), "n"))
	}
	gaps := free(many...)
	assert.Len(t, gaps, 16+1+4, "the smaller gaps are one row")
}
