//go:build host && linux

package ansible

import (
	"maps"
	"slices"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// TestNoNATTo creates the pools of calico_ippools_no_nat_to, in every form of the variable,
// around the pods and the inventory's Services. A second run changes nothing, and one without
// a range reports the command that deletes its pool.
func TestNoNATTo(t *testing.T) {
	t.Parallel()
	all := []string{"default-ipv4-ippool", "no-nat-to-172-16-0-0-13", "no-nat-to-172-24-0-0-14", "no-nat-to-172-28-0-0-15", "no-nat-to-172-31-0-0-16", "no-nat-to-192-168-0-0-16"}
	for name, given := range map[string]struct {
		vars vars
		args []string
	}{
		"a list": {vars: vars{"calico_ippools_no_nat_to": []string{"172.16.0.0/12", "192.168.0.0/16"}, "openshift_portal_net": "172.30.0.0/16"}},
		"a text": {vars: vars{"calico_ippools_no_nat_to": "172.16.0.0/12, 192.168.0.0/16", "kube_service_addresses": "172.30.0.0/16"}},
		"extra variables": {
			vars{"openshift_portal_net": []string{"172.30.0.0/17", "172.30.128.0/17"}, "kube_service_addresses_ipv6": "fd00::/108"},
			[]string{"-e", `{"calico_ippools_no_nat_to": ["172.16.0.0/12", "192.168.0.0/16"]}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			etcd := etcdtest.Start(t)
			c := newCluster(t, etcd)
			c.vars = c.vars.with(given.vars)
			c.vars["openshift_cluster_network_cidr"] = "10.128.0.0/14"

			check := c.play(t, nil, append(given.args, "--check", "--diff")...)
			assert.Equal(t, 1, requirePlayed(t, check)["master"])
			assert.Contains(t, check.diffs(), "+cidr: 172.24.0.0/14\n")
			assert.Empty(t, storedPools(t, etcd))

			first := c.play(t, nil, given.args...)
			assert.Equal(t, 1, requirePlayed(t, first)["master"])
			assert.Empty(t, first.warnings())
			pools := storedPools(t, etcd)
			assert.Equal(t, all, slices.Sorted(maps.Keys(pools)))
			assert.Equal(t, v3.IPPoolSpec{
				CIDR: "172.28.0.0/15", VXLANMode: v3.VXLANModeNever, IPIPMode: v3.IPIPModeNever, Disabled: true, DisableBGPExport: true, BlockSize: 26,
				NodeSelector: "all()", AllowedUses: []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseWorkload, v3.IPPoolAllowedUseTunnel}, AssignmentMode: &automatic,
			}, pools["no-nat-to-172-28-0-0-15"])

			second := c.play(t, nil, append(given.args, "--diff")...)
			assert.Equal(t, 0, requirePlayed(t, second)["master"])
			assert.Empty(t, second.diffs())
			assert.Contains(t, second.messages(), "Nothing was changed.")
			assert.Equal(t, pools, storedPools(t, etcd))

			dropped := c.play(t, nil, "-e", "calico_ippools_no_nat_to=172.16.0.0/12")
			assert.Equal(t, 0, requirePlayed(t, dropped)["master"])
			assert.Equal(t, []string{dense(`IPPool "no-nat-to-192-168-0-0-16": 192.168.0.0/16 is not requested by calico_ippools_no_nat_to: ` +
				"traffic to it is still not masqueraded; if that is not intended, delete it: calicoctl delete ippool no-nat-to-192-168-0-0-16")}, dropped.warnings())
			assert.Equal(t, pools, storedPools(t, etcd), "nothing is deleted")
		})
	}
}

// TestNoNATToIsValidated names the variables in the errors, and connects to nothing.
func TestNoNATToIsValidated(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	c := newCluster(t, etcd)
	c.vars["openshift_cluster_network_cidr"] = "10.128.0.0/14"
	got := c.play(t, vars{"calico_ippools_no_nat_to": []string{"10.129.0.0/16", "172.16.0.0"}, "openshift_portal_net": "172.30.0.0"})
	assert.Equal(t, 2, got.code)
	assert.ElementsMatch(t, []string{
		`openshift_portal_net: "172.30.0.0": an address without a prefix length such as /16; must be CIDRs separated by commas`,
		`calico_ippools_no_nat_to: "10.129.0.0/16": inside 10.128.0.0/14 of IPPool "default-ipv4-ippool": traffic to a pool is never masqueraded, and no other pool fits inside it; leave the range out`,
		`calico_ippools_no_nat_to: "172.16.0.0": an address without a prefix length such as /16; must be CIDRs separated by commas that don't overlap`,
	}, got.messages())
	assert.Empty(t, storedPools(t, etcd))
}

// TestServicesAppearInTheInventory reports a pool that was created over the Services, when the
// inventory names them later.
func TestServicesAppearInTheInventory(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	c := newCluster(t, etcd)
	c.vars["calico_ippools_no_nat_to"], c.vars["openshift_cluster_network_cidr"] = "172.16.0.0/12", "10.128.0.0/14"
	first := c.play(t, nil)
	requirePlayed(t, first)
	assert.Contains(t, first.messages(), "note: no Service CIDR is known: if calico_ippools_no_nat_to contains addresses of Services that BGP advertises, "+
		"set openshift_portal_net, which leaves them out, because BGP does not export routes inside the pools")
	assert.Contains(t, storedPools(t, etcd), "no-nat-to-172-16-0-0-12")

	later := c.play(t, vars{"openshift_portal_net": "172.30.0.0/16"})
	assert.Equal(t, 0, requirePlayed(t, later)["master"])
	assert.Equal(t, []string{dense(`IPPool "no-nat-to-172-16-0-0-12": 172.16.0.0/12 overlaps the Service CIDR 172.30.0.0/16 (openshift_portal_net): ` +
		"BGP does not export routes to Services inside a pool with disableBGPExport; delete it: calicoctl delete ippool no-nat-to-172-16-0-0-12, and run again, which leaves the Services out; in between, traffic to it is masqueraded")}, later.warnings())
}
