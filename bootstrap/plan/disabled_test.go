package plan_test

import (
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func disabled(pool *v3.IPPool) { pool.Spec.Disabled = true }

// filed returns the desired pools of a file.
func filed(t *testing.T, text string) plan.Desired {
	t.Helper()
	config, err := settingstest.WithFiles(t, nil, "pools.yaml", text).Resolve()
	require.NoError(t, err)
	return config.Desired
}

func TestDriftOfDisabled(t *testing.T) {
	t.Parallel()
	enabled := poolstest.Stored("b4", "10.3.0.0/16")
	tests := []struct {
		name    string
		given   string // in the file
		stored  v3.IPPool
		want    string // stored, desired; empty: no drift
		reason  string // of the update
		refused string // of the update; empty: it is valid
	}{
		{name: "true, stored", given: "disabled: true", stored: poolstest.Stored("b4", "10.3.0.0/16", disabled)},
		{name: "false, not stored", given: "disabled: false", stored: enabled},
		{name: "to true", given: "disabled: true", stored: enabled, want: "false true", reason: "disabled: false -> true"},
		{name: "to false", given: "disabled: false", stored: poolstest.Stored("b4", "10.3.0.0/16", disabled), want: "true false", reason: "disabled: true -> false"},
		{name: "absent, like any other field", given: "natOutgoing: false", stored: poolstest.Stored("b4", "10.3.0.0/16", disabled)},
		{
			name: "smaller than a block", given: "disabled: false\n  blockSize: 26", stored: poolstest.Stored("b4", "10.3.0.0/28", disabled), want: "true false",
			refused: `can't be updated as requested (disabled false: file pools.yaml:3): spec.cidr: Invalid value: "10.3.0.0/28": is smaller than one block of /26`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := filed(t, settingstest.Flat("b4", "10.3.0.0/16")+"  "+tt.given+"\n")
			snapshot := func() datastore.Snapshot { return datastore.Snapshot{Pools: poolstest.Records(tt.stored)} }
			made, err := plan.Compute(want, snapshot(), plan.DriftReport)
			require.NoError(t, err)
			step := made.Steps[len(made.Steps)-1]
			assert.Equal(t, plan.Unchanged, step.Action)
			assert.Empty(t, made.Changes())
			var drift []string
			for _, d := range step.Drift {
				if d.Field == "disabled" {
					drift = append(drift, fmt.Sprint(d.Stored, " ", d.Desired))
				}
			}
			if tt.want == "" {
				assert.Empty(t, drift)
				return
			}
			assert.Equal(t, []string{tt.want}, drift)

			made, err = plan.Compute(want, snapshot(), plan.DriftUpdate)
			if tt.refused != "" {
				require.ErrorIs(t, err, plan.ErrIncompatible)
				require.ErrorContains(t, err, tt.refused)
				return
			}
			require.NoError(t, err)
			step = made.Steps[len(made.Steps)-1]
			assert.Equal(t, plan.Updated, step.Action)
			assert.Equal(t, tt.reason, step.Reason)
			assert.Empty(t, made.Warnings)
			require.Len(t, made.Changes(), 1)
			expected := tt.stored.DeepCopy()
			expected.Spec.Disabled = !expected.Spec.Disabled
			assert.Equal(t, expected, made.Changes()[0].Update.Pool())

			again, err := plan.Compute(want, datastore.Snapshot{Pools: []*ippool.Record{made.Changes()[0].Update}}, plan.DriftUpdate)
			require.NoError(t, err)
			assert.Empty(t, again.Differences(), "a second run has nothing to do")
		})
	}
}

// A commit that stops halfway leaves the family with a pool for pods.
func TestPoolsAreDisabledLast(t *testing.T) {
	t.Parallel()
	want := filed(t, settingstest.Flat("a-old", "10.1.0.0/16")+"  disabled: true\n"+
		settingstest.Flat("b-older", "10.2.0.0/16")+"  disabled: true\n  natOutgoing: true\n"+
		settingstest.Flat("c-both", "10.3.0.0/16")+"  disabled: true\n  natOutgoing: true\n"+
		settingstest.Flat("d-again", "10.4.0.0/16")+"  disabled: false\n"+
		settingstest.Flat("e-new", "10.5.0.0/16"))
	made, err := plan.Compute(want, datastore.Snapshot{Pools: poolstest.Records(
		poolstest.Stored("a-old", "10.1.0.0/16"),
		poolstest.Stored("b-older", "10.2.0.0/16", disabled),
		poolstest.Stored("c-both", "10.3.0.0/16"),
		poolstest.Stored("d-again", "10.4.0.0/16", disabled),
	)}, plan.DriftUpdate)
	require.NoError(t, err)
	var names []string
	for _, change := range made.Changes() {
		names = append(names, change.Name())
	}
	assert.Equal(t, []string{"b-older", "d-again", "e-new", "a-old", "c-both"}, names)
}

