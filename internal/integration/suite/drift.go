package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// drifted are the tests of existing pools that differ from desired.
var drifted = []test{
	{"each mutable field", eachMutableField},
	{"each immutable field", eachImmutableField},
	{"report writes nothing", reportWritesNothing},
	{"fail writes nothing", failWritesNothing},
	{"update keeps unknown fields", updateKeepsUnknownFields},
	{"foreign owners", foreignOwners},
	{"update and create together", updateAndCreate},
	{"invalid update", invalidUpdate},
	{"updaters of different fields", updatersOfDifferentFields},
	{"updaters with different settings", updatersWithDifferentSettings},
	{"update after a foreign update", updateAfterForeignUpdate},
	{"update after a foreign delete", updateAfterForeignDelete},
	{"update during a foreign create", updateDuringForeignCreate},
	{"crash between two updates", crashBetweenUpdates},
	{"generated clusters", generated},
}

// with returns settings with the policy and the changes only. The CIDRs are unset, so that
// existing pools can't differ from them.
func with(policy plan.OnDrift, changes ...func(*settings.Settings)) settings.Settings {
	var settings settings.Settings
	settings.OnDrift = configured(string(policy))
	for _, change := range changes {
		change(&settings)
	}
	return settings
}

func configured(value string) settings.Setting { return settings.Given(value, origin.Caller("test")) }

// writeDefaultPools stores the default pools, the IPv4 one with natOutgoing.
func writeDefaultPools(t *testing.T, world World) {
	t.Helper()
	four := pool("default-ipv4-ippool", "10.244.0.0/16")
	four.Spec.NATOutgoing = true
	world.Write(t, four)
	world.Write(t, pool("default-ipv6-ippool", "fd00:10:244::/64"))
}

// object returns the fields of a stored pool.
func object(t *testing.T, world World, name string) map[string]any {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(world.Raw(t, name)), &fields))
	return fields
}

func eachMutableField(t *testing.T, world World) {
	tests := []struct {
		field  string
		want   any // nil: omitted
		change func(*settings.Settings)
	}{
		{"natOutgoing", nil, func(s *settings.Settings) { s.IPv4.NATOutgoing = configured("false") }},
		{"ipipMode", "CrossSubnet", func(s *settings.Settings) { s.IPv4.IPIP = configured("cross-subnet") }},
		{"ipipMode", "Never", func(s *settings.Settings) { s.IPv4.IPIP = configured("off") }},
		{"vxlanMode", "Always", func(s *settings.Settings) { s.IPv4.VXLAN = configured("always") }},
		{"nodeSelector", "zone == 'a'", func(s *settings.Settings) { s.IPv4.NodeSelector = configured("zone == 'a'") }},
		{"disableBGPExport", true, func(s *settings.Settings) { s.IPv4.DisableBGPExport = configured("true") }},
		{"natOutgoing", true, func(s *settings.Settings) { s.IPv4.NATOutgoing = configured("true") }},
	}
	writeDefaultPools(t, world)
	for _, tt := range tests {
		before := object(t, world, "default-ipv4-ippool")
		six := world.Raw(t, "default-ipv6-ippool")
		settings := with(plan.DriftUpdate, tt.change)
		report, err := bootstrapPools(t, world, settings)
		require.NoError(t, err)
		assert.Equal(t, []string{"default-ipv4-ippool updated", "default-ipv6-ippool unchanged"}, outcome(report))

		spec := before["spec"].(map[string]any)
		if tt.want == nil {
			delete(spec, tt.field)
		} else {
			spec[tt.field] = tt.want
		}
		assert.Equal(t, before, object(t, world, "default-ipv4-ippool"), "only %s is changed", tt.field)
		assert.Equal(t, six, world.Raw(t, "default-ipv6-ippool"))

		again := world.Raw(t, "default-ipv4-ippool")
		report, err = bootstrapPools(t, world, settings)
		require.NoError(t, err)
		assert.Equal(t, []string{"default-ipv4-ippool unchanged", "default-ipv6-ippool unchanged"}, outcome(report))
		assert.Equal(t, again, world.Raw(t, "default-ipv4-ippool"))
	}
}

