//go:build host && linux

package ansible

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

// TestFaults checks that each error is one line with the names of the inventory's
// variables, and that nothing is written.
func TestFaults(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	tests := map[string]struct {
		vars vars
		want []string
	}{
		"misspelt": {
			vars{"calico_ipv4pool_natoutgoing": true},
			[]string{"calico_ipv4pool_natoutgoing: unknown variable; did you mean calico_ipv4pool_nat_outgoing?"},
		},
		"misspelt, several": {
			vars{
				"calico_ipv4pool_cdir": "10.0.0.0/8", "calico_ippool_on_drift": "fail", "ippools": []vars{}, "calico_open_firewal": true,
				"calico_etcd_key": "x", "calico_ipv6pool_ipip": "Always", "osm_cluster_network_cdir": "x",
				// Variables of openshift-ansible's own roles.
				"calico_etcd_mount": "x", "calico_node_image": "x", "openshift_cluster_monitoring_operator_install": false,
			},
			[]string{
				"calico_etcd_key: unknown variable; did you mean calico_etcd_key_file?",
				"calico_ippool_on_drift: unknown variable; did you mean calico_ippools_on_drift?",
				"calico_ipv4pool_cdir: unknown variable; did you mean calico_ipv4pool_cidr?",
				"calico_ipv6pool_ipip: unknown variable; did you mean calico_ipv4pool_ipip?",
				"calico_open_firewal: unknown variable; did you mean calico_open_firewall?",
				"ippools: unknown variable; did you mean ip_pools?",
				"osm_cluster_network_cdir: unknown variable; did you mean osm_cluster_network_cidr?",
			},
		},
		"unknown, no similar variable": {
			vars{"calico_etcd_colour": "green"},
			[]string{"calico_etcd_colour: unknown variable; meta/argument_specs.yml of the role lists all variables"},
		},
		"certificates without the key": {
			vars{"calico_etcd_key_file": ""},
			[]string{"calico_etcd_ca_cert_file, calico_etcd_cert_file: set without calico_etcd_key_file; set all three or none"},
		},
		"certificates without endpoints": {
			vars{"calico_etcd_endpoints": ""},
			[]string{"calico_etcd_ca_cert_file, calico_etcd_cert_file, calico_etcd_key_file: set without calico_etcd_endpoints; set it as well, or none of them"},
		},
		"a missing file": {
			vars{"calico_etcd_key_file": "/nowhere.key"},
			[]string{`calico_etcd_key_file: "/nowhere.key": can't be read: no such file or directory; must be a PEM file`},
		},
		"an invalid CIDR": {
			vars{"calico_ipv4pool_cidr": "10.0.0.0/33"},
			[]string{`calico_ipv4pool_cidr: "10.0.0.0/33": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64; must be an IPv4 CIDR, or none`},
		},
		"several invalid values": {
			vars{
				"osm_cluster_network_cidr": "10.0.0/33", "calico_ipv4pool_nat_outgoing": "maybe", "calico_ipv4pool_ipip": true,
				"calico_ipv4pool_block_size": 33, "calico_ippools_on_drift": "delete",
			},
			[]string{
				`osm_cluster_network_cidr: "10.0.0/33": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64; must be an IPv4 CIDR, or none`,
				`calico_ipv4pool_block_size: "33": must be between 20 and 32 for IPv4`,
				`calico_ipv4pool_ipip: "true": unknown mode; must be one of off, never, always, crosssubnet, cross-subnet`,
				`calico_ipv4pool_nat_outgoing: "maybe": not a boolean; must be one of true 1 t yes y on enabled, false 0 f no n off disabled`,
				`calico_ippools_on_drift: "delete": unknown policy; must be one of report, update, fail`,
			},
		},
		"contradicting pod CIDRs": {
			vars{"osm_cluster_network_cidr": "10.128.0.0/14", "openshift_cluster_network_cidr": "10.0.0.0/14"},
			[]string{`openshift_cluster_network_cidr: "10.0.0.0/14": contradicts osm_cluster_network_cidr "10.128.0.0/14"; set only one of the two`},
		},
		"ip_pools": {
			vars{"ip_pools": []vars{
				{"name": "a", "cidr": "10.0.0.0/16", "natOutGoing": true},
				{"name": "b", "cidr": "10.0.0.0/8", "ipipMode": "always"},
			}},
			[]string{
				"ip_pools[0].natOutGoing: unknown field; must be natOutgoing",
				`ip_pools[1].ipipMode: "always": must be Always`,
				`ip_pools[1].cidr: "10.0.0.0/8": overlaps 10.0.0.0/16 of pool "a"; ranges must not overlap`,
			},
		},
		"ip_pools is not a list": {vars{"ip_pools": "a"}, []string{`ip_pools: "a": is a string; must be a list of pools`}},
		"ip_pools has no pools":  {vars{"ip_pools": []string{"a"}}, []string{`ip_pools[0]: "a": is a string; must be an IPPool`}},
		"an IPPoolList with a fault": {
			vars{"ip_pools": vars{"apiVersion": "projectcalico.org/v3", "kind": "IPPoolList", "items": []vars{
				{"metadata": vars{"name": "a"}, "spec": vars{"cidr": "10.0.0.0/33"}}, {"metadata": vars{"name": "b"}, "spec": vars{"cidr": "10.0.0.0/8", "nat": true}},
			}}},
			[]string{
				`ip_pools.items[0].spec.cidr: "10.0.0.0/33": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64`,
				"ip_pools.items[1].spec.nat: unknown field; must be natOutgoing",
			},
		},
		"broken JSON in ip_pools": {vars{"ip_pools": `[{"name": "a"`}, []string{"ip_pools: invalid JSON text: Expecting ',' delimiter: line 1 column 14 (char 13)"}},
		"certificates by their directory": {
			vars{"calico_etcd_cert_dir": "/etc/calico", "calico_etcd_ca_cert_file": "", "calico_etcd_cert_file": "", "calico_etcd_key_file": ""},
			[]string{"calico_etcd_cert_dir: set without calico_etcd_ca_cert_file, calico_etcd_cert_file, calico_etcd_key_file; set all three or none"},
		},
		"a missing file in the directory": {
			vars{"calico_etcd_cert_dir": "/etc/calico/", "calico_etcd_key_file": "nowhere.key"},
			[]string{`calico_etcd_key_file: "/etc/calico/nowhere.key": can't be read: no such file or directory; must be a PEM file`},
		},
		"relative paths": {
			vars{"calico_etcd_key_file": "etcd.key"},
			[]string{`calico_etcd_key_file: "etcd.key": a relative path; must be absolute, or relative to an absolute calico_etcd_cert_dir`},
		},
		"the Service CIDRs": {
			vars{"openshift_portal_net": "172.30.0.0", "kube_service_addresses": "10.0.0.0/255.0.0.0", "kube_service_addresses_ipv6": "fd00::/129"},
			[]string{
				`openshift_portal_net, kube_service_addresses, kube_service_addresses_ipv6: "172.30.0.0": an address without a prefix length such as /16; must be CIDRs separated by commas`,
				`openshift_portal_net, kube_service_addresses, kube_service_addresses_ipv6: "10.0.0.0/255.0.0.0": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64; must be CIDRs separated by commas`,
				`openshift_portal_net, kube_service_addresses, kube_service_addresses_ipv6: "fd00::/129": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64; must be CIDRs separated by commas`,
			},
		},
		"the cluster's pod CIDR next to ip_pools": {
			vars{"osm_cluster_network_cidr": "10.128.0.0", "ip_pools": []vars{{"name": "a", "cidr": "10.0.0.0/16"}}},
			[]string{`osm_cluster_network_cidr: "10.128.0.0": an address without a prefix length such as /16; must be CIDRs separated by commas, at most one of each family`},
		},
		"kubespray's names": {
			vars{
				"calico_pool_cidr": "10.0.0.0/16", "calico_pool_blocksize": 26, "calico_pool_name": "default-pool", "nat_outgoing": true, "nat_outgoing_ipv6": true,
				"calico_ipip_mode": "Never", "calico_vxlan_mode": "Always", "calico_vxlan_mode_ipv6": "Always", "calico_ipip_mode_ipv6": "Never",
				"calico_pool_cidr_ipv6": "fd00::/112", "calico_pool_blocksize_ipv6": 122, "kube_pods_subnet": "10.0.0.0/16", "kube_pods_subnet_ipv6": "fd00::/112",
			},
			[]string{
				"calico_ipip_mode: kubespray's variable, which is not read; set calico_ipv4pool_ipip",
				"calico_pool_blocksize: kubespray's variable, which is not read; set calico_ipv4pool_block_size",
				"calico_pool_blocksize_ipv6: kubespray's variable, which is not read; set calico_ipv6pool_block_size",
				"calico_pool_cidr: kubespray's variable, which is not read; set calico_ipv4pool_cidr",
				"calico_pool_cidr_ipv6: kubespray's variable, which is not read; set calico_ipv6pool_cidr",
				"calico_pool_name: kubespray's variable, which is not read; set calico_ipv4pool_name",
				"calico_vxlan_mode: kubespray's variable, which is not read; set calico_ipv4pool_vxlan",
				"calico_vxlan_mode_ipv6: kubespray's variable, which is not read; set calico_ipv6pool_vxlan",
				"kube_pods_subnet: kubespray's variable, which is not read; set openshift_cluster_network_cidr",
				"kube_pods_subnet_ipv6: kubespray's variable, which is not read; set calico_ipv6pool_cidr",
				"nat_outgoing: kubespray's variable, which is not read; set calico_ipv4pool_nat_outgoing",
				"nat_outgoing_ipv6: kubespray's variable, which is not read; set calico_ipv6pool_nat_outgoing",
			},
		},
		"no program": {
			vars{"calico_ippools_binary": "/nowhere/calico-bootstrap"},
			[]string{`calico_ippools_binary: "/nowhere/calico-bootstrap": not an executable file on this host; must be the path of calico-bootstrap, or set calico_ippools_binary_src`},
		},
		"a password without a user": {
			vars{"calico_etcd_password": "hunter2"},
			[]string{"calico_etcd_password: ***: a password without a user; set calico_etcd_username as well"},
		},
		"unreachable etcd": {
			vars{"calico_etcd_endpoints": "https://127.0.0.1:1", "calico_ippools_timeout": "1s"},
			[]string{"timed out after 1s: etcd https://127.0.0.1:1: reading IP pools: datastore unreachable: dial: connect: connection refused: no process listens on this address: check the endpoint, and that etcd is running"},
		},
		"a strict preflight": {
			vars{"calico_ipv6pool_cidr": "fd00:77::/64", "calico_ippools_preflight": "strict", "calico_ippools_allow": []string{"HostInterfaceOverlap", "HostRouteOverlap"}},
			[]string{
				`ULAWithoutNAT: IPPool "default-ipv6-ippool": cidr "fd00:77::/64" (calico_ipv6pool_cidr) is unique local, and natOutgoing is false (default): such addresses are not routed on the internet, so pods can't reach IPv6 hosts outside the cluster; set natOutgoing to true with calico_ipv6pool_nat_outgoing, or set a global range`,
				"calico_ippools_preflight makes preflight findings errors: fix these, or allow those that are intended with calico_ippools_allow: ULAWithoutNAT, or set calico_ippools_preflight: warn",
			},
		},
		"an invalid boolean": {
			vars{"calico_open_firewall": "maybe"},
			[]string{`calico_open_firewall: "maybe": not a boolean; must be true or false`, `calico_open_firewall: "maybe": not a boolean; must be true or false`}, // of each host
		},
		"a relative folder": {vars{"calico_log_dir": "log"}, []string{`calico_log_dir: "log": a relative path; must be absolute`}},
	}
	t.Run("all", func(t *testing.T) { // returns after all parallel subtests
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				got := newCluster(t, etcd).play(t, test.vars)
				assert.Equal(t, 2, got.code, got.out)
				assert.Equal(t, test.want, got.messages(), got.out)
			})
		}
	})
	assert.Empty(t, storedPools(t, etcd))
}

