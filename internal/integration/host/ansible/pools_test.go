//go:build host && linux

package ansible

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

var automatic = v3.Automatic

// diffs returns the output of --diff.
func (p played) diffs() string {
	text := ""
	for _, diff := range regexp.MustCompile(`(?m)^--- before.*\n(?:[-+@ ].*\n)*`).FindAllString(p.out, -1) {
		text += diff
	}
	return text
}

// TestFirstAndSecondRun creates the pools and opens the ports on two hosts with
// firewalld. The node is in a network namespace without access to the datastore.
func TestFirstAndSecondRun(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	c := newCluster(t, etcd)
	master, node := firewalldtest.Start(t), firewalldtest.Start(t)
	c.withFirewalld(t, "master", master, false)
	c.withFirewalld(t, "node", node, true)
	c.vars["osm_cluster_network_cidr"] = "10.128.0.0/14"
	c.vars["calico_ipv4pool_ipip"] = "always"
	c.vars["calico_ipv4pool_nat_outgoing"] = false
	etcdPort := etcdPort(t, etcd)
	created := "--- before: IPPool default-ipv4-ippool\n+++ after: IPPool default-ipv4-ippool\n@@ -0,0 +1,7 @@\n" +
		"+cidr: 10.128.0.0/14\n+vxlanMode: Never\n+ipipMode: Always\n+blockSize: 26\n+nodeSelector: all()\n" +
		"+allowedUses: [\"Workload\", \"Tunnel\"]\n+assignmentMode: Automatic\n"

	check := c.play(t, nil, "--check", "--diff")
	// The master's pools and firewall change, and the node's firewall.
	assert.Equal(t, map[string]int{"master": 2, "node": 1}, requirePlayed(t, check))
	assert.Equal(t, created, check.diffs())
	assert.Contains(t, check.messages(), "default-ipv4-ippool: would be created, 10.128.0.0/14 (no IPv4 pool exists)")
	assert.Equal(t, []string{
		"firewall-cmd --permanent --zone=public --add-port=179/tcp", "firewall-cmd --permanent --zone=public --add-protocol=4",
		"firewall-cmd --permanent --zone=public --add-port=" + etcdPort,
		"firewall-cmd --zone=public --add-port=179/tcp", "firewall-cmd --zone=public --add-protocol=4",
		"firewall-cmd --zone=public --add-port=" + etcdPort,
	}, check.commands("master"))
	assert.Equal(t, []string{
		"firewall-cmd --permanent --zone=public --add-port=179/tcp", "firewall-cmd --permanent --zone=public --add-protocol=4",
		"firewall-cmd --zone=public --add-port=179/tcp", "firewall-cmd --zone=public --add-protocol=4",
	}, check.commands("node"))
	assert.Empty(t, storedPools(t, etcd))
	for _, host := range []*firewalldtest.Host{master, node} {
		assert.Equal(t, "[] []", openIn(t, host, "public"))
		assert.Equal(t, "[] []", openIn(t, host, "public", "--permanent"))
	}

	first := c.play(t, nil, "--diff")
	assert.Equal(t, map[string]int{"master": 2, "node": 1}, requirePlayed(t, first))
	assert.Equal(t, created, first.diffs())
	assert.Equal(t, map[string]v3.IPPoolSpec{"default-ipv4-ippool": {
		CIDR: "10.128.0.0/14", VXLANMode: v3.VXLANModeNever, IPIPMode: v3.IPIPModeAlways, BlockSize: 26, NodeSelector: "all()",
		AllowedUses: []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseWorkload, v3.IPPoolAllowedUseTunnel}, AssignmentMode: &automatic,
	}}, storedPools(t, etcd))
	assert.Contains(t, first.messages(), "default-ipv4-ippool: created, 10.128.0.0/14 (no IPv4 pool existed)")
	assert.NotContains(t, first.messages(), "Nothing was changed.")
	for _, mode := range [][]string{nil, {"--permanent"}} {
		assert.Equal(t, "[179/tcp "+etcdPort+"] [4]", openIn(t, master, "public", mode...))
		assert.Equal(t, "[179/tcp] [4]", openIn(t, node, "public", mode...))
	}

	second := c.play(t, nil, "--diff")
	assert.Equal(t, map[string]int{"master": 0, "node": 0}, requirePlayed(t, second))
	assert.Empty(t, second.diffs())
	assert.ElementsMatch(t, []string{
		"default-ipv4-ippool: unchanged, 10.128.0.0/14 (exists)",
		`default-ipv6-ippool: skipped (IPv6 is not supported: calico_ippools_ipv6 is "false")`,
		"Nothing was changed.",
		"179/tcp (BGP) in zone public: open", "protocol 4 (IP-in-IP) in zone public: open", etcdPort + " (etcd) in zone public: open",
		"Nothing was changed.",
		"179/tcp (BGP) in zone public: open", "protocol 4 (IP-in-IP) in zone public: open",
		"Nothing was changed.",
	}, second.messages())
	assert.Equal(t, map[string]int{"master": 0, "node": 0}, requirePlayed(t, c.play(t, nil, "--check")))
}

