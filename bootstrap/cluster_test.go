package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// fakeCluster is a facts.Cluster with fixed answers. It records its calls.
type fakeCluster struct {
	sources    []facts.PodCIDRSource
	errs       []error // of the first calls of PodCIDRs
	families   [][]ippool.Family
	survey     facts.Survey
	surveyErrs []error // of the first calls of Survey
	surveys    int     // calls of Survey

	installation     facts.Installation
	installationErrs []error // of the first calls of Installation
	installations    int     // calls of Installation
}

func (c *fakeCluster) Installation(context.Context) (facts.Installation, error) {
	c.installations++
	if len(c.installationErrs) > 0 {
		err := c.installationErrs[0]
		c.installationErrs = c.installationErrs[1:]
		return facts.Installation{}, err
	}
	return c.installation, nil
}

func (c *fakeCluster) Survey(context.Context) (facts.Survey, error) {
	c.surveys++
	if len(c.surveyErrs) > 0 {
		err := c.surveyErrs[0]
		c.surveyErrs = c.surveyErrs[1:]
		return facts.Survey{}, err
	}
	return c.survey, nil
}

func (c *fakeCluster) PodCIDRs(_ context.Context, families []ippool.Family) ([]facts.PodCIDRSource, error) {
	c.families = append(c.families, families)
	if len(c.errs) > 0 {
		err := c.errs[0]
		c.errs = c.errs[1:]
		return nil, err
	}
	return c.sources, nil
}

// clusterStore is a datastore that is also a facts.Cluster.
type clusterStore struct {
	*fakeStore
	*fakeCluster
}

func TestClusterIsNotReadIfNothingIsCreated(t *testing.T) {
	t.Parallel()
	ipv4, ipv6 := poolstest.Stored("mine", "10.9.0.0/16"), poolstest.Stored("theirs", "fd00:9::/64")
	tests := []struct {
		name     string
		existing []v3.IPPool
		given    settings.Settings
		want     [][]ippool.Family
	}{
		{"both exist", []v3.IPPool{ipv4, ipv6}, settings.Settings{}, nil},
		{"no pool is desired", nil, settingstest.Given(t, "NO_DEFAULT_POOLS=1"), nil},
		{"one exists", []v3.IPPool{ipv4}, settings.Settings{}, [][]ippool.Family{{ippool.IPv6}}},
		{"none exists", nil, settings.Settings{}, [][]ippool.Family{poolstest.BothFamilies}},
		{"both CIDRs are set, and are checked", nil, settingstest.Given(t, settingstest.CIDRs...), [][]ippool.Family{poolstest.BothFamilies}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cluster := &fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16", "fd01::/64")}}
			_, err := run(t, clusterStore{newStore(tt.existing...), cluster}, tt.given)
			require.NoError(t, err)
			assert.Equal(t, tt.want, cluster.families)
		})
	}
}

func TestClusterBesidesTheDatastore(t *testing.T) {
	t.Parallel()
	store, cluster := newStore(), &fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16", "fd01::/64")}}
	report, err := run(t, store, settings.Settings{}, WithCluster(cluster), WithRandom(&counting{}))
	require.NoError(t, err)
	assert.Equal(t, "10.1.0.0/16", report.Pools[0].Spec.CIDR)
	assert.Equal(t, plan.Value{Field: "cidr", Value: "fd01::/64", Source: origin.Cluster("kubeadm-config")}, report.Pools[1].Settings[1])
	assert.Equal(t, []string{"snapshot", blocksBoth, commitBoth}, store.calls)
}

// A plan has the cluster's pod CIDRs, also that of IPv6, whose default range is drawn
// only when the pool is written.
func TestPlanUsesTheClustersCIDRs(t *testing.T) {
	t.Parallel()
	cluster := &fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kube-proxy"), "10.1.0.0/16", "fd01::/64")}}
	report, err := planned(t, newStore(), settings.Settings{}, WithCluster(cluster), WithRandom(noRandom{t}))
	require.NoError(t, err)
	assert.Equal(t, "10.1.0.0/16", report.Pools[0].Spec.CIDR)
	assert.Equal(t, "fd01::/64", report.Pools[1].Spec.CIDR)
}

// The cluster is read once per run, however many attempts there are. A retryable error
// does not make the run use the default range.
func TestClusterIsReadOncePerRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onCommit = times(3, fails(datastore.ErrConflict))
		cluster := &fakeCluster{
			errs:    []error{unreachable("connection refused"), unreachable("connection refused")},
			sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16", "fd01::/64")},
		}
		logger, log := logged(slog.LevelWarn)
		report, err := run(t, clusterStore{store, cluster}, settings.Settings{}, WithLogger(logger))
		require.NoError(t, err)
		assert.Len(t, cluster.families, 3)
		assert.Equal(t, 6, store.count("snapshot"))
		assert.Equal(t, "10.1.0.0/16", report.Pools[0].Spec.CIDR)
		assert.Contains(t, log.String(), "waiting for the datastore")
	})
}

