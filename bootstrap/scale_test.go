package bootstrap

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// largeStore is an etcd with 50,000 blocks in a cluster of 5,000 nodes, for a file of n
// pools. The host has 2,000 routes.
func largeStore(n int) (clusterStore, settings.Settings, Option) {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "- name: pool-%05d\n  cidr: 10.%d.%d.0/24\n  natOutgoing: true\n", i, i>>8, i&255)
	}
	given := settings.Settings{
		PoolManifests: []settings.PoolManifest{{Path: "pools.yaml", Data: []byte(text.String())}},
		OnDrift:       settings.Given("update", origin.Caller("test")),
		Timeout:       settings.Given("0", origin.Caller("test")), // other tests run at the same time
	}
	store := newStore()
	for i := range 50_000 {
		store.blocks = append(store.blocks, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 10), byte(i >> 2), byte(i << 6)}), 26))
	}
	cluster := &fakeCluster{}
	for i := range 5_000 {
		cluster.survey.Nodes = append(cluster.survey.Nodes, facts.Node{
			Name: fmt.Sprintf("node-%04d", i), Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})},
			PodCIDRs: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(i >> 8), byte(i), 0}), 24)},
			Labels:   map[string]string{"zone": fmt.Sprint(i % 3)},
		})
	}
	host := routedHost{}
	for i := range 2_000 {
		host.routes = append(host.routes, facts.Located{
			Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 25), Source: origin.Host("route dev eth0"),
		})
	}
	return clusterStore{store, cluster}, given, WithHost(host)
}

// routedHost is a host with routes.
type routedHost struct {
	facts.Host
	routes []facts.Located
}

func (h routedHost) Networks(context.Context) ([]facts.Located, error) { return nil, nil }
func (h routedHost) Routes(context.Context) ([]facts.Located, error)   { return h.routes, nil }
func (h routedHost) IPv6Disabled() string                              { return "" }

// apply creates the pools in two attempts, then plans with all of them existing.
func apply(tb testing.TB, n int) {
	tb.Helper()
	store, given, host := largeStore(n)
	store.onCommit = []hook{func(_ context.Context, do func() error) error {
		_ = do()
		return datastore.ErrConflict // the run recognises its own writes
	}}
	report, err := New(store, host).Run(tb.Context(), given)
	require.NoError(tb, err)
	require.Len(tb, report.Pools, n+2)
	require.Equal(tb, plan.Created, report.Pools[n+1].Action)

	planned, err := New(store, host).Plan(tb.Context(), given)
	require.NoError(tb, err)
	require.False(tb, planned.Pending())
	require.NotEmpty(tb, planned.Report.Findings)
}

// TestLargestFile applies a file of 10,000 pools in a large cluster, and one of a tenth of
// them. The time grows with the number of pools, not with its square, as it would if the
// pools were compared with each other, with the nodes or with the blocks.
func TestLargestFile(t *testing.T) {
	few, many := 1_000, 10_000
	if testing.Short() {
		few, many = 200, 1_000
	}
	elapsed := func(n int) float64 {
		begin := time.Now()
		apply(t, n)
		return time.Since(begin).Seconds()
	}
	least := elapsed(few)
	growth := elapsed(many) / least
	assert.Less(t, growth, 4*float64(many)/float64(few), "in proportion to the number of pools")
}

// BenchmarkLargestFile measures TestLargestFile for growing numbers of pools.
func BenchmarkLargestFile(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				apply(b, n)
			}
		})
	}
}
