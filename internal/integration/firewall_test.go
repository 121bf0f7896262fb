package integration

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// firewallReport has the fields of firewall's JSON output that the tests need.
type firewallReport struct {
	Role, Datastore string
	Pools           []struct {
		Name    string
		Planned bool
	}
	Openings []struct{ Name, Port, Protocol, Reason string }
	Warnings []string
}

func (r firewallReport) ports() string {
	var all []string
	for _, opening := range r.Openings {
		all = append(all, opening.Port+opening.Protocol)
	}
	return strings.Join(all, " ")
}

func (r firewallReport) pools() string {
	var all []string
	for _, pool := range r.Pools {
		if pool.Planned {
			pool.Name += " (planned)"
		}
		all = append(all, pool.Name)
	}
	return strings.Join(all, ", ")
}

func firewallOf(t *testing.T, env []string, args ...string) firewallReport {
	t.Helper()
	r := call(t, env, append([]string{"firewall", "-o", "json"}, args...)...)
	require.Zero(t, r.code, r.stderr)
	var report firewallReport
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	return report
}

func TestFirewallFormats(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "json", "yaml", "firewall-cmd", "networkmanager"} {
		r := call(t, bothCIDRs, "firewall", "--local", "--datastore-type", "kubernetes", "--role", "control-plane", "--ipv4-pool-ipip", "CrossSubnet",
			"--ipv6-pool-vxlan", "Always", "--typha", "--wireguard", "--registry", "-o", format)
		assert.Zero(t, r.code)
		assert.NotContains(t, r.stderr, "error")
		golden(t, "firewall."+format, r.stdout)
	}
}

// TestFirewallOfEtcd checks that the openings follow from the pools that are stored
// in etcd and the pools that apply would write.
func TestFirewallOfEtcd(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	env := append([]string{"ETCD_ENDPOINTS=" + server.Endpoints()[0]}, bothCIDRs...)
	client := server.Client(t)
	dump := func() string {
		all, err := client.Get(context.Background(), "", clientv3.WithPrefix())
		require.NoError(t, err)
		var text strings.Builder
		for _, kv := range all.Kvs {
			text.WriteString(kv.String() + "\n")
		}
		return text.String()
	}

	got := firewallOf(t, env, "--ipv4-pool-ipip", "Always")
	assert.Equal(t, "default-ipv4-ippool (planned), default-ipv6-ippool (planned)", got.pools())
	assert.Equal(t, "179/tcp 4", got.ports())
	assert.Empty(t, dump(), "nothing is written")

	require.Zero(t, call(t, env, "apply", "--ipv4-pool-ipip", "Always").code)
	for name, value := range map[string]string{
		"by-hand": `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"by-hand"},"spec":{"cidr":"10.9.0.0/16","vxlanMode":"CrossSubnet","disabled":true}}`,
		"garbage": `{`,
		"no-cidr": `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"no-cidr"},"spec":{"cidr":"10.9.0.0","ipipMode":"Always"}}`,
	} {
		_, err := client.Put(context.Background(), "/calico/resources/v3/projectcalico.org/ippools/"+name, value)
		require.NoError(t, err)
	}
	before := dump()

	// The settings have no effect on an existing pool unless it would be
	// updated.
	requested := []string{"--ipv4-pool-ipip", "Never", "--ipv4-pool-vxlan", "Always"}
	got = firewallOf(t, env, requested...)
	assert.Equal(t, "by-hand, default-ipv4-ippool, default-ipv6-ippool", got.pools())
	assert.Equal(t, "179/tcp 4 4789/udp", got.ports())
	require.Len(t, got.Warnings, 2)
	assert.Contains(t, got.Warnings[0], "pool no-cidr is ignored")
	assert.Contains(t, got.Warnings[1], "pool garbage is ignored: it can't be read")
	assert.Equal(t, "traffic between nodes is encapsulated: ipipMode is enabled in default-ipv4-ippool", got.Openings[1].Reason)

	got = firewallOf(t, env, append(requested, "--on-drift=update")...)
	assert.Equal(t, "default-ipv4-ippool (planned), by-hand, default-ipv6-ippool", got.pools())
	assert.Equal(t, "179/tcp 4789/udp", got.ports())
	assert.Equal(t, "179/tcp 4 4789/udp", firewallOf(t, env, append(requested, "--on-drift=fail")...).ports(), "drift is not an error for the firewall command")
	assert.Equal(t, "179/tcp 4 4789/udp", firewallOf(t, env, append(requested, "--preflight=strict")...).ports(), "nor are preflight findings")

	endpoint, err := url.Parse(server.Endpoints()[0])
	require.NoError(t, err)
	got = firewallOf(t, env, "--role", "control-plane", "--no-bgp")
	assert.Equal(t, "control-plane etcdv3 4 4789/udp "+endpoint.Port()+"/tcp", got.Role+" "+got.Datastore+" "+got.ports())
	assert.Equal(t, before, dump(), "nothing is written")
}

