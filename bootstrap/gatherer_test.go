package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// codes returns the code and the pool of each finding.
func codes(findings []preflight.Finding) []string {
	lines := []string{}
	for _, finding := range findings {
		lines = append(lines, fmt.Sprintf("%s %s", finding.Code, finding.Pool))
	}
	return lines
}

// clashing is a host whose networks and routes overlap every pool.
func clashing(reads *int) Option {
	return WithHost(fakeHost{networks: factstest.Prefixes("10.0.0.0/8"), routes: factstest.Prefixes("fd00::/8"), reads: reads})
}

const (
	onInterface4 = "HostInterfaceOverlap default-ipv4-ippool"
	onRoute6     = "HostRouteOverlap default-ipv6-ippool"
)

func TestRunFindings(t *testing.T) {
	t.Parallel()
	ipv4 := poolstest.Stored("mine", "10.9.0.0/16")
	survey := facts.Survey{Nodes: []facts.Node{factstest.Node("a", "10.9.0.1")}, ServiceCIDRs: factstest.At(origin.Cluster("s"), "fd00:10::/32")}
	tests := []struct {
		name     string
		existing []v3.IPPool
		lines    []string
		options  []Option
		want     []string
		calls    []string
		host     int // reads of the host
		cluster  int // surveys of the cluster
	}{
		{"both are created", nil, nil, nil,
			[]string{onInterface4, onRoute6, "ServiceCIDROverlap default-ipv6-ippool"}, []string{"snapshot", blocksBoth, commitBoth}, 1, 1},
		{"an existing pool is not checked", []v3.IPPool{ipv4}, nil, nil,
			[]string{onRoute6, "ServiceCIDROverlap default-ipv6-ippool"}, []string{"snapshot", blocks6, "commit default-ipv6-ippool"}, 1, 1},
		{"a plan checks existing pools", []v3.IPPool{ipv4}, nil, []Option{asPlan},
			[]string{"HostInterfaceOverlap mine", "NodeAddressOverlap mine", "PrivateWithoutNAT mine", onRoute6, "ServiceCIDROverlap default-ipv6-ippool"},
			[]string{"snapshot", blocks6}, 1, 1},
		{"both exist", []v3.IPPool{ipv4, poolstest.Stored("six", "fd00::/64")}, nil, nil, []string{}, []string{"snapshot"}, 0, 0},
		{"a plan where both exist", []v3.IPPool{ipv4, poolstest.Stored("six", "fd00::/64")}, nil, []Option{asPlan},
			[]string{"HostInterfaceOverlap mine", "NodeAddressOverlap mine", "PrivateWithoutNAT mine", "HostRouteOverlap six", "ULAWithoutNAT six"},
			[]string{"snapshot"}, 1, 1},
		{"both exist, none is usable", []v3.IPPool{poolstest.Stored("off", "10.9.0.0/16", poolstest.Disabled), poolstest.Stored("six", "fd00::/64", poolstest.ForLoadBalancers)}, nil, nil,
			[]string{"NoUsablePool ", "NoUsablePool "}, []string{"snapshot"}, 0, 0},
		{"none is usable, none is desired", []v3.IPPool{poolstest.Stored("off", "10.9.0.0/16", poolstest.Disabled)}, []string{"NO_DEFAULT_POOLS=true"}, nil,
			[]string{}, []string{"snapshot"}, 0, 0},
		{"off", nil, []string{"CALICO_IPPOOLS_PREFLIGHT=off"}, nil, []string{}, []string{"snapshot", blocksBoth, commitBoth}, 0, 0},
		{"a plan, off", []v3.IPPool{ipv4, poolstest.Stored("off", "fd00::/64", poolstest.Disabled)}, []string{"CALICO_IPPOOLS_PREFLIGHT=off"}, []Option{asPlan},
			[]string{}, []string{"snapshot"}, 0, 0},
		{"some are allowed", nil, []string{"CALICO_IPPOOLS_ALLOW=hostinterfaceoverlap,ServiceCIDROverlap"}, nil,
			[]string{onRoute6}, []string{"snapshot", blocksBoth, commitBoth}, 1, 1},
		{"a plan where none is desired", nil, []string{"NO_DEFAULT_POOLS=true"}, []Option{asPlan}, []string{}, []string{"snapshot"}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reads, store, cluster := 0, newStore(tt.existing...), &fakeCluster{survey: survey}
			lines := append([]string{natIPv6}, tt.lines...)
			if tt.lines == nil || tt.lines[0] != "NO_DEFAULT_POOLS=true" {
				lines = append(lines, settingstest.CIDRs...)
			}
			logger, log := logged(slog.LevelWarn)
			options := append([]Option{WithCluster(cluster), clashing(&reads), WithLogger(logger)}, tt.options...)
			report, err := run(t, store, settingstest.Given(t, lines...), options...)
			require.NoError(t, err)
			assert.Equal(t, tt.want, codes(report.Findings))
			assert.Equal(t, tt.calls, store.calls)
			assert.Equal(t, tt.host, reads, "the host")
			assert.Equal(t, tt.cluster, cluster.surveys, "the cluster")
			if tt.cluster == 0 {
				assert.Empty(t, cluster.families, "pod CIDRs are not read either")
			}
			text := ""
			for _, warning := range report.Warnings {
				assert.Contains(t, warning, "no effect", "findings are not repeated as warnings")
				text += fmt.Sprintf("level=WARN msg=%q\n", warning)
			}
			for _, finding := range report.Findings {
				text += fmt.Sprintf("level=WARN msg=%q code=%s\n", finding.Text, finding.Code)
			}
			if tt.options != nil {
				text = "" // a plan logs nothing: its report has it
			}
			assert.Equal(t, text, log.String())
		})
	}
}

