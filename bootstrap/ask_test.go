package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// fakeCluster says what it is told to, and counts how often it is asked.
type fakeCluster struct {
	sources  []PodCIDRSource
	errs     []error // of the first calls
	families [][]ippool.Family
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
		there    []ippool.IPPool
		settings Settings
		want     [][]ippool.Family
	}{
		{"both exist", []ippool.IPPool{four, six}, Settings{}, nil},
		{"nothing is asked for", nil, given(t, "NO_DEFAULT_POOLS=1"), nil},
		{"one exists", []ippool.IPPool{four}, Settings{}, [][]ippool.Family{{ippool.IPv6}}},
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

func TestOutsideWarning(t *testing.T) {
	t.Parallel()
	want := func(family ippool.Family, cidr string) DesiredPool {
		pool := ippool.New("default")
		pool.Spec.CIDR = cidr
		return DesiredPool{Family: family, Pool: pool, Values: []Value{{"cidr", cidr, "flag --x"}}}
	}
	sources := []PodCIDRSource{
		says("first", "fd01::/48"),
		says("second", "10.1.0.0/16", "fd02::/48", "10.3.0.0/16"),
		says("third", "10.2.0.0/16"),
	}
	tests := []struct {
		family ippool.Family
		cidr   string
		known  string // empty: no warning
	}{
		{ippool.IPv4, "10.1.0.0/16", ""},
		{ippool.IPv4, "10.1.2.0/24", ""},
		{ippool.IPv4, "10.3.4.0/24", ""},
		{ippool.IPv4, "10.2.0.0/16", "10.1.0.0/16, 10.3.0.0/16 (second)"},
		{ippool.IPv4, "10.0.0.0/8", "10.1.0.0/16, 10.3.0.0/16 (second)"},
		{ippool.IPv6, "fd01::/64", ""},
		{ippool.IPv6, "fd02::/64", "fd01::/48 (first)"},
	}
	for _, tt := range tests {
		warning := outsideWarning(sources, want(tt.family, tt.cidr))
		if tt.known == "" {
			assert.Empty(t, warning, tt.cidr)
			continue
		}
		assert.Equal(t, "flag --x: \""+tt.cidr+"\" is outside the pod CIDR that the cluster knows, "+tt.known+
			": kube-proxy and others take its addresses for no pods", warning)
	}
	assert.Empty(t, outsideWarning(nil, want(ippool.IPv4, "10.1.0.0/16")), "nothing is known")
	assert.Empty(t, outsideWarning(sources[:1], want(ippool.IPv4, "10.1.0.0/16")), "nothing is known of the family")
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
}

// givesUIDs is a datastore that creates the first pool, and finds the name of
// the second taken: it gives out its own uids.
type givesUIDs struct{ *fakeStore }

func (g givesUIDs) Commit(_ context.Context, _ Snapshot, changes []Change) error {
	changes[0].Create.UID = "given-by-the-server"
	g.put(*changes[0].Create)
	if len(changes) > 1 {
		g.put(stored(changes[1].Create.Name, "fd00:9::/64"))
		return ErrConflict
	}
	return nil
}

func TestHalfALostRaceIsKnownAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		report, err := run(t, givesUIDs{newStore()}, given(t, cidrs...))
		require.NoError(t, err)
		assert.Equal(t, []string{created4, "default-ipv6-ippool unchanged: exists"}, outcome(report))
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	tests := []struct{ asked, least, most time.Duration }{
		{0, 0, time.Second},
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
		_, err := run(t, store, given(t, cidrs...), WithLogger(logger))
		require.NoError(t, err)
		assert.Equal(t, "level=WARN msg=\"waiting for the datastore\" cause=\": : not installed: no CRDs\"\n", log.String())
	})
}
