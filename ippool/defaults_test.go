package ippool_test

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestDefault(t *testing.T) {
	t.Parallel()
	full := func(cidr string, size int) v3.IPPoolSpec {
		return v3.IPPoolSpec{
			CIDR:           cidr,
			VXLANMode:      v3.VXLANModeNever,
			IPIPMode:       v3.IPIPModeNever,
			BlockSize:      size,
			NodeSelector:   "all()",
			AllowedUses:    []v3.IPPoolAllowedUse{"Workload", "Tunnel"},
			AssignmentMode: pointer(v3.Automatic),
		}
	}
	for _, test := range []struct {
		name string
		cidr string
		want v3.IPPoolSpec
	}{
		{"IPv4", "10.244.0.0/16", full("10.244.0.0/16", 26)},
		{"IPv6", "fd00:10:244::/64", full("fd00:10:244::/64", 122)},
		{"host bits", "10.244.0.1/16", full("10.244.0.1/16", 26)},
		{"the CIDR's spelling is kept", "FD00::/64", full("FD00::/64", 122)},
		{"no CIDR", "", full("", 0)},
		{"invalid CIDR", "pods", full("pods", 0)},
		{"IPv4-mapped CIDR", "::ffff:10.0.0.0/104", full("::ffff:10.0.0.0/104", 0)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pool := &v3.IPPool{Spec: v3.IPPoolSpec{CIDR: test.cidr}}
			ippool.Default(pool)
			want := &v3.IPPool{
				TypeMeta: metav1.TypeMeta{Kind: "IPPool", APIVersion: "projectcalico.org/v3"},
				Spec:     test.want,
			}
			assert.Equal(t, want, pool)
		})
	}
}

// Each test sets one field to a value other than the default. Default doesn't
// change it, and a second call of Default changes nothing.
func TestDefaultKeepsWhatIsSet(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*v3.IPPool){
		"kind":              func(p *v3.IPPool) { p.Kind = "Pool" },
		"apiVersion":        func(p *v3.IPPool) { p.APIVersion = "crd.projectcalico.org/v1" },
		"vxlanMode":         func(p *v3.IPPool) { p.Spec.VXLANMode = "CrossSubnet" },
		"ipipMode":          func(p *v3.IPPool) { p.Spec.IPIPMode = "Always" },
		"unknown mode":      func(p *v3.IPPool) { p.Spec.IPIPMode = "off" },
		"natOutgoing":       func(p *v3.IPPool) { p.Spec.NATOutgoing = true },
		"disabled":          func(p *v3.IPPool) { p.Spec.Disabled = true },
		"disableBGPExport":  func(p *v3.IPPool) { p.Spec.DisableBGPExport = true },
		"blockSize":         func(p *v3.IPPool) { p.Spec.BlockSize = 24 },
		"wrong blockSize":   func(p *v3.IPPool) { p.Spec.BlockSize = -1 },
		"nodeSelector":      func(p *v3.IPPool) { p.Spec.NodeSelector = "has(rack)" },
		"blank selector":    func(p *v3.IPPool) { p.Spec.NodeSelector = " " },
		"namespaceSelector": func(p *v3.IPPool) { p.Spec.NamespaceSelector = "has(team)" },
		"allowedUses":       func(p *v3.IPPool) { p.Spec.AllowedUses = []v3.IPPoolAllowedUse{"LoadBalancer"} },
		"assignmentMode":    func(p *v3.IPPool) { p.Spec.AssignmentMode = pointer(v3.Manual) },
		"empty mode":        func(p *v3.IPPool) { p.Spec.AssignmentMode = pointer(v3.AssignmentMode("")) },
		"name":              func(p *v3.IPPool) { p.Name = "mine" },
		"labels":            func(p *v3.IPPool) { p.Labels = map[string]string{"a": "b"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defaults := &v3.IPPool{Spec: v3.IPPoolSpec{CIDR: "10.0.0.0/16"}}
			ippool.Default(defaults)
			set(defaults) // the expected pool: the defaults and the field

			pool := &v3.IPPool{Spec: v3.IPPoolSpec{CIDR: "10.0.0.0/16"}}
			set(pool)
			ippool.Default(pool)
			assert.Equal(t, defaults, pool)
			ippool.Default(pool)
			assert.Equal(t, defaults, pool, "not idempotent")
		})
	}
}

func TestDefaultOfEmptyUses(t *testing.T) {
	t.Parallel()
	pool := aPool("10.0.0.0/16", uses())
	pool.Spec.AllowedUses = []v3.IPPoolAllowedUse{}
	ippool.Default(pool)
	assert.Equal(t, []v3.IPPoolAllowedUse{"Workload", "Tunnel"}, pool.Spec.AllowedUses)
}

// Default must not share memory between pools.
func TestDefaultSharesNothing(t *testing.T) {
	t.Parallel()
	one, other := aPool("10.0.0.0/16"), aPool("10.1.0.0/16")
	ippool.Default(one)
	ippool.Default(other)
	one.Spec.AllowedUses[0] = "LoadBalancer"
	*one.Spec.AssignmentMode = v3.Manual
	assert.Equal(t, v3.IPPoolAllowedUse("Workload"), other.Spec.AllowedUses[0])
	assert.Equal(t, v3.Automatic, *other.Spec.AssignmentMode)
}

func TestDefaultIsValid(t *testing.T) {
	t.Parallel()
	for _, cidr := range []string{"10.244.0.0/16", "192.168.0.0/26", "fd00:10:244::/64", "fd00::/122"} {
		pool := ippool.New("default-pool")
		pool.Spec.CIDR = cidr
		ippool.Default(pool)
		assert.Nil(t, ippool.Validate(pool), cidr)
		pool.Spec.NATOutgoing = true
		assert.Nil(t, ippool.ValidateUpdate(pool, pool), cidr)
	}
}