// If the second attempt needs another address family, the cluster is read again.
// Notes are not repeated.
func TestClusterIsReadForAnotherFamily(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(poolstest.Stored("theirs", "fd00:9::/64"))
		store.onCommit = []hook{func(context.Context, func() error) error {
			delete(store.pools, "theirs")
			return datastore.ErrConflict
		}}
		absent := facts.PodCIDRSource{Name: origin.Cluster("kubeadm-config"), Problem: "not found", Absent: true}
		cluster := &fakeCluster{sources: []facts.PodCIDRSource{absent, factstest.Source(origin.Cluster("kube-proxy"), "10.1.0.0/16", "10.2.0.0/16", "fd01::/64")}}
		report, err := run(t, clusterStore{store, cluster}, settings.Settings{})
		require.NoError(t, err)
		assert.Equal(t, [][]ippool.Family{{ippool.IPv4}, poolstest.BothFamilies}, cluster.families)
		assert.Equal(t, "fd01::/64", report.Pools[1].Spec.CIDR)
		assert.Equal(t, []string{
			"using the first of the IPv4 pod CIDRs of kube-proxy, 10.1.0.0/16: no pool is created for 10.2.0.0/16",
			"no pod CIDR from kubeadm-config: not found",
		}, report.Notes)
	})
}

func TestClusterFailsPermanently(t *testing.T) {
	t.Parallel()
	store := newStore()
	_, err := run(t, clusterStore{store, &fakeCluster{errs: []error{datastore.ErrUnauthorized}}}, settings.Settings{})
	require.ErrorIs(t, err, datastore.ErrUnauthorized)
	assert.Empty(t, store.stored())
}

// A source without a pod CIDR is a note if it is absent or if no CIDR is needed from it,
// else a warning.
func TestSourcesWithoutAPodCIDR(t *testing.T) {
	t.Parallel()
	sources := func() []facts.PodCIDRSource {
		absent := facts.PodCIDRSource{Name: origin.Cluster("kubeadm-config"), Problem: "not found", Absent: true}
		broken := facts.PodCIDRSource{Name: origin.Cluster("kube-proxy"), Problem: "forbidden"}
		return []facts.PodCIDRSource{absent, broken}
	}
	const (
		absent = "no pod CIDR from kubeadm-config: not found"
		broken = "no pod CIDR from kube-proxy: forbidden"
	)
	report, err := run(t, newStore(), settingstest.Given(t, "CALICO_IPV4POOL_CIDR=10.1.0.0/16", natIPv6), WithCluster(&fakeCluster{sources: sources()}), WithRandom(&counting{}))
	require.NoError(t, err)
	assert.Equal(t, []string{broken}, report.Warnings)
	assert.Equal(t, []string{absent}, report.Notes)

	report, err = run(t, newStore(), settingstest.Given(t, settingstest.CIDRs...), WithCluster(&fakeCluster{sources: sources()}))
	require.NoError(t, err)
	assert.Empty(t, report.Warnings, "no CIDR was needed")
	assert.Equal(t, []string{absent, broken}, report.Notes)
}

func TestFurtherCIDRs(t *testing.T) {
	t.Parallel()
	sources := []facts.PodCIDRSource{factstest.Source(origin.Cluster("first"), "fd01::/48"), factstest.Source(origin.Cluster("second"), "10.1.0.0/16", "fd02::/48", "10.3.0.0/16", "10.4.0.0/16")}
	assert.Equal(t, "using the first of the IPv4 pod CIDRs of second, 10.1.0.0/16: no pool is created for 10.3.0.0/16, 10.4.0.0/16",
		furtherCIDRs(sources, ippool.IPv4))
	assert.Empty(t, furtherCIDRs(sources, ippool.IPv6))
	assert.Empty(t, furtherCIDRs(nil, ippool.IPv4))
}

func TestClustersCIDRThatIsTooSmall(t *testing.T) {
	t.Parallel()
	store := newStore()
	cluster := &fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/28", "fd01::/64")}}
	_, err := run(t, store, settings.Settings{}, WithCluster(cluster))
	require.ErrorIs(t, err, plan.ErrPodCIDR)
	require.ErrorContains(t, err, "invalid pod CIDR: 10.1.0.0/28 of kubeadm-config is not a valid pool: spec.cidr: ")
	assert.Empty(t, store.stored())

	_, err = run(t, store, settingstest.Given(t, "CALICO_IPV4POOL_BLOCK_SIZE=28"), WithCluster(cluster))
	require.NoError(t, err)
}

