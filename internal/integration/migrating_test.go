package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const migrating = "../../docs/MIGRATING.md"

// consoleBlock is a block of a session: what is typed behind $ and >, and what
// that prints.
var consoleBlock = regexp.MustCompile("(?s)<!-- session: ([a-z]+) -->\n```console\n(.*?)```\n")

// calicoNode is the part of calico-node's DaemonSet that matters.
const calicoNode = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      containers:
        - name: calico-node
          image: calico-node
          env:
            - {name: DATASTORE_TYPE, value: kubernetes}
            - {name: NODENAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
            - {name: CALICO_IPV4POOL_CIDR, value: 10.244.0.0/16}
            - {name: CALICO_IPV4POOL_IPIP, value: Always}
            - {name: CALICO_IPV4POOL_NAT_OUTGOING, value: "true"}
            - {name: FELIX_IPV6SUPPORT, value: "false"}
`

// TestMigratingKubernetes types what docs/MIGRATING.md says, on a cluster whose
// pool is not what calico-node's variables say.
func TestMigratingKubernetes(t *testing.T) {
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.DeleteConfigMap(t, "kube-system", "kubeadm-config")
	world.server.Apply(t, []byte(calicoNode))
	t.Cleanup(func() {
		kubectlAfter(t, world.server, "-n", "kube-system", "delete", "daemonset", "calico-node", "--wait=false")
	})
	pool := ippool.New("default-ipv4-ippool")
	pool.Spec.CIDR, pool.Spec.NATOutgoing = "192.168.0.0/16", true
	ippool.Default(pool)
	world.Write(t, pool)

	binary, err := kubetest.Kubectl(t.Context())
	require.NoError(t, err)
	tools := t.TempDir()
	require.NoError(t, os.Symlink(binary, filepath.Join(tools, "kubectl")))
	typeSession(t, "kubernetes", tools, t.TempDir(), "KUBECONFIG="+world.server.Kubeconfig(t))
	assert.Len(t, world.Pools(t), 2)
}

// TestMigratingEtcd does so on an empty etcd.
func TestMigratingEtcd(t *testing.T) {
	world := newEtcdWorld(t)
	folder := t.TempDir()
	config := "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec:\n  datastoreType: etcdv3\n  etcdEndpoints: " + world.server.Endpoints()[0] + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "calicoctl.cfg"), []byte(config), 0o600))
	environment := "CALICO_IPV4POOL_CIDR=10.244.0.0/16\nCALICO_IPV4POOL_NAT_OUTGOING=true\nNODENAME=node-1\nIP=autodetect\nFELIX_IPV6SUPPORT=false\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "calico.env"), []byte(environment), 0o600))
	typeSession(t, "etcd", t.TempDir(), folder)
	assert.Len(t, world.Pools(t), 1)
}

// typeSession types every line of a session into one shell, and compares what is
// printed on stdout with what stands below the line.
func typeSession(t *testing.T, name, tools, folder string, env ...string) {
	t.Helper()
	program, err := buildProgram()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(program, filepath.Join(tools, "calico-bootstrap")))
	text, err := os.ReadFile(migrating)
	require.NoError(t, err)
	blocks := consoleBlock.FindAllStringSubmatch(string(text), -1)

	var script strings.Builder
	script.WriteString("set -o pipefail\n")
	commands := 0
	for _, block := range blocks {
		if block[1] != name {
			continue
		}
		for _, command := range typedLines(block[2]) {
			fmt.Fprintf(&script, "echo '@@%d'\n%s\n[ $? -eq 0 ] || { echo \"command %[1]d failed\" >&2; exit 1; }\n", commands, command)
			commands++
		}
	}
	require.Positive(t, commands)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	cmd.Dir = folder
	cmd.Env = append([]string{"PATH=" + tools + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + folder}, preflight...)
	cmd.Env = append(cmd.Env, env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, stderr.String())
	printed := map[int]string{}
	for i := range commands {
		_, rest, found := strings.Cut(string(out), fmt.Sprintf("@@%d\n", i))
		require.True(t, found)
		printed[i], _, _ = strings.Cut(rest, fmt.Sprintf("@@%d\n", i+1))
	}

	i := 0
	tried := consoleBlock.ReplaceAllStringFunc(string(text), func(block string) string {
		match := consoleBlock.FindStringSubmatch(block)
		if match[1] != name {
			return block
		}
		var session strings.Builder
		for _, command := range typedLines(match[2]) {
			session.WriteString("$ " + strings.ReplaceAll(command, "\n", "\n> ") + "\n")
			session.WriteString(allowedHere.ReplaceAllString(printed[i], ""))
			i++
		}
		return "<!-- session: " + name + " -->\n```console\n" + session.String() + "```\n"
	})
	if *update {
		require.NoError(t, os.WriteFile(migrating, []byte(tried), 0o644))
		return
	}
	assert.Equal(t, tried, string(text))
}

// typedLines are the commands of a block, each with the lines that continue it.
func typedLines(block string) []string {
	var commands []string
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		if typed, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, typed)
		} else if typed, ok := strings.CutPrefix(line, "> "); ok && len(commands) > 0 {
			commands[len(commands)-1] += "\n" + typed
		}
	}
	return commands
}
