package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// fakeCluster says what it is told to, and counts how often it is asked.
type fakeCluster struct {
	sources  []PodCIDRSource
	errs     []error // of the first calls
	families [][]ippool.Family
	survey   Survey
	unknown  []error // of the first surveys
	surveys  int     // how often it was asked for one
}

func (c *fakeCluster) Survey(context.Context) (Survey, error) {
	c.surveys++
	if len(c.unknown) > 0 {
		err := c.unknown[0]
		c.unknown = c.unknown[1:]
		return Survey{}, err
	}
	return c.survey, nil
}

func (c *fakeCluster) PodCIDRs(_ context.Context, families []ippool.Family) ([]PodCIDRSource, error) {
	c.families = append(c.families, families)
	if len(c.errs) > 0 {
		err := c.errs[0]
		c.errs = c.errs[1:]
		return nil, err
	}
	return c.sources, nil
}

// clusterStore is a datastore that is a cluster as well.
type clusterStore struct {
	*fakeStore
	*fakeCluster
}

func says(name Source, cidrs ...string) PodCIDRSource {
	source := PodCIDRSource{Name: name}
	for _, cidr := range cidrs {
		source.Prefixes = append(source.Prefixes, netip.MustParsePrefix(cidr))
	}
	return source
}

var bothFamilies = []ippool.Family{ippool.IPv4, ippool.IPv6}

func TestClusterIsAskedOnlyWhereAPoolIsCreated(t *testing.T) {
	t.Parallel()
	four, six := stored("mine", "10.9.0.0/16"), stored("theirs", "fd00:9::/64")
	tests := []struct {
		name     string
		there    []v3.IPPool
		settings Settings
		want     [][]ippool.Family
	}{
		{"both exist", []v3.IPPool{four, six}, Settings{}, nil},
		{"nothing is asked for", nil, given(t, "NO_DEFAULT_POOLS=1"), nil},
		{"one exists", []v3.IPPool{four}, Settings{}, [][]ippool.Family{{ippool.IPv6}}},
		{"none exists", nil, Settings{}, [][]ippool.Family{bothFamilies}},
		{"both are named, and may be outside", nil, given(t, cidrs...), [][]ippool.Family{bothFamilies}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cluster := &fakeCluster{sources: []PodCIDRSource{says("kubeadm-config", "10.1.0.0/16", "fd01::/64")}}
			_, err := run(t, clusterStore{newStore(tt.there...), cluster}, tt.settings)
			require.NoError(t, err)
			assert.Equal(t, tt.want, cluster.families)
		})
	}
}

func TestClusterThatIsNoDatastore(t *testing.T) {
	t.Parallel()
	store, cluster := newStore(), &fakeCluster{sources: []PodCIDRSource{says("kubeadm-config", "10.1.0.0/16", "fd01::/64")}}
	report, err := run(t, store, Settings{}, WithCluster(cluster), WithRandom(&counting{}))
	require.NoError(t, err)
	assert.Equal(t, "10.1.0.0/16", report.Pools[0].Spec.CIDR)
	assert.Equal(t, Value{"cidr", "fd01::/64", "kubeadm-config"}, report.Pools[1].Settings[1])
	assert.Equal(t, []string{"snapshot", blocksBoth, commitBoth}, store.calls)
}

// A plan shows what the cluster says also of the family whose default is drawn
// at random only when it is written.
func TestDryRunTakesTheClustersCIDRs(t *testing.T) {
	t.Parallel()
	cluster := &fakeCluster{sources: []PodCIDRSource{says("kube-proxy", "10.1.0.0/16", "fd01::/64")}}
	report, err := run(t, newStore(), Settings{}, WithCluster(cluster), WithDryRun(), WithRandom(noRandom{t}))
	require.NoError(t, err)
	assert.Equal(t, "10.1.0.0/16", report.Pools[0].Spec.CIDR)
	assert.Equal(t, "fd01::/64", report.Pools[1].Spec.CIDR)
}