// changesOnWrite is a datastore that changes pools when it stores them.
type changesOnWrite struct{ *fakeStore }

func (s changesOnWrite) Commit(ctx context.Context, since datastore.Snapshot, changes []datastore.Change) (datastore.Result, error) {
	var changed []datastore.Change
	for _, change := range changes {
		pool := change.Create.DeepCopy()
		pool.UID = "server-assigned-" + pool.UID
		pool.Spec.AssignmentMode = nil
		pool.Spec.NodeSelector = "zone == 'a'"
		pool.Spec.VXLANMode = "" // which means Never, the desired mode
		changed = append(changed, datastore.Change{Create: pool})
	}
	return s.fakeStore.Commit(ctx, since, changed)
}

func TestChangedOnWriteIsReported(t *testing.T) {
	t.Parallel()
	report, err := run(t, changesOnWrite{newStore()}, settingstest.Given(t, append(settingstest.CIDRs, "CALICO_IPV6POOL_CIDR=none")...))
	require.NoError(t, err)
	assert.Equal(t, []string{
		`the datastore stored IPPool "default-ipv4-ippool" with changed fields: assignmentMode is unset, not "Automatic", nodeSelector is "zone == 'a'", not "all()"`,
	}, report.Warnings)
	assert.Equal(t, "zone == 'a'", report.Pools[0].Spec.NodeSelector, "a report has the stored values")
	assert.Equal(t, v3.VXLANModeNever, report.Pools[0].Spec.VXLANMode)
}

// oneByOne is a datastore without transactions that assigns the UIDs itself. It creates
// the pools one by one, except for those whose names have an error in refuses.
type oneByOne struct {
	*fakeStore
	refuses []map[string]error // by name, for each of the first commits
}

func (o *oneByOne) Commit(_ context.Context, _ datastore.Snapshot, changes []datastore.Change) (datastore.Result, error) {
	o.calls = append(o.calls, "commit")
	var (
		refuses map[string]error
		result  datastore.Result
		failed  error
	)
	if len(o.refuses) > 0 {
		refuses, o.refuses = o.refuses[0], o.refuses[1:]
	}
	for _, change := range changes {
		var outcome datastore.Outcome
		if err := refuses[change.Create.Name]; err != nil {
			failed = err
		} else {
			outcome = datastore.Outcome{State: datastore.Written, Stored: change.Create.DeepCopy()}
			outcome.Stored.UID = "server-assigned-" + change.Create.UID
			o.put(*outcome.Stored)
		}
		result.Outcomes = append(result.Outcomes, outcome)
	}
	return result, failed
}

func TestConflictOfOnePool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onSnapshot = []hook{nil, first(func() { store.put(poolstest.Stored("default-ipv6-ippool", "fd00:9::/64")) })}
		report, err := run(t, &oneByOne{store, []map[string]error{{"default-ipv6-ippool": datastore.ErrConflict}}}, settingstest.Given(t, settingstest.CIDRs...))
		require.NoError(t, err)
		assert.Equal(t, []string{created4, "default-ipv6-ippool unchanged: exists; differs from desired: cidr"}, outcome(report))
	})
}

// A pool is reported as created, whichever attempt of the run created it.
func TestCreatedOverSeveralAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := unreachable("503")
		store := &oneByOne{newStore(), []map[string]error{
			{"default-ipv4-ippool": away, "default-ipv6-ippool": away},
			{"default-ipv6-ippool": away},
			{"default-ipv6-ippool": away},
		}}
		report, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...))
		require.NoError(t, err)
		assert.Equal(t, []string{created4, created6}, outcome(report))
		assert.NotEmpty(t, report.Pools[0].Settings)
	})
}

