package preflight

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

func TestUnroutableRange(t *testing.T) {
	t.Parallel()
	const outside = "is not within 2000::/3 (global unicast) or fc00::/7 (unique local)"
	for cidr, how := range map[string]string{
		"0.0.0.0/8": "overlaps 0.0.0.0/8 (this network)", "0.1.0.0/16": "overlaps 0.0.0.0/8 (this network)",
		"127.1.0.0/16": "overlaps 127.0.0.0/8 (loopback)", "126.0.0.0/7": "overlaps 127.0.0.0/8 (loopback)",
		"192.0.0.0/26": "overlaps 192.0.0.0/24 (IETF protocol assignments)",
		"192.0.2.0/24": "overlaps 192.0.2.0/24 (documentation)", "198.51.0.0/16": "overlaps 198.51.100.0/24 (documentation)",
		"203.0.113.64/26": "overlaps 203.0.113.0/24 (documentation)", "192.0.0.0/22": "overlaps 192.0.0.0/24 (IETF protocol assignments), 192.0.2.0/24 (documentation)",
		"224.0.0.0/16": "overlaps 224.0.0.0/4 (multicast)", "239.255.0.0/16": "overlaps 224.0.0.0/4 (multicast)",
		"240.0.0.0/16": "overlaps 240.0.0.0/4 (reserved)", "255.255.255.0/24": "overlaps 240.0.0.0/4 (reserved)",
		"0.0.0.0/0": "overlaps 0.0.0.0/8 (this network), 127.0.0.0/8 (loopback), 192.0.0.0/24 (IETF protocol assignments), 192.0.2.0/24 (documentation), 198.51.100.0/24 (documentation), 3 more",

		"1100::/52": outside, "33:177:177::/64": outside, "::/64": outside, "64:ff9b::/96": outside, "100::/64": outside,
		"4000::/48": outside, "fb00::/8": outside, "fe00::/16": outside, "fec0::/48": outside,
		"f000::/5": outside, "e000::/4": outside, // around fc00::/7, without ff00::/8
		"2001:db8:1::/64": "overlaps 2001:db8::/32 (documentation)", "2001::/48": "overlaps 2001::/23 (IETF protocol assignments)",
		"3fff:fff::/48": "overlaps 3fff::/20 (documentation)", "ff02::/64": "overlaps ff00::/8 (multicast)",
		"fc00::/6": "overlaps ff00::/8 (multicast)", "::/0": "overlaps 2001::/23 (IETF protocol assignments), 2001:db8::/32 (documentation), 3fff::/20 (documentation), ff00::/8 (multicast)",

		"10.0.0.0/8": "", "100.64.0.0/10": "", "198.18.0.0/15": "", "192.0.1.0/24": "", "192.88.99.0/24": "", "126.0.0.0/8": "",
		"128.0.0.0/16": "", "223.255.255.0/24": "", "1.0.0.0/8": "", "198.51.101.0/24": "", "203.0.112.0/24": "",
		"2000::/16": "", "2600:1f14::/48": "", "2001:200::/32": "", "2001:db7::/32": "", "2001:db9::/32": "", "3fff:1000::/48": "", "3ffe::/16": "",
		"fc00::/7": "", "fd00:10:244::/64": "", "fc00::/48": "", "2002::/48": "",
	} {
		text := ""
		if pool := created("p", cidr); how != "" {
			valid := "; set another range with ipv4.pool.cidr; valid is a private range such as 10.244.0.0/16, or a public one that is yours"
			if pool.family == 6 {
				valid = "; set another range with ipv6.pool.cidr; valid is a unique local range (fc00::/7) such as fd00:10:244::/48, or one of 2000::/3 that is yours"
			}
			text = `IPPool "p": cidr "` + cidr + `" (env C) ` + how + ": hosts and routers do not forward packets of such addresses" + valid
		}
		for _, pool := range []checkedPool{created("p", cidr), created("p", cidr, poolstest.ForLoadBalancers), created("p", cidr, forTunnels)} {
			found := input{}.findings([]checkedPool{pool}, nil)
			if how == "" {
				assert.Empty(t, found, cidr)
				continue
			}
			if assert.Len(t, found, 1, cidr) {
				assert.Equal(t, UnroutableRange, found[0].Code)
				assert.Equal(t, text, found[0].Text)
			}
		}
		assert.Empty(t, input{}.findings([]checkedPool{pool("p", cidr, poolstest.Disabled)}, nil), "%s, disabled", cidr)
	}
	assert.Empty(t, input{}.findings([]checkedPool{created("p", ""), pool("p", "010.0.0.0/8"), pool("p", "")}, nil), "unknown, or malformed")
}