func TestFirewallOfKubernetes(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	a := newAccount(t, world.server, "firewall")
	env := append([]string{"KUBECONFIG=" + a.kubeconfig}, bothCIDRs...)
	got := firewallOf(t, env, "--ipv6-pool-vxlan", "CrossSubnet")
	assert.Equal(t, "node kubernetes 179/tcp 4789/udp", got.Role+" "+got.Datastore+" "+got.ports())
	assert.Empty(t, world.Pools(t), "nothing is written")

	config, err := clientcmd.LoadFromFile(a.kubeconfig)
	require.NoError(t, err)
	server := ""
	for _, cluster := range config.Clusters {
		server = cluster.Server
	}
	apiServer, err := url.Parse(server)
	require.NoError(t, err)
	assert.Equal(t, "179/tcp "+apiServer.Port()+"/tcp", firewallOf(t, env, "--role", "control-plane").ports())
	assert.Equal(t, "179/tcp 16443/tcp", firewallOf(t, env, "--role", "control-plane", "--api-server-port", "16443").ports())
	assert.Equal(t, "179/tcp 8443/tcp", firewallOf(t, nil, "--local", "--k8s-api-endpoint", "https://10.0.0.1:8443", "--role", "control-plane").ports())
	assert.Equal(t, "179/tcp 6443/tcp", firewallOf(t, nil, "--local", "--datastore-type", "kubernetes", "--role", "control-plane").ports())
}

// TestFirewallWarnsOfSettings checks that the report has the warnings about settings,
// as the openings follow from the settings.
func TestFirewallWarnsOfSettings(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t).Endpoints()[0]
	env := append([]string{"CALICO_IPV4POOL_IPIPP=Always", "CALICO_IPV6POOL_IPIP=Always"}, bothCIDRs...)
	want := []string{
		`env CALICO_IPV4POOL_IPIPP: unknown setting, ignored; did you mean CALICO_IPV4POOL_IPIP?`,
		`env CALICO_IPV6POOL_IPIP has no effect: IP-in-IP does not carry IPv6; set CALICO_IPV6POOL_VXLAN to encapsulate it`,
	}
	local := firewallOf(t, env, "--local")
	assert.Equal(t, want, local.Warnings)
	assert.Equal(t, want, firewallOf(t, append(env, "ETCD_ENDPOINTS="+etcd)).Warnings)
	commands := call(t, env, "firewall", "--local", "-o", "firewall-cmd")
	assert.Equal(t, 2, strings.Count(commands.stderr, "level=WARN"), commands.stderr)
}

// TestFirewallFromAnotherHost checks that --from gives the same output on another host.
func TestFirewallFromAnotherHost(t *testing.T) {
	t.Parallel()
	args := []string{"firewall", "--local", "--ipv4-pool-ipip", "Always", "--registry"}
	derived := call(t, nil, append(args, "-o", "json")...).stdout
	file := filepath.Join(t.TempDir(), "openings.json")
	require.NoError(t, os.WriteFile(file, []byte(derived), 0o600))
	for _, format := range []string{"table", "json", "yaml", "firewall-cmd"} {
		want := call(t, nil, append(args, "-o", format)...)
		assert.Equal(t, want, call(t, nil, "firewall", "--from", file, "-o", format))
		piped := command(t, nil, "firewall", "--from", "-", "-o", format)
		piped.Stdin = strings.NewReader(derived)
		out, err := piped.Output()
		require.NoError(t, err)
		assert.Equal(t, want.stdout, string(out))
	}
}

