package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// secret is a value that a user may put in a wrong place, and its parts that no output
// may contain.
type secret struct {
	kind, value string
	needles     []string
}

var secrets = []secret{
	{
		"PEM key", "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIOzZfLfWs0nL0cT2mWQkq7bN3oAoGCCqGSM49\nAwEHoUQDQgAEn5sC6m1B\n-----END EC PRIVATE KEY-----",
		[]string{"MHcCAQEEIO", "AwEHoUQDQgAE"},
	},
	{
		"JWT", "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJzeXN0ZW06bm9kZSJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg",
		[]string{"eyJhbGci", "eyJzdWIi", "c2lnbmF0"},
	},
	{
		"JSON kubeconfig", `{"apiVersion":"v1","kind":"Config","users":[{"name":"a","user":{"token":"hunter2,x"}}]}`,
		[]string{"hunter2"},
	},
	{"URL with a password", "https://root:hunter2@x.example:2379/y", []string{"hunter2"}},
	{"user and password", "root:hunter2@x.example", []string{"hunter2"}},
	{"lines", "user: root\npassword: hunter2", []string{"hunter2"}},
	{"random", "kDq8Zf2LhT0vXw7RmNc4YbEa9SgUj1PoQi6rA5tB3zM=", []string{"kDq8Zf2L", "Qi6rA5tB3z"}},
}

// place is where a secret stands: SECRET in the arguments, the variable, or the content of
// FILE in the arguments.
type place struct {
	name string
	args []string
	env  string             // the variable that contains the secret
	file func(s string) any // a text, or an object to encode
}

// outputs are the commands and formats, which all print to stdout or stderr.
var outputs = [][]string{
	{"apply"},
	{"apply", "-o", "json", "--log-format", "json", "--log-level", "debug"},
	{"plan"}, {"plan", "-o", "yaml", "--strict"},
	{"config"}, {"config", "-o", "json"}, {"config", "-o", "yaml"}, {"config", "-o", "env"},
	{"render"}, {"render", "-o", "json", "--log-format", "json"},
	{"bug-report"},
	{"firewall"}, {"firewall", "--local", "-o", "firewall-cmd"},
}

// TestNoOutputShowsASecret puts secrets in every place for something else. The places of
// settings are those of settings.Definitions.
func TestNoOutputShowsASecret(t *testing.T) {
	isolate(t)
	for n, place := range slices.Concat(placesOfSettings(), placesOfConfig(), placesOfKubeconfigs(), placesOfManifests(), otherPlaces()) {
		for m, s := range secrets {
			for i, output := range outputs {
				// Each place has every output, and every kind of secret; a flag has more
				// combinations than its variables.
				if step := map[bool]int{true: len(secrets), false: 3}[place.env != ""]; (i+m+n)%step != 0 {
					continue
				}
				checkPlace(t, place, s, output)
			}
		}
	}
}

// isolate removes the settings of the test's own environment.
func isolate(t *testing.T) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	for _, d := range settings.Definitions() {
		for _, name := range d.Variables() {
			t.Setenv(name, "")
		}
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("CALICO_IPPOOLS_PREFLIGHT", "off")
}

func checkPlace(t *testing.T, p place, s secret, output []string) {
	t.Helper()
	args := slices.Concat(output, []string{"--timeout", "20ms", "--ipv4-pool-cidr", "10.244.0.0/16"}, p.args)
	if p.env != "" {
		require.NoError(t, os.Setenv(p.env, s.value))
		defer func() { _ = os.Setenv(p.env, "") }()
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "SECRET", s.value)
		if strings.Contains(args[i], "FILE") {
			args[i] = strings.ReplaceAll(args[i], "FILE", write(t, p.file(s.value)))
		}
	}
	var stdout, stderr bytes.Buffer
	run(t.Context(), args, &stdout, &stderr)
	for _, needle := range s.needles {
		if all := stdout.String() + stderr.String(); strings.Contains(all, needle) {
			t.Errorf("%s: %s: %q\n%s", p.name, s.kind, output, all)
			return
		}
	}
}

