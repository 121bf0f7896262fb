package nat

import (
	"net/netip"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// External and LoadBalancer IPs of Services depend on the backend as a Service CIDR does, also
// in a pool.
func TestServiceIPs(t *testing.T) {
	t.Parallel()
	pod, lb := &v3.IPPool{}, &v3.IPPool{}
	pod.Name, pod.Spec.CIDR, pod.Spec.NATOutgoing = "pods", "10.244.0.0/16", true
	lb.Name, lb.Spec.CIDR, lb.Spec.AllowedUses = "lb", "192.0.2.128/25", []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseLoadBalancer}
	m := New(Cluster{Pools: []*v3.IPPool{pod, lb}, ServiceCIDRs: []string{"10.96.0.0/12"}, ServiceIPs: []string{"192.0.2.0/24", "10.96.1.0/24", "2001:db8:5::/64", "here"}})
	for destination, want := range map[string]struct {
		answer Answer
		code   Code
		prefix string
	}{
		"192.0.2.7":    {Depends, ServiceIP, "192.0.2.0/24"},
		"192.0.2.130":  {Depends, ServiceIP, "192.0.2.0/24"},
		"10.96.1.1":    {Depends, ServiceCIDR, "10.96.0.0/12"},
		"198.51.100.1": {Yes, Masqueraded, ""},
	} {
		source, to := netip.MustParseAddr("10.244.0.7"), netip.MustParseAddr(destination)
		verdict, err := m.Explain(source, to, Options{})
		require.NoError(t, err)
		decided, err := m.Decide(source, to, Options{})
		require.NoError(t, err)
		assert.Equal(t, want.answer, verdict.Masqueraded, destination)
		assert.Equal(t, want.answer, decided, destination)
		if want.answer == Depends {
			require.Len(t, verdict.Reasons, 1)
			assert.Equal(t, want.code, verdict.Reasons[0].Code)
			assert.Equal(t, want.prefix, verdict.Reasons[0].Prefix.String())
			assert.Contains(t, verdict.Reasons[0].Text(), "the address of the backend decides")
		}
	}
	overview, err := m.Overview("")
	require.NoError(t, err)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.96.1.0/24"), netip.MustParsePrefix("192.0.2.0/24")}, overview.Families[0].ServiceIPs)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("2001:db8:5::/64")}, overview.Families[1].ServiceIPs)
	require.Len(t, m.Problems(), 1)
}