func TestAllowedFindingsAreNoted(t *testing.T) {
	t.Parallel()
	report, err := run(t, newStore(poolstest.Stored("off", "10.9.0.0/16", poolstest.Disabled)), settingstest.Given(t, settingstest.CIDRs[1], "--allow=NoUsablePool,ULAWithoutNAT,PrivateWithoutNAT"))
	require.NoError(t, err)
	assert.Empty(t, report.Findings)
	assert.Equal(t, []string{`findings allowed by the settings: ULAWithoutNAT of IPPool "default-ipv6-ippool", NoUsablePool`}, report.Notes)
}

// If findings are errors, nothing is written, and the report has the planned changes.
func TestRunStrict(t *testing.T) {
	t.Parallel()
	for _, options := range [][]Option{nil, {asPlan}} {
		store := newStore()
		logger, log := logged(slog.LevelWarn)
		report, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, natIPv6, "--preflight=strict")...), append(options, clashing(new(int)), WithLogger(logger))...)
		require.ErrorIs(t, err, preflight.ErrFindings)
		var findings *preflight.FindingsError
		require.ErrorAs(t, err, &findings)
		assert.Equal(t, []string{onInterface4, onRoute6}, codes(findings.Findings))
		assert.Equal(t, origin.Flag("preflight"), findings.Source)
		assert.Equal(t, findings.Findings, report.Findings)
		assert.Equal(t, []string{"default-ipv4-ippool would-create: no IPv4 pool exists", "default-ipv6-ippool would-create: no IPv6 pool exists"}, outcome(report))
		assert.Equal(t, []string{"snapshot", blocksBoth}, store.calls)
		assert.Empty(t, log.String(), "the error has it")
	}

	store := newStore()
	report, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, natIPv6, "--preflight=strict", "--allow=HostInterfaceOverlap,HostRouteOverlap")...), clashing(new(int)))
	require.NoError(t, err)
	assert.Empty(t, report.Findings)
	assert.Len(t, store.stored(), 2)

	store = newStore(poolstest.Stored("off", "10.9.0.0/16", poolstest.Disabled), poolstest.Stored("six", "fd00::/64"))
	report, err = run(t, store, settingstest.Given(t, "CALICO_IPPOOLS_PREFLIGHT=strict"), WithHost(fakeHost{t: t}))
	require.ErrorIs(t, err, preflight.ErrFindings)
	assert.Equal(t, []string{"NoUsablePool "}, codes(report.Findings))
	assert.Equal(t, []string{"snapshot"}, store.calls)
}

// With --preflight=off only the pod CIDRs that must be chosen are read from the cluster.
func TestPreflightOffReadsCIDRsOnly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		lines []string
		want  [][]ippool.Family
	}{
		{settingstest.CIDRs, nil},
		{settingstest.CIDRs[:1], [][]ippool.Family{{ippool.IPv6}}},
		{nil, [][]ippool.Family{poolstest.BothFamilies}},
	}
	for _, tt := range tests {
		cluster := &fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16", "fd01::/64")}}
		_, err := run(t, newStore(), settingstest.Given(t, slices.Concat(tt.lines, []string{"--preflight=off"})...), WithCluster(cluster), WithHost(fakeHost{t: t}))
		require.NoError(t, err)
		assert.Equal(t, tt.want, cluster.families)
		assert.Zero(t, cluster.surveys)
	}
}

// The choice of the default IPv4 range and the preflight share one read of the host.
func TestHostIsReadOnce(t *testing.T) {
	t.Parallel()
	reads := 0
	report, err := run(t, newStore(), settingstest.Given(t, "CALICO_IPV6POOL_CIDR=none"), WithHost(fakeHost{networks: factstest.Prefixes("192.168.1.0/24"), reads: &reads}))
	require.NoError(t, err)
	assert.Equal(t, 1, reads)
	assert.Equal(t, "172.16.0.0/16", report.Pools[0].Spec.CIDR)
	assert.Empty(t, report.Findings)
}

