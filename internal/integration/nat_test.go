package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// resourceKeys is the prefix of the keys of Calico's resources.
const resourceKeys = "/calico/resources/v3/projectcalico.org/"

// natRecords are what decides about NAT, as calico-node and calicoctl store it in etcd.
var natRecords = map[string]string{
	"ippools/default-ipv4-ippool":  `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"default-ipv4-ippool","uid":"47132df4-a8f8-4771-b096-ccd5d2ab0391","creationTimestamp":"2026-11-22T17:45:23Z"},"spec":{"cidr":"10.244.0.0/16","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}`,
	"ippools/corporate":            `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"corporate"},"spec":{"cidr":"10.16.0.0/12","vxlanMode":"Never","ipipMode":"Never","disabled":true,"disableBGPExport":true,"blockSize":26,"nodeSelector":"all()"}}`,
	"felixconfigurations/default":  `{"kind":"FelixConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default","uid":"9b1f4a2c-0d3a-4b52-9d53-0c7b7f1b2a11","creationTimestamp":"2026-11-22T17:45:25Z"},"spec":{"bpfConnectTimeLoadBalancing":"TCP","floatingIPs":"Disabled","logSeverityScreen":"Info","reportingInterval":"0s"}}`,
	"felixconfigurations/node.n2":  `{"kind":"FelixConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"node.n2","uid":"1c1f4a2c-0d3a-4b52-9d53-0c7b7f1b2a11","creationTimestamp":"2026-11-22T17:45:26Z"},"spec":{"natOutgoingExclusions":"IPPoolsAndHostIPs"}}`,
	"nodes/n1":                     `{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n1","uid":"5f2f9c0e-6b4a-4a8e-9a55-7a3d5c2b1e01","creationTimestamp":"2026-11-22T17:45:23Z"},"spec":{"addresses":[{"address":"172.16.0.1/24","type":"CalicoNodeIP"},{"address":"172.16.0.1","type":"InternalIP"}],"bgp":{"ipv4Address":"172.16.0.1/24"},"ipv4VXLANTunnelAddr":"10.244.3.64"},"status":{}}`,
	"nodes/n2":                     `{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n2","uid":"5f2f9c0e-6b4a-4a8e-9a55-7a3d5c2b1e02","creationTimestamp":"2026-11-22T17:45:23Z"},"spec":{"addresses":[{"address":"172.16.0.2/24","type":"CalicoNodeIP"}],"bgp":{"ipv4Address":"172.16.0.2/24"}},"status":{}}`,
	"clusterinformations/default":  `{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default","uid":"2c6c7f7e-8a53-4f1c-9d3a-1f7b2d9c8e44","creationTimestamp":"2026-11-22T17:45:24Z"},"spec":{"clusterGUID":"c0ffee","calicoVersion":"v3.32.1","clusterType":"bgp,ecmp","datastoreReady":true}}`,
	"clusterinformations/default2": `{"spec":{"calicoVersion":"v3.1.0"}}`,
}

// putResources stores records in etcd.
func putResources(t *testing.T, server *etcdtest.Server, records map[string]string) {
	t.Helper()
	client := server.Client(t)
	for key, value := range records {
		_, err := client.Put(t.Context(), resourceKeys+key, value)
		require.NoError(t, err)
	}
}

// natVerdict has the fields of nat's JSON output that the tests need.
type natVerdict struct {
	Source, Destination, Masqueraded, As string
	Reasons                              []struct{ Code, Text string }
	Expected                             string
	Met                                  *bool
	Advice                               []struct {
		When, Text string
		Commands   []string
	}
	Assumptions []string
}

func (v natVerdict) codes() string {
	var codes []string
	for _, reason := range v.Reasons {
		codes = append(codes, reason.Code)
	}
	return strings.Join(codes, " ")
}

func natOf(t *testing.T, env []string, args ...string) natVerdict {
	t.Helper()
	r := call(t, env, append([]string{"nat", "-o", "json"}, args...)...)
	require.Zero(t, r.code, r.stderr)
	var verdict natVerdict
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &verdict), r.stdout)
	return verdict
}

