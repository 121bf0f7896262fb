package suite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// files are the tests of pools in a file or a directory.
var files = []test{
	{"pools of a file", poolsOfAFile},
	{"a directory of 500 pools", directoryOf500},
	{"a file and existing pools", fileAndExistingPools},
	{"a file that overlaps an existing pool", fileThatOverlaps},
	{"an invalid file", invalidFile},
	{"blocks in a file's pool", blocksInAFilesPool},
	{"cut off between a file's pools", cutOffBetweenPools},
	{"storm of files", stormOfFiles},
}

// poolsFile writes a file and returns settings with its path.
func poolsFile(t *testing.T, text string, changes ...func(*settings.Settings)) settings.Settings {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	s := with(plan.DriftReport, changes...)
	s.PoolsFile = settings.Given(path, origin.Caller("test"))
	return s
}

const twoPools = `
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: zone-a, labels: {team: net}, annotations: {note: "by hand"}}
spec: {cidr: 10.1.0.0/16, natOutgoing: true, nodeSelector: zone == 'a', vxlanMode: Always}
---
apiVersion: crd.projectcalico.org/v1
kind: IPPool
metadata: {name: services}
spec: {cidr: 10.2.0.0/24, allowedUses: [LoadBalancer], assignmentMode: Manual, blockSize: 28}
`

func poolsOfAFile(t *testing.T, world World) {
	settings := poolsFile(t, twoPools)
	report, err := bootstrapPools(t, world, settings)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool skipped", "default-ipv6-ippool skipped", "services created", "zone-a created"}, outcome(report))

	stored := world.Pools(t)
	require.Equal(t, []string{"services", "zone-a"}, names(stored))
	manual, automatic := v3.Manual, v3.Automatic
	assert.Equal(t, v3.IPPoolSpec{
		CIDR: "10.2.0.0/24", VXLANMode: "Never", IPIPMode: "Never", BlockSize: 28, NodeSelector: "all()",
		AllowedUses: []v3.IPPoolAllowedUse{"LoadBalancer"}, AssignmentMode: &manual,
	}, stored[0].Spec)
	assert.Equal(t, v3.IPPoolSpec{
		CIDR: "10.1.0.0/16", VXLANMode: "Always", IPIPMode: "Never", NATOutgoing: true, BlockSize: 26, NodeSelector: "zone == 'a'",
		AllowedUses: []v3.IPPoolAllowedUse{"Workload", "Tunnel"}, AssignmentMode: &automatic,
	}, stored[1].Spec)
	assert.Equal(t, map[string]string{"team": "net"}, stored[1].Labels)
	assert.Equal(t, map[string]string{"note": "by hand"}, stored[1].Annotations)

	before := rawPools(t, world)
	settings.OnDrift = configured("update")
	report, err = bootstrapPools(t, world, settings)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool skipped", "default-ipv6-ippool skipped", "services unchanged", "zone-a unchanged"}, outcome(report))
	assert.Empty(t, report.Warnings)
	assert.Equal(t, before, rawPools(t, world))
}

