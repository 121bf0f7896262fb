package bootstrap

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	created4   = "default-ipv4-ippool created: no IPv4 pool existed"
	created6   = "default-ipv6-ippool created: no IPv6 pool existed"
	unchanged4 = "default-ipv4-ippool unchanged: exists"
	unchanged6 = "default-ipv6-ippool unchanged: exists"

	commitBoth = "commit default-ipv4-ippool default-ipv6-ippool"
	blocks4    = "blocks [IPv4]"
	blocks6    = "blocks [IPv6]"
	blocksBoth = "blocks [IPv4 IPv6]"
)

// natIPv6 avoids the finding ULAWithoutNAT for settingstest.CIDRs.
const natIPv6 = "CALICO_IPV6POOL_NAT_OUTGOING=true"

// run runs with a host without networks and with a counting random source, unless
// options override them.
func run(t *testing.T, store datastore.Datastore, s settings.Settings, options ...Option) (Report, error) {
	t.Helper()
	options = append([]Option{WithHost(fakeHost{reads: new(int)}), WithRandom(&counting{})}, options...)
	b := New(store, options...)
	isAsPlan := func(option Option) bool {
		return reflect.ValueOf(option).Pointer() == reflect.ValueOf(asPlan).Pointer()
	}
	if !slices.ContainsFunc(options, isAsPlan) {
		return b.Run(t.Context(), s)
	}
	p, err := b.Plan(t.Context(), s)
	if p == nil {
		return Report{}, err
	}
	return p.Report, err
}

// pending reports whether the report has pools to write.
func pending(report Report) bool {
	return slices.ContainsFunc(report.Pools, func(pool PoolReport) bool { return pool.Action == plan.WouldCreate || pool.Action == plan.WouldUpdate })
}

// asPlan makes run call Plan in place of Run.
func asPlan(*options) {}

// planned calls run with asPlan.
func planned(t *testing.T, store datastore.Datastore, s settings.Settings, options ...Option) (Report, error) {
	t.Helper()
	return run(t, store, s, append(options, asPlan)...)
}

func TestRunFresh(t *testing.T) {
	t.Parallel()
	// Neither UTC nor a multiple of a second.
	now := time.Date(2026, 11, 22, 18, 45, 23, 987_654_321, time.FixedZone("CET", 3600))
	store := newStore()
	report, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...), WithClock(func() time.Time { return now }))
	require.NoError(t, err)
	assert.Equal(t, []string{created4, created6}, outcome(report))
	assert.Equal(t, datastore.EtcdV3, report.Datastore)
	assert.Empty(t, report.Warnings)
	assert.False(t, pending(report))
	assert.Equal(t, []string{"snapshot", blocksBoth, commitBoth}, store.calls)

	want := settingstest.Resolved(t, settingstest.CIDRs...).Desired
	time := metav1.Date(2026, 11, 22, 17, 45, 23, 0, time.UTC)
	ipv4, ipv6 := want.Pools[0].Pool, want.Pools[1].Pool
	ipv4.UID, ipv4.CreationTimestamp = "01020304-0506-4708-890a-0b0c0d0e0f10", time
	ipv6.UID, ipv6.CreationTimestamp = "11121314-1516-4718-991a-1b1c1d1e1f20", time
	assert.Equal(t, []v3.IPPool{*ipv4, *ipv6}, store.stored())
	assert.Equal(t, []PoolReport{
		{Name: "default-ipv4-ippool", Family: ippool.IPv4, Action: plan.Created, Reason: "no IPv4 pool existed", Spec: &ipv4.Spec, Settings: want.Pools[0].Values, Drift: []plan.Difference{}},
		{Name: "default-ipv6-ippool", Family: ippool.IPv6, Action: plan.Created, Reason: "no IPv6 pool existed", Spec: &ipv6.Spec, Settings: want.Pools[1].Values, Drift: []plan.Difference{}},
	}, report.Pools)
}

