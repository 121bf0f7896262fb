package installation_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/installation"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
)

// FuzzOf converts any pool. It checks that the error has a line for each fault, or
// that the Installation converts back to the same pool, also from YAML.
func FuzzOf(f *testing.F) {
	f.Add("default-ipv4-ippool", "10.244.0.0/16", "", "CrossSubnet", 26, "all()", "", "Workload,Tunnel", uint8(1))
	f.Add("six", "fd00::/64", "", "Always", 0, "", "", "", uint8(2))
	f.Add("services", "10.245.0.0/24", "", "", 32, "", "", "LoadBalancer", uint8(0))
	f.Add("across", "10.249.0.0/16", "CrossSubnet", "", 0, "", "", "", uint8(0))
	f.Add("turned", "10.248.0.0/16", "Never", "Always", 26, "", "", "Tunnel,Workload", uint8(8))
	f.Add("old", "10.246.0.0/28", "Always", "Never", 26, "has(rack)", "", "Tunnel,Workload", uint8(4))
	f.Add("tenant", "10.247.0.0/16", "CrossSubnet", "", 0, "", "has(team)", "Workload", uint8(24))
	f.Add("a\nb", "pods", "x", "y", -1, "(", ")", "z", uint8(255))
	f.Fuzz(func(t *testing.T, name, cidr, ipip, vxlan string, size int, nodes, namespaces, uses string, flags uint8) {
		if !utf8.ValidString(name + cidr + nodes) {
			t.Skip("YAML can't represent it")
		}
		pool := ippool.New(name)
		spec := &pool.Spec
		spec.CIDR, spec.IPIPMode, spec.VXLANMode = cidr, v3.IPIPMode(ipip), v3.VXLANMode(vxlan)
		spec.BlockSize, spec.NodeSelector, spec.NamespaceSelector = size, nodes, namespaces
		spec.NATOutgoing, spec.DisableBGPExport, spec.Disabled = flags&1 > 0, flags&2 > 0, flags&4 > 0
		if flags&8 > 0 {
			mode := v3.Automatic
			if flags&16 > 0 {
				mode = v3.Manual
			}
			spec.AssignmentMode = &mode
		}
		if uses != "" {
			for use := range strings.SplitSeq(uses, ",") {
				spec.AllowedUses = append(spec.AllowedUses, v3.IPPoolAllowedUse(use))
			}
		}
		before := pool.DeepCopy()
		object, _, err := installation.Of([]*v3.IPPool{pool})
		require.Equal(t, before, pool, "Of doesn't change the pool")
		if err != nil {
			assert.Empty(t, object)
			var faults interface{ Unwrap() []error }
			require.ErrorAs(t, err, &faults)
			assert.Len(t, strings.Split(err.Error(), "\n"), len(faults.Unwrap()))
			return
		}
		require.Empty(t, ippool.Validate(pool))
		written, err := yaml.Marshal(object)
		require.NoError(t, err)
		var read installation.Installation
		require.NoError(t, yaml.UnmarshalStrict(written, &read))
		require.Len(t, read.Spec.CalicoNetwork.IPPools, 1)
		ippool.Default(pool)
		slices.Sort(pool.Spec.AllowedUses) // a set
		entries, warnings, faults := manifest.Decode(written)
		require.Empty(t, faults)
		require.Empty(t, warnings)
		require.Len(t, entries, 1)
		for _, back := range []*v3.IPPool{read.Spec.Pools()[0], entries[0].Pool} {
			ippool.Default(back)
			slices.Sort(back.Spec.AllowedUses)
			require.Equal(t, pool.Name, back.Name)
			require.Equal(t, pool.Spec, back.Spec)
		}
	})
}