// manyFiles writes n pools into files of ten pools each.
func manyFiles(t *testing.T, n int) settings.Settings {
	t.Helper()
	folder := t.TempDir()
	for i := 0; i < n; i += 10 {
		var text strings.Builder
		for j := i; j < min(i+10, n); j++ {
			fmt.Fprintf(&text, "---\napiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: pool-%04d}\nspec: {cidr: 10.%d.%d.0/24}\n", j, j/256, j%256)
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%04d.yaml", i)), []byte(text.String()), 0o600))
	}
	s := with(plan.DriftReport)
	s.PoolsFile = settings.Given(folder, origin.Caller("test"))
	return s
}

func directoryOf500(t *testing.T, world World) {
	settings := manyFiles(t, 500)
	report, err := bootstrapPools(t, world, settings)
	require.NoError(t, err)
	require.Len(t, report.Pools, 502)
	stored := world.Pools(t)
	require.Len(t, stored, 500)
	if _, perPool := world.(OneTransactionPerPool); !perPool {
		assert.Contains(t, report.Notes, "500 pools were written in 4 transactions: they exceed the limits of one etcdv3 transaction")
	}
	report, err = bootstrapPools(t, world, settings)
	require.NoError(t, err)
	for _, pool := range report.Pools[2:] {
		assert.Equal(t, plan.Unchanged, pool.Action)
	}
}

func fileAndExistingPools(t *testing.T, world World) {
	mine := pool("zone-a", "10.1.0.0/16")
	mine.Spec.NodeSelector = "zone == 'b'"
	world.Write(t, mine)
	settings := poolsFile(t, twoPools, func(s *settings.Settings) { s.IPv4.CIDR = configured("10.3.0.0/16") })
	planned, err := on(t, world).Plan(t.Context(), settings)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool would-create", "default-ipv6-ippool skipped", "services would-create", "zone-a unchanged"}, outcome(planned.Report))
	assert.Len(t, planned.Report.Pools[3].Drift, 5, "natOutgoing, vxlanMode, nodeSelector, a label, an annotation")

	settings.OnDrift = configured("update")
	report, err := bootstrapPools(t, world, settings)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool created", "default-ipv6-ippool skipped", "services created", "zone-a updated"}, outcome(report))
	stored := world.Pools(t)
	assert.Equal(t, []string{"default-ipv4-ippool", "services", "zone-a"}, names(stored))
	assert.Equal(t, "zone == 'a'", stored[2].Spec.NodeSelector)
	assert.Empty(t, stored[2].Labels, "an update changes no label")
}

func fileThatOverlaps(t *testing.T, world World) {
	world.Write(t, pool("mine", "10.0.0.0/15"))
	_, err := bootstrapPools(t, world, poolsFile(t, twoPools))
	require.ErrorIs(t, err, plan.ErrIncompatible)
	assert.ErrorContains(t, err, `overlaps 10.0.0.0/15 of IPPool "mine"`)
	assert.Equal(t, []string{"mine"}, names(world.Pools(t)), "nothing is written, not even the pool that does not overlap")
}

func invalidFile(t *testing.T, world World) {
	_, err := bootstrapPools(t, world, poolsFile(t, strings.Replace(twoPools, "blockSize: 28", "blockSize: 19", 1)))
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	assert.ErrorContains(t, err, "pools.yaml:10: \"19\": spec.blockSize: must be between 20 and 32 for IPv4")
	assert.Empty(t, world.Pools(t))
}

func blocksInAFilesPool(t *testing.T, world World) {
	world.WriteBlock(t, "10.1.3.0/27")
	_, err := bootstrapPools(t, world, poolsFile(t, twoPools))
	require.ErrorIs(t, err, plan.ErrIncompatible)
	assert.ErrorContains(t, err, "10.1.3.0/27")
	assert.Empty(t, world.Pools(t))
}

func cutOffBetweenPools(t *testing.T, world World) {
	settings := poolsFile(t, twoPools, func(s *settings.Settings) { s.IPv4.CIDR = configured("10.3.0.0/16") })
	_, err := bootstrap.New(crashing{world.Open(t)}, bootstrap.WithHost(Host{})).Run(t.Context(), settings)
	partial := requireCrash(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool"}, partial.Created)
	assert.Empty(t, partial.Updated)
	report, err := bootstrapPools(t, world, settings)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged", "default-ipv6-ippool skipped", "services created", "zone-a created"}, outcome(report))

	// The reverse: the file's pools exist, the default pool does not.
	world.Delete(t, "default-ipv4-ippool")
	report, err = bootstrapPools(t, world, settings)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool created", "default-ipv6-ippool skipped", "services unchanged", "zone-a unchanged"}, outcome(report))
}

// stormOfFiles has concurrent runs create the same pools: each pool is created once, and
// all runs succeed.
func stormOfFiles(t *testing.T, world World) {
	const runs, pools = 12, 40
	settings := manyFiles(t, pools)
	start := make(chan struct{})
	type result struct {
		created int
		err     error
	}
	results := make(chan result, runs)
	for range runs {
		store := world.Open(t)
		go func() {
			<-start
			report, err := bootstrap.New(store, bootstrap.WithHost(Host{})).Run(t.Context(), settings)
			created := 0
			for _, pool := range report.Pools {
				if pool.Action == plan.Created {
					created++
				}
			}
			results <- result{created, err}
		}()
	}
	close(start)
	created := 0
	var failed []error
	for range runs {
		r := <-results
		created += r.created
		failed = append(failed, r.err)
	}
	require.NoError(t, errors.Join(failed...))
	assert.Equal(t, pools, created)
	assert.Len(t, world.Pools(t), pools)
}
