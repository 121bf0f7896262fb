package ippool_test

import (
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestValidateName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]fault{
		"default-ipv4-ippool":    nil,
		"a":                      nil,
		"0.a-b.c9":               nil,
		strings.Repeat("a", 253): nil,
		strings.Repeat("a", 254): {{invalid, "metadata.name", "253"}},
		"":                       {{invalid, "metadata.name", "is empty; must be a DNS subdomain name such as rack-a: up to 253 lower-case letters"}},
		"Default":                {{invalid, "metadata.name", "has 'D'; must be"}},
		"a_b":                    {{invalid, "metadata.name", "has '_'; must be"}},
		"pool\u202e":             {{invalid, "metadata.name", `has '\u202e'; must be`}},
		"-a":                     {{invalid, "metadata.name", `has "-" or "." at an end or beside a "."; must be`}},
		"a.":                     {{invalid, "metadata.name", `has "-" or "." at an end or beside a "."; must be`}},
		"a.-b":                   {{invalid, "metadata.name", `has "-" or "." at an end or beside a "."; must be`}},
		"a..b":                   {{invalid, "metadata.name", `has "-" or "." at an end or beside a "."; must be`}},
		"a/b":                    {{invalid, "metadata.name", "has '/'; must be"}},
		strings.Repeat("a", 254): {{invalid, "metadata.name", "has 254 characters; must be"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := aPool("10.244.0.0/16")
			pool.Name = name
			assertFaults(t, want, ippool.Validate(pool))
		})
	}
}

func TestValidateCIDR(t *testing.T) {
	t.Parallel()
	const longest = "0000:0000:0000:0000:0000:0000:192.168.100.20/128"
	require.Len(t, longest, 48)

	notCIDR := []fault{{invalid, "spec.cidr", "not a CIDR"}}
	hostBits := func(clean string) []fault {
		return []fault{{invalid, "spec.cidr", "has host bits: the range is " + clean}}
	}
	linkLocal4 := fault{invalid, "spec.cidr", "overlaps the link-local range 169.254.0.0/16"}
	linkLocal6 := fault{invalid, "spec.cidr", "overlaps the link-local range fe80::/10"}
	mapped := []fault{{invalid, "spec.cidr", ippool.ErrMapped.Error()}}

	for _, test := range []struct {
		cidr string
		want []fault
	}{
		{"10.244.0.0/16", nil},
		{"fd00:10:244::/64", nil},
		{"0.0.0.0/1", nil},
		{"FD00:10:244:0::/64", nil}, // not canonical, but the API server accepts it

		{"", []fault{{required, "spec.cidr", "10.244.0.0/16"}}},
		{"10.244.0.0", []fault{{invalid, "spec.cidr", "an address without a prefix length"}}},
		{"fd00::1", []fault{{invalid, "spec.cidr", "an address without a prefix length"}}},
		{"pods", notCIDR},
		{"10.244.0.0/33", notCIDR},
		{"10.244.0.0/-1", notCIDR},
		{"10.244.0.0/016", notCIDR},
		{"10.244.0/16", notCIDR},
		{"010.244.0.0/16", notCIDR},
		{" 10.244.0.0/16", notCIDR},
		{"10.244.0.0/16,fd00::/64", notCIDR},
		{"fd00::/129", notCIDR},
		{"fd00::%eth0/64", notCIDR},

		{"::ffff:10.244.0.0/112", mapped},
		{"::ffff:0:0/96", mapped},
		{"::ffff:10.244.0.7/112", mapped},

		{"10.244.5.7/16", hostBits("10.244.0.0/16")},
		{"10.244.0.1/24", hostBits("10.244.0.0/24")},
		{"fd00:10:244::1/64", hostBits("fd00:10:244::/64")},

		{"169.254.0.0/16", []fault{linkLocal4}},
		{"169.254.0.0/26", []fault{linkLocal4}},
		{"169.254.255.192/26", []fault{linkLocal4}},
		{"169.254.0.0/15", []fault{linkLocal4}},
		{"169.0.0.0/8", []fault{linkLocal4}},
		{"0.0.0.0/0", []fault{linkLocal4}},
		{"169.253.0.0/16", nil},
		{"169.255.0.0/16", nil},
		{"169.252.0.0/15", nil},
		{"fe80::/10", []fault{linkLocal6}},
		{"fe80::/64", []fault{linkLocal6}},
		{"febf:ffff:ffff:ffff::/64", []fault{linkLocal6}},
		{"fe00::/8", []fault{linkLocal6}},
		{"::/0", []fault{linkLocal6}},
		{"fe00::/9", nil},
		{"fec0::/10", nil},

		{"10.0.0.7/7", hostBits("10.0.0.0/7")},
		{"169.254.1.1/16", append(hostBits("169.254.0.0/16"), linkLocal4)},
		{"169.1.1.1/8", append(hostBits("169.0.0.0/8"), linkLocal4)},
		{"fe80::1/64", append(hostBits("fe80::/64"), linkLocal6)},
	} {
		t.Run(test.cidr, func(t *testing.T) {
			t.Parallel()
			got := ippool.Validate(aPool(test.cidr))
			assertFaults(t, test.want, got)
			for _, err := range got {
				assert.Equal(t, test.cidr, err.BadValue)
			}
		})
	}

	// Only a CIDR that ends in an IPv4 address can be longer than the CRD allows.
	assertFaults(t, nil, ippool.Validate(aPool(longest, blockSize(128))))
	assertFaults(t, []fault{{tooLong, "spec.cidr", "48 characters"}},
		ippool.Validate(aPool(strings.Replace(longest, "20/", "200/", 1), blockSize(128))))
}

