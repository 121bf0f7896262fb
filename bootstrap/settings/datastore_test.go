package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func TestDatastoreType(t *testing.T) {
	t.Parallel()
	const choose = "; set datastoreType to choose"
	tests := []struct {
		lines   []string
		want    datastore.Type
		warning string
		note    string
	}{
		{lines: nil, want: datastore.Kubernetes},
		{lines: []string{"ETCD_ENDPOINTS=http://10.0.0.1:2379"}, want: datastore.EtcdV3},
		{lines: []string{"ETCD_DISCOVERY_SRV=example.com"}, want: datastore.EtcdV3},
		{lines: []string{"--etcd-discovery-srv=example.com"}, want: datastore.EtcdV3},
		{lines: []string{"KUBECONFIG=/k"}, want: datastore.Kubernetes},
		{lines: []string{"K8S_API_ENDPOINT=https://10.0.0.1:6443"}, want: datastore.Kubernetes},
		{lines: []string{"DATASTORE_TYPE=etcdv3"}, want: datastore.EtcdV3},
		{lines: []string{"DATASTORE_TYPE=EtcdV3"}, want: datastore.EtcdV3},
		{lines: []string{"DATASTORE_TYPE=kubernetes"}, want: datastore.Kubernetes},
		{lines: []string{"DATASTORE_TYPE=KUBERNETES", "ETCD_ENDPOINTS=http://10.0.0.1:2379"}, want: datastore.Kubernetes},
		{lines: []string{"DATASTORE_TYPE=etcdv3", "ETCD_ENDPOINTS=http://10.0.0.1:2379", "--kubeconfig=/k"}, want: datastore.EtcdV3},
		{lines: []string{"DATASTORE_TYPE=kubernetes", "ETCD_KEY_FILE=/k"}, want: datastore.Kubernetes},
		{lines: []string{"ETCD_ENDPOINTS=http://10.0.0.1:2379", "--kubeconfig=/k"}, want: datastore.Kubernetes,
			warning: "env ETCD_ENDPOINTS has no effect: flag --kubeconfig selects Kubernetes"},
		{lines: []string{"ETCD_DISCOVERY_SRV=example.com", "--k8s-api-endpoint=https://10.0.0.1:6443"}, want: datastore.Kubernetes,
			warning: "env ETCD_DISCOVERY_SRV has no effect: flag --k8s-api-endpoint selects Kubernetes"},
		{lines: []string{"--etcd-endpoints=http://10.0.0.1:2379", "KUBECONFIG=/k"}, want: datastore.EtcdV3,
			warning: "env KUBECONFIG has no effect: flag --etcd-endpoints selects etcd"},
		{lines: []string{"ETCD_ENDPOINTS=http://10.0.0.1:2379", "KUBECONFIG=/k", "--strict=true"}, want: datastore.EtcdV3,
			note: "env KUBECONFIG has no effect: env ETCD_ENDPOINTS selects etcd" + choose},
	}
	for _, tt := range tests {
		config := settingstest.Resolved(t, tt.lines...)
		assert.Equal(t, tt.want, config.Datastore, "%q", tt.lines)
		var warnings, notes []string
		if tt.warning != "" {
			warnings = []string{tt.warning}
		}
		if tt.note != "" {
			notes = []string{tt.note}
		}
		assert.Equal(t, warnings, config.Warnings, "%q", tt.lines)
		assert.Equal(t, notes, config.Notes, "%q", tt.lines)
	}
	assert.Equal(t, datastore.Kubernetes, settingstest.Resolved(t, "KUBECONFIG=/k", "ETCD_ENDPOINTS=http://10.0.0.1:2379", "--k8s-api-endpoint=https://10.0.0.1:6443").Datastore)
	assert.ErrorContains(t, settingstest.Given(t, "ETCD_ENDPOINTS=http://10.0.0.1:2379", "--etcd-discovery-srv=x", "--kubeconfig=/k").Validate(),
		"contradicts flag --etcd-discovery-srv")
	for _, text := range []string{"etcd", "k8s", "kubernetes "} {
		assert.EqualError(t, settingstest.Given(t, "CALICO_DATASTORE_TYPE="+text).Validate(),
			`env CALICO_DATASTORE_TYPE: "`+text+`": unknown datastore; must be etcdv3 or kubernetes`+spaceHint(text))
	}
	assert.EqualError(t, settingstest.Given(t, "DATASTORE_TYPE=ETCDv2").Validate(),
		`env DATASTORE_TYPE: "ETCDv2": the datastore of Calico 1 and 2, whose pools Calico 3 doesn't read; must be etcdv3 or kubernetes`)
}

