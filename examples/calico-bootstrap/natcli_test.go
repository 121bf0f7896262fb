package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// natOffline runs nat on a file of pools.
func natOffline(t *testing.T, pools string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pools")
	require.NoError(t, os.WriteFile(file, []byte(pools), 0o600))
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"nat", "--pools-file", file}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

func onePool(spec string) string {
	return "{apiVersion: crd.projectcalico.org/v1, kind: IPPool, metadata: {name: a}, spec: {" + spec + "}}\n"
}

// A check does not pass on nothing: without pools, that is the first thing said, and no
// expectation is met.
func TestNATWithoutPools(t *testing.T) {
	t.Parallel()
	for _, pools := range []string{"", "apiVersion: v1\nkind: List\nitems: []\n", `{"kind":"IPPoolList","apiVersion":"projectcalico.org/v3","items":[]}`} {
		for _, args := range [][]string{nil, {"10.244.0.7", "203.0.113.7"}} {
			code, stdout, stderr := natOffline(t, pools, args...)
			assert.Zero(t, code, stderr)
			assert.True(t, strings.HasPrefix(stdout, noPools+"\n"), stdout)
		}
		code, stdout, stderr := natOffline(t, pools, "10.244.0.7", "203.0.113.7", "--expect", "not-masqueraded")
		assert.Equal(t, exitPending, code)
		assert.NotContains(t, stdout, "(expected: ")
		assert.Equal(t, "error: --expect is not met: "+noPools+"\n", stderr)
		_, stdout, _ = natOffline(t, pools, "10.244.0.7", "203.0.113.7", "-o", "json")
		var verdict natVerdict
		require.NoError(t, json.Unmarshal([]byte(stdout), &verdict))
		assert.Equal(t, noPools, verdict.Assumptions[0])
	}
}

// A pool that Felix could not use, and two of one name, are errors in a file of exports.
func TestInvalidNATPools(t *testing.T) {
	t.Parallel()
	good := onePool("cidr: 10.244.0.0/16, natOutgoing: true")
	for pools, want := range map[string]string{
		onePool("cidr: 10.0.0.0/33"):                  `pools:1: "10.0.0.0/33": spec.cidr: not a CIDR`,
		onePool("cidr: here"):                         `pools:1: "here": spec.cidr: not a CIDR`,
		onePool("cidr: 10.0.0.0/8, natOutgoin: true"): `pools:1: spec.natOutgoin: unknown field; must be natOutgoing`,
		good + "---\n" + good:                         `pools:3: "a": metadata.name: an earlier pool has this name; must be unique`,
	} {
		code, stdout, stderr := natOffline(t, pools, "10.244.0.7", "203.0.113.7")
		assert.Equal(t, exitSettings, code, pools)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, want)
		assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
}

// An export of a newer Calico may have fields that are unknown here.
func TestUnknownFieldOfNATPools(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := natOffline(t, onePool("cidr: 10.244.0.0/16, natOutgoing: true, newer: 5"), "10.244.0.7", "203.0.113.7")
	assert.Zero(t, code, stderr)
	assert.Contains(t, stdout, "yes: ")
	assert.Regexp(t, `\nAssumed:\n  - file .*pools:1: .*spec.newer: unknown field, which is ignored\n`, stdout)
}

// A list without items is an export of a cluster that has none.
func TestEmptyNATExports(t *testing.T) {
	t.Parallel()
	for _, list := range []string{`{"apiVersion":"v1","kind":"List","items":[]}`, "kind: NodeList\nitems: []\n"} {
		code, stdout, stderr := natWith(t, list, list, "10.244.5.7", "203.0.113.7")
		assert.Zero(t, code, stderr)
		assert.Contains(t, stdout, "yes: ")
	}
}

