package integration

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestPodCIDRs discovers the pod CIDRs of several kinds of clusters.
func TestPodCIDRs(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.InstallOpenShiftCRD(t)
	kubeadm := func(podSubnet string) func(t *testing.T) {
		return func(t *testing.T) { putKubeadmConfig(t, world.server, podSubnet) }
	}
	openShift := func(cidrs ...string) func(t *testing.T) {
		return func(t *testing.T) {
			var networks []kubetest.ClusterNetwork
			for _, cidr := range cidrs {
				networks = append(networks, kubetest.ClusterNetwork{CIDR: cidr})
			}
			world.server.PutOpenShiftNetwork(t, networks...)
			t.Cleanup(func() { world.server.DeleteOpenShiftNetwork(t) })
		}
	}
	kubeProxy := func(config string) func(t *testing.T) {
		return func(t *testing.T) {
			world.server.PutConfigMap(t, "kube-system", "kube-proxy", map[string]string{"config.conf": config})
			t.Cleanup(func() { world.server.DeleteConfigMap(t, "kube-system", "kube-proxy") })
		}
	}
	kubeadmData := func(key, content string) func(t *testing.T) {
		return func(t *testing.T) {
			world.server.PutConfigMap(t, "kube-system", "kubeadm-config", map[string]string{key: content})
			t.Cleanup(func() { world.server.DeleteConfigMap(t, "kube-system", "kubeadm-config") })
		}
	}
	const (
		noKubeadm   = "no pod CIDR from kubeadm-config: not found"
		noOpenShift = "no pod CIDR from networks.config.openshift.io: not found"
		noKubeProxy = "no pod CIDR from kube-proxy: not found"
		random      = "default (random ULA)"
	)
	tests := []struct {
		name             string
		cluster          []func(t *testing.T)
		settings         settings.Settings
		ipv4, from4      string
		ipv6, from6      string // ipv6 empty: any, as it is random
		notes            []string
		warning, because string // a part of the only warning, of the first note
		finding          string // a part of the OutsidePodCIDR finding
	}{
		{name: "no source",
			ipv4: "192.168.0.0/16", from4: "default", from6: random,
			notes: []string{noKubeadm, noOpenShift, noKubeProxy}},
		{name: "kubeadm, both families", cluster: []func(*testing.T){kubeadm(`"10.1.0.0/16, fd01::/56" # pods`), openShift("10.2.0.0/16", "fd02::/56")},
			ipv4: "10.1.0.0/16", from4: "kubeadm-config", ipv6: "fd01::/56", from6: "kubeadm-config"},
		{name: "kubeadm, one family; kube-proxy the other", cluster: []func(*testing.T){kubeadm("10.1.0.0/16"), kubeProxy("clusterCIDR: 10.3.0.0/16,fd03::/56\n")},
			ipv4: "10.1.0.0/16", from4: "kubeadm-config", ipv6: "fd03::/56", from6: "kube-proxy", notes: []string{noOpenShift}},
		{name: "OpenShift, several of a family", cluster: []func(*testing.T){openShift("10.128.0.0/14", "10.2.0.0/16", "fd02::/48"), kubeProxy("clusterCIDR: 10.3.0.0/16\n")},
			ipv4: "10.128.0.0/14", from4: "networks.config.openshift.io", ipv6: "fd02::/48", from6: "networks.config.openshift.io",
			notes: []string{"using the first of the IPv4 pod CIDRs of networks.config.openshift.io, 10.128.0.0/14: no pool is created for 10.2.0.0/16", noKubeadm}},
		{name: "kubeadm without a podSubnet", cluster: []func(*testing.T){kubeadm("")},
			ipv4: "192.168.0.0/16", from4: "default", from6: random,
			notes: []string{"no pod CIDR from kubeadm-config: none configured", noOpenShift, noKubeProxy}},
		{name: "host bits", cluster: []func(*testing.T){kubeadm("10.1.2.3/16,fd01::1/56")},
			ipv4: "10.1.0.0/16", from4: "kubeadm-config", ipv6: "fd01::/56", from6: "kubeadm-config",
			warning: `pod CIDRs of kubeadm-config: "10.1.2.3/16" has host bits, which are ignored: 10.1.0.0/16; "fd01::1/56" has host bits`},
		{name: "unreadable", cluster: []func(*testing.T){kubeadm("[")},
			ipv4: "192.168.0.0/16", from4: "default", from6: random,
			notes: []string{noOpenShift, noKubeProxy}, warning: "no pod CIDR from kubeadm-config: ClusterConfiguration: networking.podSubnet can't be read: "},
		{name: "one invalid CIDR", cluster: []func(*testing.T){kubeadm("10.1.0.0,fd01::/56")},
			ipv4: "192.168.0.0/16", from4: "default", ipv6: "fd01::/56", from6: "kubeadm-config",
			notes: []string{noOpenShift, noKubeProxy}, warning: `pod CIDRs of kubeadm-config: "10.1.0.0": `},
		{name: "kubeadm, several documents and a merged mapping", cluster: []func(*testing.T){kubeadmData("ClusterConfiguration", "kind: InitConfiguration\n---\nx: &n {podSubnet: '10.1.0.0/16,fd01::/56'}\nnetworking:\n  <<: *n\n---\n")},
			ipv4: "10.1.0.0/16", from4: "kubeadm-config", ipv6: "fd01::/56", from6: "kubeadm-config"},
		{name: "kubeadm, the older key", cluster: []func(*testing.T){kubeadmData("MasterConfiguration", "kind: MasterConfiguration\nnetworking:\n  podSubnet: 10.1.0.0/16,fd01::/56\n")},
			ipv4: "10.1.0.0/16", from4: "kubeadm-config", ipv6: "fd01::/56", from6: "kubeadm-config"},
		{name: "kubeadm, a tab", cluster: []func(*testing.T){kubeadmData("ClusterConfiguration", "networking:\n\tpodSubnet: 10.1.0.0/16\n")},
			ipv4: "192.168.0.0/16", from4: "default", from6: random, notes: []string{noOpenShift, noKubeProxy},
			warning: "no pod CIDR from kubeadm-config: ClusterConfiguration: networking.podSubnet can't be read: yaml: line 2: found character that cannot start any token"},
		{name: "kubeadm, where calico-node finds it", cluster: []func(*testing.T){kubeadmData("ClusterConfiguration", "podSubnet: 10.1.0.0/16\n")},
			ipv4: "192.168.0.0/16", from4: "default", from6: random, notes: []string{noOpenShift, noKubeProxy},
			warning: `no pod CIDR from kubeadm-config: ClusterConfiguration: line 1: podSubnet "10.1.0.0/16" is ignored because it is not in networking`},
		{name: "kube-proxy has a Service CIDR", cluster: []func(*testing.T){kubeProxy("clusterCIDR: 10.0.0.0/16,fd03::/56\n")},
			ipv4: "192.168.0.0/16", from4: "default", ipv6: "fd03::/56", from6: "kube-proxy", notes: []string{noKubeadm, noOpenShift},
			warning: "pod CIDRs of kube-proxy: 10.0.0.0/16 overlaps the Service CIDR 10.0.0.0/24 (ServiceCIDR kubernetes)"},
		{name: "kube-proxy has the address of the API server", cluster: []func(*testing.T){kubeProxy("clusterCIDR: 127.0.0.0/16\n")},
			ipv4: "192.168.0.0/16", from4: "default", from6: random, notes: []string{noKubeadm, noOpenShift},
			warning: "no pod CIDR from kube-proxy: 127.0.0.0/16 contains 127.0.0.1 (address of the API server)"},
		{name: "kube-proxy has everything", cluster: []func(*testing.T){kubeProxy("clusterCIDR: 0.0.0.0/0,::/0\n")},
			ipv4: "192.168.0.0/16", from4: "default", from6: random, notes: []string{noKubeadm, noOpenShift},
			warning: "no pod CIDR from kube-proxy: 0.0.0.0/0 overlaps the link-local range"},
		{name: "configured, kube-proxy uses no CIDR", cluster: []func(*testing.T){kubeProxy("clusterCIDR: 10.3.0.0/16,fd03::/56\ndetectLocalMode: InterfaceNamePrefix\n")},
			settings: cidrsOf("10.2.0.0/16", "fd01::/64"), notes: []string{noKubeadm, noOpenShift},
			ipv4: "10.2.0.0/16", from4: "test", ipv6: "fd01::/64", from6: "test"},
		{name: "configured, inside", cluster: []func(*testing.T){kubeadm("10.1.0.0/16,fd01::/56")},
			settings: cidrsOf("10.1.128.0/17", "fd01::/64"),
			ipv4:     "10.1.128.0/17", from4: "test", ipv6: "fd01::/64", from6: "test"},
		{name: "configured, outside", cluster: []func(*testing.T){kubeadm("10.1.0.0/16,10.3.0.0/16,fd01::/56")}, notes: []string{"using the first of the IPv4 pod CIDRs of kubeadm-config, 10.1.0.0/16: no pool is created for 10.3.0.0/16"},
			settings: cidrsOf("10.2.0.0/16", "fd01::/64"),
			ipv4:     "10.2.0.0/16", from4: "test", ipv6: "fd01::/64", from6: "test",
			finding: `cidr "10.2.0.0/16" (test) is outside the cluster's pod CIDR, 10.1.0.0/16, 10.3.0.0/16 (kubeadm-config)`},
		{name: "configured, wider", cluster: []func(*testing.T){kubeadm("10.1.0.0/16,fd01::/56")},
			settings: cidrsOf("10.0.0.0/8", "fd01::/56"),
			ipv4:     "10.0.0.0/8", from4: "test", ipv6: "fd01::/56", from6: "test", finding: `"10.0.0.0/8" (test) extends beyond`},
		{name: "configured, unreadable source", cluster: []func(*testing.T){kubeadm("[")},
			settings: cidrsOf("10.2.0.0/16", "fd01::/64"),
			ipv4:     "10.2.0.0/16", from4: "test", ipv6: "fd01::/64", from6: "test",
			notes: []string{noOpenShift, noKubeProxy}, because: "ClusterConfiguration: networking.podSubnet can't be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			world.empty(t)
			for _, put := range tt.cluster {
				put(t)
			}
			report, err := bootstrap.New(world.Open(t), bootstrap.WithHost(suite.Host{})).Run(t.Context(), tt.settings)
			require.NoError(t, err)
			require.Len(t, report.Pools, 2)
			for i, want := range []struct{ cidr, from string }{{tt.ipv4, tt.from4}, {tt.ipv6, tt.from6}} {
				pool := report.Pools[i]
				require.Equal(t, plan.Created, pool.Action)
				assert.Equal(t, "cidr", pool.Settings[1].Field)
				assert.Equal(t, want.from, pool.Settings[1].Source.String())
				if want.cidr != "" {
					assert.Equal(t, want.cidr, pool.Spec.CIDR)
				}
			}
			if tt.warning == "" {
				assert.Empty(t, report.Warnings)
			} else if assert.Len(t, report.Warnings, 1) {
				assert.Contains(t, report.Warnings[0], tt.warning)
			}
			i := slices.IndexFunc(report.Findings, func(f preflight.Finding) bool { return f.Code == preflight.OutsidePodCIDR })
			if tt.finding == "" {
				assert.Equal(t, -1, i)
			} else if assert.GreaterOrEqual(t, i, 0) {
				assert.Contains(t, report.Findings[i].Text, tt.finding)
			}
			if tt.because != "" {
				require.NotEmpty(t, report.Notes)
				assert.Contains(t, report.Notes[0], tt.because)
				report.Notes = report.Notes[1:]
			}
			if last := len(report.Notes) - 1; tt.from6 == random && assert.GreaterOrEqual(t, last, 0) {
				assert.Contains(t, report.Notes[last], "is unique local, and natOutgoing is false")
				report.Notes = report.Notes[:last]
			}
			assert.Equal(t, append([]string{}, tt.notes...), report.Notes)
		})
	}
}