// The verdicts follow from the records in etcd, as calico-node and calicoctl store them.
func TestNATOfEtcd(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	env := []string{"ETCD_ENDPOINTS=" + server.Endpoints()[0]}
	putResources(t, server, natRecords)
	for _, tt := range []struct {
		args  string
		want  string
		codes string
	}{
		{"10.244.0.7 203.0.113.7", "yes", "SourceInNATPool DestinationInNoPool Masqueraded"},
		{"10.244.0.7 10.20.0.5", "no", "SourceInNATPool DestinationExempt"},
		{"10.244.0.7 10.244.9.9", "no", "SourceInNATPool DestinationExempt"},
		{"172.16.0.1 203.0.113.7", "no", "SourceInNoPool"},
		{"10.244.0.7 172.16.0.1 --node n1", "no", "SourceInNATPool OwnNode"},
		{"10.244.0.7 172.16.0.1 --node n2", "no", "SourceInNATPool DestinationInNoPool DestinationIsHost"},
		{"10.244.0.7 172.16.0.2 --node n1", "yes", "SourceInNATPool DestinationInNoPool HostsNotExempt Masqueraded"},
		{"10.244.0.7 172.16.0.2", "yes", "SourceInNATPool OtherNodeAssumed DestinationInNoPool HostsNotExempt Masqueraded"},
		{"10.244.0.7 10.96.0.1 --service-cidr 10.96.0.0/12", "depends", "ServiceCIDR"},
	} {
		verdict := natOf(t, env, strings.Fields(tt.args)...)
		assert.Equal(t, tt.want, verdict.Masqueraded, tt.args)
		assert.Equal(t, tt.codes, verdict.codes(), tt.args)
		for _, advice := range verdict.Advice {
			assert.NotEmpty(t, advice.When)
			assert.NotEmpty(t, advice.Text)
			assert.NotContains(t, strings.Join(advice.Commands, "\n"), "patch ippools")
		}
	}
	assert.Equal(t, []string{"the Service CIDRs are unknown: no address is known to be a Service's; set --service-cidr"}, natOf(t, env, "10.244.0.7", "10.20.0.5").Assumptions)

	overview := call(t, env, "nat")
	require.Zero(t, overview.code, overview.stderr)
	for _, want := range []string{"default-ipv4-ippool  10.244.0.0/16  the address of the interface", "10.16.0.0/12   pool corporate: disabled", "n2: natOutgoingExclusions is IPPoolsAndHostIPs (FelixConfiguration node.n2)", "IPv6: no pool has natOutgoing"} {
		assert.Contains(t, overview.stdout, want)
	}

	r := call(t, env, "nat", "10.244.0.7", "203.0.113.7", "--node", "n9")
	assert.Equal(t, 2, r.code)
	assert.Equal(t, "error: flag --node: \"n9\": must be the name of a node: n1, n2\n", lastLine(r.stderr))
}

func lastLine(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return lines[max(0, len(lines)-2)]
}

// What is missing or malformed is a problem, with the default that is assumed.
func TestNATWithMissingRecords(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	env := []string{"ETCD_ENDPOINTS=" + server.Endpoints()[0]}
	putResources(t, server, map[string]string{"ippools/default-ipv4-ippool": natRecords["ippools/default-ipv4-ippool"]})
	verdict := natOf(t, env, "10.244.0.7", "203.0.113.7")
	assert.Equal(t, "yes", verdict.Masqueraded)
	assert.Equal(t, []string{
		"no FelixConfiguration default exists: Felix's defaults are assumed",
		"there are no Nodes in etcd: no address is known to be a node's",
		"no ClusterInformation default has a version of Calico: the newest version of Calico is assumed",
		"the Service CIDRs are unknown: no address is known to be a Service's; set --service-cidr",
	}, verdict.Assumptions)

	putResources(t, server, map[string]string{
		"ippools/broken": "{", "ippools/no-cidr": `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"no-cidr"},"spec":{"cidr":"10.9.0.0"}}`,
		"felixconfigurations/default": `{"spec":{"natOutgoingExclusions":5}}`, "nodes/n1": "\xff", "nodes/a/b": "{}",
		"nodes/n2": `{"spec":{"bgp":{"ipv4Address":"here"}}}`, "clusterinformations/default": `[]`,
	})
	verdict = natOf(t, env, "10.244.0.7", "203.0.113.7")
	assert.Equal(t, "yes", verdict.Masqueraded)
	all := strings.Join(verdict.Assumptions, "\n")
	for _, want := range []string{"IPPool broken is ignored: ", "IPPool no-cidr: spec.cidr: Invalid value: ", "FelixConfiguration default is ignored: ", "Node n1 is ignored: ", "Node a/b is ignored: its key is not that of a Node", `Node n2: otherAddresses: Invalid value: "here"`, "ClusterInformation default is ignored: "} {
		assert.Contains(t, all, want)
	}
}

