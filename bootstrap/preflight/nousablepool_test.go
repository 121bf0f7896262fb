package preflight

import (
	"slices"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestNoUsablePool(t *testing.T) {
	t.Parallel()
	off, services, named := pool("off", "10.1.0.0/16", poolstest.Disabled), pool("lb", "10.2.0.0/16", poolstest.ForLoadBalancers), pool("named", "10.3.0.0/16", manual)
	tests := []struct {
		name       string
		pools      []checkedPool
		unreadable []ippool.Family
		want       string // the part of the text about the pools
	}{
		{"no pool at all", nil, nil, ""},
		{"none of the family", []checkedPool{pool("six", "fd00::/64", poolstest.Disabled)}, nil, ""},
		{"a usable one", []checkedPool{off, pool("p", "10.0.0.0/16"), services}, nil, ""},
		{"a usable one, and an unusable IPv6 pool", []checkedPool{pool("p", "10.0.0.0/16"), pool("six", "fd00::/64", poolstest.Disabled)}, nil, ""},
		{"disabled", []checkedPool{off}, nil, `"off" is disabled`},
		{"with a selector of no node", []checkedPool{pool("p", "10.0.0.0/16", func(p *v3.IPPool) { p.Spec.NodeSelector = "!all()" })}, nil, `"p" has a nodeSelector that matches no node`},
		{"each with its reason", []checkedPool{off, services, named, pool("t", "10.4.0.0/16", forTunnels)}, nil,
			`"off" is disabled, "lb" is for LoadBalancer only, "named" has assignmentMode Manual, "t" is for Tunnel only`},
		{"many", slices.Repeat([]checkedPool{off}, 7), nil,
			`"off" is disabled, "off" is disabled, "off" is disabled, "off" is disabled, "off" is disabled, 2 more`},
		{"and a malformed one", []checkedPool{off}, []ippool.Family{ippool.IPv4}, ""},
		{"and a malformed one of the other family", []checkedPool{off}, []ippool.Family{ippool.IPv6}, `"off" is disabled`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := input{pools: tt.pools, unreadable: tt.unreadable}.findings(nil, []ippool.Family{ippool.IPv4})
			if tt.want == "" {
				assert.Empty(t, found)
				return
			}
			assert.Equal(t, []Finding{{Code: NoUsablePool, Text: "no IPv4 pool is available for automatic assignment: " + tt.want +
				": make one of them available, or add an IPv4 pool; while any exists, no default pool is created"}}, found)
		})
	}
}

// The default pool is created beside pools of files if its CIDR is set, but not beside
// others.
func TestNoUsablePoolOfAFile(t *testing.T) {
	t.Parallel()
	off := func(name, cidr string) plan.DesiredPool {
		want := ofFileAt(ippool.IPv4, name, cidr)
		want.Pool.Spec.Disabled, want.Pool.Spec.NATOutgoing, want.Pool.Spec.DisableBGPExport = true, false, true
		return want
	}
	const byFile = ": make one of them available, or set ipv4.pool.cidr to create the default pool as well"
	const other = ": make one of them available, or add an IPv4 pool; while any exists, no default pool is created"
	pools := []plan.DesiredPool{notDesired(ippool.IPv4), notDesired(ippool.IPv6), off("a", "10.1.0.0/16"), off("b", "10.2.0.0/16")}
	tests := []struct {
		name     string
		existing []v3.IPPool
		want     string
	}{
		{"created", nil, `"a" is disabled, "b" is disabled` + byFile},
		{"one exists", []v3.IPPool{poolstest.Stored("a", "10.1.0.0/16", poolstest.Disabled)}, `"a" is disabled, "b" is disabled` + byFile},
		{"another pool exists", []v3.IPPool{poolstest.Stored("lb", "10.9.0.0/24", poolstest.ForLoadBalancers)}, `"a" is disabled, "b" is disabled, "lb" is for LoadBalancer only` + other},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made, err := plan.Compute(plan.Desired{Pools: pools}, datastore.Snapshot{Pools: poolstest.Records(tt.existing...)}, plan.DriftReport)
			require.NoError(t, err)
			assert.Equal(t, []Finding{{Code: NoUsablePool, Text: "no IPv4 pool is available for automatic assignment: " + tt.want}}, Check(made, facts.Facts{}, false))
		})
	}
	// The hint is right.
	withDefault := slices.Concat([]plan.DesiredPool{desired(ippool.IPv4, "10.3.0.0/16")}, pools[1:])
	made, err := plan.Compute(plan.Desired{Pools: withDefault}, datastore.Snapshot{}, plan.DriftReport)
	require.NoError(t, err)
	assert.Empty(t, Check(made, facts.Facts{}, false))
}