// A run where the pools exist costs one read, and draws nothing random.
func TestRunExisting(t *testing.T) {
	t.Parallel()
	ipv4, ipv6 := poolstest.Stored("mine", "10.0.0.0/16"), poolstest.Stored("old", "fd00::/64", poolstest.Disabled)
	for _, options := range [][]Option{{WithHost(fakeHost{t: t})}, {asPlan}} {
		store := newStore(ipv4, ipv6)
		report, err := run(t, store, settings.Settings{}, append(options, WithRandom(noRandom{t}))...)
		require.NoError(t, err)
		assert.Equal(t, []PoolReport{
			{Name: "mine", Family: ippool.IPv4, Action: plan.Unchanged, Reason: "exists", Spec: &ipv4.Spec, Settings: []plan.Value{}, Drift: []plan.Difference{}},
			{Name: "old", Family: ippool.IPv6, Action: plan.Unchanged, Reason: "exists", Spec: &ipv6.Spec, Settings: []plan.Value{}, Drift: []plan.Difference{}},
		}, report.Pools)
		assert.False(t, pending(report))
		assert.Equal(t, []string{"snapshot"}, store.calls)
		assert.Equal(t, []v3.IPPool{ipv4, ipv6}, store.stored())
	}
}

// Pools that differ from desired are changed only with --on-drift=update.
func TestRunExistingThatDiffers(t *testing.T) {
	t.Parallel()
	ipv4, ipv6 := poolstest.Stored("default-ipv4-ippool", "10.0.0.0/16"), poolstest.Stored("default-ipv6-ippool", "fd00::/64")
	for policy, action := range map[string]plan.Action{"": plan.Unchanged, "report": plan.Unchanged, "fail": plan.Unchanged, "update": plan.Updated} {
		store := newStore(ipv4, ipv6)
		lines := []string{"CALICO_IPV4POOL_NAT_OUTGOING=" + strconv.FormatBool(!ipv4.Spec.NATOutgoing)}
		if policy != "" {
			lines = append(lines, "CALICO_IPPOOLS_ON_DRIFT="+policy)
		}
		host := fakeHost{t: t}
		if policy == "update" { // an update is checked like a creation
			host.reads = new(int)
		}
		report, _ := run(t, store, settingstest.Given(t, lines...), WithHost(host))
		require.Len(t, report.Pools, 2, policy)
		assert.Equal(t, action, report.Pools[0].Action, policy)
		assert.Equal(t, plan.Unchanged, report.Pools[1].Action, policy)
		if action == plan.Unchanged {
			assert.Equal(t, []string{"snapshot"}, store.calls, policy)
			assert.Equal(t, []v3.IPPool{ipv4, ipv6}, store.stored(), policy)
		}
	}
}

