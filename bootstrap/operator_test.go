package bootstrap

import (
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
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

var operatorName = origin.Cluster("Installation default")

// managing is an Installation that creates these pools, or the default ones.
func managing(pools ...string) facts.Installation {
	return facts.Installation{Name: operatorName, CreatesPools: true, Pools: pools}
}

const (
	asksFor4 = "; set spec.calicoNetwork.ipPools there, or set ipv4.pool.cidr to create this pool as well"
	asksFor6 = "; set spec.calicoNetwork.ipPools there, or set ipv6.pool.cidr to create this pool as well"
	itsOwn   = "Installation default names no pools, so the operator creates its default pools"
)

// A default pool whose CIDR nobody names is left to the Tigera operator, also if its range is
// in ClusterCIDR, which says what the cluster has; one whose CIDR a setting of the pool names
// is created, with a finding.
func TestOperator(t *testing.T) {
	t.Parallel()
	kubeadm := factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16", "fd01::/56")
	broken := facts.PodCIDRSource{Name: origin.Cluster("kubeadm-config"), Problem: "line 3"}
	skipped := []string{
		"default-ipv4-ippool skipped: " + itsOwn + asksFor4,
		"default-ipv6-ippool skipped: " + itsOwn + asksFor6,
	}
	created := []string{"default-ipv4-ippool created: no IPv4 pool existed", "default-ipv6-ippool created: no IPv6 pool existed"}
	problem := facts.Installation{Name: operatorName, Problem: "it is forbidden"}
	const unknown = "it is unknown whether the Tigera operator creates pools: Installation default: it is forbidden"
	for name, tt := range map[string]struct {
		installation    facts.Installation
		source          facts.PodCIDRSource
		existing        []v3.IPPool
		lines           []string
		want            []string
		findings        []string
		warnings, notes []string
		reads           int
	}{
		"its default pools":         {managing(), facts.PodCIDRSource{}, nil, nil, skipped, nil, nil, nil, 1},
		"without a preflight":       {managing(), facts.PodCIDRSource{}, nil, []string{"--preflight=off"}, skipped, nil, nil, nil, 1},
		"the cluster has pod CIDRs": {managing(), kubeadm, nil, nil, skipped, nil, nil, nil, 1},
		"a source that nobody uses": {managing(), broken, nil, []string{"--strict=true"}, skipped, nil, nil, []string{"no pod CIDR from kubeadm-config: line 3"}, 1},
		"its own pools": {managing("10.1.0.0/16", "fd00::/64"), kubeadm, nil, []string{"--ipv6-pool-cidr=none"}, []string{
			"default-ipv4-ippool skipped: Installation default names the pools that the operator creates: 10.1.0.0/16, fd00::/64" + asksFor4, `default-ipv6-ippool skipped: flag --ipv6-pool-cidr is "none"`,
		}, nil, nil, nil, 1},
		"one CIDR is named": {managing(), kubeadm, nil, []string{"--ipv4-pool-cidr=10.1.0.0/16"}, []string{created[0], skipped[1]},
			[]string{"OperatorManagesPools "}, nil, nil, 1},
		"the cluster's CIDRs are handed over": {managing(), facts.PodCIDRSource{}, nil, []string{"--cluster-cidr=10.1.0.0/16,fd01::/56"}, skipped, nil, nil, nil, 1},
		"handed over, the operator's pools are in it": {managing("10.1.0.0/16"), facts.PodCIDRSource{}, nil, []string{"--cluster-cidr=10.1.0.0/16", "--ipv6-pool-cidr=none", "--preflight=off"}, []string{
			"default-ipv4-ippool skipped: Installation default names the pools that the operator creates: 10.1.0.0/16" + asksFor4, `default-ipv6-ippool skipped: flag --ipv6-pool-cidr is "none"`,
		}, nil, nil, nil, 1},
		"handed over, and one CIDR is named": {managing(), facts.PodCIDRSource{}, nil, []string{"--cluster-cidr=10.1.0.0/16,fd01::/56", "--ipv4-pool-cidr=10.1.0.0/17"}, []string{created[0], skipped[1]},
			[]string{"OperatorManagesPools "}, nil, nil, 1},
		"handed over, it creates none": {facts.Installation{Name: operatorName}, facts.PodCIDRSource{}, nil, []string{"--cluster-cidr=10.1.0.0/16,fd01::/56", natIPv6}, created, nil, nil, nil, 1},
		"one pool exists":              {managing(), kubeadm, []v3.IPPool{poolstest.Stored("mine", "10.1.0.0/16")}, nil, []string{"mine unchanged: exists", skipped[1]}, nil, nil, nil, 1},
		"all exist":                    {managing(), kubeadm, []v3.IPPool{poolstest.Stored("mine", "10.1.0.0/16"), poolstest.Stored("six", "fd01::/64")}, nil, []string{"mine unchanged: exists", "six unchanged: exists"}, nil, nil, nil, 0},
		"it creates none":              {facts.Installation{Name: operatorName}, kubeadm, nil, nil, created, []string{"ULAWithoutNAT default-ipv6-ippool"}, nil, nil, 1},
		"unknown":                      {problem, kubeadm, nil, nil, created, []string{"ULAWithoutNAT default-ipv6-ippool"}, []string{unknown}, nil, 1},
		"unknown, the CIDRs are set":   {problem, facts.PodCIDRSource{}, nil, append(settingstest.CIDRs[:2:2], natIPv6), created, nil, nil, []string{unknown}, 1},
		"settings without a CIDR": {managing(), facts.PodCIDRSource{}, nil, []string{"--ipv4-pool-nat-outgoing=false", "CALICO_IPV4POOL_BLOCK_SIZE=27", "--ipv4-pool-vxlan=never"}, skipped, nil,
			[]string{`flag --ipv4-pool-nat-outgoing "false", env CALICO_IPV4POOL_BLOCK_SIZE "27": no effect because there is no default IPv4 pool: ` + itsOwn + asksFor4}, nil, 1},
		"none is desired": {managing(), kubeadm, nil, []string{"NO_DEFAULT_POOLS=true"}, nil, nil, nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, cluster := newStore(tt.existing...), &fakeCluster{installation: tt.installation}
			if tt.source.Name != (origin.Origin{}) {
				cluster.sources = []facts.PodCIDRSource{tt.source}
			}
			report, err := run(t, store, settingstest.Given(t, tt.lines...), WithCluster(cluster), WithHost(fakeHost{reads: new(int)}), WithRandom(&counting{}))
			require.NoError(t, err)
			if tt.want != nil {
				assert.Equal(t, tt.want, outcome(report))
			}
			assert.Equal(t, append([]string{}, tt.findings...), codes(report.Findings))
			assert.Equal(t, append([]string{}, tt.warnings...), report.Warnings)
			assert.Equal(t, append([]string{}, tt.notes...), report.Notes)
			assert.Equal(t, tt.reads, cluster.installations)
			for _, pool := range report.Pools {
				assert.Equal(t, pool.Action == "skipped", pool.Spec == nil, "a skipped pool has no spec")
			}
		})
	}
}

