package bootstrap

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// kubeProxySource is kube-proxy's source.
func kubeProxySource(cidrs ...string) facts.PodCIDRSource {
	source := factstest.Source(origin.Cluster("kube-proxy"), cidrs...)
	source.Uncertain = true
	return source
}

var serviceCIDRs = facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("ServiceCIDR kubernetes"), "10.96.0.0/12")}

const passedOver = "no pod CIDR from kube-proxy: 10.96.0.0/12 overlaps the Service CIDR 10.96.0.0/12 (ServiceCIDR kubernetes)"

// A clusterCIDR of kube-proxy that is no pod CIDR is ignored with a warning, and the default
// is used: also without a preflight, which doesn't read the Service CIDRs otherwise.
func TestUnusableClusterCIDR(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{"checked": nil, "preflight off": {"--preflight=off"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := &fakeCluster{sources: []facts.PodCIDRSource{kubeProxySource("10.96.0.0/12")}, survey: serviceCIDRs}
			logger, log := logged(slog.LevelWarn)
			report, err := run(t, newStore(), settingstest.Given(t, append(lines, "--ipv6-pool-cidr=none")...), WithCluster(cluster), WithLogger(logger), WithHost(fakeHost{reads: new(int)}))
			require.NoError(t, err)
			assert.Equal(t, "192.168.0.0/16", report.Pools[0].Spec.CIDR)
			assert.Equal(t, []string{passedOver}, report.Warnings)
			assert.Empty(t, report.Notes)
			assert.Empty(t, codes(report.Findings))
			assert.Equal(t, 1, cluster.surveys)
			assert.Contains(t, log.String(), passedOver)
		})
	}
}

// Problems of that read are not those of a preflight.
func TestUnreadableServicesWithoutPreflight(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{"off": "pod CIDRs: forbidden", "warn": "preflight: forbidden"} {
		cluster := &fakeCluster{sources: []facts.PodCIDRSource{kubeProxySource("10.1.0.0/16")}, survey: facts.Survey{Problems: []string{"forbidden"}}}
		report, err := run(t, newStore(), settingstest.Given(t, "--preflight="+mode, "--ipv6-pool-cidr=none"), WithCluster(cluster), WithHost(fakeHost{reads: new(int)}))
		require.NoError(t, err)
		assert.Contains(t, report.Notes, want)
	}
}

