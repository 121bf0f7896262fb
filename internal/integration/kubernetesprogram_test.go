package integration

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// account is a ServiceAccount with the program's permissions, and its credentials.
type account struct {
	token      string
	kubeconfig string
	ca         string // file
	cert, key  string // files of the same user as a client certificate
}

func newAccount(t *testing.T, server *kubetest.Server, name string) account {
	t.Helper()
	user := server.ServiceAccount(t, "kube-system", name)
	server.Allow(t, user,
		kubetest.Rule("crd.projectcalico.org", "ippools", "list", "create"),
		kubetest.Rule("crd.projectcalico.org", "ipamblocks", "list"),
		kubetest.Rule("", "configmaps", "get"),
		kubetest.Rule("config.openshift.io", "networks", "get"))
	folder := t.TempDir()
	cert, key := server.ClientCert(t, user)
	a := account{
		token: server.Token(t, "kube-system", name, time.Hour),
		ca:    server.CAFile(), cert: filepath.Join(folder, "cert.pem"), key: filepath.Join(folder, "key.pem"),
	}
	require.NoError(t, os.WriteFile(a.cert, cert, 0o600))
	require.NoError(t, os.WriteFile(a.key, key, 0o600))
	a.kubeconfig = server.TokenKubeconfig(t, a.token)
	return a
}

// TestKubernetesVariables connects to the API server in every supported way.
func TestKubernetesVariables(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	a := newAccount(t, world.server, "variables")
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, ".kube"), 0o700))
	kubeconfig, err := os.ReadFile(a.kubeconfig)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(home, ".kube", "config"), kubeconfig, 0o600))
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	config := filepath.Join(t.TempDir(), "calicoctl.cfg")
	indented := strings.ReplaceAll(string(kubeconfig), "\n", "\n    ")
	require.NoError(t, os.WriteFile(config, []byte(
		"apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec:\n  datastoreType: kubernetes\n  kubeconfigInline: |\n    "+indented+"\n"), 0o600))
	endpoint := []string{"K8S_API_ENDPOINT=" + world.server.URL(), "K8S_CA_FILE=" + a.ca}
	plugin := pluginKubeconfig(t, world.server, "echo '"+`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"`+a.token+`"}}'`)

	tests := []struct {
		name string
		env  []string
		args []string
	}{
		{"kubeconfig", []string{"KUBECONFIG=" + a.kubeconfig}, nil},
		{"the second name", []string{"CALICO_KUBECONFIG=" + a.kubeconfig, "KUBECONFIG=/nonexistent"}, nil},
		{"the flag", []string{"KUBECONFIG=/nonexistent"}, []string{"--kubeconfig", a.kubeconfig, "--k8s-current-context", "kubetest"}},
		{"several files", []string{"KUBECONFIG=" + empty + string(filepath.ListSeparator) + "/nonexistent" + string(filepath.ListSeparator) + a.kubeconfig}, nil},
		{"in the home directory", []string{"HOME=" + home}, nil},
		{"endpoint and token", append(endpoint, "K8S_API_TOKEN="+a.token), nil},
		{"endpoint and client certificate", append(endpoint, "K8S_CERT_FILE="+a.cert, "K8S_KEY_FILE="+a.key), nil},
		{"endpoint, unchecked", []string{"K8S_API_ENDPOINT=" + world.server.URL(), "K8S_INSECURE_SKIP_TLS_VERIFY=true", "K8S_API_TOKEN=" + a.token}, nil},
		{"an exec plugin", []string{"KUBECONFIG=" + plugin}, nil},
		{"a config file with a kubeconfig in it", nil, []string{"--config", config}},
		{"few requests a second", []string{"KUBECONFIG=" + a.kubeconfig, "K8S_CLIENT_QPS=20", "K8S_CLIENT_BURST=1"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			world.empty(t)
			r := call(t, append(bothCIDRs[:2:2], tt.env...), tt.args...)
			require.Zero(t, r.code, r.stderr)
			assert.Contains(t, r.stdout, "created")
			assert.Len(t, world.Pools(t), 2)
			assert.NotContains(t, r.stderr, a.token)
		})
	}
}

