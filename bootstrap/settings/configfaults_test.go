package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/golden"
)

// configMistakes are faulty CalicoAPIConfig files, grouped by the kind of mistake.
var configMistakes = []struct{ name, text string }{
	// Other files.
	{"empty", ""},
	{"only comments", "# nothing\n---\n"},
	{"a list", "- a\n- b\n"},
	{"a string", "hunter2"},
	{"an environment file", "# Calico\nETCD_ENDPOINTS=http://10.0.0.1:2379\nETCD_PASSWORD=hunter2\n"},
	{"an environment file that is a mapping", "ETCD_PASSWORD=hunter2: x\n"},
	{"an environment file that is a mapping, with export", "# a\n\nexport ETCD_PASSWORD='hunter2: y'\n"},
	{"an environment file that is no YAML", "ETCD_USERNAME=a: b\nETCD_PASSWORD=hunter2: x: y\n"},
	{"a file of another kind", "apiVersion: v1\nkind: List\nitems: []\n"},
	{"an assignment in the spec", configHead + "spec:\n  etcdPassword=hunter2: x\n  etcdEndpoints: http://10.0.0.1:2379\n"},
	{"an environment file with export", "export DATASTORE_TYPE=etcdv3\n"},
	{"a kubeconfig", "apiVersion: v1\nkind: Config\nclusters: []\nusers: [{name: a, user: {token: hunter2}}]\n"},
	{"a kubeconfig without a kind", "clusters: []\ncontexts: []\n"},
	{"a kubeconfig in JSON", `{"kind": "Config", "users": [{"user": {"password": "hunter2"}}]}`},
	{"an IPPool", "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: a}\n"},
	{"a list of pools", "ip_pools: []\n"},
	{"calico-config", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: calico-config, namespace: kube-system}\ndata:\n  etcd_endpoints: http://10.0.0.1:2379\n  etcd_ca: /calico-secrets/etcd-ca\n  calico_backend: bird\n"},
	{"another kind", "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nspec: {datastoreType: etcdv3}\n"},
	{"two documents", inEtcd + "---\n" + inEtcd},
	{"too many keys", "{" + strings.Repeat("a,", 60_000) + "}"},

	// Syntax.
	{"tab", configHead + "spec:\n\tdatastoreType: etcdv3\n"},
	{"tab after spaces", configHead + "spec:\n  datastoreType: etcdv3\n \t etcdUsername: a\n"},
	{"truncated", configHead + "spec: {"},
	{"not YAML", "\x00\x01\x02"},
	{"not UTF-8", "kind: \xff\n"},
	{"a password that YAML can't read", inEtcd + "  etcdPassword: @hunter2\n"},
	{"a password that is a directive", inEtcd + "  etcdPassword: %hunter2\n"},
	{"a password that is an alias", inEtcd + "  etcdPassword: *hunter2\n"},
	{"a password that is an odd alias", inEtcd + "  etcdPassword: *#hunter2\n"},
	{"a rendered JSON with a template", "{\"kind\": \"CalicoAPIConfig\",\n{% if etcd %}\n\"spec\": {}}"},
	{"lines of a template", configHead + "spec:\n{%- if etcd %}\n  etcdEndpoints: x\n{% endif %}\n"},
	{"the beginning of a value is a template", configHead + "spec:\n  etcdEndpoints: {{ scheme }}://10.0.0.1:2379\n"},

	// Kinds and versions.
	{"no kind, no version", "spec:\n  datastoreType: etcdv3\n"},
	{"empty kind and version", "apiVersion:\nkind: ''\nspec: {datastoreType: etcdv3}\n"},
	{"calicoctl 2", "apiVersion: v1\nkind: calicoApiConfig\nmetadata:\nspec:\n  datastoreType: etcdv2\n  etcdEndpoints: http://10.0.0.1:2379\n  etcdAuthority: 10.0.0.1:2379\n"},
	{"spelling of the kind", "apiVersion: projectcalico.org/v3\nkind: CalicoApiConfig\nspec: {datastoreType: etcdv3}\n"},
	{"CRD version", "apiVersion: crd.projectcalico.org/v1\nkind: CalicoAPIConfig\nspec: {datastoreType: etcdv3}\n"},
	{"version is a list", "apiVersion: []\nkind: CalicoAPIConfig\nspec: {datastoreType: etcdv3}\n"},

	// Places and names.
	{"under metadata", configHead + "metadata:\n  datastoreType: etcdv3\n  etcdEndpoints: http://10.0.0.1:2379\n  etcdPassword: hunter2\nspec:\n"},
	{"at the top level", configHead + "datastoreType: etcdv3\netcdEndpoints: http://10.0.0.1:2379\n"},
	{"in spec.spec", configHead + "spec:\n  spec:\n    datastoreType: etcdv3\n    etcdEndpoint: http://10.0.0.1:2379\n    foo: bar\n"},
	{"in metadata.spec", configHead + "metadata:\n  name: a\n  spec:\n    etcdEndpoints: http://10.0.0.1:2379\n"},
	{"in Spec", configHead + "Spec:\n  etcdEndpoints: http://10.0.0.1:2379\n"},
	{"in groups", configHead + "spec:\n  etcd:\n    endpoints: [http://10.0.0.1:2379]\n    auth: {username: a, password: hunter2}\n"},
	{"misspelt", configHead + "spec:\n  dataStoreType: etcdv3\n  etcdEndpoint: http://10.0.0.1:2379\n  etcdCaCertFile: /a\n  etcdcafile: /b\n  etcd_key_file: /c\n"},
	{"variables", configHead + "spec:\n  ETCD_ENDPOINTS: http://10.0.0.1:2379\n  CALICO_DATASTORE_TYPE: etcdv3\n"},
	{"misspelt secrets", inEtcd + "  etcdPasword: hunter2\n  etcdUserName: a\n"},
	{"unknown fields", inEtcd + "  foo: hunter2\n  etcdFoo: 1\n  k8sFoo: {a: b}\nstatus: {}\n"},
	{"unknown metadata", inEtcd + "metadata: {nam: a, foo: b}\n"},
	{"duplicate keys", inEtcd + "  etcdUsername: a\n  etcdUsername: b\nspec: {}\n"},
	{"keys that are not strings", inEtcd + "  1: a\n  ? [hunter2]\n  : b\n  <<: {etcdUsername: a}\n"},
	{"objects that are none", "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata: a\nspec: []\n"},

	// Values.
	{"types", configHead + "spec:\n  datastoreType: [etcdv3]\n  etcdEndpoints: {a: b}\n  k8sInsecureSkipTLSVerify: maybe\n  usePodCIDR: 'true'\n  k8sClientQPS: [1]\n  kubeconfig: yes\n"},
	{"numbers", inEtcd + "  etcdUsername: 0123\n  etcdCertFile: 0x1a\n  etcdKeyFile: 1_000\n  etcdCACertFile: .inf\n  etcdDiscoverySrv: 1e3\n  k8sClientQPS: 010\n  k8sClientBurst: 1_000\n"},
	{"secrets of other types", inEtcd + "  etcdPassword: 0123456789\n  etcdKey: yes\n  k8sAPIToken: [hunter2]\n  etcdCert: {hunter2: a}\n"},
	{"items of a list", configHead + "spec:\n  etcdEndpoints:\n  - https://a:1\n  - {a: b}\n  -\n  - '<host>:2379'\n"},
	{"tags", inEtcd + "  etcdUsername: ! a\n  etcdPassword: !hunter2\n  etcdKey: !!int hunter2\n  etcdCert: !!binary aHVudGVyMg==\n  k8sAPIToken: ! hunter2\n"},
	{"anchors", inEtcd + "  etcdPassword: &hunter2\n  etcdUsername: &a b\n  etcdKey: &b\n    c\n"},
	{"aliases", configHead + "metadata: {name: &a b}\nspec:\n  etcdEndpoints: *a\n  etcdPassword: *a\n"},
	{"an alias of a mapping", configHead + "metadata: {labels: &a {datastoreType: etcdv3}}\nspec: *a\n"},
	{"templates", configHead + "spec:\n  datastoreType: {{ type }}\n  etcdEndpoints: http://{{ host }}:2379\n  etcdUsername: __ETCD_USER__\n  etcdPassword: ${ETCD_PASSWORD}\n" +
		"  etcdCACertFile: <CA_FILE>\n  etcdCertFile: $DIR/cert.pem\n  etcdKeyFile: '{% raw %}'\n  etcdKey: {{ hunter2 }}\n"},
	{"a template of everything", "{{ calicoctl_cfg }}\n"},

	{"types of what needs another", inEtcd + "  etcdUsername: a\n  etcdPassword: [x]\n  etcdCertFile: [/c]\n  etcdKeyFile: /k\n"},

	// No datastore.
	{"another file altogether", "apiVersion: v1\nkind: List\nitems: []\n"},
	{"another file without a kind", "a: b\n"},
	{"no spec", configHead},
	{"empty spec", configHead + "spec: {}\n"},
	{"null spec", configHead + "metadata:\nspec:\n"},
	{"empty fields", configHead + "spec:\n  datastoreType:\n  etcdEndpoints:\n"},
	{"empty texts", configHead + "spec:\n  etcdEndpoints: ''\n  kubeconfig: \"\"\n  k8sAPIEndpoint: []\n"},
	{"an empty list", configHead + "spec:\n  etcdEndpoints: []\n"},
	{"a template of a datastore", configHead + "spec:\n  etcdEndpoints: {{ x }}\n"},
	{"only certificates", configHead + "spec:\n  etcdCACertFile: /a\n  k8sAPIToken: hunter2\n"},
}

func TestFromFileFaults(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, mistake := range configMistakes {
		got.WriteString("# " + mistake.name + "\n")
		given, err := settings.ReadConfig("F", []byte(mistake.text))
		require.ErrorIs(t, err, settings.ErrInvalidSettings, mistake.name)
		settingstest.CheckFaults(t, err)
		assert.NotContains(t, err.Error(), "hunter2", mistake.name)
		got.WriteString(err.Error() + "\n")
		if err := given.Validate(); err != nil {
			got.WriteString(err.Error() + "\n")
		}
		got.WriteString("\n")
	}
	golden.Check(t, "configfile-faults.golden", got.String())
}
