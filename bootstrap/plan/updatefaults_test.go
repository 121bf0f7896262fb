package plan_test

import (
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// From one encapsulation to the other, the error and the remedy have the stored one and
// its setting, as a variable beside a variable and as a flag beside a flag.
func TestOtherEncapsulationIsStored(t *testing.T) {
	t.Parallel()
	ipip := func(pool *v3.IPPool) { pool.Spec.IPIPMode = v3.IPIPModeAlways }
	vxlan := func(pool *v3.IPPool) { pool.Spec.VXLANMode = v3.VXLANModeCrossSubnet }
	const conflict = `spec.vxlanMode: Forbidden: "Always" conflicts with ipipMode "Always": only one encapsulation can be enabled`
	const reverse = `spec.vxlanMode: Forbidden: "CrossSubnet" conflicts with ipipMode "Always": only one encapsulation can be enabled`
	tests := []struct {
		name  string
		given string
		names origin.Names
		pool  v3.IPPool
		want  string
	}{
		{"a variable", "CALICO_IPV4POOL_VXLAN=Always", settings.FlagNames, poolstest.Default4(ipip), conflict + "; ipipMode Always is stored: set CALICO_IPV4POOL_IPIP=Never as well"},
		{"a flag", "--ipv4-pool-vxlan=Always", settings.FlagNames, poolstest.Default4(ipip), conflict + "; ipipMode Always is stored: set --ipv4-pool-ipip=Never as well"},
		{"a flag, with names of variables", "--ipv4-pool-vxlan=Always", settings.VariableNames, poolstest.Default4(ipip), conflict + "; ipipMode Always is stored: set --ipv4-pool-ipip=Never as well"},
		{"the reverse, a variable", "CALICO_IPV4POOL_IPIP=Always", settings.FlagNames, poolstest.Default4(vxlan), reverse + "; vxlanMode CrossSubnet is stored: set CALICO_IPV4POOL_VXLAN=Never as well"},
		{"the reverse, a flag", "--ipv4-pool-ipip=Always", settings.FlagNames, poolstest.Default4(vxlan), reverse + "; vxlanMode CrossSubnet is stored: set --ipv4-pool-vxlan=Never as well"},
		{"identities", "CALICO_IPV4POOL_VXLAN=Always", nil, poolstest.Default4(ipip), conflict + "; ipipMode Always is stored: set ipv4.pool.ipipMode=Never as well"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			given := settingstest.Given(t, noIPv6, tt.given)
			given.Datastore.Names = tt.names
			config, err := given.Resolve()
			require.NoError(t, err)
			snapshot := datastore.Snapshot{Pools: poolstest.Records(tt.pool)}
			_, err = plan.Compute(config.Desired, snapshot, plan.DriftUpdate)
			require.ErrorIs(t, err, plan.ErrIncompatible)
			assert.True(t, strings.HasSuffix(err.Error(), "): "+tt.want), err)

			made, err := plan.Compute(config.Desired, snapshot, plan.DriftReport)
			require.NoError(t, err)
			require.Len(t, made.Warnings, 1)
			assert.Contains(t, made.Warnings[0], " would fail: "+tt.want)
		})
	}
}

