package suite

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// disabling are the tests of pools that a file disables and enables.
var disabling = []test{
	{"disabled and enabled", disabledAndEnabled},
	{"disabled reported and refused", disabledReportedAndRefused},
	{"disabled keeps unknown fields", disabledKeepsUnknownFields},
	{"disabled beside another updater", disabledBesideAnotherUpdater},
	{"crash in the middle of a migration", crashInMigration},
}

// movedTo returns the settings of a file with the pool a-old, disabled or not, and a second
// pool that replaces it.
func movedTo(t *testing.T, policy plan.OnDrift, disabled string) settings.Settings {
	t.Helper()
	return poolsFile(t, "- {name: a-old, cidr: 10.1.0.0/16, disabled: "+disabled+"}\n- {name: b-new, cidr: 10.2.0.0/16}\n",
		func(s *settings.Settings) { s.OnDrift = configured(string(policy)) })
}

func disabledAndEnabled(t *testing.T, world World) {
	old := pool("a-old", "10.1.0.0/16")
	old.Spec.NATOutgoing, old.Labels = true, map[string]string{"team": "net"}
	world.Write(t, old)
	for _, disabled := range []string{"true", "false", "true"} {
		before := object(t, world, "a-old")
		report, err := bootstrapPools(t, world, movedTo(t, plan.DriftUpdate, disabled))
		require.NoError(t, err)
		require.Equal(t, "a-old updated", outcome(report)[2])
		spec := before["spec"].(map[string]any)
		delete(spec, "disabled")
		if disabled == "true" {
			spec["disabled"] = true
		}
		assert.Equal(t, before, object(t, world, "a-old"), "only disabled is changed")

		again := rawPools(t, world)
		report, err = bootstrapPools(t, world, movedTo(t, plan.DriftUpdate, disabled))
		require.NoError(t, err)
		assert.Equal(t, []string{"default-ipv4-ippool skipped", "default-ipv6-ippool skipped", "a-old unchanged", "b-new unchanged"}, outcome(report))
		assert.Equal(t, again, rawPools(t, world))
	}
}

func disabledReportedAndRefused(t *testing.T, world World) {
	world.Write(t, pool("a-old", "10.1.0.0/16"))
	world.Write(t, pool("b-new", "10.2.0.0/16"))
	before := rawPools(t, world)
	report, err := bootstrapPools(t, world, movedTo(t, plan.DriftReport, "true"))
	require.NoError(t, err)
	require.Len(t, report.Warnings, 1)
	assert.Contains(t, report.Warnings[0], `"true" has no effect: IPPool "a-old" exists with disabled false; onDrift=update changes it`)
	_, err = bootstrapPools(t, world, movedTo(t, plan.DriftFail, "true"))
	require.ErrorIs(t, err, plan.ErrDrift)
	assert.Equal(t, before, rawPools(t, world))

	// Without the field, the file says nothing about it.
	disabled := pool("c-off", "10.3.0.0/16")
	disabled.Spec.Disabled = true
	world.Write(t, disabled)
	report, err = bootstrapPools(t, world, poolsFile(t, "- {name: c-off, cidr: 10.3.0.0/16}\n", func(s *settings.Settings) { s.OnDrift = configured("fail") }))
	require.NoError(t, err)
	assert.Equal(t, "c-off unchanged", outcome(report)[2])
}

func disabledKeepsUnknownFields(t *testing.T, world World) {
	world.WriteRaw(t, "default-ipv4-ippool", newerPool)
	before := object(t, world, "default-ipv4-ippool")
	_, err := bootstrapPools(t, world, poolsFile(t, "- {name: default-ipv4-ippool, cidr: 10.244.0.0/16, disabled: true}\n",
		func(s *settings.Settings) { s.OnDrift = configured("update") }))
	require.NoError(t, err)
	before["spec"].(map[string]any)["disabled"] = true
	assert.Equal(t, before, object(t, world, "default-ipv4-ippool"))
}

// disabledBesideAnotherUpdater updates two fields of a pool concurrently: both updates are
// effective.
func disabledBesideAnotherUpdater(t *testing.T, world World) {
	world.Write(t, pool("a-old", "10.1.0.0/16"))
	world.Write(t, pool("b-new", "10.2.0.0/16"))
	nat := poolsFile(t, "- {name: a-old, cidr: 10.1.0.0/16, natOutgoing: true}\n", func(s *settings.Settings) { s.OnDrift = configured("update") })
	disable := movedTo(t, plan.DriftUpdate, "true")
	runConcurrently(t, world, disable, nat, disable, nat)
	old := world.Pools(t)[0].Spec
	assert.True(t, old.Disabled)
	assert.True(t, old.NATOutgoing)
}

// crashInMigration stops after the first write: the family always has a pool for pods, and
// the next run completes the migration.
func crashInMigration(t *testing.T, world World) {
	world.Write(t, pool("a-old", "10.1.0.0/16"))
	settings := movedTo(t, plan.DriftUpdate, "true")
	_, err := bootstrap.New(crashing{world.Open(t)}, bootstrap.WithHost(Host{})).Run(t.Context(), settings)
	partial := requireCrash(t, err)
	assert.Equal(t, []string{"b-new"}, partial.Created)
	assert.Empty(t, partial.Updated)
	assert.Equal(t, []bool{false, false}, areDisabled(world.Pools(t)))

	report, err := bootstrapPools(t, world, settings)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool skipped", "default-ipv6-ippool skipped", "a-old updated", "b-new unchanged"}, outcome(report))
	assert.Equal(t, []bool{true, false}, areDisabled(world.Pools(t)))
}

func areDisabled(pools []v3.IPPool) []bool {
	var disabled []bool
	for _, pool := range pools {
		disabled = append(disabled, pool.Spec.Disabled)
	}
	return disabled
}