// The cluster is asked once a run, whatever becomes of the attempts; a hiccup
// makes no default.
func TestClusterIsAskedOnceARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onCommit = times(3, fails(ErrConflict))
		cluster := &fakeCluster{
			errs:    []error{unreachable("connection refused"), unreachable("connection refused")},
			sources: []PodCIDRSource{says("kubeadm-config", "10.1.0.0/16", "fd01::/64")},
		}
		logger, log := logged(slog.LevelWarn)
		report, err := run(t, clusterStore{store, cluster}, Settings{}, WithLogger(logger))
		require.NoError(t, err)
		assert.Len(t, cluster.families, 3)
		assert.Equal(t, 6, store.count("snapshot"))
		assert.Equal(t, "10.1.0.0/16", report.Pools[0].Spec.CIDR)
		assert.Contains(t, log.String(), "waiting for the datastore")
	})
}

// Where another family is missing by the second attempt, the cluster is asked for
// it, too. What was noted the first time isn't noted twice.
func TestClusterIsAskedForAnotherFamily(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(stored("theirs", "fd00:9::/64"))
		store.onCommit = []hook{func(context.Context, func() error) error {
			delete(store.pools, "theirs")
			return ErrConflict
		}}
		absent := PodCIDRSource{Name: "kubeadm-config", Problem: "not found", Absent: true}
		cluster := &fakeCluster{sources: []PodCIDRSource{absent, says("kube-proxy", "10.1.0.0/16", "10.2.0.0/16", "fd01::/64")}}
		report, err := run(t, clusterStore{store, cluster}, Settings{})
		require.NoError(t, err)
		assert.Equal(t, [][]ippool.Family{{ippool.IPv4}, bothFamilies}, cluster.families)
		assert.Equal(t, "fd01::/64", report.Pools[1].Spec.CIDR)
		assert.Equal(t, []string{
			"of the IPv4 pod CIDRs of kube-proxy the first counts, 10.1.0.0/16: no pool is created for 10.2.0.0/16",
			"no pod CIDR from kubeadm-config: not found",
		}, report.Notes)
	})
}

func TestClusterThatFailsForGood(t *testing.T) {
	t.Parallel()
	store := newStore()
	_, err := run(t, clusterStore{store, &fakeCluster{errs: []error{ErrUnauthorized}}}, Settings{})
	require.ErrorIs(t, err, ErrUnauthorized)
	assert.Empty(t, store.stored())
}

// What a cluster says in vain is a note where it is to be expected or nobody
// needs it, and a warning where a CIDR was wanted of it.
func TestSourcesThatSayNothing(t *testing.T) {
	t.Parallel()
	sources := func() []PodCIDRSource {
		absent := PodCIDRSource{Name: "kubeadm-config", Problem: "not found", Absent: true}
		broken := PodCIDRSource{Name: "kube-proxy", Problem: "forbidden"}
		return []PodCIDRSource{absent, broken}
	}
	const (
		absent = "no pod CIDR from kubeadm-config: not found"
		broken = "no pod CIDR from kube-proxy: forbidden"
	)
	report, err := run(t, newStore(), given(t, "CALICO_IPV4POOL_CIDR=10.1.0.0/16"), WithCluster(&fakeCluster{sources: sources()}), WithRandom(&counting{}))
	require.NoError(t, err)
	assert.Equal(t, []string{broken}, report.Warnings)
	assert.Equal(t, []string{absent}, report.Notes)

	report, err = run(t, newStore(), given(t, cidrs...), WithCluster(&fakeCluster{sources: sources()}))
	require.NoError(t, err)
	assert.Empty(t, report.Warnings, "nothing was wanted of it")
	assert.Equal(t, []string{absent, broken}, report.Notes)
}

func TestFurtherCIDRs(t *testing.T) {
	t.Parallel()
	sources := []PodCIDRSource{says("first", "fd01::/48"), says("second", "10.1.0.0/16", "fd02::/48", "10.3.0.0/16", "10.4.0.0/16")}
	assert.Equal(t, "of the IPv4 pod CIDRs of second the first counts, 10.1.0.0/16: no pool is created for 10.3.0.0/16, 10.4.0.0/16",
		furtherCIDRs(sources, ippool.IPv4))
	assert.Empty(t, furtherCIDRs(sources, ippool.IPv6))
	assert.Empty(t, furtherCIDRs(nil, ippool.IPv4))
}

