package ippool_test

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestConflicts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*v3.IPPoolSpec)
		want   []string // fields
	}{
		"valid":                           {func(*v3.IPPoolSpec) {}, nil},
		"Tunnel with a namespaceSelector": {func(s *v3.IPPoolSpec) { s.NamespaceSelector, s.AllowedUses = "has(a)", []v3.IPPoolAllowedUse{"Tunnel"} }, []string{"spec.namespaceSelector"}},
		"the uses by default":             {func(s *v3.IPPoolSpec) { s.NamespaceSelector = "has(a)" }, []string{"spec.namespaceSelector"}},
		"two encapsulations":              {func(s *v3.IPPoolSpec) { s.IPIPMode, s.VXLANMode = "Always", "Always" }, []string{"spec.vxlanMode"}},
		"IPIP for IPv6":                   {func(s *v3.IPPoolSpec) { s.CIDR, s.IPIPMode = "fd00::/64", "Always" }, []string{"spec.ipipMode"}},
		"LoadBalancer": {func(s *v3.IPPoolSpec) {
			s.AllowedUses, s.VXLANMode, s.DisableBGPExport, s.NodeSelector = []v3.IPPoolAllowedUse{"LoadBalancer", "Workload"}, "Always", true, "has(a)"
		}, []string{"spec.allowedUses", "spec.vxlanMode", "spec.disableBGPExport", "spec.nodeSelector"}},
		"values that are invalid alone": {func(s *v3.IPPoolSpec) {
			s.CIDR, s.IPIPMode, s.BlockSize, s.NodeSelector = "10.0.0.1/16", "Off", 33, "a = 1"
		}, nil},
		"smaller than a block": {func(s *v3.IPPoolSpec) { s.CIDR = "10.0.0.0/28" }, nil},
	} {
		pool := aPool("10.0.0.0/16")
		tt.change(&pool.Spec)
		before := pool.DeepCopy()
		var fields []string
		for _, fault := range ippool.Conflicts(pool) {
			fields = append(fields, fault.Field)
		}
		assert.Equal(t, tt.want, fields, name)
		assert.Equal(t, before, pool, "the argument is not modified")
	}
}