func eachImmutableField(t *testing.T, world World) {
	writeDefaultPools(t, world)
	before := world.Raw(t, "default-ipv4-ippool")
	for field, change := range map[string]func(*settings.Settings){
		"cidr":      func(s *settings.Settings) { s.IPv4.CIDR = configured("10.1.0.0/16") },
		"blockSize": func(s *settings.Settings) { s.IPv4.BlockSize = configured("24") },
	} {
		report, err := bootstrapPools(t, world, with(plan.DriftUpdate, change))
		require.NoError(t, err)
		require.Len(t, report.Pools[0].Drift, 1)
		assert.Equal(t, field, report.Pools[0].Drift[0].Field)
		require.Len(t, report.Warnings, 1)
		assert.Contains(t, report.Warnings[0], "to migrate: 1. create a pool")
		assert.Equal(t, before, world.Raw(t, "default-ipv4-ippool"))
	}
}

// everything changes each field.
func everything(s *settings.Settings) {
	s.IPv4.CIDR, s.IPv4.BlockSize, s.IPv4.NATOutgoing, s.IPv4.IPIP = configured("10.1.0.0/16"), configured("24"), configured("false"), configured("always")
	s.IPv4.NodeSelector, s.IPv4.DisableBGPExport = configured("has(x)"), configured("true")
}

func reportWritesNothing(t *testing.T, world World) {
	writeDefaultPools(t, world)
	before := world.Raw(t, "default-ipv4-ippool")
	report, err := bootstrapPools(t, world, with(plan.DriftReport, everything))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged", "default-ipv6-ippool unchanged"}, outcome(report))
	assert.Len(t, report.Warnings, 6, "one per field: %q", report.Warnings)
	assert.Equal(t, before, world.Raw(t, "default-ipv4-ippool"))
}

func failWritesNothing(t *testing.T, world World) {
	four := pool("default-ipv4-ippool", "10.244.0.0/16")
	world.Write(t, four)
	report, err := bootstrapPools(t, world, with(plan.DriftFail, everything))
	require.ErrorIs(t, err, plan.ErrDrift)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged", "default-ipv6-ippool would-create"}, outcome(report))
	assert.Equal(t, []string{"default-ipv4-ippool"}, names(world.Pools(t)), "the missing pool is not created either")
}

// newerPool is a pool with unknown fields.
const newerPool = `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"default-ipv4-ippool",` +
	`"labels":{"team":"net"},"annotations":{"note":"of <today>"}},` +
	`"spec":{"unknownField":{"deep":[1,2.50,{"x":null}]},"cidr":"10.244.0.0/16","natOutgoing":true,"blockSize":26,"unknownMode":"Twice"}}`

func updateKeepsUnknownFields(t *testing.T, world World) {
	world.WriteRaw(t, "default-ipv4-ippool", newerPool)
	before := object(t, world, "default-ipv4-ippool")
	_, err := bootstrapPools(t, world, with(plan.DriftUpdate, func(s *settings.Settings) {
		s.IPv4.NATOutgoing, s.IPv4.NodeSelector, s.IPv6.CIDR = configured("false"), configured("has(x)"), configured("none")
	}))
	require.NoError(t, err)
	spec := before["spec"].(map[string]any)
	delete(spec, "natOutgoing")
	spec["nodeSelector"] = "has(x)"
	assert.Equal(t, before, object(t, world, "default-ipv4-ippool"))
}

func foreignOwners(t *testing.T, world World) {
	labelled := pool("default-ipv4-ippool", "10.244.0.0/16")
	labelled.Labels = map[string]string{"app.kubernetes.io/managed-by": "tigera-operator"}
	world.Write(t, labelled)
	before := world.Raw(t, labelled.Name)
	report, err := bootstrapPools(t, world, with(plan.DriftUpdate, func(s *settings.Settings) {
		s.IPv4.NATOutgoing, s.IPv6.CIDR = configured("true"), configured("none")
	}))
	require.NoError(t, err)
	require.Len(t, report.Warnings, 1)
	assert.Contains(t, report.Warnings[0], "the Tigera operator")
	assert.Equal(t, before, world.Raw(t, labelled.Name))
}

