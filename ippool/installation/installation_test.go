package installation_test

import (
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/installation"
)

func pool(name, cidr string, changes ...func(*v3.IPPool)) *v3.IPPool {
	pool := ippool.New(name)
	pool.Spec.CIDR = cidr
	for _, change := range changes {
		change(pool)
	}
	return pool
}

func TestOf(t *testing.T) {
	t.Parallel()
	manual := v3.Manual
	tests := []struct {
		name   string
		change func(*v3.IPPool)
		want   func(*installation.IPPool)
	}{
		{"only a CIDR", func(*v3.IPPool) {}, func(*installation.IPPool) {}},
		{"NAT", func(p *v3.IPPool) { p.Spec.NATOutgoing = true }, func(e *installation.IPPool) { e.NATOutgoing = "Enabled" }},
		{"IPIP", func(p *v3.IPPool) { p.Spec.IPIPMode = "Always" }, func(e *installation.IPPool) { e.Encapsulation = "IPIP" }},
		{"IPIP cross-subnet", func(p *v3.IPPool) { p.Spec.IPIPMode = "CrossSubnet" }, func(e *installation.IPPool) { e.Encapsulation = "IPIPCrossSubnet" }},
		{"VXLAN", func(p *v3.IPPool) { p.Spec.VXLANMode = "Always" }, func(e *installation.IPPool) { e.Encapsulation = "VXLAN" }},
		{"VXLAN cross-subnet", func(p *v3.IPPool) { p.Spec.VXLANMode = "CrossSubnet" }, func(e *installation.IPPool) { e.Encapsulation = "VXLANCrossSubnet" }},
		{"block size", func(p *v3.IPPool) { p.Spec.BlockSize = 28 }, func(e *installation.IPPool) { e.BlockSize = 28 }},
		{"node selector", func(p *v3.IPPool) { p.Spec.NodeSelector = "has(rack)" }, func(e *installation.IPPool) { e.NodeSelector = "has(rack)" }},
		{"BGP export", func(p *v3.IPPool) { p.Spec.DisableBGPExport = true }, func(e *installation.IPPool) { e.DisableBGPExport = true }},
		{"disabled", func(p *v3.IPPool) { p.Spec.Disabled = true }, func(e *installation.IPPool) { e.DisableNewAllocations = true }},
		{"disabled, of one block", func(p *v3.IPPool) { p.Spec.Disabled, p.Spec.BlockSize, p.Spec.CIDR = true, 26, "10.244.0.0/26" },
			func(e *installation.IPPool) { e.DisableNewAllocations, e.CIDR = true, "10.244.0.0/26" }},
		{"default uses, in another order", func(p *v3.IPPool) { p.Spec.AllowedUses = []v3.IPPoolAllowedUse{"Tunnel", "Workload"} }, func(*installation.IPPool) {}},
		{"LoadBalancer", func(p *v3.IPPool) { p.Spec.AllowedUses = []v3.IPPoolAllowedUse{"LoadBalancer"} },
			func(e *installation.IPPool) { e.AllowedUses = []v3.IPPoolAllowedUse{"LoadBalancer"} }},
		{"assignment", func(p *v3.IPPool) { p.Spec.AssignmentMode = &manual }, func(e *installation.IPPool) { e.AssignmentMode = "Manual" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			given := pool("a", "10.244.0.0/16", tt.change)
			before := given.DeepCopy()
			got, warnings, err := installation.Of([]*v3.IPPool{given})
			require.NoError(t, err)
			assert.Equal(t, tt.name == "LoadBalancer", len(warnings) > 0, warnings)
			want := installation.IPPool{
				Name: "a", CIDR: "10.244.0.0/16", Encapsulation: "None", NATOutgoing: "Disabled", BlockSize: 26, NodeSelector: "all()",
			}
			tt.want(&want)
			assert.Equal(t, []installation.IPPool{want}, got.Spec.CalicoNetwork.IPPools)
			assert.Equal(t, before, given, "Of doesn't change the pools")
		})
	}
}