// pluginKubeconfig returns a kubeconfig whose user runs a script as its exec plugin.
func pluginKubeconfig(t *testing.T, server *kubetest.Server, script string) string {
	t.Helper()
	plugin := filepath.Join(t.TempDir(), "plugin")
	require.NoError(t, os.WriteFile(plugin, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	path := server.TokenKubeconfig(t, "")
	config, err := clientcmd.LoadFromFile(path)
	require.NoError(t, err)
	for _, user := range config.AuthInfos {
		user.Exec = &clientcmdapi.ExecConfig{
			APIVersion: "client.authentication.k8s.io/v1", Command: plugin, InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
		}
	}
	require.NoError(t, clientcmd.WriteToFile(*config, path))
	return path
}

// TestInCluster runs the program as in a pod: in its own mount namespace, with the
// token and the CA in the paths that Kubernetes uses.
func TestInCluster(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("requires Linux")
	}
	if out, err := exec.Command("unshare", "--user", "--map-root-user", "--mount", "true").CombinedOutput(); err != nil {
		t.Skipf("can't create a namespace: %v: %s", err, out)
	}
	world := newKubernetesWorld(t, ippool.CRDV1)
	a := newAccount(t, world.server, "in-cluster")
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte(a.token), 0o600))
	address, err := url.Parse(world.server.URL())
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(address.Host)
	require.NoError(t, err)

	program := command(t, append(bothCIDRs[:2:2], "KUBERNETES_SERVICE_HOST="+host, "KUBERNETES_SERVICE_PORT="+port,
		"TOKEN="+token, "CA="+a.ca), "-o", "yaml")
	// The files may be in /run, so they are read before the mount hides it.
	const script = `set -e
		token=$(cat "$TOKEN") ca=$(cat "$CA")
		mount -t tmpfs tmpfs /run
		folder=/run/secrets/kubernetes.io/serviceaccount
		mkdir -p $folder
		echo "$token" > $folder/token
		echo "$ca" > $folder/ca.crt
		exec "$@"`
	pod := exec.CommandContext(t.Context(), "unshare",
		append([]string{"--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"}, program.Args...)...)
	pod.Env, pod.Dir = program.Env, program.Dir
	out, err := pod.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "datastore: kubernetes")
	assert.Len(t, world.Pools(t), 2)
}

