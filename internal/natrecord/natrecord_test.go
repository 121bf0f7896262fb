package natrecord_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/natrecord"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

func TestNode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, object string
		want         nat.Node
	}{
		{"as calico-node stores it in etcd", `{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n1"},"spec":{"addresses":[{"address":"172.16.0.1/24","type":"CalicoNodeIP"},{"address":"172.16.0.1","type":"InternalIP"},{"address":"203.0.113.1","type":"ExternalIP"}],
			"bgp":{"ipv4Address":"172.16.0.1/24","ipv6Address":"2001:db8::1/64","ipv4IPIPTunnelAddr":"10.244.0.1"},"ipv4VXLANTunnelAddr":"10.244.0.2","ipv6VXLANTunnelAddr":"fd00::2","wireguard":{"interfaceIPv4Address":"10.244.0.3","interfaceIPv6Address":"fd00::3"}}}`,
			nat.Node{Name: "n1", HostIPs: []string{"172.16.0.1/24", "2001:db8::1/64"}, OtherAddresses: []string{"203.0.113.1", "10.244.0.1", "10.244.0.2", "fd00::2", "10.244.0.3", "fd00::3"}}},
		{"without BGP", `{"metadata":{"name":"n1"},"spec":{"addresses":[{"address":"203.0.113.1","type":"ExternalIP"},{"address":"172.16.0.1","type":"InternalIP"},{"address":"172.17.0.1","type":"InternalIP"}]}}`,
			nat.Node{Name: "n1", HostIPs: []string{"172.16.0.1"}, OtherAddresses: []string{"172.17.0.1", "203.0.113.1"}}},
		{"without BGP, both families", `{"metadata":{"name":"n1"},"spec":{"bgp":null,"addresses":[{"address":"2001:db8::1/64","type":"InternalIP"},{"address":"x","type":"InternalIP"},{"address":"172.16.0.1","type":"InternalIP"}]}}`,
			nat.Node{Name: "n1", HostIPs: []string{"172.16.0.1", "2001:db8::1/64"}, OtherAddresses: []string{"x"}}},
		{"without BGP and internal addresses", `{"metadata":{"name":"n1"},"spec":{"addresses":[{"address":"203.0.113.1","type":"ExternalIP"},{"address":"203.0.113.2","type":"ExternalIP"},{"address":"2001:db8::1","type":"ExternalIP"}]}}`,
			nat.Node{Name: "n1", HostIPs: []string{"203.0.113.1", "2001:db8::1"}, OtherAddresses: []string{"203.0.113.2"}}},
		{"with an empty BGP: IPv4 falls back, IPv6 does not", `{"metadata":{"name":"n1"},"spec":{"bgp":{},"addresses":[{"address":"172.16.0.1","type":"InternalIP"},{"address":"2001:db8::1","type":"InternalIP"}]}}`,
			nat.Node{Name: "n1", HostIPs: []string{"172.16.0.1"}, OtherAddresses: []string{"2001:db8::1"}}},
		{"with BGP of IPv4", `{"metadata":{"name":"n1"},"spec":{"bgp":{"ipv4Address":"172.16.0.1/24"},"addresses":[{"address":"172.17.0.1","type":"InternalIP"},{"address":"2001:db8::1","type":"InternalIP"}]}}`,
			nat.Node{Name: "n1", HostIPs: []string{"172.16.0.1/24"}, OtherAddresses: []string{"172.17.0.1", "2001:db8::1"}}},
		{"with BGP of IPv6", `{"metadata":{"name":"n1"},"spec":{"bgp":{"ipv6Address":"2001:db8::1/64"},"addresses":[{"address":"172.17.0.1","type":"InternalIP"}]}}`,
			nat.Node{Name: "n1", HostIPs: []string{"172.17.0.1", "2001:db8::1/64"}}},
		{"with addresses of BGP without a prefix length", `{"metadata":{"name":"n1"},"spec":{"bgp":{"ipv4Address":"172.16.0.1","ipv6Address":"2001:db8::1"},"addresses":[{"address":"172.17.0.1","type":"InternalIP"},{"address":"2001:db8::2","type":"InternalIP"}]}}`,
			nat.Node{Name: "n1", HostIPs: []string{"172.17.0.1"}, OtherAddresses: []string{"172.16.0.1", "2001:db8::1", "2001:db8::2"}}},
		{"of the Kubernetes API, with an AS number alone", `{"metadata":{"name":"n1","annotations":{"projectcalico.org/ASNumber":"64512"}},"status":{"addresses":[{"type":"InternalIP","address":"172.17.0.1"},{"type":"InternalIP","address":"2001:db8::1"}]}}`,
			nat.Node{Name: "n1", HostIPs: []string{"172.17.0.1"}, OtherAddresses: []string{"2001:db8::1"}}},
		{"of the Kubernetes API, with an external address alone", `{"metadata":{"name":"n1"},"status":{"addresses":[{"type":"ExternalIP","address":"203.0.113.1"},{"type":"InternalDNS","address":"n1"}]}}`,
			nat.Node{Name: "n1", HostIPs: []string{"203.0.113.1"}}},
		{"of the Kubernetes API, with annotations", `{"metadata":{"name":"n1","annotations":{"projectcalico.org/IPv4Address":"172.16.0.1/24","projectcalico.org/IPv4IPIPTunnelAddr":"10.244.0.1","projectcalico.org/IPv4VXLANTunnelAddr":"10.244.0.2","projectcalico.org/IPv6VXLANTunnelAddr":"fd00::2"}},
			"spec":{"podCIDR":"10.244.0.0/24"},"status":{"addresses":[{"type":"InternalIP","address":"172.17.0.1"},{"type":"Hostname","address":"10.9.9.9"}]}}`,
			nat.Node{Name: "n1", HostIPs: []string{"172.16.0.1/24"}, OtherAddresses: []string{"172.17.0.1", "10.244.0.1", "10.244.0.2", "fd00::2"}}},
		{"of the Kubernetes API, without annotations", `{"metadata":{"name":"n1"},"status":{"addresses":[{"type":"InternalIP","address":"2001:db8::1"},{"type":"InternalIP","address":"172.17.0.1"}]}}`,
			nat.Node{Name: "n1", HostIPs: []string{"172.17.0.1", "2001:db8::1"}}},
		{"without addresses", `{"metadata":{"name":"n1"}}`, nat.Node{Name: "n1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := natrecord.Node([]byte(tt.object))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestFelixConfiguration(t *testing.T) {
	t.Parallel()
	got, err := natrecord.FelixConfiguration([]byte(`{"kind":"FelixConfiguration","apiVersion":"crd.projectcalico.org/v1","metadata":{"name":"node.n1","uid":"1"},"spec":{"logSeverityScreen":"Info","natOutgoingExclusions":"IPPoolsAndHostIPs","natPortRange":"1024:2047","bpfEnabled":true,"externalNodesList":["192.0.2.0/24"],"bpfExternalServiceMode":{"new":[1]}}}`))
	require.NoError(t, err)
	assert.Equal(t, "node.n1", got.Name)
	assert.Equal(t, "IPPoolsAndHostIPs", got.Spec.NATOutgoingExclusions)
	assert.Equal(t, "1024:2047", got.Spec.NATPortRange.String())
	assert.True(t, *got.Spec.BPFEnabled)
	assert.Equal(t, []string{"192.0.2.0/24"}, got.Spec.ExternalNodesList)
}

// Felix decodes natPortRange with the whole object, or nothing of it. A name of a port is
// decoded, and replaced by Felix's default.
func TestNATPortRange(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{`"1024:2047"`: "1024:2047", `"4000"`: "4000", `4000`: "4000", `"none"`: "none", `"http"`: "http", `"0"`: "0", `"1-2"`: "1-2", `65535`: "65535"} {
		got, err := natrecord.FelixConfiguration([]byte(`{"metadata":{"name":"default"},"spec":{"natOutgoingAddress":"192.0.2.1","natPortRange":` + value + `}}`))
		require.NoError(t, err, value)
		assert.Equal(t, want, got.Spec.NATPortRange.String())
		assert.Equal(t, "192.0.2.1", got.Spec.NATOutgoingAddress)
	}
	got, err := natrecord.FelixConfiguration([]byte(`{"spec":{"natPortRange":null}}`))
	require.NoError(t, err)
	assert.Nil(t, got.Spec.NATPortRange)
	for _, value := range []string{`""`, `" 4000"`, `"2000:1000"`, `"1:70000"`, `"70000"`, `70000`, `-1`, `1.5`, `"1:2:3"`, `true`, `[1]`, `{}`} {
		_, err := natrecord.FelixConfiguration([]byte(`{"spec":{"natPortRange":` + value + `}}`))
		require.EqualError(t, err, "spec.natPortRange: must be a port, or a range such as 1024:65535; Felix can't decode the object and ignores all of it", value)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	got, err := natrecord.Version([]byte(`{"metadata":{"name":"default"},"spec":{"calicoVersion":"v3.31.6","clusterType":"k8s,bgp","datastoreReady":true}}`))
	require.NoError(t, err)
	assert.Equal(t, "v3.31.6", got)
	got, err = natrecord.Version([]byte(`{"metadata":{"name":"default"},"spec":{"clusterGUID":"1"}}`))
	require.NoError(t, err)
	assert.Empty(t, got)
	_, err = natrecord.Version([]byte(`{"spec":{"calicoVersion":"v3.31.6","cnxVersion":"v3.23.0"}}`))
	require.ErrorContains(t, err, "Calico Enterprise")
}

// A malformed object is an error on one line without the object's values.
func TestMalformed(t *testing.T) {
	t.Parallel()
	for _, object := range []string{"", "{", "[]", `"hunter2"`, `{"spec":5}`, `{"metadata":{"name":{"hunter2":1}}}`, `{"spec":{"addresses":"hunter2","externalNodesList":"hunter2","calicoVersion":["hunter2"]}}`, "\xff"} {
		_, nodeErr := natrecord.Node([]byte(object))
		_, felixErr := natrecord.FelixConfiguration([]byte(object))
		_, versionErr := natrecord.Version([]byte(object))
		for _, err := range []error{nodeErr, felixErr, versionErr} {
			require.Error(t, err, object)
			assert.NotContains(t, err.Error(), "hunter2")
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"n1","annotations":{"projectcalico.org/IPv4Address":"1.2.3.4/24"}},"spec":{"natPortRange":5,"calicoVersion":"v3.31.0","addresses":[{"type":"InternalIP","address":"1.2.3.4"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		node, _ := natrecord.Node(data)
		if len(node.HostIPs) > 2 {
			t.Fatalf("more than an address a family: %v", node.HostIPs)
		}
		felix, _ := natrecord.FelixConfiguration(data)
		version, _ := natrecord.Version(data)
		nat.New(nat.Cluster{FelixConfigurations: []nat.FelixConfiguration{felix}, Nodes: []nat.Node{node}, Version: version}).Problems()
	})
}