func write(t *testing.T, content any) string {
	t.Helper()
	data, isText := content.(string)
	if !isText {
		encoded, err := json.Marshal(content)
		require.NoError(t, err)
		data = string(encoded)
	}
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte(data), 0o700))
	return path
}

// placesOfSettings are the flag and the variables of each setting, secret ones too, with the
// datastore that it belongs to.
func placesOfSettings() []place {
	var places []place
	for _, d := range settings.Definitions() {
		var args []string
		switch id := string(d.ID); {
		case strings.HasPrefix(id, "etcd."):
			args = []string{"--datastore-type=etcdv3", "--etcd-endpoints=http://127.0.0.1:1"}
		case strings.HasPrefix(id, "kubernetes."):
			args = []string{"--datastore-type=kubernetes"}
		default:
			args = []string{"--etcd-endpoints=http://127.0.0.1:1"}
		}
		if d.ID != "kubernetes.clientQPS" {
			args = append(args, "--k8s-client-qps=1")
		}
		args = slices.DeleteFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--"+d.Flag+"=") })
		places = append(places, place{name: "flag " + d.Flag, args: append(args, "--"+d.Flag+"=SECRET")})
		for _, variable := range d.Variables() {
			places = append(places, place{name: "env " + variable, args: args, env: variable})
		}
	}
	return places
}

// placesOfConfig are the fields of a CalicoAPIConfig.
func placesOfConfig() []place {
	var places []place
	config := func(key string, value any) any {
		kind := "kubernetes"
		if strings.HasPrefix(key, "etcd") {
			kind = "etcdv3"
		}
		spec := map[string]any{"datastoreType": kind}
		spec[key] = value
		return map[string]any{"apiVersion": "projectcalico.org/v3", "kind": "CalicoAPIConfig", "spec": spec}
	}
	for _, key := range []string{
		"datastoreType", "etcdEndpoints", "etcdDiscoverySrv", "etcdUsername", "etcdPassword", "etcdCACertFile", "etcdCertFile", "etcdKeyFile",
		"etcdCACert", "etcdCert", "etcdKey", "kubeconfig", "kubeconfigInline", "k8sAPIEndpoint", "k8sKeyFile", "k8sCertFile", "k8sCAFile",
		"k8sAPIToken", "k8sInsecureSkipTLSVerify", "k8sClientQPS", "k8sClientBurst", "k8sCurrentContext", "calicoAPIGroup", "k8sDisableNodePoll",
	} {
		places = append(places, place{
			name: "config file " + key, args: []string{"--config", "FILE"}, file: func(s string) any { return config(key, s) },
		})
	}
	return append(places,
		place{name: "config file", args: []string{"--config", "SECRET"}},
		place{name: "config file kind", args: []string{"--config", "FILE"}, file: func(s string) any { return map[string]any{"kind": s, "apiVersion": s} }},
		place{name: "config file key", args: []string{"--config", "FILE"}, file: func(s string) any { return config(s, s) }},
		place{name: "config file text", args: []string{"--config", "FILE"}, file: func(s string) any { return s }},
		place{name: "config file alias", args: []string{"--config", "FILE"}, file: func(s string) any { return "spec: {etcdKey: *" + s + "}" }},
	)
}