func TestValidateBlockSize(t *testing.T) {
	t.Parallel()
	range4 := []fault{{invalid, "spec.blockSize", "must be between 20 and 32 for IPv4"}}
	range6 := []fault{{invalid, "spec.blockSize", "must be between 116 and 128 for IPv6"}}
	small := func(block string) []fault {
		return []fault{{invalid, "spec.cidr", "smaller than one block of " + block}}
	}
	for _, test := range []struct {
		name string
		cidr string
		size int
		want []fault
	}{
		{"IPv4 below", "10.0.0.0/16", 19, range4},
		{"IPv4 smallest number", "10.0.0.0/16", 20, nil},
		{"IPv4 largest number", "10.0.0.0/16", 32, nil},
		{"IPv4 above", "10.0.0.0/16", 33, range4},
		{"IPv4 negative", "10.0.0.0/16", -1, range4},
		{"IPv4 one", "10.0.0.0/16", 1, range4},
		{"IPv4 with an IPv6 size", "10.0.0.0/16", 122, range4},
		{"IPv6 below", "fd00::/64", 115, range6},
		{"IPv6 smallest number", "fd00::/64", 116, nil},
		{"IPv6 largest number", "fd00::/64", 128, nil},
		{"IPv6 above", "fd00::/64", 129, range6},
		{"IPv6 with an IPv4 size", "fd00::/64", 26, range6},

		{"IPv4 one default block", "10.0.0.0/26", 0, nil},
		{"IPv4 under a default block", "10.0.0.0/27", 0, small("/26")},
		{"IPv4 one block", "10.0.0.0/28", 28, nil},
		{"IPv4 under a block", "10.0.0.0/29", 28, small("/28")},
		{"IPv4 one address", "10.0.0.1/32", 32, nil},
		{"IPv6 one default block", "fd00::/122", 0, nil},
		{"IPv6 under a default block", "fd00::/123", 0, small("/122")},
		{"IPv6 one block", "fd00::/116", 116, nil},
		{"IPv6 under a block", "fd00::/117", 116, small("/116")},
		{"IPv6 one address", "fd00::1/128", 128, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assertFaults(t, test.want, ippool.Validate(aPool(test.cidr, blockSize(test.size))))

			// A disabled pool may be smaller than a block, because no addresses
			// are assigned from it. Its block size must be valid.
			var want []fault
			if test.want != nil && test.want[0].path == "spec.blockSize" {
				want = test.want
			}
			assertFaults(t, want, ippool.Validate(aPool(test.cidr, blockSize(test.size), disabled)))
		})
	}
}