// The steps of a migration have the commands of the client of the datastore.
func TestMigrationHasCommands(t *testing.T) {
	t.Parallel()
	steps := func(cli datastore.CLI, given string, existing v3.IPPool) []string {
		desired := settingstest.Resolved(t, noIPv6, given).Desired
		made, err := plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(existing), CLI: cli}, plan.DriftUpdate)
		require.NoError(t, err)
		require.Len(t, made.Differences(), 1)
		require.Len(t, made.Warnings, 1)
		for _, step := range made.Differences()[0].Steps {
			require.Contains(t, made.Warnings[0], step, "the line has the commands as they are")
		}
		return made.Differences()[0].Steps
	}
	const create, recreate = "create a pool with another name and CIDR (poolsFile)", "recreate the pods with addresses in 10.244.0.0/16"
	assert.Equal(t, []string{
		create,
		"disable this pool: add it to that file with disabled: true, and run with onDrift=update and without env CALICO_IPV4POOL_CIDR, " +
			`or: kubectl patch ippools.crd.projectcalico.org default-ipv4-ippool --type merge -p '{"spec":{"disabled":true}}'`,
		recreate,
		"remove this pool from the file, and delete it: kubectl delete ippools.crd.projectcalico.org default-ipv4-ippool",
	}, steps(datastore.CLI{Program: datastore.Kubectl, Resource: "ippools.crd.projectcalico.org"}, "CALICO_IPV4POOL_CIDR=10.1.0.0/16", poolstest.Default4()))
	assert.Equal(t, []string{
		create,
		`disable this pool: add it to that file with disabled: true, and run with onDrift=update, or: calicoctl patch ippool default-ipv4-ippool -p '{"spec":{"disabled":true}}'`,
		recreate,
		"remove this pool from the file, and delete it: calicoctl delete ippool default-ipv4-ippool",
	}, steps(datastore.CLI{Program: datastore.Calicoctl, Resource: "ippool"}, "CALICO_IPV4POOL_BLOCK_SIZE=24", poolstest.Default4()))
	assert.Equal(t, []string{
		create, recreate, "delete this pool",
	}, steps(datastore.CLI{}, "CALICO_IPV4POOL_BLOCK_SIZE=24", poolstest.Default4(disabled)), "it is disabled already")
}

// kubectl can't change pools in etcd.
func TestRemedyByHandNamesTheClient(t *testing.T) {
	t.Parallel()
	want := filed(t, settingstest.Flat("b4", "10.3.0.0/16")+"  assignmentMode: Manual\n")
	for cli, client := range map[datastore.CLI]string{
		{}: "kubectl or calicoctl", {Program: datastore.Kubectl}: "kubectl or calicoctl", {Program: datastore.Calicoctl}: "calicoctl",
	} {
		made, err := plan.Compute(want, datastore.Snapshot{Pools: poolstest.Records(poolstest.Stored("b4", "10.3.0.0/16")), CLI: cli}, plan.DriftReport)
		require.NoError(t, err)
		require.Len(t, made.Differences(), 1)
		assert.Equal(t, "not updatable by onDrift=update; change it with "+client, made.Differences()[0].Remedy)
	}
}

// The steps of a migration disable a pool unless it is disabled after the run.
func TestMigrationDisablesAPool(t *testing.T) {
	t.Parallel()
	off, on := poolstest.Stored("b4", "10.3.0.0/16", disabled), poolstest.Stored("b4", "10.3.0.0/16")
	tests := []struct {
		name    string
		given   string
		onDrift plan.OnDrift
		stored  v3.IPPool
		want    bool // has the step
	}{
		{"the run enables it", "disabled: false", plan.DriftUpdate, off, true},
		{"an update would enable it", "disabled: false", plan.DriftReport, off, false},
		{"the file does not say", "natOutgoing: false", plan.DriftUpdate, off, false},
		{"the run disables it", "disabled: true", plan.DriftUpdate, on, false},
		{"it is enabled", "natOutgoing: false", plan.DriftUpdate, on, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := filed(t, settingstest.Flat("b4", "10.3.0.0/16")+"  blockSize: 28\n  "+tt.given+"\n")
			made, err := plan.Compute(want, datastore.Snapshot{Pools: poolstest.Records(tt.stored)}, tt.onDrift)
			require.NoError(t, err)
			for _, difference := range made.Differences() {
				if difference.Field == "blockSize" {
					assert.Equal(t, tt.want, strings.HasPrefix(difference.Steps[1], "disable this pool"), difference.Steps)
					assert.Equal(t, "remove this pool from the file, and delete it", difference.Steps[len(difference.Steps)-1])
				}
			}
		})
	}
}
