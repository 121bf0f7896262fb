package plan_test

import (
	"errors"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// A conflict of fields in a file's pool is no error if the existing pool has it with the
// same values, whatever else differs.
func TestConflictsOfAFile(t *testing.T) {
	t.Parallel()
	tenant := func(changes ...func(*v3.IPPoolSpec)) v3.IPPoolSpec {
		spec := v3.IPPoolSpec{CIDR: "10.1.0.0/16", NamespaceSelector: "has(team)", AllowedUses: []v3.IPPoolAllowedUse{"Workload", "Tunnel"}}
		for _, change := range changes {
			change(&spec)
		}
		return spec
	}
	noUses := func(s *v3.IPPoolSpec) { s.AllowedUses = nil }
	withNAT := func(s *v3.IPPoolSpec) { s.NATOutgoing = true }
	selecting := func(text string) func(*v3.IPPoolSpec) {
		return func(s *v3.IPPoolSpec) { s.NamespaceSelector = text }
	}
	using := func(uses ...v3.IPPoolAllowedUse) func(*v3.IPPoolSpec) {
		return func(s *v3.IPPoolSpec) { s.AllowedUses = uses }
	}
	twice := func(ipip v3.IPIPMode, vxlan v3.VXLANMode) v3.IPPoolSpec {
		return v3.IPPoolSpec{CIDR: "10.1.0.0/16", IPIPMode: ipip, VXLANMode: vxlan}
	}
	at := func(spec v3.IPPoolSpec) *v3.IPPoolSpec { return &spec }
	const nsSelector, vxlan = "namespaceSelector", "vxlanMode"
	invalid := errors.New("invalid")
	tests := []struct {
		name   string
		field  string
		file   v3.IPPoolSpec
		stored *v3.IPPoolSpec // nil: none
		ok     bool
	}{
		{"the same", nsSelector, tenant(), at(tenant()), true},
		{"another field differs", nsSelector, tenant(withNAT), at(tenant()), true},
		{"uses in another order", nsSelector, tenant(using("Tunnel", "Workload")), at(tenant()), true},
		{"the same meaning", nsSelector, tenant(selecting(" has( team ) ")), at(tenant()), true},
		{"both without uses", nsSelector, tenant(noUses), at(tenant(noUses)), true},
		{"the file without uses", nsSelector, tenant(noUses), at(tenant()), true},
		{"another value", nsSelector, tenant(selecting("has(other)")), at(tenant()), false},
		{"not in the stored pool", nsSelector, tenant(), at(tenant(using("Workload"))), false},
		{"stored without the field", nsSelector, tenant(), at(tenant(selecting(""))), false},
		{"no stored pool", nsSelector, tenant(), nil, false},
		{"two encapsulations", vxlan, twice("Always", "Always"), at(twice("Always", "Always")), true},
		{"two encapsulations, one of them changed", vxlan, twice("Always", "CrossSubnet"), at(twice("Always", "Always")), false},
		{"two encapsulations, the other one changed", vxlan, twice("CrossSubnet", "Always"), at(twice("Always", "Always")), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pool := ippool.New("tenant")
			pool.Spec = tt.file
			ippool.Default(pool)
			want := plan.DesiredPool{Family: ippool.IPv4, Pool: pool, Conflicts: []plan.Conflict{{Field: tt.field, Err: invalid}}}
			var existing datastore.Snapshot
			if tt.stored != nil {
				stored := ippool.New("tenant")
				stored.Spec = *tt.stored
				existing.Pools = []*ippool.Record{ippool.NewRecord(stored)}
			}
			for _, onDrift := range plan.OnDrifts() {
				made, err := plan.Compute(plan.Desired{Pools: []plan.DesiredPool{want}}, existing, onDrift)
				if !tt.ok {
					require.ErrorIs(t, err, invalid)
					continue
				}
				require.NoError(t, err)
				assert.NotEqual(t, plan.Created, made.Steps[0].Action)
			}
			want.Skip = "IPv6 is off"
			_, err := plan.Compute(plan.Desired{Pools: []plan.DesiredPool{want}}, existing, plan.DriftReport)
			require.NoError(t, err, "a skipped pool has no effect")
		})
	}
}