func TestRunCallsOfPartialPlans(t *testing.T) {
	t.Parallel()
	ipv4, ipv6 := poolstest.Stored("default-ipv4-ippool", "10.0.0.0/16"), poolstest.Stored("default-ipv6-ippool", "fd00::/64")
	tests := []struct {
		name    string
		pools   []v3.IPPool
		lines   []string
		options []Option
		want    []string
		calls   []string
	}{
		{"only IPv4 exists", []v3.IPPool{ipv4}, settingstest.CIDRs, nil,
			[]string{unchanged4 + "; differs from desired: cidr", created6}, []string{"snapshot", blocks6, "commit default-ipv6-ippool"}},
		{"only IPv6 exists", []v3.IPPool{ipv6}, settingstest.CIDRs, nil,
			[]string{created4, unchanged6 + "; differs from desired: cidr"}, []string{"snapshot", blocks4, "commit default-ipv4-ippool"}},
		{"IPv6 not desired", nil, []string{settingstest.CIDRs[0], "CALICO_IPV6POOL_CIDR=none"}, nil,
			[]string{created4, `default-ipv6-ippool skipped: env CALICO_IPV6POOL_CIDR is "none"`},
			[]string{"snapshot", blocks4, "commit default-ipv4-ippool"}},
		{"host without IPv6", nil, settingstest.CIDRs, []Option{WithHost(fakeHost{reads: new(int), ipv6Disabled: "it is old"})},
			[]string{created4, "default-ipv6-ippool skipped: IPv6 is not supported: it is old"},
			[]string{"snapshot", blocks4, "commit default-ipv4-ippool"}},
		{"host without IPv6, and FELIX_IPV6SUPPORT", nil, append(settingstest.CIDRs, "FELIX_IPV6SUPPORT=false"), []Option{WithHost(fakeHost{reads: new(int), ipv6Disabled: "it is old"})},
			[]string{created4, `default-ipv6-ippool skipped: IPv6 is not supported: env FELIX_IPV6SUPPORT is "false"`},
			[]string{"snapshot", blocks4, "commit default-ipv4-ippool"}},
		{"no default pools", []v3.IPPool{ipv4}, []string{"NO_DEFAULT_POOLS=true"}, nil,
			[]string{`default-ipv4-ippool skipped: env NO_DEFAULT_POOLS is "true"`, `default-ipv6-ippool skipped: env NO_DEFAULT_POOLS is "true"`},
			[]string{"snapshot"}},
		{"plan of both", nil, settingstest.CIDRs, []Option{asPlan},
			[]string{"default-ipv4-ippool would-create: no IPv4 pool exists", "default-ipv6-ippool would-create: no IPv6 pool exists"},
			[]string{"snapshot", blocksBoth}},
		{"plan of one", []v3.IPPool{ipv4}, settingstest.CIDRs, []Option{asPlan, WithRandom(noRandom{t})},
			[]string{unchanged4 + "; differs from desired: cidr", "default-ipv6-ippool would-create: no IPv6 pool exists"},
			[]string{"snapshot", blocks6}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := newStore(tt.pools...)
			report, err := run(t, store, settingstest.Given(t, tt.lines...), tt.options...)
			require.NoError(t, err)
			assert.Equal(t, tt.want, outcome(report))
			assert.Equal(t, tt.calls, store.calls)
			created := strings.Count(strings.Join(tt.want, "\n"), " created: ")
			assert.Len(t, store.stored(), len(tt.pools)+created)
		})
	}
}

func TestPlanIsComplete(t *testing.T) {
	t.Parallel()
	reads := 0
	store := newStore()
	report, err := planned(t, store, settingstest.Given(t, "CALICO_IPV4POOL_NAT_OUTGOING=no"), WithHost(fakeHost{networks: factstest.Prefixes("192.168.1.0/24"), reads: &reads}))
	require.NoError(t, err)
	assert.True(t, pending(report))
	assert.Equal(t, "172.16.0.0/16", report.Pools[0].Spec.CIDR)
	assert.Equal(t, plan.Value{Field: "cidr", Value: "172.16.0.0/16", Source: origin.DefaultBecause("192.168.0.0/16 is in use on this host")}, report.Pools[0].Settings[1])
	assert.Equal(t, plan.Value{Field: "natOutgoing", Value: false, Source: origin.Env("CALICO_IPV4POOL_NAT_OUTGOING")}, report.Pools[0].Settings[4])
	assert.Empty(t, report.Pools[1].Spec.CIDR, "a plan draws no random range")
	assert.Equal(t, plan.Value{Field: "cidr", Value: "", Source: origin.DefaultBecause("a random ULA /48, generated when the pool is created")}, report.Pools[1].Settings[1])
	assert.Equal(t, []string{"snapshot", blocks4}, store.calls)
	assert.Empty(t, store.stored())
	assert.Equal(t, 1, reads)
}

// Invalid settings are reported before any connection is made.
func TestRunInvalidSettings(t *testing.T) {
	t.Parallel()
	store := newStore(poolstest.Stored("default-ipv4-ippool", "10.0.0.0/16"), poolstest.Stored("default-ipv6-ippool", "fd00::/64"))
	given := settingstest.Given(t, "CALICO_IPV6POOL_VXLAN=sometimes")
	report, err := run(t, store, given, WithRandom(noRandom{t}))
	assert.Equal(t, given.Validate(), err)
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	assert.Equal(t, Report{}, report)
	assert.Empty(t, store.calls)
}

