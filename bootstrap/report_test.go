package bootstrap

import (
	"encoding/json"
	"errors"
	"log/slog"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/golden"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

func toJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	require.NoError(t, err)
	return string(text) + "\n"
}

// The JSON output is stable, so it is compared byte for byte.
func TestReportJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		golden  string
		pools   []v3.IPPool
		lines   []string
		options []Option
	}{
		{"created.golden", nil,
			append(settingstest.CIDRs, "CALICO_IPV4POOL_NAT_OUTGOING=off", "--ipv4-pool-ipip=crosssubnet", "CALICO_IPV6POOL_NODE_SELECTOR=a == '<&>'"), nil},
		{"would-create.golden", []v3.IPPool{poolstest.Stored("mine", "10.0.0.0/16", poolstest.Disabled, poolstest.ForLoadBalancers)},
			[]string{"--ipv6-pool-vxlan=always"}, []Option{asPlan}},
		{"skipped.golden", nil, []string{"NO_DEFAULT_POOLS=true"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			t.Parallel()
			report, err := run(t, newStore(tt.pools...), settingstest.Given(t, tt.lines...), tt.options...)
			require.NoError(t, err)
			golden.Check(t, "report-"+tt.golden, toJSON(t, report))
		})
	}
}

func TestReportWarningsInJSON(t *testing.T) {
	t.Parallel()
	store := newStore(poolstest.Stored("a", "10.0.0.0/16"), poolstest.Stored("b", "fd00::/64"))
	store.unreadable = []datastore.Unreadable{{Name: "broken", Err: errors.New("no JSON")}}
	report, err := run(t, store, settingstest.Given(t, "CALICO_IPV4POOL_CIDR=10.1.2.3/16"))
	require.NoError(t, err)
	var decoded struct {
		Warnings []string `json:"warnings"`
	}
	require.NoError(t, json.Unmarshal([]byte(toJSON(t, report)), &decoded))
	assert.Equal(t, []string{
		`env CALICO_IPV4POOL_CIDR: "10.1.2.3/16" has host bits, which are ignored: the pool is 10.1.0.0/16`,
		`IPPool "broken" is malformed and is ignored: no JSON; repair or delete it`,
		`env CALICO_IPV4POOL_CIDR: "10.1.0.0/16" has no effect: IPPool "default-ipv4-ippool" does not exist; existing: a; to manage it, set ipv4.pool.name=a`,
	}, decoded.Warnings, "those of the settings first")
}

func TestReportArraysAreNeverNull(t *testing.T) {
	t.Parallel()
	assert.JSONEq(t, `{"datastore":"etcdv3","pools":[],"warnings":[],"notes":[],"findings":[]}`, toJSON(t, newReporter(options{logger: slog.New(slog.DiscardHandler)}, nil).report(datastore.EtcdV3, plan.Plan{}, nil, nil, nil)))
}

// Reports share no memory, so that a caller may modify them.
func TestReportSharesNoWarnings(t *testing.T) {
	t.Parallel()
	r := newReporter(options{logger: slog.New(slog.DiscardHandler)}, append(make([]string, 0, 8), "one"))
	first := r.report(datastore.EtcdV3, plan.Plan{Warnings: []string{"two"}}, nil, nil, nil)
	second := r.report(datastore.EtcdV3, plan.Plan{Warnings: []string{"three"}}, nil, nil, nil)
	assert.Equal(t, []string{"one", "two"}, first.Warnings)
	assert.Equal(t, []string{"one", "three"}, second.Warnings)
}

func TestPending(t *testing.T) {
	t.Parallel()
	tests := []struct {
		actions []plan.Action
		want    bool
	}{
		{nil, false},
		{[]plan.Action{plan.Created, plan.Unchanged, plan.Skipped}, false},
		{[]plan.Action{plan.Unchanged, plan.WouldCreate}, true},
		{[]plan.Action{plan.WouldCreate, plan.Skipped}, true},
	}
	for _, tt := range tests {
		var report Report
		for _, action := range tt.actions {
			report.Pools = append(report.Pools, PoolReport{Action: action})
		}
		assert.Equal(t, tt.want, pending(report), "%v", tt.actions)
	}
}

// An empty stored mode means Never, and is reported as such. The stored pool is not
// changed.
func TestEmptyModesAreReportedAsNever(t *testing.T) {
	t.Parallel()
	bare := poolstest.Stored("default-ipv4-ippool", "10.0.0.0/16")
	bare.Spec.IPIPMode, bare.Spec.VXLANMode = "", ""
	for _, options := range [][]Option{nil, {asPlan}} {
		store := newStore(bare)
		report, err := run(t, store, settingstest.Given(t, "CALICO_IPV6POOL_CIDR=none", "CALICO_IPV4POOL_VXLAN=Always"), options...)
		require.NoError(t, err)
		text := toJSON(t, report)
		assert.Contains(t, text, `"vxlanMode": "Never",`)
		assert.Contains(t, text, `"ipipMode": "Never",`)
		assert.Contains(t, text, `"stored": "Never",`)
		assert.Contains(t, text, "exists with vxlanMode Never")
		assert.Empty(t, store.pools["default-ipv4-ippool"].Spec.VXLANMode)
	}

	// An update of another field doesn't write them.
	store := newStore(bare)
	_, err := run(t, store, settingstest.Given(t, "CALICO_IPV6POOL_CIDR=none", "CALICO_IPV4POOL_NAT_OUTGOING=true", "--on-drift=update"))
	require.NoError(t, err)
	assert.True(t, store.pools["default-ipv4-ippool"].Spec.NATOutgoing)
	assert.Empty(t, store.pools["default-ipv4-ippool"].Spec.IPIPMode)
}