func updateAndCreate(t *testing.T, world World) {
	world.Write(t, pool("default-ipv4-ippool", "10.244.0.0/16"))
	report, err := bootstrapPools(t, world, with(plan.DriftUpdate, func(s *settings.Settings) {
		s.IPv4.NATOutgoing, s.IPv6.CIDR = configured("true"), configured("fd00:10:244::/64")
	}))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool updated", "default-ipv6-ippool created"}, outcome(report))
	stored := world.Pools(t)
	require.Len(t, stored, 2)
	assert.True(t, stored[0].Spec.NATOutgoing)
}

func invalidUpdate(t *testing.T, world World) {
	four := pool("default-ipv4-ippool", "10.244.0.0/16")
	four.Spec.IPIPMode = v3.IPIPModeAlways
	world.Write(t, four)
	_, err := bootstrapPools(t, world, with(plan.DriftUpdate, func(s *settings.Settings) {
		s.IPv4.VXLAN, s.IPv6.CIDR = configured("always"), configured("fd00:10:244::/64")
	}))
	require.ErrorIs(t, err, plan.ErrIncompatible)
	require.ErrorContains(t, err, "; ipipMode Always is stored: set ipv4.pool.ipipMode=Never as well")
	assert.Equal(t, []string{"default-ipv4-ippool"}, names(world.Pools(t)), "nothing is written")
	assert.Equal(t, v3.VXLANModeNever, world.Pools(t)[0].Spec.VXLANMode)

	_, err = bootstrapPools(t, world, with(plan.DriftUpdate, func(s *settings.Settings) { // as the error says
		s.IPv4.VXLAN, s.IPv4.IPIP, s.IPv6.CIDR = configured("always"), configured("never"), configured("none")
	}))
	require.NoError(t, err)
	assert.Equal(t, v3.VXLANModeAlways, world.Pools(t)[0].Spec.VXLANMode)
	assert.Equal(t, v3.IPIPModeNever, world.Pools(t)[0].Spec.IPIPMode)
}

// runConcurrently does a run for each of the settings, all at the same time.
func runConcurrently(t *testing.T, world World, all ...settings.Settings) {
	t.Helper()
	start, errs := make(chan struct{}), make(chan error, len(all))
	for _, settings := range all {
		store := world.Open(t)
		go func() {
			<-start
			_, err := bootstrap.New(store, bootstrap.WithHost(Host{})).Run(t.Context(), settings)
			errs <- err
		}()
	}
	close(start)
	var failed []error
	for range all {
		failed = append(failed, <-errs)
	}
	require.NoError(t, errors.Join(failed...))
}

func updatersOfDifferentFields(t *testing.T, world World) {
	writeDefaultPools(t, world)
	runConcurrently(t, world,
		with(plan.DriftUpdate, func(s *settings.Settings) { s.IPv4.NATOutgoing = configured("false") }),
		with(plan.DriftUpdate, func(s *settings.Settings) { s.IPv4.NodeSelector = configured("has(x)") }),
		with(plan.DriftUpdate, func(s *settings.Settings) { s.IPv4.DisableBGPExport = configured("true") }),
		with(plan.DriftUpdate, func(s *settings.Settings) { s.IPv4.IPIP = configured("always") }),
		with(plan.DriftUpdate, func(s *settings.Settings) { s.IPv6.NATOutgoing = configured("true") }),
	)
	stored := world.Pools(t)
	require.Len(t, stored, 2)
	four := stored[0].Spec
	assert.False(t, four.NATOutgoing)
	assert.Equal(t, "has(x)", four.NodeSelector)
	assert.True(t, four.DisableBGPExport)
	assert.Equal(t, v3.IPIPModeAlways, four.IPIPMode)
	assert.True(t, stored[1].Spec.NATOutgoing)
}

// updatersWithDifferentSettings checks that the pool has all values of the last writer and
// no mix of both settings.
func updatersWithDifferentSettings(t *testing.T, world World) {
	writeDefaultPools(t, world)
	change := func(nat, selector string) settings.Settings {
		return with(plan.DriftUpdate, func(s *settings.Settings) {
			s.IPv4.NATOutgoing, s.IPv4.NodeSelector = configured(nat), configured(selector)
		})
	}
	var all []settings.Settings
	for range 5 {
		all = append(all, change("true", "has(on)"), change("false", "has(off)"))
	}
	runConcurrently(t, world, all...)
	four := world.Pools(t)[0].Spec
	assert.Contains(t, []string{"true has(on)", "false has(off)"}, fmt.Sprint(four.NATOutgoing, " ", four.NodeSelector))
}

