package ippool_test

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
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
		ipip, err := ippool.ParseEnum[v3.IPIPMode](text)
		require.NoError(t, err, text)
		assert.Equal(t, v3.IPIPMode(want), ipip, text)
		vxlan, err := ippool.ParseEnum[v3.VXLANMode](text)
		require.NoError(t, err, text)
		assert.Equal(t, v3.VXLANMode(want), vxlan, text)
	}
	for _, text := range []string{"", " always", "on", "true", "cross subnet", "cross_subnet", "crosssubnets", "Never,Always"} {
		ipip, err := ippool.ParseEnum[v3.IPIPMode](text)
		assertUnknown(t, err, text, "never", "off", "always", "cross-subnet", "crosssubnet")
		assert.Empty(t, ipip)
		vxlan, err := ippool.ParseEnum[v3.VXLANMode](text)
		assertUnknown(t, err, text, "never", "off", "always", "cross-subnet", "crosssubnet")
		assert.Empty(t, vxlan)
	}
}

// assertUnknown checks that the error quotes the text and lists the known values.
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
	for text, want := range map[string]v3.IPPoolAllowedUse{
		"Workload": "Workload", "workload": "Workload",
		"Tunnel": "Tunnel", "TUNNEL": "Tunnel",
		"LoadBalancer": "LoadBalancer", "loadbalancer": "LoadBalancer",
	} {
		use, err := ippool.ParseEnum[v3.IPPoolAllowedUse](text)
		require.NoError(t, err, text)
		assert.Equal(t, want, use)
	}
	for _, text := range []string{"", "load-balancer", "Workloads", "Workload,Tunnel"} {
		use, err := ippool.ParseEnum[v3.IPPoolAllowedUse](text)
		assertUnknown(t, err, text, "Workload, Tunnel, LoadBalancer")
		assert.Empty(t, use)
	}
}

func TestParseAssignmentMode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]v3.AssignmentMode{
		"Automatic": "Automatic", "automatic": "Automatic", "MANUAL": "Manual", "Manual": "Manual",
	} {
		mode, err := ippool.ParseEnum[v3.AssignmentMode](text)
		require.NoError(t, err, text)
		assert.Equal(t, want, mode)
	}
	for _, text := range []string{"", "auto", "Automatic "} {
		mode, err := ippool.ParseEnum[v3.AssignmentMode](text)
		assertUnknown(t, err, text, "Automatic, Manual")
		assert.Empty(t, mode)
	}
}

func TestEnumValues(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []v3.IPIPMode{"Never", "Always", "CrossSubnet"}, parsedBack[v3.IPIPMode](t))
	assert.Equal(t, []v3.VXLANMode{"Never", "Always", "CrossSubnet"}, parsedBack[v3.VXLANMode](t))
	assert.Equal(t, []v3.IPPoolAllowedUse{"Workload", "Tunnel", "LoadBalancer"}, parsedBack[v3.IPPoolAllowedUse](t))
	assert.Equal(t, []v3.AssignmentMode{"Automatic", "Manual"}, parsedBack[v3.AssignmentMode](t))
}

// parsedBack returns the values of an enumeration and checks that each one parses
// to itself.
func parsedBack[E ippool.Enum](t *testing.T) []E {
	t.Helper()
	values := ippool.EnumValues[E]()
	for _, value := range values {
		again, err := ippool.ParseEnum[E](string(value))
		require.NoError(t, err)
		assert.Equal(t, value, again)
	}
	return values
}

func TestEncapsulates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "Never": false, "Always": true, "CrossSubnet": true,
		// An unknown mode must not be treated as Never.
		"never": true, "On": true,
	} {
		assert.Equal(t, want, ippool.Encapsulates(v3.IPIPMode(text)), text)
		assert.Equal(t, want, ippool.Encapsulates(v3.VXLANMode(text)), text)
	}
}

func TestOrNever(t *testing.T) {
	t.Parallel()
	for mode, want := range map[v3.VXLANMode]v3.VXLANMode{"": "Never", "Never": "Never", "Always": "Always", "On": "On"} {
		assert.Equal(t, want, ippool.OrNever(mode))
		assert.Equal(t, v3.IPIPMode(want), ippool.OrNever(v3.IPIPMode(mode)))
	}
}