func TestRunNameTaken(t *testing.T) {
	t.Parallel()
	store := newStore(poolstest.Stored("default-ipv6-ippool", "10.0.0.0/16"))
	report, err := run(t, store, settings.Settings{}, WithRandom(noRandom{t}))
	require.ErrorIs(t, err, plan.ErrIncompatible)
	assert.Equal(t, Report{}, report)
	assert.Equal(t, []string{"snapshot"}, store.calls)
}

func TestRunBlocks(t *testing.T) {
	t.Parallel()
	t.Run("of the same size, and outside of the pools", func(t *testing.T) {
		t.Parallel()
		store := newStore()
		store.blocks = factstest.Prefixes("10.244.7.64/26", "10.245.0.0/24", "fd00:10:244::7:0/122", "fd00:10:245::/116")
		report, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...))
		require.NoError(t, err)
		assert.Equal(t, []string{created4, created6}, outcome(report))
	})
	t.Run("of another size, in both families", func(t *testing.T) {
		t.Parallel()
		for _, options := range [][]Option{nil, {asPlan}} {
			store := newStore()
			store.blocks = factstest.Prefixes("10.244.9.0/24", "10.244.7.0/24", "10.244.0.0/26", "fd00:10:244::7:0/116")
			report, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...), options...)
			require.EqualError(t, err,
				`conflicts with existing pools: IPPool "default-ipv4-ippool": spec.blockSize: Invalid value: 26: 2 IPAM block(s) inside 10.244.0.0/16 have a different size, the first is 10.244.7.0/24; set that block size or another CIDR`+"\n"+
					`conflicts with existing pools: IPPool "default-ipv6-ippool": spec.blockSize: Invalid value: 122: 1 IPAM block(s) inside fd00:10:244::/64 have a different size, the first is fd00:10:244::7:0/116; set that block size or another CIDR`)
			require.ErrorIs(t, err, plan.ErrIncompatible)
			assert.Equal(t, Report{}, report)
			assert.Equal(t, []string{"snapshot", blocksBoth}, store.calls)
			assert.Empty(t, store.stored())
		}
	})
	t.Run("that can't be read", func(t *testing.T) {
		t.Parallel()
		store := newStore()
		store.onBlocks = []hook{fails(datastore.ErrForbidden)}
		_, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...))
		assert.Equal(t, datastore.ErrForbidden, err)
		assert.Equal(t, []string{"snapshot", blocksBoth}, store.calls)
	})
}

func TestRunWarnings(t *testing.T) {
	t.Parallel()
	reads := 0
	store := newStore(poolstest.Stored("odd", "nonsense"))
	store.unreadable = []datastore.Unreadable{{Name: "broken", Err: errors.New("no JSON")}}
	logger, log := logged(slog.LevelWarn)
	report, err := run(t, store, settingstest.Given(t, "CALICO_IPV4POOL_NAT_OUTGOING=off", "CALICO_IPV6POOL_CIDR=none", "CALICO_IPPOOLS_PREFLIGHT=off"),
		WithHost(fakeHost{networks: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, reads: &reads}), WithLogger(logger))
	require.NoError(t, err)
	assert.Equal(t, []string{
		`env CALICO_IPV4POOL_NAT_OUTGOING: "off" is read as false here; calico-node reads it as true`,
		"this host has networks in 192.168.0.0/16 and in all of 172.16.0.0/16 to 172.31.0.0/16: the IPv4 pool overlaps one of them; set a free range with ipv4.pool.cidr",
		`IPPool "odd" is ignored: invalid CIDR: "nonsense" is not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64; repair or delete it`,
		`IPPool "broken" is malformed and is ignored: no JSON; repair or delete it`,
	}, report.Warnings)
	var lines string
	for _, warning := range report.Warnings {
		lines += fmt.Sprintf("level=WARN msg=%q\n", warning)
	}
	assert.Equal(t, lines, log.String())
	assert.Equal(t, "192.168.0.0/16", report.Pools[0].Spec.CIDR)
}

