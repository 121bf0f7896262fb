package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

const (
	exempt4 = "--no-nat-to=10.0.0.0/8"
	alone   = "traffic to it is not masqueraded"
)

// The Service CIDRs of the cluster are left out, also without a preflight, and a second run
// reads nothing but the pools.
func TestNoNATLeavesServicesOut(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"warn", "off"} {
		store := newStore()
		cluster := &fakeCluster{survey: facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("s"), "10.0.0.0/9")}}
		given := settingstest.Given(t, "--ipv4-pool-cidr=10.192.0.0/10", "--ipv6-pool-cidr=none", exempt4, "--preflight="+mode)
		host := fakeHost{reads: new(int)}
		report, err := run(t, store, given, WithCluster(cluster), WithHost(host))
		require.NoError(t, err)
		assert.Equal(t, []string{"default-ipv4-ippool created: no IPv4 pool existed", `default-ipv6-ippool skipped: flag --ipv6-pool-cidr is "none"`,
			"no-nat-to-10-128-0-0-10 created: a part of 10.0.0.0/8: " + alone}, outcome(report))
		assert.Equal(t, map[string]string{plan.NoNATExceptAnnotation: "10.0.0.0/9"}, store.pools["no-nat-to-10-128-0-0-10"].Annotations)

		reads := *host.reads
		report, err = run(t, store, given, WithCluster(&fakeCluster{}), WithHost(host))
		require.NoError(t, err)
		assert.Equal(t, "no-nat-to-10-128-0-0-10 unchanged: exists", outcome(report)[2])
		assert.Equal(t, reads, *host.reads)
		assert.Equal(t, "snapshot", store.calls[len(store.calls)-1])
	}
}

// bgpStore is a fakeStore with the ranges of Services that BGP advertises.
type bgpStore struct {
	*fakeStore
	advertised facts.BGPServices
	err        error
}

func (s *bgpStore) BGPServices(context.Context) (facts.BGPServices, error) {
	s.calls = append(s.calls, "bgp")
	return s.advertised, s.err
}

// What BGP advertises of Services is left out, with one request of a run that creates pools
// for a range, and stays left out in later runs, which request nothing.
func TestNoNATLeavesAdvertisedServicesOut(t *testing.T) {
	t.Parallel()
	store := &bgpStore{fakeStore: newStore(), advertised: facts.BGPServices{
		ClusterIPs: factstest.At(origin.Cluster("s"), "10.0.0.0/10"), OtherIPs: factstest.At(origin.Cluster("s"), "10.64.0.0/10", "192.0.2.0/24"), Problems: []string{"a problem"},
	}}
	given := settingstest.Given(t, "--ipv4-pool-cidr=10.192.0.0/10", "--ipv6-pool-cidr=none", exempt4)
	runIt := func(given settings.Settings) (Report, error) {
		return New(store, WithHost(fakeHost{reads: new(int)})).Run(t.Context(), given)
	}
	report, err := runIt(given)
	require.NoError(t, err)
	assert.Equal(t, "no-nat-to-10-128-0-0-10 created: a part of 10.0.0.0/8: "+alone, outcome(report)[2])
	assert.Len(t, report.Pools, 3)
	assert.Equal(t, 1, store.count("bgp"))
	assert.Contains(t, report.Notes, "noNATTo: a problem")
	assert.Equal(t, "10.0.0.0/10,10.64.0.0/10", store.pools["no-nat-to-10-128-0-0-10"].Annotations[plan.NoNATExceptAnnotation])

	store.advertised = facts.BGPServices{} // no longer advertised: the split is that of the first run
	report, err = runIt(given)
	require.NoError(t, err)
	assert.Equal(t, "no-nat-to-10-128-0-0-10 unchanged: exists", outcome(report)[2])
	assert.Equal(t, 1, store.count("bgp"), "a steady run reads the pools only")

	store.fakeStore = newStore()
	_, err = runIt(settingstest.Given(t, "--ipv4-pool-cidr=10.192.0.0/10", "--ipv6-pool-cidr=none"))
	require.NoError(t, err)
	assert.Zero(t, store.count("bgp"), "no range is set")

	store.fakeStore, store.err = newStore(), errors.New("no quorum")
	_, err = runIt(given)
	require.ErrorContains(t, err, "no quorum")
	assert.Zero(t, store.count("commit"))
}