// An etcd user who may read only pools gets a verdict, and what the defaults assume.
func TestNATWithoutRightsInEtcd(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithAuth(password))
	putResources(t, server, natRecords)
	admin, pools := server.Client(t), resourceKeys+"ippools/"
	_, err := admin.RoleAdd(t.Context(), "pools")
	require.NoError(t, err)
	_, err = admin.RoleGrantPermission(t.Context(), "pools", pools, clientv3.GetPrefixRangeEnd(pools), clientv3.PermissionType(clientv3.PermRead))
	require.NoError(t, err)
	_, err = admin.UserAdd(t.Context(), "pools", password)
	require.NoError(t, err)
	_, err = admin.UserGrantRole(t.Context(), "pools", "pools")
	require.NoError(t, err)
	env := []string{"ETCD_ENDPOINTS=" + server.Endpoints()[0], "ETCD_USERNAME=pools", "ETCD_PASSWORD=" + password}
	verdict := natOf(t, env, "10.244.0.7", "172.16.0.1")
	assert.Equal(t, "yes", verdict.Masqueraded)
	require.Len(t, verdict.Assumptions, 5)
	assert.Contains(t, verdict.Assumptions[0], "Felix's defaults are assumed: etcd ")
	assert.Contains(t, verdict.Assumptions[0], "etcdctl role grant-permission ROLE --prefix=true read "+resourceKeys)
	assert.Contains(t, verdict.Assumptions[1], "no address is known to be a node's: etcd ")
	assert.Contains(t, verdict.Assumptions[2], "the newest version of Calico is assumed: etcd ")
}

// The advice is typed in the environment in which nat gives it.
func TestNATAdviceInEnvironment(t *testing.T) {
	t.Parallel()
	for _, variables := range [][]string{
		nil, {"CALICO_IPV4POOL_CIDR=10.244.0.0/16", "CALICO_IPV6POOL_CIDR=none"}, {"CALICO_IPV4POOL_NAT_OUTGOING=true"}, {"CALICO_IPPOOLS_NO_NAT_TO=172.16.0.0/12"},
		{"CALICO_IPV4POOL_IPIP=Always", "CALICO_IPPOOLS_ON_DRIFT=update"},
	} {
		server := etcdtest.Start(t)
		putResources(t, server, natRecords)
		env := append([]string{"ETCD_ENDPOINTS=" + server.Endpoints()[0]}, variables...)
		typed := false
		for _, advice := range natOf(t, env, "10.244.0.7", "198.18.0.7").Advice {
			for _, line := range advice.Commands {
				if unset, arguments, is := strings.Cut(line, "calico-bootstrap "); is && strings.Contains(line, "--no-nat-to") {
					without := slices.DeleteFunc(slices.Clone(env), func(variable string) bool {
						name, _, _ := strings.Cut(variable, "=")
						return slices.Contains(strings.Fields(unset), name)
					})
					r := call(t, without, strings.Fields(arguments)...)
					require.Zero(t, r.code, "%s: %s", line, r.stderr)
					assert.NotContains(t, r.stderr, "WARN", line)
					typed = true
				}
			}
		}
		assert.True(t, typed, variables)
		records, err := server.Client(t).Get(t.Context(), resourceKeys+"ippools/", clientv3.WithPrefix())
		require.NoError(t, err)
		for _, record := range records.Kvs {
			name := strings.TrimPrefix(string(record.Key), resourceKeys)
			if before, has := natRecords[name]; has {
				assert.Equal(t, before, string(record.Value), variables)
			} else {
				assert.Contains(t, name, "no-nat-to-", variables)
			}
		}
		assert.Equal(t, "no", natOf(t, env, "10.244.0.7", "198.18.0.7").Masqueraded, variables)
	}
}

// With a pool that can't be used, no verdict is as expected, and a line says why.
func TestNATExpectationsWithBrokenPool(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{
		"broken":  "{",
		"no-cidr": `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"no-cidr"},"spec":{"cidr":"10.9.0.0/33"}}`,
	} {
		server := etcdtest.Start(t)
		putResources(t, server, natRecords)
		putResources(t, server, map[string]string{"ippools/" + name: record})
		r := call(t, []string{"ETCD_ENDPOINTS=" + server.Endpoints()[0]}, "nat", "10.244.0.7", "203.0.113.7", "--expect", "masqueraded")
		assert.Equal(t, 3, r.code, r.stderr)
		assert.Contains(t, lastLine(r.stderr), "error: --expect is not met: IPPool "+name+" ")
	}
	server := etcdtest.Start(t)
	r := call(t, []string{"ETCD_ENDPOINTS=" + server.Endpoints()[0]}, "nat", "10.244.0.7", "203.0.113.7", "--expect", "not-masqueraded")
	assert.Equal(t, 3, r.code, r.stderr)
	assert.Equal(t, "error: --expect is not met: no pools: is this the right datastore or file?\n", lastLine(r.stderr))
}