// TestStrictPodCIDRs checks that with Strict a source that is present and can't be used is
// an error, before anything is written; the program exits with 2.
func TestStrictPodCIDRs(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.PutConfigMap(t, "kube-system", "kubeadm-config", map[string]string{"ClusterConfiguration": "networking:\n\tpodSubnet: 10.1.0.0/16\n"})
	world.server.PutConfigMap(t, "kube-system", "kube-proxy", map[string]string{"config.conf": "clusterCIDR: 10.0.0.0/16\n"})
	t.Cleanup(func() {
		world.server.DeleteConfigMap(t, "kube-system", "kubeadm-config")
		world.server.DeleteConfigMap(t, "kube-system", "kube-proxy")
	})
	for _, command := range []string{"apply", "plan"} {
		r := call(t, []string{"KUBECONFIG=" + world.server.Kubeconfig(t)}, command, "--strict")
		assert.Equal(t, 2, r.code, r.stderr)
		assert.Contains(t, r.stderr, "error: no pod CIDR from kubeadm-config: ClusterConfiguration: networking.podSubnet can't be read: yaml: line 2: found character that cannot start any token; calico-node searches the text, and uses podSubnet \"10.1.0.0/16\" (ClusterConfiguration: line 2) (an error because of flag --strict)\n")
		assert.Contains(t, r.stderr, "error: no pod CIDR from kube-proxy: 10.0.0.0/16 overlaps the Service CIDR 10.0.0.0/24 (ServiceCIDR kubernetes) (an error because of flag --strict)\n")
		assert.Empty(t, world.poolsOf(t))
	}
	r := call(t, []string{"KUBECONFIG=" + world.server.Kubeconfig(t)}, "apply", "--strict", "--ipv4-pool-cidr=10.1.0.0/16", "--ipv6-pool-cidr=fd00::/64")
	assert.Equal(t, 0, r.code, r.stderr)
}