func TestOtherEncapsulationOfAFile(t *testing.T) {
	t.Parallel()
	ipip := func(pool *v3.IPPool) { pool.Spec.IPIPMode = v3.IPIPModeCrossSubnet }
	vxlan := func(pool *v3.IPPool) { pool.Spec.VXLANMode = v3.VXLANModeAlways }
	tests := []struct {
		name, given string
		pool        v3.IPPool
		want        string
	}{
		{"VXLAN", "vxlanMode: Always", poolstest.Stored("b4", "10.3.0.0/16", ipip), "; ipipMode CrossSubnet is stored: set ipipMode: Never in the same pool of file pools.yaml:3 as well"},
		{"IPIP", "ipipMode: Always", poolstest.Stored("b4", "10.3.0.0/16", vxlan), "; vxlanMode Always is stored: set vxlanMode: Never in the same pool of file pools.yaml:3 as well"},
		{"another fault of the same field", "vxlanMode: Always", poolstest.Stored("b4", "10.3.0.0/16", poolstest.ForLoadBalancers), "must be Never for a LoadBalancer pool"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.Compute(filed(t, settingstest.Flat("b4", "10.3.0.0/16")+"  "+tt.given+"\n"), datastore.Snapshot{Pools: poolstest.Records(tt.pool)}, plan.DriftUpdate)
			require.ErrorIs(t, err, plan.ErrIncompatible)
			assert.True(t, strings.HasSuffix(err.Error(), tt.want), err)
		})
	}
	// The hint is right: both in the file are an update.
	made, err := plan.Compute(filed(t, settingstest.Flat("b4", "10.3.0.0/16")+"  vxlanMode: Always\n  ipipMode: Never\n"),
		datastore.Snapshot{Pools: poolstest.Records(tests[0].pool)}, plan.DriftUpdate)
	require.NoError(t, err)
	assert.Len(t, made.Changes(), 1)
}

// No setting sets ipipMode of an IPv6 pool. An API server does not accept it, etcd does.
func TestOtherEncapsulationOfIPv6(t *testing.T) {
	t.Parallel()
	stored := poolstest.Stored("default-ipv6-ippool", "fd00::/64", func(pool *v3.IPPool) { pool.Spec.IPIPMode = v3.IPIPModeAlways })
	_, err := plan.Compute(settingstest.Resolved(t, "CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_VXLAN=Always").Desired,
		datastore.Snapshot{Pools: poolstest.Records(stored), CLI: datastore.CLI{Program: datastore.Calicoctl}}, plan.DriftUpdate)
	require.ErrorContains(t, err, "; ipipMode Always is stored: set it to Never with calicoctl first")
}

// A conflict of a file that the update reports, with its remedy, is reported once. Every
// other conflict is an error of the file.
func TestConflictIsReportedOnce(t *testing.T) {
	t.Parallel()
	ipip := func(pool *v3.IPPool) { pool.Spec.IPIPMode = v3.IPIPModeAlways }
	tests := []struct {
		name, given string
		stored      []v3.IPPool
		onDrift     plan.OnDrift
		want        []string // of each line
	}{
		{"update", "ipipMode: Always\n  vxlanMode: Always", []v3.IPPool{poolstest.Stored("b4", "10.3.0.0/16", ipip)}, plan.DriftUpdate, []string{"pools.yaml:"}},
		{"report", "ipipMode: Always\n  vxlanMode: Always", []v3.IPPool{poolstest.Stored("b4", "10.3.0.0/16", ipip)}, plan.DriftReport, []string{"pools.yaml:"}},
		{"fail", "ipipMode: Always\n  vxlanMode: Always", []v3.IPPool{poolstest.Stored("b4", "10.3.0.0/16", ipip)}, plan.DriftFail, []string{"pools.yaml:"}},
		{"no pool", "ipipMode: Always\n  vxlanMode: Always", nil, plan.DriftUpdate, []string{"pools.yaml:"}},
		{"and another one", "ipipMode: Always\n  vxlanMode: Always\n  namespaceSelector: has(a)\n  allowedUses: [Tunnel]",
			[]v3.IPPool{poolstest.Stored("b4", "10.3.0.0/16", ipip)}, plan.DriftUpdate, []string{"vxlanMode", "namespaceSelector"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.Compute(filed(t, settingstest.Flat("b4", "10.3.0.0/16")+"  "+tt.given+"\n"), datastore.Snapshot{Pools: poolstest.Records(tt.stored...)}, tt.onDrift)
			require.Error(t, err)
			lines := strings.Split(err.Error(), "\n")
			require.Len(t, lines, len(tt.want), err)
			for i, want := range tt.want {
				assert.Contains(t, lines[i], want)
			}
			assert.NotContains(t, err.Error(), "can't be updated as requested")
		})
	}
}