// TestDrift checks calico_ippools_on_drift with an existing pool that differs from
// desired.
func TestDrift(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	c := newCluster(t, etcd)
	requirePlayed(t, c.play(t, vars{"calico_ipv4pool_cidr": "10.128.0.0/14"}))
	stored := storedPools(t, etcd)
	drifted := vars{"calico_ipv4pool_cidr": "10.128.0.0/14", "calico_ipv4pool_nat_outgoing": false, "calico_ipv4pool_ipip": "cross-subnet"}

	reported := c.play(t, drifted)
	assert.Equal(t, map[string]int{"master": 0, "node": 0}, requirePlayed(t, reported))
	assert.Contains(t, reported.messages(), "default-ipv4-ippool: unchanged, 10.128.0.0/14 (exists; differs from desired: ipipMode, natOutgoing)")
	lines := []string{
		`calico_ipv4pool_ipip: "CrossSubnet" has no effect: IPPool "default-ipv4-ippool" exists with ipipMode Never; calico_ippools_on_drift: update changes it`,
		`calico_ipv4pool_nat_outgoing: "false" has no effect: IPPool "default-ipv4-ippool" exists with natOutgoing true; calico_ippools_on_drift: update changes it`,
	}
	assert.ElementsMatch(t, []string{dense(lines[0]), dense(lines[1])}, reported.warnings())
	assert.Equal(t, stored, storedPools(t, etcd))

	drifted["calico_ippools_on_drift"] = "fail"
	failed := c.play(t, drifted)
	assert.Equal(t, 2, failed.code)
	assert.Equal(t, lines, failed.messages())
	assert.Equal(t, stored, storedPools(t, etcd))

	drifted["calico_ippools_on_drift"] = "update"
	check := c.play(t, drifted, "--check", "--diff")
	assert.Equal(t, map[string]int{"master": 1, "node": 0}, requirePlayed(t, check))
	assert.Equal(t, "--- before: IPPool default-ipv4-ippool\n+++ after: IPPool default-ipv4-ippool\n@@ -1,7 +1,7 @@\n cidr: 10.128.0.0/14\n vxlanMode: Never\n"+
		"-ipipMode: Never\n-natOutgoing: true\n+ipipMode: CrossSubnet\n+natOutgoing: false\n blockSize: 26\n nodeSelector: all()\n allowedUses: [\"Workload\", \"Tunnel\"]\n", check.diffs())
	assert.Equal(t, stored, storedPools(t, etcd))

	updated := c.play(t, drifted, "--diff")
	assert.Equal(t, map[string]int{"master": 1, "node": 0}, requirePlayed(t, updated))
	assert.Equal(t, check.diffs(), updated.diffs())
	pool := storedPools(t, etcd)["default-ipv4-ippool"]
	assert.Equal(t, v3.IPIPModeCrossSubnet, pool.IPIPMode)
	assert.False(t, pool.NATOutgoing)
	assert.Equal(t, map[string]int{"master": 0, "node": 0}, requirePlayed(t, c.play(t, drifted)))
}