// placesOfKubeconfigs are fields of a kubeconfig, among them those of an exec plugin, and
// its output.
func placesOfKubeconfigs() []place {
	var places []place
	const base = `{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],
clusters: [{name: a, cluster: {server: "https://127.0.0.1:1", insecure-skip-tls-verify: true}}], users: [{name: a, user: {}}]}`
	add := func(name string, change func(config, context, cluster, user map[string]any, s string)) {
		places = append(places, place{name: "kubeconfig " + name, args: []string{"--kubeconfig", "FILE"}, file: func(s string) any {
			var config map[string]any
			if err := yaml.Unmarshal([]byte(base), &config); err != nil {
				panic(err)
			}
			part := func(list, of string) map[string]any {
				return config[list].([]any)[0].(map[string]any)[of].(map[string]any)
			}
			change(config, part("contexts", "context"), part("clusters", "cluster"), part("users", "user"), s)
			return config
		}})
	}
	for _, key := range []string{"current-context", "apiVersion", "kind", "contexts", "preferences"} {
		add(key, func(config, _, _, _ map[string]any, s string) { config[key] = s })
	}
	for _, key := range []string{"cluster", "user", "namespace"} {
		add(key, func(_, context, _, _ map[string]any, s string) { context[key] = s })
	}
	for _, key := range []string{"server", "certificate-authority", "certificate-authority-data", "proxy-url", "tls-server-name", "insecure-skip-tls-verify"} {
		add(key, func(_, _, cluster, _ map[string]any, s string) {
			delete(cluster, "insecure-skip-tls-verify")
			cluster[key] = s
		})
	}
	for _, key := range []string{"client-certificate", "client-key", "client-certificate-data", "client-key-data", "token", "tokenFile", "username", "password", "as", "as-groups"} {
		add(key, func(_, _, _, user map[string]any, s string) { user[key] = s })
	}
	for _, key := range []string{"client-certificate", "client-key"} {
		add(key+" of both", func(_, _, _, user map[string]any, s string) {
			user["client-certificate"], user["client-key"] = "/nonexistent", "/nonexistent"
			user[key] = s
		})
	}
	for _, list := range []string{"contexts", "clusters", "users"} {
		add("name in "+list, func(config, _, _, _ map[string]any, s string) {
			config[list].([]any)[0].(map[string]any)["name"] = s
		})
	}
	plugin := func(user map[string]any, command string) map[string]any {
		exec := map[string]any{"apiVersion": "client.authentication.k8s.io/v1", "command": command, "interactiveMode": "Never"}
		user["exec"] = exec
		return exec
	}
	for _, key := range []string{"apiVersion", "command", "args", "env", "interactiveMode"} {
		add("exec "+key, func(_, _, _, user map[string]any, s string) { plugin(user, "/bin/true")[key] = s })
	}
	for name, format := range map[string]string{
		"text": "%s", "kind": `{"kind":%q}`, "apiVersion": `{"kind":"ExecCredential","apiVersion":%q}`,
		"status": `{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":%q}`,
		"key":    `{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"clientKeyData":%q,"clientCertificateData":"x"}}`,
	} {
		add("output of a plugin: "+name, func(_, _, _, user map[string]any, s string) {
			plugin(user, "/bin/echo")["args"] = []string{fmt.Sprintf(format, s)}
		})
	}
	return append(places,
		place{name: "kubeconfig text", args: []string{"--kubeconfig", "FILE"}, file: func(s string) any { return s }},
		place{name: "kubeconfig alias", args: []string{"--kubeconfig", "FILE"}, file: func(s string) any { return "users: [{user: {token: *" + s + "}}]" }},
		place{name: "kubeconfigs", args: []string{"--kubeconfig", "/nonexistent:SECRET:/dev/null"}},
	)
}

