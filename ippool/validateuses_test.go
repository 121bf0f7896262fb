package ippool_test

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestValidateUses(t *testing.T) {
	t.Parallel()
	const (
		workload     = v3.IPPoolAllowedUseWorkload
		tunnel       = v3.IPPoolAllowedUseTunnel
		loadBalancer = v3.IPPoolAllowedUseLoadBalancer
		known        = `supported values: "Workload", "Tunnel", "LoadBalancer"`
	)
	combined := fault{forbidden, "spec.allowedUses", "can't be combined with Workload or Tunnel"}
	namespaces := fault{forbidden, "spec.namespaceSelector", "tunnel addresses belong to nodes"}

	ipip := func(m v3.IPIPMode) func(*v3.IPPoolSpec) {
		return func(s *v3.IPPoolSpec) { s.IPIPMode = m }
	}
	vxlan := func(m v3.VXLANMode) func(*v3.IPPoolSpec) {
		return func(s *v3.IPPoolSpec) { s.VXLANMode = m }
	}
	nodes := func(text string) func(*v3.IPPoolSpec) {
		return func(s *v3.IPPoolSpec) { s.NodeSelector = text }
	}
	ofNamespaces := func(text string) func(*v3.IPPoolSpec) {
		return func(s *v3.IPPoolSpec) { s.NamespaceSelector = text }
	}
	noBGP := func(s *v3.IPPoolSpec) { s.DisableBGPExport = true }

	type changes = []func(*v3.IPPoolSpec)
	for _, test := range []struct {
		name    string
		changes changes
		want    []fault
	}{
		{"none", changes{uses()}, nil},
		{"workload", changes{uses(workload)}, nil},
		{"tunnel", changes{uses(tunnel)}, nil},
		{"both, either order", changes{uses(tunnel, workload)}, nil},
		{"load balancer", changes{uses(loadBalancer)}, nil},

		{"unknown", changes{uses("Pods")}, []fault{{notSupported, "spec.allowedUses[0]", known}}},
		{"empty word", changes{uses(workload, "")}, []fault{{notSupported, "spec.allowedUses[1]", known}}},
		{"lower case", changes{uses("tunnel", workload)}, []fault{{notSupported, "spec.allowedUses[0]", known}}},
		{"duplicate", changes{uses(workload, tunnel, workload)}, []fault{{duplicate, "spec.allowedUses[2]", ""}}},
		{"unknown, repeated", changes{uses("Pods", "Pods")}, []fault{
			{notSupported, "spec.allowedUses[0]", known}, {notSupported, "spec.allowedUses[1]", known},
		}},

		{"load balancer and workload", changes{uses(loadBalancer, workload)}, []fault{combined}},
		{"tunnel and load balancer", changes{uses(tunnel, loadBalancer)}, []fault{combined}},
		{"all three", changes{uses(workload, tunnel, loadBalancer)}, []fault{combined}},
		{"load balancer and unknown", changes{uses(loadBalancer, "Pods")}, []fault{{notSupported, "spec.allowedUses[1]", known}}},
		{"duplicate load balancer", changes{uses(loadBalancer, loadBalancer)}, []fault{{duplicate, "spec.allowedUses[1]", ""}}},

		{"load balancer, modes never", changes{uses(loadBalancer), ipip("Never"), vxlan("Never")}, nil},
		{"load balancer, IP-in-IP", changes{uses(loadBalancer), ipip("Always")}, []fault{{forbidden, "spec.ipipMode", "must be Never"}}},
		{"load balancer, IP-in-IP cross-subnet", changes{uses(loadBalancer), ipip("CrossSubnet")}, []fault{{forbidden, "spec.ipipMode", "must be Never"}}},
		{"load balancer, VXLAN", changes{uses(loadBalancer), vxlan("Always")}, []fault{{forbidden, "spec.vxlanMode", "must be Never"}}},
		{"load balancer, VXLAN cross-subnet", changes{uses(loadBalancer), vxlan("CrossSubnet")}, []fault{{forbidden, "spec.vxlanMode", "must be Never"}}},
		{"load balancer, no BGP", changes{uses(loadBalancer), noBGP}, []fault{{forbidden, "spec.disableBGPExport", "must be false"}}},
		{"load balancer, all()", changes{uses(loadBalancer), nodes("all()")}, nil},
		{"load balancer, some nodes", changes{uses(loadBalancer), nodes("has(edge)")}, []fault{{forbidden, "spec.nodeSelector", "must be all()"}}},
		// It selects the same nodes, but the API server compares the text.
		{"load balancer, all( )", changes{uses(loadBalancer), nodes("all( )")}, []fault{{forbidden, "spec.nodeSelector", "must be all()"}}},
		{"load balancer, some namespaces", changes{uses(loadBalancer), ofNamespaces("has(team)")}, nil},
		{"workload with values not valid for a load balancer", changes{uses(workload), noBGP, vxlan("Always"), nodes("has(edge)")}, nil},

		{"tunnel, some namespaces", changes{uses(tunnel), ofNamespaces("has(team)")}, []fault{namespaces}},
		{"default uses set, all namespaces", changes{uses(workload, tunnel), ofNamespaces("all()")}, []fault{namespaces}},
		{"workload, some namespaces", changes{uses(workload), ofNamespaces("has(team)")}, nil},
		// The default uses include Tunnel, but the API server accepts this.
		{"default uses unset, some namespaces", changes{uses(), ofNamespaces("has(team)")}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assertFaults(t, test.want, ippool.Validate(aPool("10.0.0.0/16", test.changes...)))
		})
	}
}

// Default sets the uses, so a valid pool can become invalid.
func TestValidateUsesNamedByDefault(t *testing.T) {
	t.Parallel()
	pool := aPool("10.0.0.0/16")
	pool.Spec.NamespaceSelector = "has(team)"
	assert.Nil(t, ippool.Validate(pool))
	ippool.Default(pool)
	assertFaults(t, []fault{{forbidden, "spec.namespaceSelector", "tunnel"}}, ippool.Validate(pool))
}