// Each invalid argument or flag is one line.
func TestInvalidNATInput(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"@ 203.0.113.7":                                 "argument SOURCE: empty; must be",
		"127.0.0.1 203.0.113.7":                         "argument SOURCE: \"127.0.0.1\": a loopback address, which no node forwards",
		"10.244.0.7 169.254.169.254":                    "argument DESTINATION: \"169.254.169.254\": a link-local address",
		"fe80::1 2001:db8::1":                           "argument SOURCE: \"fe80::1\": a link-local address",
		"10.244.0.7 255.255.255.255":                    "the limited broadcast address",
		"10.244.0.7 203.0.113.7 --protocol icmpv6":      "flag --protocol: \"icmpv6\": must be a protocol of IPv4, as 10.244.0.7 is",
		"fd00::1 fd00::2 --protocol icmp":               "flag --protocol: \"icmp\": must be a protocol of IPv6",
		"10.244.0.7 203.0.113.7 --protocol gre":         "flag --protocol: \"gre\": unknown protocol; must be one of tcp, udp, sctp, icmp, icmpv6",
		"10.244.0.7 203.0.113.7 --dataplane ipvs":       "flag --dataplane: \"ipvs\": unknown dataplane; must be one of nftables, iptables, ebpf",
		"10.244.0.7 203.0.113.7 --service-cidr foo":     "flag --service-cidr: \"foo\": not a CIDR such as 10.244.0.0/16 or fd00:10:244::/64; must be CIDRs separated by commas\n",
		"10.244.0.7 203.0.113.7 --expect @":             "flag --expect: empty; must have a value",
		"10.244.0.7 203.0.113.7 --node @":               "flag --node: empty; must have a value",
		"-f @":                                          "flag --file: empty; must have a value",
		"10.244.0.7 203.0.113.7 --nodes-file -":         "flag --nodes-file: \"-\": stdin is read by -f only",
		"10.244.0.7 203.0.113.7 --pools-file -":         "flag --pools-file: \"-\": stdin is read by -f only",
		"10.244.0.7 203.0.113.7 --pools-file @":         "flag --pools-file: empty; must have a value",
		"10.244.0.7 203.0.113.7 --no-nat-to 10.0.0.0/8": "flag --no-nat-to: \"10.0.0.0/8\": not used by nat, which shows the effect of stored pools; plan shows that of settings",
		"--ipv4-pool-nat-outgoing=false":                "flag --ipv4-pool-nat-outgoing: \"false\": not used by nat",
		"--on-drift update":                             "flag --on-drift: \"update\": not used by nat",
		"10.244.0.7":                                    "one address \"10.244.0.7\"; must be a source and a destination; see calico-bootstrap nat --help",
		"10.244.0.7 203.0.113.7 --protokol tcp":         "did you mean --protocol?); see calico-bootstrap nat --help",
	} {
		fields := strings.Fields(args)
		for i := range fields {
			fields[i] = strings.ReplaceAll(fields[i], "@", "")
		}
		code, stdout, stderr := natOffline(t, onePool("cidr: 10.244.0.0/16, natOutgoing: true"), fields...)
		assert.Equal(t, exitSettings, code, args)
		assert.Empty(t, stdout, args)
		assert.Contains(t, stderr, want, args)
		assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	code, stdout, _ := natOffline(t, onePool("cidr: 10.244.0.0/16, natOutgoing: true"), "10.244.0.7", "203.0.113.7", "--dataplane", "BPF")
	assert.Zero(t, code)
	assert.NotContains(t, stdout, "kube-proxy")
}

// The usual answer is short: the verdict, the reasons, then the advice.
func TestNATOutputIsShort(t *testing.T) {
	t.Parallel()
	const felix = `{"kind":"ClusterInformation","metadata":{"name":"default"},"spec":{"calicoVersion":"v3.32.1"}}`
	code, stdout, _ := natWith(t, felix, "", "10.244.5.7", "203.0.113.7", "--service-cidr", "10.96.0.0/12", "--dataplane", "iptables")
	require.Zero(t, code)
	answer, _, _ := strings.Cut(stdout, "\nAssumed:")
	lines := strings.Split(answer, "\n")
	assert.LessOrEqual(t, len(lines), 21, answer)
	assert.Equal(t, "  - source 10.244.5.7 is in pool a 10.244.0.0/16, which has natOutgoing", lines[1])
	assert.NotContains(t, answer, "  - masqueraded as")
	for _, line := range lines {
		assert.LessOrEqual(t, len(line), 125, line)
		if strings.Contains(line, "conntrack") {
			assert.True(t, strings.HasPrefix(line, "      conntrack -D -s 10.244.5.7 -d 203.0.113.7  # "), line)
		}
	}
}

