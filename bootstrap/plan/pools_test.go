package plan_test

import (
	"fmt"
	"net/netip"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// desiredByFile returns a desired pool of a file, with name, CIDR and natOutgoing in lines
// 3 to 5.
func desiredByFile(name, cidr string, nat bool) plan.DesiredPool {
	pool := ippool.New(name)
	pool.Spec.CIDR, pool.Spec.NATOutgoing = cidr, nat
	ippool.Default(pool)
	prefix, err := ippool.ParseCIDR(cidr)
	if err != nil {
		panic(err)
	}
	return plan.DesiredPool{Family: ippool.FamilyOf(prefix), Pool: pool, Values: []plan.Value{
		{"name", name, origin.Line("pools.yaml", 3)},
		{"cidr", cidr, origin.Line("pools.yaml", 4)},
		{"natOutgoing", nat, origin.Line("pools.yaml", 5)},
		{"blockSize", pool.Spec.BlockSize, origin.Default},
	}}
}

func skipped(want plan.DesiredPool) plan.DesiredPool {
	want.Skip = "no IPv6"
	return want
}

// with returns the desired pools of the settings, followed by pools of a file.
func with(t *testing.T, pools []plan.DesiredPool, lines ...string) plan.Desired {
	t.Helper()
	desired := settingstest.Resolved(t, lines...).Desired
	desired.Pools = append(desired.Pools, pools...)
	return desired
}

func TestComputeOfPoolsByName(t *testing.T) {
	t.Parallel()
	const none4, none6 = "CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=none"
	const skip4, skip6 = `IPv4 default-ipv4-ippool skipped: env CALICO_IPV4POOL_CIDR is "none"`, `IPv6 default-ipv6-ippool skipped: env CALICO_IPV6POOL_CIDR is "none"`
	withNAT := func(pool *v3.IPPool) { pool.Spec.NATOutgoing = true }
	tests := []struct {
		name     string
		existing []v3.IPPool
		broken   []datastore.Unreadable
		pools    []plan.DesiredPool
		lines    []string
		want     []string
		warnings []string
		err      string
	}{
		{
			name:  "fresh: the defaults first, then by name",
			pools: []plan.DesiredPool{desiredByFile("z4", "10.2.0.0/16", true), desiredByFile("a6", "fd00:2::/64", true), desiredByFile("b4", "10.3.0.0/16", false)},
			lines: []string{"CALICO_IPV4POOL_CIDR=10.1.0.0/16", none6},
			want: []string{
				fresh4, skip6,
				"IPv6 a6 created: no pool of this name existed", "IPv4 b4 created: no pool of this name existed", "IPv4 z4 created: no pool of this name existed",
			},
		},
		{
			name:     "pools of files do not replace the default pool",
			existing: []v3.IPPool{poolstest.Stored("b4", "10.3.0.0/16", withNAT)},
			pools:    []plan.DesiredPool{desiredByFile("b4", "10.3.0.0/16", true)},
			lines:    []string{"CALICO_IPV4POOL_CIDR=10.1.0.0/16", none6},
			want:     []string{fresh4 + " except those of files", skip6, "IPv4 b4 unchanged: exists"},
		},
		{
			name:  "the name of a skipped default pool",
			pools: []plan.DesiredPool{desiredByFile("default-ipv4-ippool", "10.3.0.0/16", true), skipped(desiredByFile("six", "fd00:2::/64", true))},
			lines: []string{none4, none6},
			want:  []string{skip6, "IPv4 default-ipv4-ippool created: no pool of this name existed", "IPv6 six skipped: no IPv6"},
		},
		{
			name:     "another pool replaces the default pool, but not that of a file",
			existing: []v3.IPPool{poolstest.Stored("mine", "10.9.0.0/16")},
			pools:    []plan.DesiredPool{desiredByFile("b4", "10.3.0.0/16", true)},
			lines:    []string{none6},
			want:     []string{"IPv4 mine unchanged: exists", skip6, "IPv4 b4 created: no pool of this name existed"},
		},
		{
			name:     "drift of a file's pool",
			existing: []v3.IPPool{poolstest.Stored("b4", "10.3.0.0/16", withNAT)},
			pools:    []plan.DesiredPool{desiredByFile("b4", "10.4.0.0/16", false)},
			lines:    []string{none4, none6},
			want:     []string{skip4, skip6, "IPv4 b4 unchanged: exists; differs from desired: cidr, natOutgoing"},
			warnings: []string{
				`file pools.yaml:4: "10.4.0.0/16" has no effect: IPPool "b4" exists with cidr 10.3.0.0/16; not updatable in place; to migrate: ` +
					"1. create a pool with another name and CIDR (poolsFile); 2. disable this pool: set disabled: true in its file, and run with onDrift=update; " +
					"3. recreate the pods with addresses in 10.3.0.0/16; 4. remove this pool from the file, and delete it",
				`file pools.yaml:5: "false" has no effect: IPPool "b4" exists with natOutgoing true; onDrift=update changes it`,
			},
		},
		{
			name:     "an overlap with an existing pool",
			existing: []v3.IPPool{poolstest.Stored("mine", "10.0.0.0/8"), poolstest.Stored("inside", "10.1.0.0/16")},
			pools:    []plan.DesiredPool{desiredByFile("b4", "10.3.0.0/16", true), desiredByFile("c4", "11.0.0.0/16", true)},
			lines:    []string{none4, none6},
			err:      `conflicts with existing pools: IPPool "b4": 10.3.0.0/16 (file pools.yaml:4) overlaps 10.0.0.0/8 of IPPool "mine": choose another range`,
		},
		{
			name:     "several conflicts",
			existing: []v3.IPPool{poolstest.Stored("mine", "10.0.0.0/8")},
			broken:   []datastore.Unreadable{{Name: "c4", Err: fmt.Errorf("no JSON")}},
			pools:    []plan.DesiredPool{desiredByFile("b4", "10.3.0.0/16", true), desiredByFile("c4", "11.0.0.0/16", true), desiredByFile("d4", "10.3.4.0/24", true)},
			lines:    []string{none4, none6},
			err: `conflicts with existing pools: the name "c4" (file pools.yaml:3) is taken by a malformed record: no JSON: repair or delete it, or choose another name
conflicts with existing pools: IPPool "b4": 10.3.0.0/16 (file pools.yaml:4) overlaps 10.0.0.0/8 of IPPool "mine": choose another range
conflicts with existing pools: IPPool "d4": 10.3.4.0/24 (file pools.yaml:4) overlaps 10.3.0.0/16 of IPPool "b4": choose another range`,
		},
		{
			name:   "the name of a malformed record",
			broken: []datastore.Unreadable{{Name: "b4", Err: fmt.Errorf("no JSON")}},
			pools:  []plan.DesiredPool{desiredByFile("b4", "10.3.0.0/16", true)},
			lines:  []string{none4, none6},
			err:    `conflicts with existing pools: the name "b4" (file pools.yaml:3) is taken by a malformed record: no JSON: repair or delete it, or choose another name`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made, err := plan.Compute(with(t, tt.pools, tt.lines...), datastore.Snapshot{Pools: poolstest.Records(tt.existing...), Unreadable: tt.broken}, plan.DriftReport)
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				require.ErrorIs(t, err, plan.ErrIncompatible)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, steps(made))
			assert.Equal(t, tt.warnings, made.Warnings)

			settled, err := made.Settle(facts.Facts{}, netip.Prefix{})
			require.NoError(t, err)
			assert.Equal(t, made, settled, "there is nothing to choose")
		})
	}
}