// placesOfManifests are fields of an IPPool in a file.
func placesOfManifests() []place {
	var places []place
	add := func(name, format string) {
		places = append(places, place{
			name: "manifest " + name, args: []string{"--pools-file", "FILE", "--etcd-endpoints=http://127.0.0.1:1"},
			file: func(s string) any {
				quoted, _ := json.Marshal(s)
				return strings.NewReplacer("RAW", s, "Q", string(quoted)).Replace(format)
			},
		})
	}
	for _, field := range []string{
		"cidr", "vxlanMode", "ipipMode", "natOutgoing", "disabled", "disableBGPExport", "blockSize", "nodeSelector", "namespaceSelector", "allowedUses", "assignmentMode",
	} {
		add(field, `[{"name":"a","cidr":"10.0.0.0/8","`+field+`":Q}]`)
	}
	add("use", `[{"name":"a","cidr":"10.0.0.0/8","allowedUses":[Q]}]`)
	add("name", `[{"name":Q,"cidr":"10.0.0.0/8"},{"name":Q,"cidr":"10.0.0.0/9"}]`)
	add("label", `[{"name":"a","cidr":"10.0.0.0/8","labels":{"a":Q}}]`)
	add("label's key", `[{"name":"a","cidr":"10.0.0.0/8","labels":{Q:"a"}}]`)
	add("annotation's key", `[{"name":"a","cidr":"10.0.0.0/8","annotations":{Q:"a"}}]`)
	add("key", `[{"name":"a","cidr":"10.0.0.0/8",Q:1}]`)
	add("key twice", `{Q:1,Q:2}`)
	add("kind", `{"kind":Q,"apiVersion":Q}`)
	add("item", `[Q]`)
	add("text", `Q`)
	add("raw text", `RAW`)
	add("alias", `[{name: *RAW}]`)
	add("tag", `[{name: !RAW x}]`)
	return append(places, place{name: "manifest path", args: []string{"--pools-file=SECRET"}})
}

func otherPlaces() []place {
	opening := func(field string) func(s string) any {
		return func(s string) any {
			o := map[string]any{"name": "x", "port": "179/tcp", "families": []int{4}, "reason": "x"}
			o[field] = s
			return map[string]any{"role": "node", "openings": []any{o}}
		}
	}
	places := []place{
		{name: "argument", args: []string{"SECRET"}},
		{name: "flag", args: []string{"--SECRET"}},
		{name: "short flag", args: []string{"-SECRET"}},
		{name: "output", args: []string{"-o=SECRET"}},
		{name: "render --from-v1", args: []string{"--from-v1=SECRET"}},
		{name: "exit-code", args: []string{"--exit-code=SECRET"}},
		{name: "unknown variable", args: []string{"--etcd-endpoints=http://127.0.0.1:1"}, env: "CALICO_IPV4POOL_CIDRS"},
	}
	for _, flag := range []string{"role", "api-server-port", "from", "zone", "interface", "no-bgp", "check"} {
		places = append(places, place{name: "firewall --" + flag, args: []string{"--" + flag + "=SECRET"}})
	}
	for _, field := range []string{"name", "port", "protocol", "families"} {
		places = append(places, place{name: "opening " + field, args: []string{"--from=FILE"}, file: opening(field)})
	}
	return append(places, place{name: "openings", args: []string{"--from=FILE"}, file: func(s string) any { return s }})
}

// TestServersEchoSecrets has an API server that responds with the token it gets, and with
// other secrets.
func TestServersEchoSecrets(t *testing.T) {
	isolate(t)
	for _, s := range secrets {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			message := "no: " + s.value + " " + r.Header.Get("Authorization")
			assert.NoError(t, json.NewEncoder(w).Encode(map[string]any{
				"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 422, "message": message, "reason": "Invalid",
			}))
		}))
		for _, output := range [][]string{{"apply"}, {"plan", "-o", "json", "--log-format", "json"}, {"bug-report"}} {
			var stdout, stderr bytes.Buffer
			token := "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJub2RlIn0.c2lnbmF0dXJl"
			run(t.Context(), append(output, "--k8s-api-endpoint", server.URL, "--k8s-api-token", token), &stdout, &stderr)
			assert.NotContains(t, stdout.String()+stderr.String(), token, s.kind)
			if s.kind != "JSON kubeconfig" && s.kind != "lines" && s.kind != "user and password" { // plain words, which a server chose
				for _, needle := range s.needles {
					assert.NotContains(t, stdout.String()+stderr.String(), needle, s.kind)
				}
			}
		}
		server.Close()
	}
}
