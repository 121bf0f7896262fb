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
		want     string
		source   origin.Origin
	}{
		{"no networks", nil, nil, "192.168.0.0/16", origin.Default},
		{"networks outside of the default", factstest.Prefixes("127.0.0.0/8", "10.0.0.0/8", "192.167.0.0/16", "192.169.0.0/16", "172.16.0.0/12", "fd00::/8", "::/0"), nil,
			"192.168.0.0/16", origin.Default},
		{"the same", factstest.Prefixes("192.168.0.0/16"), nil, "172.16.0.0/16", inUse},
		{"one inside", host, nil, "172.16.0.0/16", inUse},
		{"one address at the end", factstest.Prefixes("192.168.255.255/32"), nil, "172.16.0.0/16", inUse},
		{"one around", factstest.Prefixes("192.0.0.0/8"), nil, "172.16.0.0/16", inUse},
		{"the first fallback too", slices.Concat(host, factstest.Prefixes("172.16.5.0/24")), nil, "172.17.0.0/16", inUse},
		{"a gap is taken", slices.Concat(host, seconds(16, 19), seconds(21, 31)), nil, "172.20.0.0/16", inUse},
		{"one around two fallbacks", slices.Concat(host, factstest.Prefixes("172.16.0.0/15")), nil, "172.18.0.0/16", inUse},
		{"only the last is left", slices.Concat(host, seconds(16, 30)), nil, "172.31.0.0/16", inUse},

		{"another range in the default", nil, host, "172.16.0.0/16", inUseByOthers},
		{"other ranges outside of the default", nil, factstest.Prefixes("192.167.0.0/16", "10.0.0.0/8", "::/0"), "192.168.0.0/16", origin.Default},
		{"another range in the first fallback", host, factstest.Prefixes("172.16.0.0/16"), "172.17.0.0/16", inUse},
		{"other ranges in all fallbacks but the last", slices.Concat(host, seconds(16, 20)), seconds(21, 30), "172.31.0.0/16", inUse},
		{"another range around everything", nil, factstest.Prefixes("0.0.0.0/0"), "192.168.0.0/16", origin.Default},
		{"the host takes precedence over other ranges", slices.Concat(host, seconds(16, 17)), factstest.Prefixes("172.16.0.0/12"), "172.18.0.0/16", inUse},
		{"another range, and the host in all fallbacks", seconds(16, 31), host, "192.168.0.0/16", origin.Default},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, choice{prefix: netip.MustParsePrefix(tt.want), source: tt.source}, Plan{}.chooseIPv4(tt.networks, tt.others))
		})
	}
}

func TestChooseIPv4WithNoneFree(t *testing.T) {
	t.Parallel()
	want := choice{
		prefix:  netip.MustParsePrefix("192.168.0.0/16"),
		source:  origin.Default,
		warning: "this host has networks in 192.168.0.0/16 and in all of 172.16.0.0/16 to 172.31.0.0/16: the IPv4 pool overlaps one of them; set a free range with ipv4.pool.cidr",
	}
	assert.Equal(t, want, Plan{}.chooseIPv4(append(seconds(16, 31), factstest.Prefixes("192.168.7.0/24")...), nil))
	assert.Equal(t, want, Plan{}.chooseIPv4(factstest.Prefixes("192.168.0.0/24", "172.16.0.0/12"), nil), "one network over all fallbacks")
	assert.Equal(t, want, Plan{}.chooseIPv4(factstest.Prefixes("0.0.0.0/0"), nil))
	assert.Equal(t, want, Plan{}.chooseIPv4(factstest.Prefixes("0.0.0.0/0"), factstest.Prefixes("10.0.0.0/8", "192.168.0.0/16")))
}