// Of a run that loses a race, and whose pools the winner has written in part, the rest is
// written.
func TestNoNATRace(t *testing.T) {
	t.Parallel()
	store := newStore()
	store.onCommit = []hook{first(func() { store.put(poolstest.Stored("winner", "10.64.0.0/10")) })}
	report, err := run(t, store, settingstest.Given(t, "--ipv4-pool-cidr=10.192.0.0/10", "--ipv6-pool-cidr=none", exempt4), WithHost(fakeHost{reads: new(int)}))
	require.NoError(t, err)
	assert.Equal(t, []string{"winner unchanged: exists, but the desired \"default-ipv4-ippool\" does not", `default-ipv6-ippool skipped: flag --ipv6-pool-cidr is "none"`,
		"no-nat-to-10-0-0-0-10 created: a part of 10.0.0.0/8: " + alone, "no-nat-to-10-128-0-0-9 created: a part of 10.0.0.0/8: " + alone}, outcome(report))
}

// A plan can be applied although it does not know the random range that an IPv6 range is
// split around.
func TestNoNATAroundARandomRange(t *testing.T) {
	t.Parallel()
	store := newStore()
	b := New(store, WithHost(fakeHost{reads: new(int)}), WithRandom(&counting{}))
	planned, err := b.Plan(t.Context(), settingstest.Given(t, "--ipv4-pool-cidr=10.244.0.0/16", "--ipv6-pool-nat-outgoing=true", "--no-nat-to=fd00::/8,10.0.0.0/9"))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool would-create: no IPv4 pool exists", "default-ipv6-ippool would-create: no IPv6 pool exists",
		"no-nat-to-10-0-0-0-9 would-create: " + alone, "no-nat-to-fd00---8 would-create: " + alone}, outcome(planned.Report))
	report, err := b.Apply(t.Context(), planned)
	require.NoError(t, err)
	assert.Len(t, report.Pools, 3+40, "a /8 without a /48")
	var pointers []*v3.IPPool
	for _, pool := range store.stored() {
		pointers = append(pointers, &pool)
	}
	assert.Empty(t, ippool.Overlaps(pointers))
}

// The report has each range with one sentence, in a plan and after a run, and its pools name
// it; apply logs the notes of the plan in the same words, and the number of the pools.
func TestNoNATReport(t *testing.T) {
	t.Parallel()
	given := settingstest.Given(t, "--ipv4-pool-cidr=10.192.0.0/10", "--ipv6-pool-cidr=none", exempt4)
	var logs bytes.Buffer
	store := newStore()
	b := New(store, WithHost(fakeHost{reads: new(int)}), WithLogger(slog.New(slog.NewTextHandler(&logs, nil))))
	planned, err := b.Plan(t.Context(), given)
	require.NoError(t, err)
	assert.NotContains(t, logs.String(), "return routes")
	assert.Equal(t, "traffic to 10.0.0.0/9 from pool default-ipv4-ippool is not masqueraded", planned.Report.Pools[2].NAT)
	assert.Equal(t, "traffic from 10.192.0.0/10 is masqueraded, except to the addresses of pool default-ipv4-ippool and of 2 pool(s) with the label calico-bootstrap/no-nat-to", planned.Report.Pools[0].NAT)
	report, err := b.Apply(t.Context(), planned)
	require.NoError(t, err)
	want := []NoNATReport{{netip.MustParsePrefix("10.0.0.0/8"), origin.Flag("no-nat-to"), "traffic to 10.0.0.0/8 is not masqueraded"}}
	assert.Equal(t, want, planned.Report.NoNATTo)
	assert.Equal(t, want, report.NoNATTo)
	assert.False(t, report.Pools[0].NoNATTo.IsValid())
	assert.Equal(t, want[0].Range, report.Pools[2].NoNATTo)
	require.Len(t, report.Notes, 2)
	assert.Equal(t, planned.Report.Notes, report.Notes)
	for _, note := range report.Notes {
		assert.Contains(t, logs.String(), `level=INFO msg="`+note+`"`)
	}
	assert.Contains(t, logs.String(), `msg="2 IPv4 pools created" range=10.0.0.0/8 reason="traffic to 10.0.0.0/8 is not masqueraded"`)
	data, err := json.Marshal(report)
	require.NoError(t, err)
	assert.Contains(t, string(data), `"noNATTo":[{"range":"10.0.0.0/8","source":"flag --no-nat-to","nat":"traffic to 10.0.0.0/8 is not masqueraded"}]`)
	assert.Equal(t, 2, strings.Count(string(data), `"noNATTo":"10.0.0.0/8"`))
}