// TestPodCIDRIsTooSmall checks that a cluster's pod CIDR that is smaller than a block is
// an error, before anything is written.
func TestPodCIDRIsTooSmall(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	var given settings.Settings
	given.Datastore.Names = settings.FlagNames
	for cidrs, want := range map[string][]string{
		"10.1.0.0/27,fd01::/56":  {"invalid pod CIDR: 10.1.0.0/27 of kubeadm-config is not a valid pool", "or use blocks of /27 to /32", "or smaller blocks with --ipv4-pool-block-size"},
		"10.1.0.0/16,fd01::/124": {"invalid pod CIDR: fd01::/124 of kubeadm-config is not a valid pool", "or use blocks of /124 to /128", "or smaller blocks with --ipv6-pool-block-size"},
	} {
		putKubeadmConfig(t, world.server, cidrs)
		_, err := bootstrap.New(world.Open(t), bootstrap.WithHost(suite.Host{})).Run(t.Context(), given)
		require.ErrorIs(t, err, plan.ErrPodCIDR)
		for _, part := range want {
			assert.ErrorContains(t, err, part)
		}
		assert.Empty(t, world.Pools(t))
	}
	putKubeadmConfig(t, world.server, "10.1.0.0/27,fd01::/124") // as the errors say
	given.IPv4.BlockSize, given.IPv6.BlockSize = settings.Given("28", origin.Caller("test")), settings.Given("126", origin.Caller("test"))
	_, err := bootstrap.New(world.Open(t), bootstrap.WithHost(suite.Host{})).Run(t.Context(), given)
	require.NoError(t, err)
	assert.Len(t, world.Pools(t), 2)
}

func cidrsOf(ipv4, ipv6 string) settings.Settings {
	var s settings.Settings
	s.IPv4.CIDR, s.IPv6.CIDR = settings.Given(ipv4, origin.Caller("test")), settings.Given(ipv6, origin.Caller("test"))
	return s
}