func TestRunLogs(t *testing.T) {
	t.Parallel()
	logger, log := logged(slog.LevelDebug)
	store := newStore(poolstest.Stored("mine", "10.0.0.0/16"))
	_, err := run(t, store, settingstest.Given(t, "CALICO_IPV6POOL_CIDR=fd00::1/64", natIPv6), WithLogger(logger))
	require.NoError(t, err)
	assert.Equal(t, `level=WARN msg="env CALICO_IPV6POOL_CIDR: \"fd00::1/64\" has host bits, which are ignored: the pool is fd00::/64"
level=DEBUG msg="IPv4 pool unchanged" pool=mine reason=exists
level=INFO msg="IPv6 pool created" pool=default-ipv6-ippool reason="no IPv6 pool existed"
`, log.String())
}

func TestRunRandomFails(t *testing.T) {
	t.Parallel()
	store := newStore()
	_, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...), WithRandom(noRandom{silentTB{t}}))
	assert.EqualError(t, err, "generating a uid: unexpected EOF")
	_, err = run(t, store, settingstest.Given(t, settingstest.CIDRs[0]), WithRandom(noRandom{silentTB{t}}))
	assert.EqualError(t, err, "generating a random IPv6 prefix: unexpected EOF")
	assert.Empty(t, store.stored())
}

// Without options Run uses the system's clock, random source and host.
func TestRunWithoutOptions(t *testing.T) {
	t.Parallel()
	uids := map[string]bool{}
	for range 3 {
		store := newStore()
		before := time.Now().Truncate(time.Second)
		report, err := New(store).Run(t.Context(), settingstest.Given(t, settingstest.CIDRs[0], "CALICO_IPV6POOL_CIDR=none"))
		require.NoError(t, err)
		require.Equal(t, created4, outcome(report)[0])
		pool := store.stored()[0]
		uids[string(pool.UID)] = true
		assert.False(t, pool.CreationTimestamp.Time.Before(before))
		assert.False(t, pool.CreationTimestamp.Time.After(time.Now()))
		assert.Equal(t, time.UTC, pool.CreationTimestamp.Location())
		assert.Zero(t, pool.CreationTimestamp.Nanosecond())
	}
	assert.Len(t, uids, 3)
}

// A default pool may have the name of the skipped one.
func TestRunWithTheNameOfTheOtherFamily(t *testing.T) {
	t.Parallel()
	store := newStore()
	report, err := run(t, store, settingstest.Given(t, "CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_NAME=default-ipv4-ippool"))
	require.NoError(t, err)
	require.Len(t, store.stored(), 1)
	pool := store.stored()[0]
	assert.True(t, strings.HasPrefix(pool.Spec.CIDR, "fd"), pool.Spec.CIDR)
	assert.Equal(t, pool.Spec.CIDR, report.Pools[1].Spec.CIDR)
}

// A plan that fails has no report, so its warnings are logged.
func TestPlanHasWarnings(t *testing.T) {
	t.Parallel()
	const warning = `level=WARN msg="env CALICO_IPV4POOL_CIDR: \"10.1.2.3/16\" has host bits, which are ignored: the pool is 10.1.0.0/16"`
	lines := []string{"CALICO_IPV4POOL_CIDR=10.1.2.3/16", "CALICO_IPV6POOL_CIDR=none"}
	logger, log := logged(slog.LevelInfo)
	report, err := planned(t, newStore(), settingstest.Given(t, lines...), WithLogger(logger))
	require.NoError(t, err)
	assert.Len(t, report.Warnings, 1)
	assert.Empty(t, log.String(), "the report has it")

	store := newStore()
	store.onSnapshot = []hook{fails(datastore.ErrForbidden)}
	_, err = planned(t, store, settingstest.Given(t, lines...), WithLogger(logger))
	require.ErrorIs(t, err, datastore.ErrForbidden)
	assert.Equal(t, warning+"\n", log.String())
}