// Service CIDRs of the settings are left out, whether or not there is a cluster: on etcd, and
// in what render prints.
func TestNoNATLeavesServicesOfSettingsOut(t *testing.T) {
	t.Parallel()
	const pods, none, services = "--ipv4-pool-cidr=10.192.0.0/10", "--ipv6-pool-cidr=none", "CALICO_IPPOOLS_SERVICE_CIDR=10.0.0.0/9,fd00::/108"
	for name, cluster := range map[string]*fakeCluster{
		"on etcd":                          nil,
		"in a cluster that names none":     {},
		"in a cluster that names the same": {survey: facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("s"), "10.0.0.0/9")}},
		"in a cluster that names a part":   {survey: facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("s"), "10.0.0.0/16")}},
	} {
		for _, mode := range []string{"warn", "off"} {
			store, options := newStore(), []Option{WithHost(fakeHost{reads: new(int)})}
			if cluster != nil {
				options = append(options, WithCluster(cluster))
			}
			given := settingstest.Given(t, pods, none, exempt4, services, "--preflight="+mode)
			for _, done := range []string{"created: a part of 10.0.0.0/8: " + alone, "unchanged: exists"} {
				report, err := run(t, store, given, options...)
				require.NoError(t, err, name)
				assert.Equal(t, []string{"no-nat-to-10-128-0-0-10 " + done}, outcome(report)[2:], name)
				assert.NotContains(t, strings.Join(report.Notes, "\n"), "no Service CIDR is known", name)
				assert.Empty(t, report.Warnings, name)
			}
			assert.Contains(t, store.pools["no-nat-to-10-128-0-0-10"].Annotations[plan.NoNATExceptAnnotation], "10.0.0.0/9", name)
		}
	}
	rendered, _, err := Render(t.Context(), settingstest.Given(t, pods, none, exempt4, services), WithHost(fakeHost{reads: new(int)}))
	require.NoError(t, err)
	require.Len(t, rendered, 2)
	assert.Equal(t, "no-nat-to-10-128-0-0-10", rendered[1].Name)
}

// Service CIDRs of the settings are checked, avoided and shown as those of the cluster are.
func TestServicesOfSettings(t *testing.T) {
	t.Parallel()
	host := WithHost(fakeHost{reads: new(int)})
	const services = "--service-cidr=10.96.0.0/12,192.168.128.0/17"
	report, err := run(t, newStore(), settingstest.Given(t, services, "--ipv4-pool-cidr=10.100.0.0/16", "--ipv6-pool-cidr=none"), host)
	require.NoError(t, err)
	assert.Contains(t, codes(report.Findings), "ServiceCIDROverlap default-ipv4-ippool")
	assert.Contains(t, fmt.Sprint(report.Findings), "overlaps the Service CIDR 10.96.0.0/12 (flag --service-cidr)")

	report, err = run(t, newStore(), settingstest.Given(t, services, "--ipv6-pool-cidr=none"), host)
	require.NoError(t, err)
	assert.Equal(t, []string{"172.16.0.0/16 (default (192.168.0.0/16 is in use))"}, cidrsOf(report))

	all, err := New(newStore(), host).Inventory(t.Context(), settingstest.Given(t, services))
	require.NoError(t, err)
	assert.Equal(t, factstest.At(origin.Flag("service-cidr"), "10.96.0.0/12", "192.168.128.0/17"), all.Facts.ServiceCIDRs())
}

func TestNoNATRender(t *testing.T) {
	t.Parallel()
	given := settingstest.Given(t, "--ipv4-pool-cidr=10.128.0.0/9", "--ipv6-pool-cidr=none", exempt4+",fd00::/8")
	pools, warnings, err := Render(t.Context(), given, WithHost(fakeHost{ipv6Disabled: "no IPv6"}))
	require.NoError(t, err)
	require.Len(t, pools, 2)
	assert.Equal(t, "no-nat-to-10-0-0-0-9", pools[1].Name)
	assert.Equal(t, []string{
		"the ranges of noNATTo are split around the rendered pools and serviceCIDR only: render reads no datastore, so existing pools and other Service CIDRs are not left out",
		"no pool for fd00::/8: IPv6 is not supported: no IPv6",
	}, warnings)
}

// felixStore is a fakeStore with FelixConfigurations.
type felixStore struct {
	*fakeStore
	felix    []nat.FelixConfiguration
	problems []string
	err      error
}

func (s *felixStore) FelixConfigurations(context.Context) ([]nat.FelixConfiguration, []string, error) {
	s.calls = append(s.calls, "felix")
	return s.felix, s.problems, s.err
}