// Fields without a setting for default pools.
func TestDriftOfFields(t *testing.T) {
	t.Parallel()
	const byHand = "not updatable by onDrift=update; change it with kubectl or calicoctl"
	manual := v3.Manual
	existing := poolstest.Stored("b4", "10.3.0.0/16", func(pool *v3.IPPool) {
		pool.Labels = map[string]string{"same": "x", "other": "x"}
		pool.Spec.AllowedUses = []v3.IPPoolAllowedUse{"Tunnel", "Workload"}
		pool.Spec.AssignmentMode = &manual
	})
	want := desiredByFile("b4", "10.3.0.0/16", false)
	want.Values = append(want.Values,
		plan.Value{"namespaceSelector", "has(x)", origin.Line("f", 2)},
		plan.Value{"allowedUses", []v3.IPPoolAllowedUse{"Workload", "Tunnel"}, origin.Line("f", 3)},
		plan.Value{"assignmentMode", v3.Automatic, origin.Line("f", 4)},
		plan.Value{"labels[same]", "x", origin.Line("f", 5)},
		plan.Value{"labels[other]", "y", origin.Line("f", 6)},
		plan.Value{"annotations[missing]", "z", origin.Line("f", 7)},
	)
	for _, policy := range []plan.OnDrift{plan.DriftReport, plan.DriftUpdate} {
		made, err := plan.Compute(plan.Desired{Pools: []plan.DesiredPool{want}}, datastore.Snapshot{Pools: poolstest.Records(existing)}, policy)
		require.NoError(t, err)
		assert.Empty(t, made.Changes())
		var drift []string
		for _, d := range made.Steps[0].Drift {
			drift = append(drift, fmt.Sprintf("%s %v %v", d.Field, d.Stored, d.Desired))
			assert.Equal(t, byHand, d.Remedy)
		}
		assert.Equal(t, []string{
			"namespaceSelector  has(x)", "assignmentMode Manual Automatic", "labels[other] x y", "annotations[missing]  z",
		}, drift)
		assert.Contains(t, made.Warnings, `file f:7: "z" has no effect: IPPool "b4" exists with annotations[missing] ""; `+byHand)
	}
}
