package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// seconds returns 172.from.0.0/16 to 172.to.0.0/16.
func seconds(from, to int) []netip.Prefix {
	var all []netip.Prefix
	for second := from; second <= to; second++ {
		all = append(all, netip.MustParsePrefix(fmt.Sprintf("172.%d.0.0/16", second)))
	}
	return all
}

func TestChooseIPv4(t *testing.T) {
	t.Parallel()
	inUse := origin.DefaultBecause("192.168.0.0/16 is in use on this host")
	inUseByOthers := origin.DefaultBecause("192.168.0.0/16 is in use")
	host := factstest.Prefixes("192.168.1.0/24")
	tests := []struct {
		name     string
		networks []netip.Prefix
		others   []netip.Prefix
		podCIDRs []netip.Prefix
		want     string
		source   origin.Origin
	}{
		{"no networks", nil, nil, nil, "192.168.0.0/16", origin.Default},
		{"networks outside of the default", factstest.Prefixes("127.0.0.0/8", "10.0.0.0/8", "192.167.0.0/16", "192.169.0.0/16", "172.16.0.0/12", "fd00::/8", "::/0"), nil, nil,
			"192.168.0.0/16", origin.Default},
		{"the same", factstest.Prefixes("192.168.0.0/16"), nil, nil, "172.16.0.0/16", inUse},
		{"one inside", host, nil, nil, "172.16.0.0/16", inUse},
		{"one address at the end", factstest.Prefixes("192.168.255.255/32"), nil, nil, "172.16.0.0/16", inUse},
		{"one around", factstest.Prefixes("192.0.0.0/8"), nil, nil, "172.16.0.0/16", inUse},
		{"the first fallback too", slices.Concat(host, factstest.Prefixes("172.16.5.0/24")), nil, nil, "172.17.0.0/16", inUse},
		{"a gap is taken", slices.Concat(host, seconds(16, 19), seconds(21, 31)), nil, nil, "172.20.0.0/16", inUse},
		{"one around two fallbacks", slices.Concat(host, factstest.Prefixes("172.16.0.0/15")), nil, nil, "172.18.0.0/16", inUse},
		{"only the last is left", slices.Concat(host, seconds(16, 30)), nil, nil, "172.31.0.0/16", inUse},

		{"another range in the default", nil, host, nil, "172.16.0.0/16", inUseByOthers},
		{"other ranges outside of the default", nil, factstest.Prefixes("192.167.0.0/16", "10.0.0.0/8", "::/0"), nil, "192.168.0.0/16", origin.Default},
		{"another range in the first fallback", host, factstest.Prefixes("172.16.0.0/16"), nil, "172.17.0.0/16", inUse},
		{"other ranges in all fallbacks but the last", slices.Concat(host, seconds(16, 20)), seconds(21, 30), nil, "172.31.0.0/16", inUse},

		{"podCIDRs of nodes in the default", nil, nil, factstest.Prefixes("192.168.0.0/24", "192.168.1.0/24"), "192.168.0.0/16", origin.Default},
		{"a podCIDR around the default", nil, nil, factstest.Prefixes("192.0.0.0/8"), "172.16.0.0/16", inUseByOthers},
		{"some podCIDRs in the default", nil, nil, factstest.Prefixes("192.168.0.0/24", "10.1.0.0/24"), "172.16.0.0/16", inUseByOthers},
		{"podCIDRs in two fallbacks", host, nil, factstest.Prefixes("172.16.0.0/24", "172.17.0.0/24"), "172.18.0.0/16", inUse},
		{"podCIDRs outside", nil, nil, factstest.Prefixes("10.42.0.0/24", "10.42.1.0/24"), "192.168.0.0/16", origin.Default},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, choice{prefix: netip.MustParsePrefix(tt.want), source: tt.source}, Plan{}.chooseIPv4(tt.networks, tt.others, tt.podCIDRs))
		})
	}
}

// If every range clashes, those that are free on the host are preferred, with a warning.
func TestChooseIPv4WithNoneFreeElsewhere(t *testing.T) {
	t.Parallel()
	host := factstest.Prefixes("192.168.1.0/24")
	for _, tt := range []struct {
		networks, others, podCIDRs []netip.Prefix
		want                       string
		source                     origin.Origin
	}{
		{nil, factstest.Prefixes("0.0.0.0/0"), nil, "192.168.0.0/16", origin.Default},
		{nil, nil, factstest.Prefixes("192.168.0.0/24", "172.16.0.0/12"), "192.168.0.0/16", origin.Default},
		{slices.Concat(host, seconds(16, 17)), factstest.Prefixes("172.16.0.0/12"), nil, "172.18.0.0/16", origin.DefaultBecause("192.168.0.0/16 is in use on this host")},
		{seconds(16, 31), host, nil, "192.168.0.0/16", origin.Default},
	} {
		warning := fmt.Sprintf("192.168.0.0/16 and all of 172.16.0.0/16 to 172.31.0.0/16 overlap networks, routes, nodes, Services or pools: the IPv4 pool %s overlaps one of them; set a free range with ipv4.pool.cidr", tt.want)
		assert.Equal(t, choice{prefix: netip.MustParsePrefix(tt.want), source: tt.source, warning: warning}, Plan{}.chooseIPv4(tt.networks, tt.others, tt.podCIDRs))
	}
}

func TestChooseIPv4WithNoneFree(t *testing.T) {
	t.Parallel()
	want := choice{
		prefix:  netip.MustParsePrefix("192.168.0.0/16"),
		source:  origin.Default,
		warning: "this host has networks in 192.168.0.0/16 and in all of 172.16.0.0/16 to 172.31.0.0/16: the IPv4 pool overlaps one of them; set a free range with ipv4.pool.cidr",
	}
	assert.Equal(t, want, Plan{}.chooseIPv4(append(seconds(16, 31), factstest.Prefixes("192.168.7.0/24")...), nil, nil))
	assert.Equal(t, want, Plan{}.chooseIPv4(factstest.Prefixes("192.168.0.0/24", "172.16.0.0/12"), nil, nil), "one network over all fallbacks")
	assert.Equal(t, want, Plan{}.chooseIPv4(factstest.Prefixes("0.0.0.0/0"), nil, nil))
	assert.Equal(t, want, Plan{}.chooseIPv4(factstest.Prefixes("0.0.0.0/0"), factstest.Prefixes("10.0.0.0/8", "192.168.0.0/16"), nil))
}