// A run that gives an IPv6 pool natOutgoing reads the FelixConfigurations, and no other run;
// where Felix would end, it is refused unless that is allowed, whatever the preflight is.
func TestFelixIsNotEnded(t *testing.T) {
	t.Parallel()
	ends := []nat.FelixConfiguration{{Name: "default", Spec: nat.FelixSpec{NATOutgoingAddress: "192.0.2.10"}}}
	six := poolstest.Stored("default-ipv6-ippool", "fd00:10:244::/64")
	four := poolstest.Stored("default-ipv4-ippool", "10.244.0.0/16", func(p *v3.IPPool) { p.Spec.NATOutgoing = true })
	for name, tt := range map[string]struct {
		lines    []string
		existing []v3.IPPool
		felix    []nat.FelixConfiguration
		reads    int
		refused  bool
	}{
		"harmless":               {[]string{natIPv6}, nil, nil, 1, false},
		"refused":                {[]string{natIPv6}, nil, ends, 1, true},
		"without a preflight":    {[]string{natIPv6, "--preflight=off"}, nil, ends, 1, true},
		"allowed":                {[]string{natIPv6, "--allow=NATAddressWithIPv6"}, nil, ends, 1, false},
		"allowed, no preflight":  {[]string{natIPv6, "--allow=NATAddressWithIPv6", "--preflight=off"}, nil, ends, 1, false},
		"IPv6 without NAT":       {nil, nil, ends, 0, false},
		"all exist":              {[]string{natIPv6}, []v3.IPPool{four, six}, ends, 0, false},
		"an update":              {[]string{natIPv6, "--on-drift=update"}, []v3.IPPool{four, six}, ends, 1, true},
		"drift that is reported": {[]string{natIPv6}, []v3.IPPool{four, six}, ends, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &felixStore{fakeStore: newStore(tt.existing...), felix: tt.felix, problems: []string{"a problem"}}
			given := settingstest.Given(t, append(settingstest.CIDRs[:2:2], tt.lines...)...)
			report, err := New(store, WithHost(fakeHost{reads: new(int)})).Run(t.Context(), given)
			assert.Equal(t, tt.reads, store.count("felix"))
			if tt.reads > 0 {
				assert.Contains(t, report.Warnings, "it is not checked whether natOutgoing of an IPv6 pool ends Felix: a problem")
			}
			if !tt.refused {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, preflight.ErrEndsFelix)
			assert.EqualError(t, err, "NATAddressWithIPv6: natOutgoingAddress is 192.0.2.10 (FelixConfiguration default), an IPv4 address, with natOutgoing in IPv6 pool default-ipv6-ippool fd00:10:244::/64: "+
				"ends Felix on every node, again and again; set natOutgoing to false in the IPv6 pools, or remove natOutgoingAddress\n"+
				"nothing is written, because Felix would end: correct this, or allow it with allow=NATAddressWithIPv6")
			assert.Zero(t, store.count("commit"))
		})
	}

	failing := &felixStore{fakeStore: newStore(), err: errors.New("no quorum")}
	_, err := New(failing, WithHost(fakeHost{reads: new(int)})).Run(t.Context(), settingstest.Given(t, append(settingstest.CIDRs[:2:2], natIPv6)...))
	require.ErrorContains(t, err, "no quorum")
	assert.Zero(t, failing.count("commit"))
}

// A plan reports stored combinations, and refuses nothing for them.
func TestPlanReportsStoredCombinations(t *testing.T) {
	t.Parallel()
	natted := func(p *v3.IPPool) { p.Spec.NATOutgoing = true }
	store := &felixStore{
		fakeStore: newStore(poolstest.Stored("a", "172.30.0.0/16", natted), poolstest.Stored("b", "10.0.0.0/8"), poolstest.Stored("c", "10.1.0.0/16"), poolstest.Stored("six", "fd00:1::/64", natted)),
		felix:     []nat.FelixConfiguration{{Name: "default", Spec: nat.FelixSpec{NATOutgoingAddress: "192.0.2.10", NFTablesMode: "Enabled"}}},
	}
	planned, err := New(store, WithHost(fakeHost{reads: new(int)})).Plan(t.Context(), settingstest.Given(t))
	require.NoError(t, err)
	var codes []preflight.FindingCode
	for _, finding := range planned.Report.Findings {
		codes = append(codes, finding.Code)
	}
	assert.Equal(t, []preflight.FindingCode{preflight.NATAddressWithIPv6, preflight.OverlappingPools, preflight.GlobalNATAddress}, codes)
}