// TestIPPools checks that ip_pools replace the default pools.
func TestIPPools(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	c := newCluster(t, etcd)
	c.vars["osm_cluster_network_cidr"] = "10.128.0.0/14"
	c.vars["ip_pools"] = []vars{
		{"name": "rack-a", "cidr": "10.128.0.0/16", "nodeSelector": "rack == 'a'", "natOutgoing": true},
		{"name": "rack-b", "cidr": "10.129.0.0/16", "nodeSelector": "rack == 'b'", "vxlanMode": "Always"},
		{"name": "six", "cidr": "fd00:10:244::/64"},
	}
	created := c.play(t, nil)
	assert.Equal(t, 1, requirePlayed(t, created)["master"])
	assert.Contains(t, created.messages(), "default-ipv4-ippool: skipped (the pools come from ip_pools)")
	pools := storedPools(t, etcd)
	require.Len(t, pools, 3)
	assert.Equal(t, "10.128.0.0/16", pools["rack-a"].CIDR)
	assert.True(t, pools["rack-a"].NATOutgoing)
	assert.Equal(t, v3.VXLANModeAlways, pools["rack-b"].VXLANMode)
	assert.Equal(t, "fd00:10:244::/64", pools["six"].CIDR)
	assert.Equal(t, 0, requirePlayed(t, c.play(t, nil))["master"])
}

// TestIPv6AndVXLAN creates a pool of each family with VXLAN and all variables of pools.
func TestIPv6AndVXLAN(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	host := firewalldtest.Start(t)
	c := newCluster(t, etcd)
	c.withFirewalld(t, "node", host, true)
	requirePlayed(t, c.play(t, vars{
		"openshift_cluster_network_cidr": "10.128.0.0/14", "calico_ipv4pool_name": "pods", "calico_ipv4pool_block_size": 24,
		"calico_ipv4pool_vxlan": "Always", "calico_ipv4pool_node_selector": "!has(bare)", "calico_ipv4pool_disable_bgp_export": "yes",
		"calico_ipv6pool_cidr": "fd00:10:244::/64", "calico_ipv6pool_name": "pods-v6", "calico_ipv6pool_block_size": "120",
		"calico_ipv6pool_vxlan": "cross-subnet", "calico_ipv6pool_nat_outgoing": true,
		"calico_ipv6pool_node_selector": "has(six)", "calico_ipv6pool_disable_bgp_export": true,
		"calico_firewall_bgp": false,
	}))
	uses := []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseWorkload, v3.IPPoolAllowedUseTunnel}
	assert.Equal(t, map[string]v3.IPPoolSpec{
		"pods": {
			CIDR: "10.128.0.0/14", BlockSize: 24, VXLANMode: v3.VXLANModeAlways, IPIPMode: v3.IPIPModeNever, NATOutgoing: true,
			DisableBGPExport: true, NodeSelector: "!has(bare)", AllowedUses: uses, AssignmentMode: &automatic,
		},
		"pods-v6": {
			CIDR: "fd00:10:244::/64", BlockSize: 120, VXLANMode: v3.VXLANModeCrossSubnet, IPIPMode: v3.IPIPModeNever, NATOutgoing: true,
			DisableBGPExport: true, NodeSelector: "has(six)", AllowedUses: uses, AssignmentMode: &automatic,
		},
	}, storedPools(t, etcd))
	assert.Equal(t, "[4789/udp] []", openIn(t, host, "public"))
}