// With Strict, an Installation that can't be read is an error, if a CIDR depends on it.
func TestStrictInstallation(t *testing.T) {
	t.Parallel()
	cluster := &fakeCluster{installation: facts.Installation{Name: operatorName, Problem: "it is forbidden"}}
	store := newStore()
	_, err := run(t, store, settingstest.Given(t, "--strict=true"), WithCluster(cluster), WithHost(fakeHost{reads: new(int)}))
	require.ErrorIs(t, err, ErrStrict)
	require.ErrorContains(t, err, "creates pools: Installation default: it is forbidden (an error because of flag --strict)")
	assert.Empty(t, store.pools)
}

// With Strict, a setting of a pool that is left to the operator is an error.
func TestStrictSettingsOfTheOperatorsPool(t *testing.T) {
	t.Parallel()
	cluster := &fakeCluster{installation: managing()}
	store := newStore()
	_, err := run(t, store, settingstest.Given(t, "--strict=true", "--ipv4-pool-nat-outgoing=false"), WithCluster(cluster), WithHost(fakeHost{reads: new(int)}))
	require.ErrorIs(t, err, ErrStrict)
	require.ErrorContains(t, err, `flag --ipv4-pool-nat-outgoing "false": no effect because there is no default IPv4 pool`)
	assert.Empty(t, store.pools)
}

// The Installation is read once per run; while it is unreachable, no pool is created.
func TestInstallationIsReadOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onCommit = times(2, fails(datastore.ErrConflict))
		cluster := &fakeCluster{installation: managing(), installationErrs: []error{unreachable("connection refused")}}
		report, err := run(t, store, settingstest.Given(t, "--ipv4-pool-cidr=10.1.0.0/16"), WithCluster(cluster), WithHost(fakeHost{reads: new(int)}))
		require.NoError(t, err)
		assert.Equal(t, 2, cluster.installations)
		assert.Equal(t, []string{"default-ipv4-ippool created: no IPv4 pool existed", "default-ipv6-ippool skipped: " + itsOwn + asksFor6}, outcome(report))
	})
}

// An agreed plan is outdated if the operator creates the pools by now.
func TestOperatorAfterThePlan(t *testing.T) {
	t.Parallel()
	store, cluster := newStore(), &fakeCluster{}
	b := New(store, WithCluster(cluster), WithHost(fakeHost{reads: new(int)}))
	agreed, err := b.Plan(t.Context(), settingstest.Given(t))
	require.NoError(t, err)
	cluster.installation = managing()
	_, err = b.Apply(t.Context(), agreed)
	require.ErrorIs(t, err, datastore.ErrConflict)
	require.ErrorContains(t, err, "it is now: skipped (Installation default names no pools")
	assert.Empty(t, store.pools)
}

// Render prints pools, also those for the operator: it doesn't ask who creates them.
func TestRenderIgnoresTheOperator(t *testing.T) {
	t.Parallel()
	pools, _, err := Render(t.Context(), settingstest.Given(t), WithCluster(&fakeCluster{installation: managing()}), WithHost(fakeHost{reads: new(int)}))
	require.NoError(t, err)
	assert.Len(t, pools, 2)
}