func updateAfterForeignUpdate(t *testing.T, world World) {
	writeDefaultPools(t, world)
	store := world.Open(t)
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	record := snapshot.Pools[0].Clone()
	record.Pool().Spec.NATOutgoing = false

	_, err = bootstrapPools(t, world, with(plan.DriftUpdate, func(s *settings.Settings) { s.IPv4.NodeSelector = configured("has(x)") }))
	require.NoError(t, err)
	before := world.Raw(t, "default-ipv4-ippool")
	result, err := store.Commit(t.Context(), snapshot, []datastore.Change{{Update: record}})
	require.ErrorIs(t, err, datastore.ErrConflict)
	assert.Equal(t, datastore.NotWritten, result.Of(0).State)
	assert.Equal(t, before, world.Raw(t, "default-ipv4-ippool"))
}

func updateAfterForeignDelete(t *testing.T, world World) {
	writeDefaultPools(t, world)
	store := world.Open(t)
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	record := snapshot.Pools[0].Clone()
	record.Pool().Spec.NATOutgoing = false
	world.Delete(t, "default-ipv4-ippool")
	result, err := store.Commit(t.Context(), snapshot, []datastore.Change{{Update: record}})
	require.ErrorIs(t, err, datastore.ErrConflict)
	assert.Equal(t, datastore.NotWritten, result.Of(0).State)
	assert.Equal(t, []string{"default-ipv6-ippool"}, names(world.Pools(t)), "the deleted pool is not created again")
}

// updateDuringForeignCreate creates a pool between the snapshot and the update of a run:
// both the create and the update are effective.
func updateDuringForeignCreate(t *testing.T, world World) {
	world.Write(t, pool("default-ipv4-ippool", "10.244.0.0/16"))
	store := &intruder{Datastore: world.Open(t), once: func() {
		world.Write(t, pool("default-ipv6-ippool", "fd00:9::/64"))
	}}
	report, err := bootstrap.New(store, bootstrap.WithHost(Host{})).Run(t.Context(), with(plan.DriftUpdate, func(s *settings.Settings) {
		s.IPv4.NATOutgoing, s.IPv6.CIDR = configured("true"), configured("fd00:10:244::/64")
	}))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool updated", "default-ipv6-ippool unchanged"}, outcome(report))
	stored := world.Pools(t)
	require.Len(t, stored, 2)
	assert.True(t, stored[0].Spec.NATOutgoing)
	assert.Equal(t, "fd00:9::/64", stored[1].Spec.CIDR)
}

// crashing is a datastore whose commit writes only the first change and then fails.
type crashing struct{ datastore.Datastore }

var errCrash = errors.New("crashed")

func (c crashing) Commit(ctx context.Context, since datastore.Snapshot, changes []datastore.Change) (datastore.Result, error) {
	result, err := c.Datastore.Commit(ctx, since, changes[:1])
	if err != nil {
		return result, err
	}
	return result, errCrash
}

// requireCrash returns the PartialError of a run on a crashing datastore.
func requireCrash(t *testing.T, err error) *bootstrap.PartialError {
	t.Helper()
	require.ErrorIs(t, err, errCrash)
	var partial *bootstrap.PartialError
	require.ErrorAs(t, err, &partial)
	return partial
}

func crashBetweenUpdates(t *testing.T, world World) {
	writeDefaultPools(t, world)
	settings := with(plan.DriftUpdate, func(s *settings.Settings) {
		s.IPv4.NATOutgoing, s.IPv6.NATOutgoing = configured("false"), configured("true")
	})
	_, err := bootstrap.New(crashing{world.Open(t)}, bootstrap.WithHost(Host{})).Run(t.Context(), settings)
	partial := requireCrash(t, err)
	assert.Empty(t, partial.Created)
	assert.Equal(t, []string{"default-ipv4-ippool"}, partial.Updated)
	report, err := bootstrapPools(t, world, settings)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged", "default-ipv6-ippool updated"}, outcome(report), "the next run writes the rest")
	stored := world.Pools(t)
	assert.False(t, stored[0].Spec.NATOutgoing)
	assert.True(t, stored[1].Spec.NATOutgoing)
}
