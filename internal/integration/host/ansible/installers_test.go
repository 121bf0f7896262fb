//go:build host && linux

package ansible

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// openShiftPools is the ip_pools of openshift-ansible 3.11.
var openShiftPools = vars{
	"apiVersion": "projectcalico.org/v3", "kind": "IPPoolList",
	"items": []vars{{
		"apiVersion": "projectcalico.org/v3", "kind": "IPPool", "metadata": vars{"name": "default-ipv4-ippool"},
		"spec": vars{"cidr": "{{ openshift_cluster_network_cidr }}", "ipipMode": "Always", "natOutgoing": true, "nodeSelector": "all()"},
	}},
}

// TestIPPoolsForms creates the pools of every form of ip_pools.
func TestIPPoolsForms(t *testing.T) {
	t.Parallel()
	flat := func(name, cidr string) vars { return vars{"name": name, "cidr": cidr} }
	text, err := json.Marshal([]vars{flat("a", "10.128.0.0/16"), {"metadata": vars{"name": "b"}, "spec": vars{"cidr": "10.129.0.0/16", "nodeSelector": "has(rack)"}}})
	require.NoError(t, err)
	list, err := json.MarshalIndent(vars{"ip_pools": openShiftPools}, "", "\t")
	require.NoError(t, err)
	object, err := json.Marshal(openShiftPools)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		pools any
		args  []string
		want  []string
	}{
		"openshift-ansible's own": {openShiftPools, nil, []string{"default-ipv4-ippool 10.128.0.0/14"}},
		"a list of a flat pool, an IPPool and an IPPoolList": {
			[]any{flat("a", "10.1.0.0/16"), vars{"kind": "IPPool", "apiVersion": "projectcalico.org/v3", "metadata": vars{"name": "b"}, "spec": vars{"cidr": "10.2.0.0/16"}}, openShiftPools},
			nil, []string{"a 10.1.0.0/16", "b 10.2.0.0/16", "default-ipv4-ippool 10.128.0.0/14"},
		},
		"a flat pool":                {flat("a", "10.128.0.0/16"), nil, []string{"a 10.128.0.0/16"}},
		"JSON text in the inventory": {string(text), nil, []string{"a 10.128.0.0/16", "b 10.129.0.0/16"}},
		"JSON text of --extra-vars":  {nil, []string{"-e", "ip_pools='" + string(text) + "'"}, []string{"a 10.128.0.0/16", "b 10.129.0.0/16"}},
		"JSON text of an IPPoolList": {nil, []string{"-e", "ip_pools='" + string(object) + "'"}, []string{"default-ipv4-ippool 10.128.0.0/14"}},
		"JSON as --extra-vars":       {nil, []string{"-e", string(list)}, []string{"default-ipv4-ippool 10.128.0.0/14"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			etcd := etcdtest.Start(t)
			c := newCluster(t, etcd)
			c.vars["openshift_cluster_network_cidr"] = "10.128.0.0/14"
			if test.pools != nil {
				c.vars["ip_pools"] = test.pools
			}
			assert.Equal(t, 1, requirePlayed(t, c.play(t, nil, test.args...))["master"])
			pools := storedPools(t, etcd)
			var created []string
			for _, name := range slices.Sorted(maps.Keys(pools)) {
				created = append(created, name+" "+pools[name].CIDR)
			}
			assert.Equal(t, test.want, created)
			if pool, ok := pools["default-ipv4-ippool"]; ok {
				assert.Equal(t, v3.IPIPModeAlways, pool.IPIPMode)
				assert.True(t, pool.NATOutgoing)
			}
			assert.Equal(t, 0, requirePlayed(t, c.play(t, nil, test.args...))["master"], "a second run changes nothing")
		})
	}
}

// TestCertificatesInADirectory reads certificates relative to calico_etcd_cert_dir.
func TestCertificatesInADirectory(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	c := newCluster(t, etcd)
	folder := filepath.Dir(filepath.Dir(etcd.PKI().CACertFile))
	c.vars["calico_etcd_cert_dir"] = folder + "/"
	for _, name := range []string{"calico_etcd_ca_cert_file", "calico_etcd_key_file"} { // the third is absolute
		relative, err := filepath.Rel(folder, c.vars[name].(string))
		require.NoError(t, err)
		c.vars[name] = relative
	}
	requirePlayed(t, c.play(t, nil))
	assert.Len(t, storedPools(t, etcd), 1)
}

// checked returns a cluster whose preflight ignores the networks of this machine.
func checked(t *testing.T, etcd *etcdtest.Server) *cluster {
	c := newCluster(t, etcd)
	c.vars["calico_ippools_preflight"] = "warn"
	c.vars["calico_ippools_allow"] = []string{"HostInterfaceOverlap", "HostRouteOverlap", "PrivateWithoutNAT"}
	return c
}

