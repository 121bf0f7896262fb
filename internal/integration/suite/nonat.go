package suite

import (
	"slices"
	"sync"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// noNAT are the tests of ranges that are not masqueraded.
var noNAT = []test{
	{"no NAT: first and second run", noNATRuns},
	{"no NAT: drift", noNATDrift},
	{"no NAT: changed ranges", noNATChanges},
	{"no NAT: a pool that comes later", noNATLaterPool},
	{"no NAT: race", noNATRace},
	{"no NAT: race of different ranges", noNATRaceOfRanges},
}

// exempting returns settings with ranges that are not masqueraded.
func exempting(ranges string) settings.Settings {
	return given(func(s *settings.Settings) { s.NoNATTo = settings.Given(ranges, origin.Caller("test")) })
}

// exemptingPools returns the names of the pools with the label, and fails if any pools overlap.
func exemptingPools(t *testing.T, world World) []string {
	t.Helper()
	var (
		names []string
		all   []*v3.IPPool
	)
	for _, pool := range world.Pools(t) {
		all = append(all, &pool)
		if plan.IsNoNAT(&pool) {
			names = append(names, pool.Name)
			assert.True(t, pool.Spec.Disabled && pool.Spec.DisableBGPExport && !pool.Spec.NATOutgoing, pool.Name)
		}
	}
	assert.Empty(t, ippool.Overlaps(all))
	return names
}

func noNATRuns(t *testing.T, world World) {
	world.Write(t, pool("lb", "10.0.0.0/9"))
	_, err := bootstrapPools(t, world, exempting("10.0.0.0/8,192.168.0.0/24"))
	require.NoError(t, err)
	want := []string{"no-nat-to-10-128-0-0-9", "no-nat-to-192-168-0-0-24"}
	assert.Equal(t, want, exemptingPools(t, world))
	before := world.Pools(t)

	report, err := bootstrapPools(t, world, exempting("10.0.0.0/8,192.168.0.0/24"))
	require.NoError(t, err)
	for _, pool := range report.Pools {
		assert.Equal(t, plan.Unchanged, pool.Action, pool.Name)
	}
	assert.Equal(t, before, world.Pools(t))

	world.Delete(t, "no-nat-to-10-128-0-0-9")
	_, err = bootstrapPools(t, world, exempting("10.0.0.0/8,192.168.0.0/24"))
	require.NoError(t, err)
	assert.Equal(t, want, exemptingPools(t, world))
}

func noNATDrift(t *testing.T, world World) {
	_, err := bootstrapPools(t, world, exempting("172.16.0.0/12"))
	require.NoError(t, err)
	for _, stored := range world.Pools(t) {
		if plan.IsNoNAT(&stored) {
			stored.Spec.NATOutgoing, stored.Spec.Disabled = true, false
			stored.ResourceVersion, stored.UID = "", ""
			world.Write(t, &stored)
		}
	}
	s := exempting("172.16.0.0/12")
	s.OnDrift = settings.Given("update", origin.Caller("test"))
	report, err := bootstrapPools(t, world, s)
	require.NoError(t, err)
	assert.Equal(t, plan.Updated, report.Pools[2].Action)
	assert.Equal(t, []string{"no-nat-to-172-16-0-0-12"}, exemptingPools(t, world))
}

func noNATChanges(t *testing.T, world World) {
	_, err := bootstrapPools(t, world, exempting("172.16.0.0/13"))
	require.NoError(t, err)
	_, err = bootstrapPools(t, world, exempting("172.16.0.0/12"))
	require.NoError(t, err)
	assert.Equal(t, []string{"no-nat-to-172-16-0-0-13", "no-nat-to-172-24-0-0-13"}, exemptingPools(t, world))

	report, err := bootstrapPools(t, world, given())
	require.NoError(t, err)
	require.Len(t, report.Warnings, 2, "one of each range, not of each pool")
	assert.Contains(t, report.Warnings[0], `IPPool "no-nat-to-172-16-0-0-13": 172.16.0.0/13 is not requested`)
	assert.Regexp(t, `delete it: (kubectl|calicoctl) delete \S+ no-nat-to-172-16-0-0-13$`, report.Warnings[0])
	assert.Len(t, exemptingPools(t, world), 2, "nothing is deleted")
}

func noNATLaterPool(t *testing.T, world World) {
	_, err := bootstrapPools(t, world, exempting("172.16.0.0/12"))
	require.NoError(t, err)
	world.Write(t, pool("later", "172.24.0.0/13"))
	report, err := bootstrapPools(t, world, exempting("172.16.0.0/12"))
	require.NoError(t, err)
	require.NotEmpty(t, report.Warnings)
	assert.Contains(t, report.Warnings[0], `overlaps 172.24.0.0/13 of IPPool "later"`)
	world.Delete(t, "no-nat-to-172-16-0-0-12")
	_, err = bootstrapPools(t, world, exempting("172.16.0.0/12"))
	require.NoError(t, err)
	assert.Equal(t, []string{"no-nat-to-172-16-0-0-13"}, exemptingPools(t, world))
}

func noNATRace(t *testing.T, world World) {
	const runs = 8
	var (
		wait    sync.WaitGroup
		created = make([][]string, runs)
		errs    = make([]error, runs)
	)
	for i := range runs {
		b := on(t, world)
		wait.Go(func() {
			var report bootstrap.Report
			report, errs[i] = b.Run(t.Context(), exempting("10.128.0.0/9,fd00::/16"))
			for _, pool := range report.Pools {
				if pool.Action == plan.Created {
					created[i] = append(created[i], pool.Name)
				}
			}
		})
	}
	wait.Wait()
	by := map[string]int{}
	for i := range runs {
		require.NoError(t, errs[i])
		for _, name := range created[i] {
			by[name]++
		}
	}
	stored := world.Pools(t)
	for _, pool := range stored {
		assert.Equal(t, 1, by[pool.Name], pool.Name)
	}
	assert.Len(t, exemptingPools(t, world), 7+48)
}

// noNATRaceOfRanges runs with ranges that contain one another. In etcd, no two pools overlap.
// The Kubernetes API has no transaction over objects: a plan reports what overlaps.
func noNATRaceOfRanges(t *testing.T, world World) {
	var wait sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		b := on(t, world)
		wait.Go(func() {
			_, errs[i] = b.Run(t.Context(), exempting([]string{"10.128.0.0/9", "10.128.0.0/10,10.224.0.0/11"}[i%2]))
		})
	}
	wait.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	var all []*v3.IPPool
	for _, pool := range world.Pools(t) {
		all = append(all, &pool)
	}
	if len(ippool.Overlaps(all)) == 0 {
		return
	}
	assert.NotEqual(t, datastore.EtcdV3, world.Open(t).Type())
	planned, err := on(t, world).Plan(t.Context(), exempting("10.128.0.0/9"))
	require.NoError(t, err)
	assert.True(t, slices.ContainsFunc(planned.Report.Findings, func(f preflight.Finding) bool { return f.Code == preflight.OverlappingPools }), "%v", planned.Report.Findings)
}