// A path that contradicts the endpoints is shown, as everywhere; what may be a secret is not.
func TestContradictingDatastores(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"--kubeconfig=/etc/kubeconfig":                      `flag --kubeconfig: "/etc/kubeconfig": `,
		"--kubeconfig={a: b}":                               "flag --kubeconfig: ***: looks like a JSON text; ",
		"--kubeconfig=users: [{user: {password: hunter2}}]": "flag --kubeconfig: ***: looks like a YAML text; ",
		"--k8s-api-endpoint=https://10.0.0.1:6443":          `flag --k8s-api-endpoint: "https://10.0.0.1:6443": `,
		"--k8s-api-endpoint=https://root:hunter2@10.0.0.1":  "flag --k8s-api-endpoint: ***: looks like a URL with a password or a token; ",
	} {
		assert.EqualError(t, settingstest.Given(t, "--etcd-endpoints=http://10.0.0.1:2379", flag).Validate(),
			want+"contradicts flag --etcd-endpoints; set only one of them, or datastoreType")
	}
	given := settingstest.Given(t, "--etcd-endpoints=http://10.0.0.1:2379")
	given.Datastore.KubeconfigInline = settings.Given("hunter2", origin.Caller("cluster.yaml"))
	assert.EqualError(t, given.Validate(), "cluster.yaml: ***: contradicts flag --etcd-endpoints; set only one of them, or datastoreType")
}

// The cluster of a kubeconfig that no setting names is not used if anything looks like a
// setting of a datastore; a pod is only warned.
func TestDatastoreIsNotGuessed(t *testing.T) {
	t.Parallel()
	const (
		etcd, kube = "etcd.endpoints, ", "kubernetes.kubeconfig or kubernetes.apiEndpoint"
		hint       = ": selects no datastore; set " + etcd + kube
		misspelt   = ": unknown; did you mean %s? Nothing selects a datastore: set "
	)
	for _, tt := range []struct {
		name, meant string
		setting     bool
		kubernetes  bool // a fault with DATASTORE_TYPE=kubernetes, too
	}{
		{"ETCD_KEY_FILE", "", true, false}, {"ETCD_PASSWORD", "", true, false},
		{"ETCD_AUTHORITY", "ETCD_ENDPOINTS", false, false}, {"ETCD_ENDPOINT", "ETCD_ENDPOINTS", false, false}, {"ETCD_ENDPIONTS", "ETCD_ENDPOINTS", false, false},
		{"KUBECONFIGS", "KUBECONFIG", false, true}, {"K8S_API_ENDPIONT", "K8S_API_ENDPOINT", false, true}, {"CALICO_DATASTORE", "DATASTORE_TYPE", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			given := settings.DatastoreSettings{}
			want := "env " + tt.name + strings.ReplaceAll(misspelt, "%s", tt.meant) + etcd + kube
			if tt.setting {
				given = settingstest.Given(t, tt.name+"=hunter2").Datastore
				want = "env " + tt.name + hint
			} else {
				given.Ambient.Similar = settings.SimilarVariables([]string{tt.name + "=http://me:hunter2@10.0.0.1"})
			}
			require.EqualError(t, given.Unselecting().Err(), want)
			require.NoError(t, settings.Settings{Datastore: given}.Validate(), "the caller may have a datastore")

			pod := settings.Settings{Datastore: given}
			warnings, err := pod.CheckSelection()
			require.NoError(t, err)
			assert.Empty(t, warnings, "not in a pod")
			pod.Datastore.Ambient.KubernetesServiceHost = settings.Given("10.96.0.1", origin.Env("KUBERNETES_SERVICE_HOST"))
			warnings, err = pod.CheckSelection()
			require.NoError(t, err)
			assert.Equal(t, []string{want + "; using the cluster of this pod"}, warnings)

			typed := given
			typed.DatastoreType = settings.Given("kubernetes", origin.Env("DATASTORE_TYPE"))
			assert.Len(t, typed.Unselecting(), map[bool]int{true: 1}[tt.kubernetes])
			given.Kubeconfig = settings.Given("/k", origin.Env("KUBECONFIG"))
			assert.Empty(t, given.Unselecting())
		})
	}
	// Variables for the pools alone say nothing of a datastore.
	assert.Empty(t, settings.SimilarVariables([]string{"NO_DEFAULT_POOL=true", "PATH=/bin", "ETCDCTL_ENDPOINTS="}))

	// etcdctl's variable is no hint in a pod.
	host := settings.Settings{}
	host.Datastore.Ambient.Similar = settings.SimilarVariables([]string{"ETCDCTL_ENDPOINTS=http://a:1"})
	require.EqualError(t, host.Datastore.Unselecting().Err(), "env ETCDCTL_ENDPOINTS: looks like a setting of the datastore, but selects none; set "+etcd+kube)
	host.Datastore.Ambient.KubernetesServiceHost = settings.Given("10.96.0.1", origin.Env("KUBERNETES_SERVICE_HOST"))
	warnings, err := host.CheckSelection()
	require.NoError(t, err)
	assert.Empty(t, warnings)
}