// TestPassword checks that the program gets the password by its environment, and that no
// output has it.
func TestPassword(t *testing.T) {
	t.Parallel()
	const password = "correct-horse-battery"
	etcd := etcdtest.Start(t, etcdtest.WithAuth(password))
	c := newCluster(t, etcd)
	c.vars["calico_etcd_username"] = etcdtest.CalicoUser
	c.vars["calico_etcd_password"] = password
	c.vars["calico_log_dir"] = filepath.Join(c.folder, "log")
	// The script records its arguments and environment and calls the program.
	c.vars["calico_ippools_binary"] = filepath.Join(c.folder, "calico-bootstrap")
	recorded := filepath.Join(c.folder, "called")
	script := "#!/bin/sh\necho \"$@\" >> " + recorded + "\nenv >> " + recorded + ".env\nexec " + program + " \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(c.folder, "calico-bootstrap"), []byte(script), 0o700))

	got := c.play(t, nil, "-vvv", "--diff")
	requirePlayed(t, got)
	require.Len(t, storedPools(t, etcd), 1)
	assert.NotContains(t, got.out, password)
	for _, name := range []string{"called", "log/calico-bootstrap.log", "log/calico-bootstrap-report.json"} {
		text, err := os.ReadFile(filepath.Join(c.folder, name))
		require.NoError(t, err)
		assert.NotEmpty(t, text)
		assert.NotContains(t, string(text), password, name)
	}
	passed, err := os.ReadFile(recorded + ".env")
	require.NoError(t, err)
	assert.Contains(t, string(passed), "CALICO_ETCD_PASSWORD="+password+"\n")
	// The host's environment is ignored.
	assert.NotContains(t, string(passed), "not-me")

	c.vars["calico_etcd_password"] = "wrong-horse"
	refused := c.play(t, nil, "-vvv")
	assert.Equal(t, 2, refused.code)
	assert.NotContains(t, refused.out, "wrong-horse")
}

// TestLogDir checks that calico_log_dir has the log of all runs and the last report.
func TestLogDir(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	c := newCluster(t, etcd)
	folder := filepath.Join(c.folder, "log", "calico")
	c.vars["calico_log_dir"] = folder
	requirePlayed(t, c.play(t, nil, "--check"))
	assert.NoDirExists(t, folder)
	assert.Equal(t, 2, requirePlayed(t, c.play(t, nil))["master"], "the folder and the pool")
	assert.Equal(t, 0, requirePlayed(t, c.play(t, nil))["master"])
	log, err := os.ReadFile(filepath.Join(folder, "calico-bootstrap.log"))
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(log), "the datastore is etcd"))
	assert.Equal(t, 1, strings.Count(string(log), "IPv4 pool created"))
	text, err := os.ReadFile(filepath.Join(folder, "calico-bootstrap-report.json"))
	require.NoError(t, err)
	var report struct{ Pools []struct{ Action string } }
	require.NoError(t, json.Unmarshal(text, &report))
	assert.Equal(t, "unchanged", report.Pools[0].Action)
}

// TestProgramIsCopied copies the program from the controller. Check mode shows the plan
// before that, and removes its temporary files.
func TestProgramIsCopied(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	c := newCluster(t, etcd)
	delete(c.vars, "calico_ippools_binary")
	for name := range c.hosts {
		c.hosts[name]["calico_ippools_binary"] = filepath.Join(c.folder, name+"-program")
	}
	c.vars["calico_ippools_binary_src"] = program
	tmp := t.TempDir()
	python := filepath.Join(c.folder, "python")
	require.NoError(t, os.WriteFile(python, []byte("#!/bin/sh\nTMPDIR="+tmp+" exec /usr/bin/python3 \"$@\"\n"), 0o700))
	check := c.play(t, vars{"ansible_python_interpreter": python}, "--check")
	assert.Equal(t, map[string]int{"master": 2, "node": 1}, requirePlayed(t, check))
	assert.Contains(t, check.messages(), "default-ipv4-ippool: would be created, 192.168.0.0/16 (no IPv4 pool exists)")
	assert.NoFileExists(t, filepath.Join(c.folder, "master-program"))
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	assert.Empty(t, left)

	assert.Equal(t, map[string]int{"master": 2, "node": 1}, requirePlayed(t, c.play(t, nil)))
	assert.Equal(t, map[string]int{"master": 0, "node": 0}, requirePlayed(t, c.play(t, nil)))
	assert.FileExists(t, filepath.Join(c.folder, "node-program"))
}

// TestLimit runs the playbook for a new node only: its openings are still derived on the
// host with access to the datastore.
func TestLimit(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	host := firewalldtest.Start(t)
	c := newCluster(t, etcd)
	c.withFirewalld(t, "node", host, true)
	got := c.play(t, vars{"calico_ipv4pool_ipip": "Always"}, "--limit", "node")
	requirePlayed(t, got)
	assert.Len(t, storedPools(t, etcd), 1)
	assert.Equal(t, "[179/tcp] [4]", openIn(t, host, "public"))
}