func TestClustersCIDRThatMakesNoPool(t *testing.T) {
	t.Parallel()
	store := newStore()
	cluster := &fakeCluster{sources: []PodCIDRSource{says("kubeadm-config", "10.1.0.0/28", "fd01::/64")}}
	_, err := run(t, store, Settings{}, WithCluster(cluster))
	require.ErrorIs(t, err, ErrIncompatible)
	require.ErrorContains(t, err, "the pod CIDR 10.1.0.0/28 of kubeadm-config makes no pool: spec.cidr: ")
	assert.Empty(t, store.stored())

	_, err = run(t, store, given(t, "CALICO_IPV4POOL_BLOCK_SIZE=28"), WithCluster(cluster))
	require.NoError(t, err)
}

// keepsOtherwise is a datastore that stores what it likes.
type keepsOtherwise struct{ *fakeStore }

func (k keepsOtherwise) Commit(ctx context.Context, since Snapshot, changes []Change) error {
	for _, change := range changes {
		change.Create.UID = "given-by-the-server-" + change.Create.UID
		change.Create.Spec.AssignmentMode = nil
		change.Create.Spec.NodeSelector = "zone == 'a'"
		change.Create.Spec.VXLANMode = "" // which means what was asked for
	}
	return k.fakeStore.Commit(ctx, since, changes)
}

func TestWhatIsStoredOtherwiseIsToldOf(t *testing.T) {
	t.Parallel()
	report, err := run(t, keepsOtherwise{newStore()}, given(t, append(cidrs, "CALICO_IPV6POOL_CIDR=none")...))
	require.NoError(t, err)
	assert.Equal(t, []string{
		`the datastore keeps IPPool "default-ipv4-ippool" otherwise than it was asked to: assignmentMode is unset, not "Automatic", nodeSelector is "zone == 'a'", not "all()"`,
	}, report.Warnings)
	assert.Equal(t, "zone == 'a'", report.Pools[0].Spec.NodeSelector, "a report says what stands")
	assert.Equal(t, v3.VXLANModeNever, report.Pools[0].Spec.VXLANMode)
}

// oneByOne is a datastore without transactions, which gives out its own uids:
// it creates each pool by itself unless refuses has an error for its name.
type oneByOne struct {
	*fakeStore
	refuses []map[string]error // of the first commits
}

func (o *oneByOne) Commit(_ context.Context, _ Snapshot, changes []Change) error {
	o.calls = append(o.calls, "commit")
	var (
		refuses map[string]error
		created []string
		failed  error
	)
	if len(o.refuses) > 0 {
		refuses, o.refuses = o.refuses[0], o.refuses[1:]
	}
	for _, change := range changes {
		if err := refuses[change.Create.Name]; err != nil {
			failed = err
			continue
		}
		change.Create.UID = "of the server, " + change.Create.UID
		o.put(*change.Create)
		created = append(created, change.Create.Name)
	}
	if failed != nil && len(created) > 0 {
		return &PartialError{Created: created, Err: failed}
	}
	return failed
}

func TestHalfALostRaceIsKnownAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onSnapshot = []hook{nil, first(func() { store.put(stored("default-ipv6-ippool", "fd00:9::/64")) })}
		report, err := run(t, &oneByOne{store, []map[string]error{{"default-ipv6-ippool": ErrConflict}}}, given(t, cidrs...))
		require.NoError(t, err)
		assert.Equal(t, []string{created4, "default-ipv6-ippool unchanged: exists, but not as asked for: cidr"}, outcome(report))
	})
}

// Whichever attempt created a pool, the run knows it for its own.
func TestCreatedOverSeveralAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := unreachable("503")
		store := &oneByOne{newStore(), []map[string]error{
			{"default-ipv4-ippool": away, "default-ipv6-ippool": away},
			{"default-ipv6-ippool": away},
			{"default-ipv6-ippool": away},
		}}
		report, err := run(t, store, given(t, cidrs...))
		require.NoError(t, err)
		assert.Equal(t, []string{created4, created6}, outcome(report))
		assert.NotEmpty(t, report.Pools[0].Settings)
	})
}

// What was created beside an error is told with it, however the run ends.
func TestCreatedBesideAnError(t *testing.T) {
	t.Parallel()
	const told = `IPPool "default-ipv4-ippool" was created nevertheless, and stays`
	tests := []struct {
		name     string
		refuses  error
		settings []string
		want     error
	}{
		{"a refusal", &DatastoreError{Kind: ErrRefused, Place: "here", Doing: "it", Err: errors.New("no")}, nil, ErrRefused},
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
				report, err := run(t, store, given(t, append(tt.settings, cidrs...)...))
				require.ErrorIs(t, err, tt.want)
				var partial *PartialError
				require.ErrorAs(t, err, &partial)
				assert.Equal(t, []string{"default-ipv4-ippool"}, partial.Created)
				lines := strings.Split(err.Error(), "\n")
				assert.Len(t, lines, 2)
				assert.Equal(t, told, lines[1])
				assert.Equal(t, Report{}, report)
			})
		})
	}
}

