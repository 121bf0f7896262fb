package ippool_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestParseModes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"off": "Never", "Off": "Never", "OFF": "Never",
		"never": "Never", "Never": "Never", "nEVER": "Never",
		"always": "Always", "Always": "Always", "ALWAYS": "Always",
		"crosssubnet": "CrossSubnet", "CrossSubnet": "CrossSubnet", "CROSSSUBNET": "CrossSubnet",
		"cross-subnet": "CrossSubnet", "Cross-Subnet": "CrossSubnet",
	} {
		ipip, err := ippool.ParseIPIPMode(text)
		require.NoError(t, err, text)
		assert.Equal(t, ippool.IPIPMode(want), ipip, text)
		vxlan, err := ippool.ParseVXLANMode(text)
		require.NoError(t, err, text)
		assert.Equal(t, ippool.VXLANMode(want), vxlan, text)
	}
	for _, text := range []string{"", " always", "on", "true", "cross subnet", "cross_subnet", "crosssubnets", "Never,Always"} {
		ipip, err := ippool.ParseIPIPMode(text)
		assertUnknown(t, err, text, "never", "off", "always", "cross-subnet", "crosssubnet")
		assert.Empty(t, ipip)
		vxlan, err := ippool.ParseVXLANMode(text)
		assertUnknown(t, err, text, "never", "off", "always", "cross-subnet", "crosssubnet")
		assert.Empty(t, vxlan)
	}
}

// assertUnknown wants an error that quotes the text and lists what is known.
func assertUnknown(t *testing.T, err error, text string, known ...string) {
	t.Helper()
	require.Error(t, err)
	assert.Contains(t, err.Error(), `"`+text+`"`)
	for _, word := range known {
		assert.Contains(t, err.Error(), word)
	}
}

func TestParseAllowedUse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ippool.IPPoolAllowedUse{
		"Workload": "Workload", "workload": "Workload",
		"Tunnel": "Tunnel", "TUNNEL": "Tunnel",
		"LoadBalancer": "LoadBalancer", "loadbalancer": "LoadBalancer",
	} {
		use, err := ippool.ParseAllowedUse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, use)
	}
	for _, text := range []string{"", "load-balancer", "Workloads", "Workload,Tunnel"} {
		use, err := ippool.ParseAllowedUse(text)
		assertUnknown(t, err, text, "Workload, Tunnel, LoadBalancer")
		assert.Empty(t, use)
	}
}

func TestParseAssignmentMode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ippool.AssignmentMode{
		"Automatic": "Automatic", "automatic": "Automatic", "MANUAL": "Manual", "Manual": "Manual",
	} {
		mode, err := ippool.ParseAssignmentMode(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, mode)
	}
	for _, text := range []string{"", "auto", "Automatic "} {
		mode, err := ippool.ParseAssignmentMode(text)
		assertUnknown(t, err, text, "Automatic, Manual")
		assert.Empty(t, mode)
	}
}

// Every constant is printed as it is stored and reads back to itself.
func TestModesPrintAndParse(t *testing.T) {
	t.Parallel()
	for _, mode := range []ippool.IPIPMode{ippool.IPIPModeNever, ippool.IPIPModeAlways, ippool.IPIPModeCrossSubnet} {
		assert.Equal(t, string(mode), mode.String())
		again, err := ippool.ParseIPIPMode(mode.String())
		require.NoError(t, err)
		assert.Equal(t, mode, again)
	}
	for _, mode := range []ippool.VXLANMode{ippool.VXLANModeNever, ippool.VXLANModeAlways, ippool.VXLANModeCrossSubnet} {
		assert.Equal(t, string(mode), mode.String())
		again, err := ippool.ParseVXLANMode(mode.String())
		require.NoError(t, err)
		assert.Equal(t, mode, again)
	}
	for _, use := range []ippool.IPPoolAllowedUse{ippool.IPPoolAllowedUseWorkload, ippool.IPPoolAllowedUseTunnel, ippool.IPPoolAllowedUseLoadBalancer} {
		assert.Equal(t, string(use), use.String())
		again, err := ippool.ParseAllowedUse(use.String())
		require.NoError(t, err)
		assert.Equal(t, use, again)
	}
	for _, mode := range []ippool.AssignmentMode{ippool.Automatic, ippool.Manual} {
		assert.Equal(t, string(mode), mode.String())
		again, err := ippool.ParseAssignmentMode(mode.String())
		require.NoError(t, err)
		assert.Equal(t, mode, again)
	}
}

func TestModesEnabled(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "Never": false, "Always": true, "CrossSubnet": true,
		// What nobody knows must not pass for harmless.
		"never": true, "On": true,
	} {
		assert.Equal(t, want, ippool.IPIPMode(text).Enabled(), text)
		assert.Equal(t, want, ippool.VXLANMode(text).Enabled(), text)
	}
	assert.Equal(t, "Never", ippool.IPIPMode("").String())
	assert.Equal(t, "Never", ippool.VXLANMode("").String())
}