func TestSkippedChecksAreReported(t *testing.T) {
	t.Parallel()
	host := fakeHost{networks: factstest.Prefixes("10.0.0.0/8"), err: errors.New("no netlink"), noRoutes: errors.New("no rights"), reads: new(int)}
	cluster := &fakeCluster{survey: facts.Survey{Problems: []string{"nodes: forbidden\nsee RBAC", "servicecidrs: not served"}}}
	report, err := run(t, newStore(), settingstest.Given(t, append(settingstest.CIDRs, natIPv6)...), WithHost(host), WithCluster(cluster))
	require.NoError(t, err)
	assert.Equal(t, []string{
		"overlaps with networks of this host are not checked: no netlink",
		"overlaps with routes of this host are not checked: no rights",
	}, report.Warnings)
	assert.Equal(t, []string{"preflight: nodes: forbidden; see RBAC", "preflight: servicecidrs: not served"}, report.Notes)
}

// A run reads the facts once, however many attempts it takes, and has findings of the
// pools that it created, whichever attempt created them.
func TestFindingsOverSeveralAttempts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		commit []hook
		want   []string
	}{
		{"conflicts", times(3, fails(datastore.ErrConflict)), []string{onInterface4, onRoute6}},
		{"a lost answer", []hook{losesAnswer(unreachable("503"))}, []string{onInterface4, onRoute6}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reads, store, cluster := 0, newStore(), &fakeCluster{surveyErrs: []error{unreachable("503")}}
				store.onCommit = tt.commit
				report, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, natIPv6)...), WithCluster(cluster), clashing(&reads))
				require.NoError(t, err)
				assert.Equal(t, []string{created4, created6}, outcome(report))
				assert.Equal(t, tt.want, codes(report.Findings))
				assert.Equal(t, 1, reads)
				assert.Equal(t, 2, cluster.surveys, "the first one failed")
				assert.Len(t, cluster.families, 1, "the pod CIDRs are not read again")
			})
		})
	}
	t.Run("a lost race", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			store.onCommit = []hook{first(func() { store.put(poolstest.Stored("default-ipv4-ippool", "10.9.0.0/16")) })}
			report, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, natIPv6)...), clashing(new(int)))
			require.NoError(t, err)
			assert.Equal(t, []string{unchanged4 + "; differs from desired: cidr", created6}, outcome(report))
			assert.Equal(t, []string{onRoute6}, codes(report.Findings), "the other pool is not this run's")
		})
	})
}

// together is a datastore, a cluster and a host whose calls return only after all of
// them were made.
type together struct {
	*fakeStore
	started chan struct{}
	all     chan struct{}
}

func (c together) wait() {
	c.started <- struct{}{}
	<-c.all
}

func (c together) Blocks(context.Context, []ippool.Family) ([]netip.Prefix, error) {
	c.wait()
	return nil, nil
}

func (c together) PodCIDRs(context.Context, []ippool.Family) ([]facts.PodCIDRSource, error) {
	c.wait()
	return nil, nil
}

func (c together) Survey(context.Context) (facts.Survey, error) {
	c.wait()
	return facts.Survey{}, nil
}

func (c together) Networks(context.Context) ([]facts.Located, error) {
	c.wait()
	return nil, nil
}

func (c together) Routes(context.Context) ([]facts.Located, error) {
	c.wait()
	return nil, nil
}

func (c together) IPv6Disabled() string { return "" }

func TestSourcesAreReadConcurrently(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := together{newStore(), make(chan struct{}), make(chan struct{})}
		go func() {
			for range 5 {
				<-c.started
			}
			close(c.all)
		}()
		_, err := run(t, c, settingstest.Given(t, settingstest.CIDRs...), WithHost(c))
		require.NoError(t, err)
	})
}

// Fields of a malformed pool are unknown, so the pool is not checked.
func TestMalformedPoolsAreNotChecked(t *testing.T) {
	t.Parallel()
	store := newStore(poolstest.Stored("off", "10.9.0.0/16", poolstest.Disabled))
	store.unreadable = []datastore.Unreadable{{Name: "default-ipv4-ippool", CIDR: "10.8.0.0/16", Err: errors.New("an unknown mode")}}
	report, err := planned(t, store, settingstest.Given(t, "CALICO_IPV6POOL_CIDR=none"), clashing(new(int)))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged: exists; malformed: not compared: vxlanMode, ipipMode, natOutgoing, disabled, disableBGPExport, blockSize, nodeSelector, namespaceSelector, allowedUses, assignmentMode"}, outcome(report)[:1])
	assert.Empty(t, report.Findings)
}

// An updated pool is checked with its new values, and the finding has their sources.
func TestFindingsOfAnUpdate(t *testing.T) {
	t.Parallel()
	reads := 0
	report, err := planned(t, newStore(poolstest.Default4(), poolstest.Stored("default-ipv6-ippool", "2600:1f14::/64")), settingstest.Given(t, "--on-drift=update", "--ipv4-pool-nat-outgoing=false"), WithHost(fakeHost{reads: &reads}))
	require.NoError(t, err)
	require.Len(t, report.Findings, 1)
	assert.Equal(t, `IPPool "default-ipv4-ippool": cidr "10.244.0.0/16" (datastore) is private, and natOutgoing is false (flag --ipv4-pool-nat-outgoing): `+
		`pods reach only hosts with a return route to them, such as by BGP; set natOutgoing to true with ipv4.pool.natOutgoing, or ensure that return routes exist`, report.Findings[0].Text)
}