// An error names the pools that were created before it, however the run ends.
func TestErrorNamesCreatedPools(t *testing.T) {
	t.Parallel()
	const reported = `IPPool "default-ipv4-ippool" was created and not rolled back`
	tests := []struct {
		name    string
		refuses error
		given   []string
		want    error
	}{
		{"rejected", &datastore.Error{Kind: datastore.ErrRefused, Place: "here", Operation: "it", Err: errors.New("no")}, nil, datastore.ErrRefused},
		{"out of time", unreachable("503"), []string{"CALICO_IPPOOLS_TIMEOUT=3s"}, ErrTimedOut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &oneByOne{fakeStore: newStore()}
				for range 100 {
					store.refuses = append(store.refuses, map[string]error{"default-ipv6-ippool": tt.refuses})
				}
				report, err := run(t, store, settingstest.Given(t, append(tt.given, settingstest.CIDRs...)...))
				require.ErrorIs(t, err, tt.want)
				var partial *PartialError
				require.ErrorAs(t, err, &partial)
				assert.Equal(t, []string{"default-ipv4-ippool"}, partial.Created)
				lines := strings.Split(err.Error(), "\n")
				assert.Len(t, lines, 2)
				assert.Equal(t, reported, lines[1])
				assert.Equal(t, Report{}, report)
			})
		})
	}
}

// The error of a name that another client took also names the pools created before.
func TestNameTakenAfterPartialCreation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onSnapshot = []hook{nil, first(func() { store.put(poolstest.Stored("default-ipv6-ippool", "10.9.0.0/16")) })}
		_, err := run(t, &oneByOne{store, []map[string]error{{"default-ipv6-ippool": datastore.ErrConflict}}}, settingstest.Given(t, settingstest.CIDRs...))
		require.ErrorIs(t, err, plan.ErrIncompatible)
		assert.ErrorContains(t, err, `IPPool "default-ipv4-ippool" was created and not rolled back`)
		assert.NotContains(t, err.Error(), "nothing was written")
	})
}

// The cluster is not read again after an unrelated failure, only for an address family
// that was not read before.
func TestClusterIsReadForEachFamilyOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onBlocks = times(3, fails(unreachable("503")))
		cluster := &fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16", "fd01::/64")}}
		_, err := run(t, clusterStore{store, cluster}, settings.Settings{})
		require.NoError(t, err)
		assert.Equal(t, [][]ippool.Family{poolstest.BothFamilies}, cluster.families)
	})
	synctest.Test(t, func(t *testing.T) {
		store := newStore(poolstest.Stored("mine", "10.9.0.0/16"))
		store.onCommit = []hook{first(func() { delete(store.pools, "mine"); store.revision++ })}
		cluster := &fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16", "fd01::/64")}}
		report, err := run(t, clusterStore{store, cluster}, settings.Settings{})
		require.NoError(t, err)
		assert.Equal(t, [][]ippool.Family{{ippool.IPv6}, poolstest.BothFamilies}, cluster.families)
		assert.Equal(t, "10.1.0.0/16", report.Pools[0].Spec.CIDR)
	})
}

func TestRetryAfterIsRespected(t *testing.T) {
	t.Parallel()
	tests := []struct{ retryAfter, least, most time.Duration }{
		{0, 25 * time.Millisecond, time.Second},
		{-time.Hour, 25 * time.Millisecond, time.Second},
		{3 * time.Second, 3 * time.Second, 4 * time.Second},
		{time.Hour, time.Minute, time.Minute + time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.retryAfter.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newStore()
				store.onSnapshot = []hook{fails(&datastore.Error{Kind: datastore.ErrUnreachable, Err: errors.New("too many"), RetryAfter: tt.retryAfter})}
				begin := time.Now()
				_, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, "CALICO_IPPOOLS_TIMEOUT=0")...))
				require.NoError(t, err)
				assert.GreaterOrEqual(t, time.Since(begin), tt.least)
				assert.LessOrEqual(t, time.Since(begin), tt.most)
			})
		})
	}
}

func TestNotInstalledIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onSnapshot = times(5, fails(&datastore.Error{Kind: datastore.ErrNotInstalled, Err: errors.New("no CRDs")}))
		logger, log := logged(slog.LevelWarn)
		_, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, natIPv6)...), WithLogger(logger))
		require.NoError(t, err)
		assert.Equal(t, "level=WARN msg=\"waiting for the datastore\" cause=\": : not installed: no CRDs\"\n", log.String())
	})
}

// If a conflict adds an address family, the cluster is read again; its warnings are
// reported once.
func TestWarningsOfTheClusterAreReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(poolstest.Stored("theirs", "fd00:9::/64"))
		store.onCommit = []hook{first(func() { delete(store.pools, "theirs"); store.revision++ })}
		cluster := &fakeCluster{sources: []facts.PodCIDRSource{{Name: origin.Cluster("kubeadm-config"), Problem: "it can't be read"}}}
		report, err := run(t, store, settings.Settings{}, WithCluster(cluster))
		require.NoError(t, err)
		assert.Len(t, cluster.families, 2)
		assert.Equal(t, []string{"no pod CIDR from kubeadm-config: it can't be read"}, report.Warnings)
	})
}