// Without a preflight, Services are read only if a CIDR of an uncertain source would be used.
func TestServicesAreReadOnlyForAnUncertainSource(t *testing.T) {
	t.Parallel()
	for name, sources := range map[string][]facts.PodCIDRSource{
		"kubeadm":            {factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16", "fd01::/64")},
		"kubeadm, then both": {factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16", "fd01::/64"), kubeProxySource("10.2.0.0/16")},
		"none":               {kubeProxySource()},
	} {
		cluster := &fakeCluster{sources: sources}
		_, err := run(t, newStore(), settingstest.Given(t, "--preflight=off"), WithCluster(cluster), WithHost(fakeHost{reads: new(int)}))
		require.NoError(t, err)
		assert.Zero(t, cluster.surveys, name)
	}
}

// With Strict, a source that is present and can't be used is an error if the CIDR of a new
// pool depends on it. Nothing is written.
func TestStrictSources(t *testing.T) {
	t.Parallel()
	broken := facts.PodCIDRSource{Name: origin.Cluster("kubeadm-config"), Problem: "line 3"}
	absent := facts.PodCIDRSource{Name: origin.Cluster("kubeadm-config"), Problem: "not found", Absent: true}
	kubeadm := factstest.Source(origin.Cluster("kubeadm-config"), "10.244.0.0/16")
	for name, tt := range map[string]struct {
		sources []facts.PodCIDRSource
		lines   []string
		stored  bool
		want    string
	}{
		"broken":                {[]facts.PodCIDRSource{broken}, nil, false, "no pod CIDR from kubeadm-config: line 3 (an error because of flag --strict)"},
		"broken, and misused":   {[]facts.PodCIDRSource{broken, kubeProxySource("10.96.0.0/12")}, nil, false, "no pod CIDR from kubeadm-config: line 3 (an error because of flag --strict)\n" + passedOver + " (an error because of flag --strict)"},
		"absent":                {[]facts.PodCIDRSource{absent}, nil, false, ""},
		"no CIDR depends on it": {[]facts.PodCIDRSource{broken}, settingstest.CIDRs, false, ""},
		"the pools exist":       {[]facts.PodCIDRSource{broken}, nil, true, ""},
		"misused, an earlier source names the family": {[]facts.PodCIDRSource{kubeadm, kubeProxySource("10.96.0.0/12")}, nil, false, ""},
		"misused, the pool has a CIDR":                {[]facts.PodCIDRSource{kubeProxySource("10.96.0.0/12")}, []string{"--ipv4-pool-cidr=10.1.0.0/16"}, false, ""},
		"misused, the pool is off":                    {[]facts.PodCIDRSource{kubeProxySource("10.96.0.0/12", "fd01::/56")}, []string{"--ipv4-pool-cidr=none"}, false, ""},
		"misused, the other family is used":           {[]facts.PodCIDRSource{kubeadm, kubeProxySource("10.96.0.0/12", "fd01::/56")}, nil, false, ""},
		"misused, the cluster's CIDR is given":        {[]facts.PodCIDRSource{kubeProxySource("10.96.0.0/12", "fd01::/56")}, []string{"--cluster-cidr=10.1.0.0/16"}, false, ""},
		"misused, and needed":                         {[]facts.PodCIDRSource{kubeProxySource("10.96.0.0/12", "fd01::/56")}, nil, false, "pod CIDRs of kube-proxy: 10.96.0.0/12 overlaps the Service CIDR 10.96.0.0/12 (ServiceCIDR kubernetes) (an error because of flag --strict)"},
		"misused IPv6, IPv4 is named":                 {[]facts.PodCIDRSource{kubeadm, kubeProxySource("10.96.0.0/12", "::/0")}, nil, false, "no pod CIDR from kube-proxy: ::/0 overlaps"},
		"before other refusals":                       {[]facts.PodCIDRSource{broken}, []string{"--preflight=strict", "--ipv4-pool-nat-outgoing=false"}, false, "no pod CIDR from kubeadm-config: line 3 (an error because of flag --strict)\nPrivateWithoutNAT: "},
		"before an invalid pod CIDR":                  {[]facts.PodCIDRSource{broken, factstest.Source(origin.Cluster("other"), "10.1.0.0/30")}, nil, false, "line 3 (an error because of flag --strict)\ninvalid pod CIDR: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newStore()
			if tt.stored {
				store.put(poolstest.Stored("a", "10.1.0.0/16"), poolstest.Stored("b", "fd00::/64"))
			}
			logger, log := logged(slog.LevelWarn)
			cluster := &fakeCluster{sources: tt.sources, survey: serviceCIDRs}
			report, err := run(t, store, settingstest.Given(t, append(tt.lines, "--strict=true")...), WithCluster(cluster), WithLogger(logger), WithHost(fakeHost{reads: new(int)}))
			if tt.want == "" {
				require.NoError(t, err)
				if strings.HasPrefix(name, "misused") {
					require.NotEmpty(t, report.Notes)
					assert.Contains(t, report.Notes[0], " kube-proxy: 10.96.0.0/12 overlaps the Service CIDR")
					assert.Empty(t, report.Warnings)
				}
				return
			}
			require.ErrorIs(t, err, ErrStrict)
			require.ErrorContains(t, err, tt.want)
			assert.Empty(t, store.pools)
			assert.NotContains(t, log.String(), "line 3", "the error has it")
		})
	}
}

// A plan reports the same refusal, with the pools that it would create.
func TestStrictSourcesOfAPlan(t *testing.T) {
	t.Parallel()
	report, err := planned(t, newStore(), settingstest.Given(t, "--strict=true"), WithHost(fakeHost{reads: new(int)}),
		WithCluster(&fakeCluster{sources: []facts.PodCIDRSource{{Name: origin.Cluster("kubeadm-config"), Problem: "line 3"}}}))
	require.ErrorIs(t, err, ErrStrict)
	require.Len(t, report.Pools, 2)
	assert.Equal(t, plan.WouldCreate, report.Pools[0].Action)
}