// TestOutsideClusterNetwork warns of pools outside of the cluster's pod CIDR, on etcd.
func TestOutsideClusterNetwork(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	c := checked(t, etcd)
	c.vars["osm_cluster_network_cidr"] = "10.128.0.0/14"
	outside := func(pool, source, remedy string) string {
		return dense(`IPPool "` + pool + `": cidr "10.64.0.0/16"` + source + ` is outside the cluster's pod CIDR, 10.128.0.0/14 (osm_cluster_network_cidr): ` +
			"kube-proxy and others do not treat addresses outside of it as pod addresses; set another range " + remedy)
	}
	pools := []vars{{"name": "in", "cidr": "10.129.0.0/16"}, {"name": "out", "cidr": "10.64.0.0/16"}}
	refused := c.play(t, vars{"ip_pools": pools, "calico_ippools_preflight": "strict"})
	assert.Equal(t, 2, refused.code, refused.out)
	assert.Empty(t, storedPools(t, etcd))

	got := c.play(t, vars{"ip_pools": pools})
	requirePlayed(t, got)
	assert.Equal(t, []string{outside("out", "", "in ip_pools")}, got.warnings())

	other := etcdtest.Start(t)
	c = checked(t, other)
	got = c.play(t, vars{"osm_cluster_network_cidr": "10.128.0.0/14", "calico_ipv4pool_cidr": "10.64.0.0/16"})
	requirePlayed(t, got)
	assert.Equal(t, []string{outside("default-ipv4-ippool", " (calico_ipv4pool_cidr)", "with calico_ipv4pool_cidr")}, got.warnings())
}

// TestServiceRange checks pools against the inventory's Service CIDR, as the program does in
// a Kubernetes cluster.
func TestServiceRange(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	c := checked(t, etcd)
	c.vars["ip_pools"] = []vars{{"name": "in", "cidr": "172.30.128.0/17"}, {"name": "six", "cidr": "fd00:1::/64"}, {"name": "free", "cidr": "172.31.0.0/16"}}
	c.vars["openshift_portal_net"] = "172.30.0.0/16"
	c.vars["calico_ippools_allow"] = append(c.vars["calico_ippools_allow"].([]string), "ULAWithoutNAT")
	const overlaps = `IPPool "in": cidr "172.30.128.0/17" overlaps the Service CIDR 172.30.0.0/16 (openshift_portal_net): ` +
		"a pod may get the address of a Service and then be unreachable; set another range in ip_pools"

	for _, args := range [][]string{nil, {"--check"}} {
		refused := c.play(t, vars{"calico_ippools_preflight": "strict"}, args...)
		assert.Equal(t, 2, refused.code, refused.out)
		assert.Equal(t, []string{
			"ServiceCIDROverlap: " + overlaps,
			"calico_ippools_preflight makes preflight findings errors: fix these, or allow those that are intended with calico_ippools_allow: ServiceCIDROverlap, or set calico_ippools_preflight: warn",
		}, refused.messages())
		assert.Empty(t, storedPools(t, etcd))
	}
	six := c.play(t, vars{"openshift_portal_net": "", "kube_service_addresses_ipv6": "fd00:1::fff0:0/108"}, "--check")
	requirePlayed(t, six)
	assert.Equal(t, []string{dense(`IPPool "six": cidr "fd00:1::/64" overlaps the Service CIDR fd00:1::fff0:0/108 (kube_service_addresses_ipv6): ` +
		"a pod may get the address of a Service and then be unreachable; set another range in ip_pools")}, six.warnings())
	for _, silent := range []vars{{"calico_ippools_preflight": "off"}, {"calico_ippools_allow": "hostinterfaceoverlap, HostRouteOverlap,ULAWithoutNAT,PrivateWithoutNAT,servicecidroverlap"}} {
		got := c.play(t, silent, "--check")
		requirePlayed(t, got)
		assert.Empty(t, got.warnings())
	}

	got := c.play(t, nil)
	requirePlayed(t, got)
	assert.Equal(t, []string{dense(overlaps)}, got.warnings())
	assert.Len(t, storedPools(t, etcd), 3)
	assert.Empty(t, c.play(t, vars{"calico_ippools_preflight": "strict"}).warnings(), "as the program, a run does not check existing pools")
	assert.Contains(t, c.play(t, nil, "--check").warnings()[0], dense("overlaps the Service CIDR 172.30.0.0/16 (openshift_portal_net)"), "check mode does")
}

// TestKubesprayInventory uses an inventory of kubespray, in which the role's variables are
// set as well.
func TestKubesprayInventory(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	c := newCluster(t, etcd)
	requirePlayed(t, c.play(t, vars{
		"kube_pods_subnet": "10.233.64.0/18", "calico_pool_cidr": "10.233.64.0/20", "nat_outgoing": true, "kube_service_addresses": "10.233.0.0/18",
		"calico_ipv4pool_cidr": "{{ calico_pool_cidr }}", "calico_ipv4pool_nat_outgoing": "{{ nat_outgoing }}",
	}))
	assert.Equal(t, "10.233.64.0/20", storedPools(t, etcd)["default-ipv4-ippool"].CIDR)
}