func TestFirewallBadInput(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	printed := "; must be the output of calico-bootstrap firewall -o json"
	garbage, empty := file("garbage", "openings:"), file("empty", "{}")
	two := file("two", `{"role":"node","openings":[]}{"role":"control-plane","openings":[]}`)
	injected := file("injected", `{"role":"node","openings":[{"name":"x","port":"1/tcp; reboot","families":[4]}]}`)
	tests := []struct {
		args []string
		want []string
	}{
		{[]string{"--role", "master"}, []string{`flag --role: "master": unknown role; must be node or control-plane`}},
		{[]string{"--zone", "a b"}, []string{`flag --zone: "a b": not a zone name; must be letters, digits, -, _ and /`}},
		{[]string{"--zone", "public"}, []string{`flag --zone: "public": used only with --check or -o firewall-cmd; set one of them as well`}},
		{[]string{"--zone", "public", "-o", "networkmanager"}, []string{`flag --zone: "public": used only with --check or -o firewall-cmd; set one of them as well`}},
		{[]string{"--zone", "public", "--interface", "eth0"},
			[]string{`flag --interface: "eth0": contradicts flag --zone "public"; set a zone, or interfaces to find their zones`}},
		{[]string{"--check", "--zone", "public", "--interface", "eth0,eth1"},
			[]string{`flag --interface: "eth0,eth1": contradicts flag --zone "public"; set a zone, or interfaces to find their zones`}},
		{[]string{"--interface", "eth0"}, []string{`flag --interface: "eth0": its zone is read from firewalld; set --check or --zone as well`}},
		{[]string{"--api-server-port", "6443"}, []string{`flag --api-server-port: "6443": no API server listens on a node; set --role control-plane as well`}},
		{[]string{"--api-server-port", "70000", "--role", "control-plane"}, []string{`flag --api-server-port: "70000": not a port; must be 1 to 65535`}},
		{[]string{"--check", "-o", "networkmanager"}, []string{`flag --output: "networkmanager": not used with firewalld; remove --check`}},
		{[]string{"-o", "xml"}, []string{`flag --output: "xml": unknown format; must be one of table, json, yaml, firewall-cmd, networkmanager`}},
		{[]string{"--from", garbage, "--local"}, []string{`flag --from: "` + garbage + `": contradicts flag --local; set only one of the two`}},
		{[]string{"--from", garbage, "--role", "control-plane", "--api-server-port", "6443", "--no-bgp", "--typha"}, []string{
			`flag --from: "` + garbage + `": contradicts --role, --api-server-port, --no-bgp, --typha: the openings in the file are used unchanged`}},
		{[]string{"--from", folder + "/none"}, []string{`flag --from: "` + folder + `/none": can't be read: no such file or directory` + printed}},
		{[]string{"--from", garbage}, []string{`flag --from: "` + garbage + `": not the output of calico-bootstrap firewall -o json: invalid character 'o' looking for beginning of value`}},
		{[]string{"--from", empty}, []string{`flag --from: "` + empty + `": it has no openings` + printed}},
		{[]string{"--from", two}, []string{`flag --from: "` + two + `": more than one report, or trailing data` + printed}},
		{[]string{"--from", injected}, []string{`flag --from: "` + injected + `": opening "x": invalid port "1/tcp; reboot"; must be one such as 179/tcp` + printed}},
		{[]string{"--role", "master", "--ipv4-pool-ipip", "maybe", "--local"},
			[]string{`flag --ipv4-pool-ipip: "maybe": `, `flag --role: "master": unknown role; must be node or control-plane`}},
	}
	for _, tt := range tests {
		// The etcd is unreachable; the program must not try to connect.
		r := call(t, []string{"ETCD_ENDPOINTS=http://127.0.0.1:1"}, append([]string{"firewall"}, tt.args...)...)
		assert.Equal(t, 2, r.code, tt.args)
		assert.Empty(t, r.stdout, tt.args)
		lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
		require.Len(t, lines, len(tt.want), r.stderr)
		for i, want := range tt.want {
			assert.True(t, strings.HasPrefix(lines[i], "error: "+want), "%s\nin %s", want, lines[i])
		}
	}
	r := call(t, []string{"ETCD_ENDPOINTS=http://127.0.0.1:1"}, "firewall", "--timeout", "300ms")
	assert.Equal(t, 4, r.code)
	r = call(t, []string{"ETCD_ENDPOINTS=http://127.0.0.1:1"}, "firewall", "-o", "networkmanager")
	assert.Zero(t, r.code, "this format needs no datastore")
}