// A pipeline gets 3 if a verdict is not as expected, or depends, and 0 otherwise.
func TestNATExpectations(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	env := []string{"ETCD_ENDPOINTS=" + server.Endpoints()[0]}
	putResources(t, server, natRecords)
	const depends = " 10.96.0.1 --service-cidr 10.96.0.0/12"
	for args, code := range map[string]int{
		"10.244.0.7 203.0.113.7 --expect masqueraded":          0,
		"10.244.0.7 203.0.113.7 --expect not-masqueraded":      3,
		"10.244.0.7 10.20.0.5 --expect not-masqueraded":        0,
		"10.244.0.7 10.20.0.5 --expect MASQUERADED":            3,
		"10.244.0.7" + depends + " --expect masqueraded":       3,
		"10.244.0.7" + depends + " --expect not-masqueraded":   3,
		"10.244.0.7" + depends:                                 0,
		"10.244.0.7 203.0.113.7 --expect maybe":                2,
		"db.example.com 203.0.113.7":                           2,
		"10.244.0.7 10.0.0.0/8":                                2,
		"10.244.0.7 fd00::1":                                   2,
		"10.244.0.7":                                           2,
		"--expect masqueraded":                                 2,
		"10.244.0.7 203.0.113.7 -f pairs":                      2,
		"10.244.0.7 203.0.113.7 --felix-file x":                2,
		"10.244.0.7 203.0.113.7 --dataplane windows":           2,
		"10.244.0.7 203.0.113.7 --protocol gre":                2,
		"10.244.0.7 203.0.113.7 --service-cidr 10.0.0.0/99":    2,
		"10.244.0.7 203.0.113.7 -o env":                        2,
		"--pools-file missing.yaml":                            2,
		"10.244.0.7 203.0.113.7 --pools-file p --config other": 2,
	} {
		r := call(t, env, append([]string{"nat"}, strings.Fields(args)...)...)
		assert.Equal(t, code, r.code, "%s: %s%s", args, r.stdout, r.stderr)
		if code == 2 {
			assert.Empty(t, r.stdout, args)
			assert.Contains(t, lastLine(r.stderr), "error: ", args)
		}
	}

	pairs := filepath.Join(t.TempDir(), "pairs")
	require.NoError(t, os.WriteFile(pairs, []byte("# NAT of the cluster\n\n10.244.0.7 203.0.113.7 masqueraded # the internet\n10.244.0.7\t10.20.0.5 not-masqueraded\r\n10.244.0.7 10.244.1.1\n"), 0o600))
	r := call(t, env, "nat", "-f", pairs)
	assert.Zero(t, r.code, r.stderr)
	assert.Equal(t, `yes: 10.244.0.7 to 203.0.113.7 is masqueraded as the address of the interface by which it leaves the node
no: 10.244.0.7 to 10.20.0.5 is not masqueraded: destination 10.20.0.5 is in pool corporate 10.16.0.0/12 (disabled, and exempts nevertheless)
no: 10.244.0.7 to 10.244.1.1 is not masqueraded: destination 10.244.1.1 is in pool default-ipv4-ippool 10.244.0.0/16 (for workloads)
`, r.stdout)
	r = call(t, env, "nat", "-f", pairs, "--expect", "masqueraded", "-o", "json")
	assert.Equal(t, 3, r.code, "the last pair has no expectation of its own")
	var verdicts []natVerdict
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &verdicts))
	require.Len(t, verdicts, 3)
	assert.True(t, *verdicts[1].Met)
	assert.False(t, *verdicts[2].Met)

	require.NoError(t, os.WriteFile(pairs, []byte("10.244.0.7 203.0.113.7 masqueraded\n10.244.0.7\nhost 1.2.3.4\n1.2.3.4 5.6.7.8 yes\n"), 0o600))
	r = call(t, env, "nat", "-f", pairs)
	assert.Equal(t, 2, r.code)
	assert.Empty(t, r.stdout)
	for _, want := range []string{":2: \"10.244.0.7\": must be SOURCE DESTINATION", ":3: \"host\": a host name, which is not resolved", ":4: \"yes\": unknown expectation; must be masqueraded or not-masqueraded"} {
		assert.Contains(t, r.stderr, pairs+want)
	}

	program := command(t, env, "nat", "-f", "-")
	cmd := exec.CommandContext(t.Context(), program.Path, program.Args[1:]...)
	cmd.Env, cmd.Stdin = program.Env, strings.NewReader("10.244.0.7 203.0.113.7 not-masqueraded\n")
	out, err := cmd.Output()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 3, exit.ExitCode())
	assert.Contains(t, string(out), "(expected: not-masqueraded)")
}