// TestKubernetesBadInput checks the errors of invalid settings and credentials.
// Nothing is written.
func TestKubernetesBadInput(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	a := newAccount(t, world.server, "bad-input")
	good := "KUBECONFIG=" + a.kubeconfig
	malformed := filepath.Join(t.TempDir(), "malformed")
	require.NoError(t, os.WriteFile(malformed, []byte("users: [{name: a, user: {token: hunter2}"), 0o600))
	tests := []struct {
		name   string
		env    []string
		args   []string
		code   int
		stderr []string
	}{
		{"unknown context", []string{good, "K8S_CURRENT_CONTEXT=gone"}, nil, 2,
			[]string{`error: env K8S_CURRENT_CONTEXT: "gone": no such context in the kubeconfig; must be one of kubetest`}},
		{"missing file", []string{"KUBECONFIG=/nonexistent"}, nil, 2,
			[]string{`error: env KUBECONFIG: "/nonexistent": can't be read: no such file or directory; must be a kubeconfig`}},
		{"malformed kubeconfig", nil, []string{"--kubeconfig", malformed}, 2, []string{`error: flag --kubeconfig: "` + malformed + `": not a kubeconfig: `}},
		{"kubeconfig and endpoint", []string{good, "K8S_API_ENDPOINT=" + world.server.URL()}, nil, 2,
			[]string{`error: env K8S_API_ENDPOINT: "` + world.server.URL() + `": contradicts env KUBECONFIG; set a kubeconfig or an endpoint, not both`}},
		{"unknown API group", []string{good, "CALICO_API_GROUP=crd.projectcalico.org/v3"}, nil, 2,
			[]string{`error: env CALICO_API_GROUP: "crd.projectcalico.org/v3": unknown API group; must be crd.projectcalico.org/v1 or projectcalico.org/v3`}},
		{"all at once", []string{"KUBECONFIG=/nonexistent", "CALICO_API_GROUP=v1", "CALICO_IPV4POOL_CIDR=x"}, nil, 2,
			[]string{"env KUBECONFIG", "env CALICO_API_GROUP", "env CALICO_IPV4POOL_CIDR"}},
		{"v3 requested, only v1 is served", []string{"KUBECONFIG=" + world.server.Kubeconfig(t), "CALICO_API_GROUP=projectcalico.org/v3"}, nil, 1,
			[]string{"the API server has no ippools in the configured group projectcalico.org/v3, but in crd.projectcalico.org/v1: set --calico-api-group"}},
		{"v3 requested, no permission for others", []string{good, "CALICO_API_GROUP=projectcalico.org/v3"}, nil, 1,
			[]string{"permission denied", "add to a ClusterRole the rule - {apiGroups: [projectcalico.org], resources: [ippools], verbs: [list]}"}},
		{"invalid token", []string{"K8S_API_ENDPOINT=" + world.server.URL(), "K8S_CA_FILE=" + a.ca, "K8S_API_TOKEN=hunter2"}, nil, 1,
			[]string{"unauthorized", "check the token"}},
		{"no credentials", []string{"K8S_API_ENDPOINT=" + world.server.URL(), "K8S_CA_FILE=" + a.ca}, nil, 1,
			[]string{"unauthorized", "User \"system:anonymous\" cannot list resource", "no credentials are configured"}},
		{"a plugin that fails", []string{"KUBECONFIG=" + pluginKubeconfig(t, world.server, "echo no ticket >&2; exit 3")}, nil, 1,
			[]string{"unauthorized: getting credentials: exec: executable", "check the exec plugin"}},
		{"no CA", []string{"K8S_API_ENDPOINT=" + world.server.URL(), "K8S_API_TOKEN=" + a.token}, nil, 1, []string{"TLS failure", "--k8s-ca-file"}},
		{"an argument after the token", nil, []string{"--k8s-api-token", "my", "hunter2"}, 2, []string{"unexpected argument after the flags"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := call(t, tt.env, tt.args...)
			assert.Equal(t, tt.code, r.code, r.stderr)
			assert.Empty(t, r.stdout)
			for _, want := range tt.stderr {
				assert.Contains(t, r.stderr, want)
			}
			var errs []string
			for line := range strings.Lines(r.stderr) {
				if strings.HasPrefix(line, "error: ") {
					errs = append(errs, line)
				}
			}
			if len(tt.stderr) == 1 {
				assert.Len(t, errs, 1, "one error line")
			}
			assert.NotContains(t, r.stderr, "hunter2")
			assert.Empty(t, world.Pools(t))
		})
	}
}

// TestRenderForKubectl applies the output of render with kubectl, with Calico's CRDs.
func TestRenderForKubectl(t *testing.T) {
	t.Parallel()
	for _, group := range []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion} {
		t.Run(group.Group, func(t *testing.T) {
			world := newCalicoWorld(t, group)
			r := call(t, bothCIDRs, "render", "--calico-api-group", group.String())
			require.Zero(t, r.code, r.stderr)
			path := filepath.Join(t.TempDir(), "pools.yaml")
			require.NoError(t, os.WriteFile(path, []byte(r.stdout), 0o600))
			kubectl(t, world.server, "apply", "-f", path)
			assert.Len(t, world.Pools(t), 2)
		})
	}
	r := call(t, bothCIDRs, "render", "--calico-api-group", "v1")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, `error: flag --calico-api-group: "v1": unknown API group`)
}