// A finding that ends Felix is beside the verdict, with its remedy, and no expectation is met.
func TestNATOfEndedFelix(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := natWith(t, "", "", "10.244.5.7", "203.0.113.7", "--dataplane", "nftables", "--expect", "masqueraded")
	assert.Equal(t, exitPending, code)
	lines := strings.Split(stdout, "\n")
	assert.True(t, strings.HasPrefix(lines[0], "yes: "))
	assert.True(t, strings.HasPrefix(lines[1], "  ! OverlappingPools: "), lines[1])
	assert.Contains(t, lines[1], "; delete one of the two pools")
	assert.Equal(t, "error: --expect is not met: a verdict does not hold on a node whose Felix ends: OverlappingPools\n", stderr)

	code, stdout, _ = natWith(t, "", "", "--dataplane", "nftables")
	assert.Zero(t, code)
	assert.True(t, strings.HasPrefix(stdout, "! OverlappingPools: "), stdout)

	code, _, stderr = natWith(t, "", "", "10.244.5.7", "203.0.113.7", "--expect", "masqueraded")
	assert.Equal(t, exitPending, code)
	assert.Contains(t, stderr, "set --dataplane iptables if the nodes are not in nftables mode")
	code, _, _ = natWith(t, "", "", "10.244.5.7", "203.0.113.7", "--dataplane", "iptables", "--expect", "masqueraded")
	assert.Zero(t, code)

	pairs := filepath.Join(t.TempDir(), "pairs")
	require.NoError(t, os.WriteFile(pairs, []byte("10.244.5.7 203.0.113.7 masqueraded\n10.244.5.7 10.244.0.7\n"), 0o600))
	code, stdout, stderr = natWith(t, "", "", "-f", pairs, "--dataplane", "nftables")
	assert.Equal(t, exitPending, code)
	assert.Equal(t, 2, strings.Count(stdout, "\n"))
	assert.Equal(t, 1, strings.Count(stderr, "OverlappingPools: "), stderr)
}

// A line of many has every reason that blocks.
func TestNATLines(t *testing.T) {
	t.Parallel()
	pairs := filepath.Join(t.TempDir(), "pairs")
	require.NoError(t, os.WriteFile(pairs, []byte("203.0.113.7 10.244.0.7\n"), 0o600))
	_, stdout, _ := natOffline(t, onePool("cidr: 10.244.0.0/16, natOutgoing: true"), "-f", pairs)
	assert.Equal(t, "no: 203.0.113.7 to 10.244.0.7 is not masqueraded: source 203.0.113.7 is in no pool; destination 10.244.0.7 is in pool a 10.244.0.0/16 (for workloads)\n", stdout)
}

// The help has the flags that nat uses.
func TestNATHelp(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"nat", "--help"}, &out, &errs))
	for _, flag := range []string{"--kubeconfig", "--etcd-endpoints", "--pools-file", "--timeout", "--log-level", "--output"} {
		assert.Contains(t, out.String(), flag+" ")
	}
	for _, flag := range []string{"--ipv4-pool-cidr", "--ipv6-support", "--on-drift", "--preflight", "--allow", "--cluster-cidr"} {
		assert.NotContains(t, out.String(), flag+" ")
	}
	assert.Contains(t, out.String(), "natPortRange")
	assert.Contains(t, out.String(), "takes precedence")
}

// A closed output, such as after head, is silent.
func TestNATIntoClosedPipe(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.Close())
	t.Cleanup(func() { assert.NoError(t, write.Close()) })
	file := filepath.Join(t.TempDir(), "pools")
	require.NoError(t, os.WriteFile(file, []byte(onePool("cidr: 10.244.0.0/16, natOutgoing: true")), 0o600))
	for _, args := range [][]string{nil, {"10.244.0.7", "203.0.113.7"}} {
		var errs bytes.Buffer
		assert.Equal(t, exitFailed, run(t.Context(), append([]string{"nat", "--pools-file", file}, args...), write, &errs))
		assert.Empty(t, errs.String())
	}
}