// A name that is taken in between does not hide what was created before.
func TestNameTakenAfterHalfWasCreated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onSnapshot = []hook{nil, first(func() { store.put(stored("default-ipv6-ippool", "10.9.0.0/16")) })}
		_, err := run(t, &oneByOne{store, []map[string]error{{"default-ipv6-ippool": ErrConflict}}}, given(t, cidrs...))
		require.ErrorIs(t, err, ErrIncompatible)
		assert.ErrorContains(t, err, `IPPool "default-ipv4-ippool" was created nevertheless, and stays`)
		assert.NotContains(t, err.Error(), "nothing was written")
	})
}

// The cluster is not asked again because something else failed, but for a
// family that it was not asked for.
func TestClusterIsAskedForEachFamilyOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onBlocks = times(3, fails(unreachable("503")))
		cluster := &fakeCluster{sources: []PodCIDRSource{says("kubeadm-config", "10.1.0.0/16", "fd01::/64")}}
		_, err := run(t, clusterStore{store, cluster}, Settings{})
		require.NoError(t, err)
		assert.Equal(t, [][]ippool.Family{bothFamilies}, cluster.families)
	})
	synctest.Test(t, func(t *testing.T) {
		store := newStore(stored("mine", "10.9.0.0/16"))
		store.onCommit = []hook{first(func() { delete(store.pools, "mine"); store.revision++ })}
		cluster := &fakeCluster{sources: []PodCIDRSource{says("kubeadm-config", "10.1.0.0/16", "fd01::/64")}}
		report, err := run(t, clusterStore{store, cluster}, Settings{})
		require.NoError(t, err)
		assert.Equal(t, [][]ippool.Family{{ippool.IPv6}, bothFamilies}, cluster.families)
		assert.Equal(t, "10.1.0.0/16", report.Pools[0].Spec.CIDR)
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	tests := []struct{ asked, least, most time.Duration }{
		{0, 25 * time.Millisecond, time.Second},
		{-time.Hour, 25 * time.Millisecond, time.Second},
		{3 * time.Second, 3 * time.Second, 4 * time.Second},
		{time.Hour, time.Minute, time.Minute + time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.asked.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newStore()
				store.onSnapshot = []hook{fails(&DatastoreError{Kind: ErrUnreachable, Err: errors.New("too many"), RetryAfter: tt.asked})}
				begin := time.Now()
				_, err := run(t, store, given(t, append(cidrs, "CALICO_IPPOOLS_TIMEOUT=0")...))
				require.NoError(t, err)
				assert.GreaterOrEqual(t, time.Since(begin), tt.least)
				assert.LessOrEqual(t, time.Since(begin), tt.most)
			})
		})
	}
}

func TestNotInstalledIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onSnapshot = times(5, fails(&DatastoreError{Kind: ErrNotInstalled, Err: errors.New("no CRDs")}))
		logger, log := logged(slog.LevelWarn)
		_, err := run(t, store, given(t, append(cidrs, natIPv6)...), WithLogger(logger))
		require.NoError(t, err)
		assert.Equal(t, "level=WARN msg=\"waiting for the datastore\" cause=\": : not installed: no CRDs\"\n", log.String())
	})
}

// A family that is to be created only after a conflict has the cluster asked
// again, and told of once.
func TestWarningsOfTheClusterComeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(stored("theirs", "fd00:9::/64"))
		store.onCommit = []hook{first(func() { delete(store.pools, "theirs"); store.revision++ })}
		cluster := &fakeCluster{sources: []PodCIDRSource{{Name: "kubeadm-config", Problem: "it can't be read"}}}
		report, err := run(t, store, Settings{}, WithCluster(cluster))
		require.NoError(t, err)
		assert.Len(t, cluster.families, 2)
		assert.Equal(t, []string{"no pod CIDR from kubeadm-config: it can't be read"}, report.Warnings)
	})
}