func TestUnfit(t *testing.T) {
	t.Parallel()
	_, _, err := installation.Of([]*v3.IPPool{
		pool("a", "10.244.0.0/16", func(p *v3.IPPool) { p.Spec.NamespaceSelector = "has(team)" }),
		pool("b", "10.245.0.0/28", func(p *v3.IPPool) { p.Spec.Disabled = true }),
	})
	require.Error(t, err)
	assert.Equal(t, `IPPool "a": namespaceSelector "has(team)": the Installation has no such field
IPPool "b": cidr "10.245.0.0/28" is smaller than a block (/26), which the operator rejects even in a disabled pool`, err.Error())

	var many []*v3.IPPool
	for i := range installation.MaxPools + 1 {
		many = append(many, pool(fmt.Sprint("p", i), fmt.Sprintf("10.%d.0.0/16", i)))
	}
	_, _, err = installation.Of(many)
	assert.EqualError(t, err, "26 pools: the Installation allows at most 25")
	_, _, err = installation.Of(many[1:])
	assert.NoError(t, err)
}

// If a pool is invalid in Calico, the Installation is empty.
func TestInvalid(t *testing.T) {
	t.Parallel()
	object, _, err := installation.Of([]*v3.IPPool{
		pool("a", "10.244.0.0/16", func(p *v3.IPPool) { p.Spec.IPIPMode, p.Spec.VXLANMode = "Always", "Always" }),
		pool("b", "fd00::/64", func(p *v3.IPPool) { p.Spec.IPIPMode = "CrossSubnet" }),
		pool("c", "10.245.0.0/28"),
		pool("d", "10.246.0.0"),
		pool("e", "10.244.128.0/17"),
		pool("a", "10.247.0.0/16"),
	})
	assert.Empty(t, object)
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 6)
	for i, start := range []string{
		"items[0].spec.", "items[1].spec.ipipMode: ", "items[2].spec.cidr: ", "items[3].spec.cidr: ", "items[5].metadata.name: ", "items[4].spec.cidr: ",
	} {
		assert.True(t, strings.HasPrefix(lines[i], start), "%s: %s", start, lines[i])
	}
	var fault *field.Error
	assert.ErrorAs(t, err, &fault)
}

func TestLoadBalancer(t *testing.T) {
	t.Parallel()
	_, warnings, err := installation.Of([]*v3.IPPool{
		pool("pods", "10.244.0.0/16"),
		pool("services", "10.245.0.0/24", func(p *v3.IPPool) { p.Spec.AllowedUses = []v3.IPPoolAllowedUse{"LoadBalancer"} }),
	})
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], `IPPool "services": cidr "10.245.0.0/24" is for LoadBalancer: `)
}

func TestLabels(t *testing.T) {
	t.Parallel()
	_, warnings, err := installation.Of([]*v3.IPPool{
		pool("a", "10.244.0.0/16", func(p *v3.IPPool) { p.Labels = map[string]string{"team": "x"} }),
		pool("b", "10.245.0.0/16", func(p *v3.IPPool) { p.Annotations = map[string]string{"why": "x"} }),
	})
	require.NoError(t, err)
	assert.Equal(t, []string{
		`IPPool "a": its labels and annotations are omitted: the Installation has no field for them`,
		`IPPool "b": its labels and annotations are omitted: the Installation has no field for them`,
	}, warnings)
}

// Without pools, the list is empty rather than unset, so the operator creates none.
func TestNoPools(t *testing.T) {
	t.Parallel()
	got, _, err := installation.Of(nil)
	require.NoError(t, err)
	text, err := yaml.Marshal(got)
	require.NoError(t, err)
	assert.Contains(t, string(text), "ipPools: []\n")
}

func ExampleOf() {
	pool := ippool.New("default-ipv4-ippool")
	pool.Spec = v3.IPPoolSpec{CIDR: "10.244.0.0/16", VXLANMode: v3.VXLANModeCrossSubnet}
	object, _, err := installation.Of([]*v3.IPPool{pool})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := yaml.Marshal(object)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(text))
	// Output:
	// apiVersion: operator.tigera.io/v1
	// kind: Installation
	// metadata:
	//   name: default
	// spec:
	//   calicoNetwork:
	//     ipPools:
	//     - blockSize: 26
	//       cidr: 10.244.0.0/16
	//       encapsulation: VXLANCrossSubnet
	//       name: default-ipv4-ippool
	//       natOutgoing: Disabled
	//       nodeSelector: all()
}