func TestValidateEncapsulation(t *testing.T) {
	t.Parallel()
	const words = `supported values: "Never", "Always", "CrossSubnet"`
	both := fault{forbidden, "spec.vxlanMode", "only one encapsulation can be enabled"}
	ipv6Disabled := fault{forbidden, "spec.ipipMode", "IP-in-IP does not carry IPv6"}
	for _, test := range []struct {
		cidr  string
		ipip  v3.IPIPMode
		vxlan v3.VXLANMode
		want  []fault
	}{
		{"10.0.0.0/16", "", "", nil},
		{"10.0.0.0/16", "Never", "Never", nil},
		{"10.0.0.0/16", "Always", "", nil},
		{"10.0.0.0/16", "CrossSubnet", "Never", nil},
		{"10.0.0.0/16", "", "Always", nil},
		{"10.0.0.0/16", "Never", "CrossSubnet", nil},
		{"fd00::/64", "", "", nil},
		{"fd00::/64", "Never", "Always", nil},
		{"fd00::/64", "", "CrossSubnet", nil},

		{"10.0.0.0/16", "Always", "Always", []fault{both}},
		{"10.0.0.0/16", "CrossSubnet", "Always", []fault{both}},
		{"10.0.0.0/16", "Always", "CrossSubnet", []fault{both}},
		{"fd00::/64", "Always", "", []fault{ipv6Disabled}},
		{"fd00::/64", "CrossSubnet", "Never", []fault{ipv6Disabled}},
		{"fd00::/64", "Always", "Always", []fault{both, ipv6Disabled}},

		// The family is known although the CIDR is invalid.
		{"fd00::1/64", "Always", "", []fault{{invalid, "spec.cidr", "host bits"}, ipv6Disabled}},
		{"", "Always", "", []fault{{required, "spec.cidr", "the range of the pool"}}},

		// The spellings in calico-node's environment are not valid in a pool.
		{"10.0.0.0/16", "never", "", []fault{{notSupported, "spec.ipipMode", words}}},
		{"10.0.0.0/16", "", "Cross-Subnet", []fault{{notSupported, "spec.vxlanMode", words}}},
		{"10.0.0.0/16", "Off", "Off", []fault{
			{notSupported, "spec.ipipMode", words}, {notSupported, "spec.vxlanMode", words}, both,
		}},
	} {
		t.Run(test.cidr+" ipip "+string(test.ipip)+" vxlan "+string(test.vxlan), func(t *testing.T) {
			t.Parallel()
			pool := aPool(test.cidr)
			pool.Spec.IPIPMode, pool.Spec.VXLANMode = test.ipip, test.vxlan
			assertFaults(t, test.want, ippool.Validate(pool))
		})
	}
}

func TestValidateAssignmentMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []*v3.AssignmentMode{nil, pointer(v3.Automatic), pointer(v3.Manual)} {
		pool := aPool("10.0.0.0/16")
		pool.Spec.AssignmentMode = mode
		assertFaults(t, nil, ippool.Validate(pool))
	}
	// A pointer to an empty mode is encoded as "", which the CRD doesn't list.
	for _, mode := range []v3.AssignmentMode{"", "automatic", "Auto"} {
		pool := aPool("10.0.0.0/16")
		pool.Spec.AssignmentMode = &mode
		got := ippool.Validate(pool)
		assertFaults(t, []fault{{notSupported, "spec.assignmentMode", `"Automatic", "Manual"`}}, got)
		assert.Equal(t, string(mode), got[0].BadValue)
	}
}

// Validate reports all faults in a fixed order.
func TestValidateAllAtOnce(t *testing.T) {
	t.Parallel()
	pool := aPool("fe80::1/64", blockSize(26), uses("Tunnel", "Tunnel", "Pods", "LoadBalancer"))
	pool.Name = "Mine"
	pool.Spec.IPIPMode = v3.IPIPModeAlways
	pool.Spec.VXLANMode = "On"
	pool.Spec.DisableBGPExport = true
	pool.Spec.NodeSelector = "has(rack) && global()"
	pool.Spec.NamespaceSelector = "team == 'global('"
	pool.Spec.AssignmentMode = pointer(v3.AssignmentMode("Auto"))
	assertFaults(t, []fault{
		{invalid, "metadata.name", "DNS subdomain name"},
		{invalid, "spec.cidr", "host bits"},
		{invalid, "spec.cidr", "link-local"},
		{invalid, "spec.blockSize", "between 116 and 128"},
		{notSupported, "spec.vxlanMode", "supported values"},
		{forbidden, "spec.vxlanMode", "only one encapsulation"},
		{forbidden, "spec.ipipMode", "does not carry IPv6"},
		{invalid, "spec.nodeSelector", "column 14: global()"},
		{invalid, "spec.namespaceSelector", `must not contain "global("`},
		{duplicate, "spec.allowedUses[1]", ""},
		{notSupported, "spec.allowedUses[2]", `"Workload", "Tunnel", "LoadBalancer"`},
		{forbidden, "spec.namespaceSelector", "must be empty for a pool with the use Tunnel"},
		{forbidden, "spec.allowedUses", "can't be combined"},
		{forbidden, "spec.ipipMode", "LoadBalancer"},
		{forbidden, "spec.vxlanMode", "LoadBalancer"},
		{forbidden, "spec.disableBGPExport", "LoadBalancer"},
		{forbidden, "spec.nodeSelector", "must be all()"},
		{notSupported, "spec.assignmentMode", `"Automatic", "Manual"`},
	}, ippool.Validate(pool))
}

func TestValidateZeroPool(t *testing.T) {
	t.Parallel()
	assertFaults(t, []fault{
		{invalid, "metadata.name", "DNS subdomain name"},
		{required, "spec.cidr", "the range of the pool"},
	}, ippool.Validate(&v3.IPPool{}))
}