// TestMisspeltOnAnotherHost checks that the first host reports the misspelt variables of
// all hosts.
func TestMisspeltOnAnotherHost(t *testing.T) {
	t.Parallel()
	c := newCluster(t, nil)
	c.hosts["node"]["calico_firewall_zone"] = "public"
	assert.Equal(t, []string{"calico_firewall_zone: unknown variable; did you mean calico_firewalld_zone?"}, c.play(t, vars{}).messages())
}

// TestWarnings checks the warnings of a run that succeeds.
func TestWarnings(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	got := newCluster(t, etcd).play(t, vars{
		"calico_ipv4pool_cidr": "10.3.4.5/16", "calico_ipv4pool_ipip": false, "calico_ipv6pool_nat_outgoing": true,
	}, "--check")
	requirePlayed(t, got)
	assert.ElementsMatch(t, []string{
		dense(`calico_ipv4pool_cidr: "10.3.4.5/16" has host bits, which are ignored: the pool is 10.3.0.0/16`),
		dense(`calico_ipv6pool_nat_outgoing "true": no effect because there is no default IPv6 pool: IPv6 is not supported: calico_ippools_ipv6 is "false"`),
	}, got.warnings())
}

// TestFirewallFaults checks errors of the firewall's variables and of firewalld.
func TestFirewallFaults(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	host := firewalldtest.Start(t)
	for name, test := range map[string]struct {
		vars vars
		want string
	}{
		"unknown zone":         {vars{"calico_firewalld_zone": "intranet"}, `zone "intranet": firewalld has no such zone; must be one of block, dmz, drop, external, home, internal, public, trusted, work`},
		"invalid zone name":    {vars{"calico_firewalld_zone": "a b"}, `calico_firewalld_zone: "a b": not a zone name; must be letters, digits, -, _ and /`},
		"unknown interface":    {vars{"calico_firewalld_interfaces": []string{"eht0"}}, `interface "eht0": not found on this host or in firewalld`},
		"a zone and interface": {vars{"calico_firewalld_interfaces": "lo", "calico_firewalld_zone": "public"}, `calico_firewalld_interfaces: "lo": contradicts calico_firewalld_zone "public"; set a zone, or interfaces to find their zones`},
		"unknown role":         {vars{"calico_ippools_role": "nod"}, `calico_ippools_role: "nod": unknown role; must be node or control-plane`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, etcd)
			c.withFirewalld(t, "master", host, false)
			got := c.play(t, test.vars, "--check")
			assert.Equal(t, 2, got.code, got.out)
			assert.Contains(t, got.messages(), test.want, got.out)
		})
	}
}
