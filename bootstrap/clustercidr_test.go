package bootstrap

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// cidrsOf returns a line per pool of the report: its CIDR and where it comes from.
func cidrsOf(report Report) []string {
	var lines []string
	for _, pool := range report.Pools {
		for _, setting := range pool.Settings {
			if setting.Field == "cidr" {
				lines = append(lines, fmt.Sprintf("%s (%s)", setting.Value, setting.Source))
			}
		}
	}
	return lines
}

// The CIDRs of ClusterCIDR are the first source of pod CIDRs, with a cluster and without
// one. The cluster is only queried for the other families.
func TestClusterCIDRIsTheFirstSource(t *testing.T) {
	t.Parallel()
	both := []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.9.0.0/16", "fd00:9::/48")}
	const random = "fd01:203:405::/48 (default (random ULA))"
	for _, tt := range []struct {
		name    string
		lines   []string
		cluster []facts.PodCIDRSource // nil: no cluster
		want    []string
		asked   [][]ippool.Family
	}{
		{"on etcd", []string{"--cluster-cidr=10.1.0.0/16"}, nil, []string{"10.1.0.0/16 (flag --cluster-cidr)", random}, nil},
		{"both families on etcd", []string{"CALICO_IPPOOLS_CLUSTER_CIDR=fd00:1::/56,10.1.0.0/16"}, nil,
			[]string{"10.1.0.0/16 (env CALICO_IPPOOLS_CLUSTER_CIDR)", "fd00:1::/56 (env CALICO_IPPOOLS_CLUSTER_CIDR)"}, nil},
		{"before the cluster", []string{"--cluster-cidr=10.1.0.0/16"}, both,
			[]string{"10.1.0.0/16 (flag --cluster-cidr)", "fd00:9::/48 (kubeadm-config)"}, [][]ippool.Family{{ippool.IPv6}}},
		{"both families, in a cluster", []string{"--cluster-cidr=10.1.0.0/16,fd00:1::/56"}, both,
			[]string{"10.1.0.0/16 (flag --cluster-cidr)", "fd00:1::/56 (flag --cluster-cidr)"}, nil},
		{"after the CIDR of the pool", []string{"--cluster-cidr=10.0.0.0/8", "--ipv4-pool-cidr=10.2.0.0/16"}, nil,
			[]string{"10.2.0.0/16 (flag --ipv4-pool-cidr)", random}, nil},
		{"without preflight", []string{"--cluster-cidr=10.1.0.0/16", "--preflight=off"}, both,
			[]string{"10.1.0.0/16 (flag --cluster-cidr)", "fd00:9::/48 (kubeadm-config)"}, [][]ippool.Family{{ippool.IPv6}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reads, cluster := 0, &fakeCluster{sources: tt.cluster}
			options := []Option{WithHost(fakeHost{reads: &reads}), WithRandom(&counting{})}
			if tt.cluster != nil {
				options = append(options, WithCluster(cluster))
			}
			store := newStore()
			report, err := run(t, store, settingstest.Given(t, tt.lines...), options...)
			require.NoError(t, err)
			assert.Equal(t, tt.want, cidrsOf(report))
			assert.Equal(t, tt.asked, cluster.families)
			assert.NotContains(t, codes(report.Findings), "OutsidePodCIDR default-ipv4-ippool")
		})
	}
}

// A note has the pod CIDR of the cluster that ClusterCIDR overrides, where it is known.
func TestClusterCIDRContradictsTheCluster(t *testing.T) {
	t.Parallel()
	for cidr, want := range map[string]string{"10.9.0.0/16": "", "10.1.0.0/16": "flag --cluster-cidr names the IPv4 pod CIDR 10.1.0.0/16: 10.9.0.0/16 of kubeadm-config is ignored"} {
		cluster := &fakeCluster{sources: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.9.0.0/16", "2001:db8::/48")}}
		report, err := run(t, newStore(), settingstest.Given(t, "--cluster-cidr="+cidr), WithCluster(cluster), WithHost(fakeHost{reads: new(int)}))
		require.NoError(t, err)
		if want == "" {
			assert.Empty(t, report.Notes)
		} else {
			assert.Contains(t, report.Notes, want)
		}
	}
}

// An unknown CIDR is checked against the IPAM blocks if it is that of the cluster.
func TestClusterCIDRIsCheckedAgainstBlocks(t *testing.T) {
	t.Parallel()
	reads, store := 0, newStore()
	store.blocks = factstest.Prefixes("fd00:1::40/123")
	_, err := run(t, store, settingstest.Given(t, "--cluster-cidr=fd00:1::/56", "--ipv4-pool-cidr=none"), WithHost(fakeHost{reads: &reads}))
	require.ErrorContains(t, err, "fd00:1::40/123")
	assert.Empty(t, store.pools)
}

// A pool outside of ClusterCIDR is a finding, also without a cluster, wherever the pool
// comes from.
func TestOutsideClusterCIDR(t *testing.T) {
	t.Parallel()
	const outside = `IPPool "default-ipv4-ippool": cidr "10.2.0.0/16" (flag --ipv4-pool-cidr) is outside the cluster's pod CIDR, 10.1.0.0/16 (flag --cluster-cidr): ` +
		"kube-proxy and others do not treat addresses outside of it as pod addresses; set another range with ipv4.pool.cidr"
	reads := 0
	host := WithHost(fakeHost{reads: &reads})
	given := []string{"--cluster-cidr=10.1.0.0/16", "--ipv4-pool-cidr=10.2.0.0/16", "--ipv6-pool-cidr=none", "--allow=PrivateWithoutNAT"}
	report, err := run(t, newStore(), settingstest.Given(t, given...), host)
	require.NoError(t, err)
	require.Len(t, report.Findings, 1)
	assert.Equal(t, outside, report.Findings[0].Text)

	store := newStore()
	_, err = run(t, store, settingstest.Given(t, append(given, "--preflight=strict")...), host)
	require.ErrorIs(t, err, preflight.ErrFindings)
	assert.Empty(t, store.pools)

	files := settingstest.WithFiles(t, []string{"--cluster-cidr=10.1.0.0/16"}, "a.yaml", settingstest.Flat("in", "10.1.0.0/24")+settingstest.Flat("out", "10.2.0.0/16"))
	report, err = run(t, newStore(), files, host)
	require.NoError(t, err)
	assert.Contains(t, codes(report.Findings), "OutsidePodCIDR out")
	assert.NotContains(t, codes(report.Findings), "OutsidePodCIDR in")

	report, err = run(t, newStore(poolstest.Stored("old", "10.3.0.0/16")), settingstest.Given(t, given[0]), host, asPlan)
	require.NoError(t, err)
	assert.Contains(t, codes(report.Findings), "OutsidePodCIDR old", "a plan checks existing pools")
}

// Render uses the CIDR of the cluster, which is the same on every host.
func TestRenderUsesClusterCIDR(t *testing.T) {
	t.Parallel()
	pools, warnings, err := Render(t.Context(), settingstest.Given(t, "--cluster-cidr=10.1.0.0/16,fd00:1::/56"), WithHost(fakeHost{t: t}), WithRandom(noRandom{t}))
	require.NoError(t, err)
	assert.Empty(t, warnings)
	require.Len(t, pools, 2)
	assert.Equal(t, "10.1.0.0/16", pools[0].Spec.CIDR)
	assert.Equal(t, "fd00:1::/56", pools[1].Spec.CIDR)
}
