package settings_test

import (
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
	assert.EqualError(t, settingstest.Given(t, "--etcd-endpoints=http://10.0.0.1:2379", "--kubeconfig=/k").Validate(),
		"flag --kubeconfig: ***: contradicts flag --etcd-endpoints; set only one of them, or datastoreType")
}

// The cluster of a kubeconfig that no setting names is not used if anything looks like a
// setting of a datastore; a pod is only warned.
func TestDatastoreIsNotGuessed(t *testing.T) {
	t.Parallel()
	const hint = "selects no datastore; set etcd.endpoints, kubernetes.kubeconfig or kubernetes.apiEndpoint"
	for name, change := range map[string]func(*settings.Settings){
		"env ETCD_KEY_FILE": func(s *settings.Settings) {
			s.Datastore.EtcdKeyFile = settings.Given("/k", origin.Env("ETCD_KEY_FILE"))
		},
		"env ETCD_PASSWORD": func(s *settings.Settings) {
			s.Datastore.EtcdPassword = settings.Given("hunter2", origin.Env("ETCD_PASSWORD"))
		},
		"env ETCD_AUTHORITY": func(s *settings.Settings) {
			s.Unknown = settings.UnknownVariables([]string{"ETCD_AUTHORITY=127.0.0.1:2379"})
		},
		"env ETCD_ENDPOINT": func(s *settings.Settings) {
			s.Unknown = settings.UnknownVariables([]string{"ETCD_ENDPOINT=http://me:hunter2@10.0.0.1"})
		},
		"env KUBECONFIGS": func(s *settings.Settings) { s.Unknown = settings.UnknownVariables([]string{"KUBECONFIGS=/k"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var given settings.Settings
			change(&given)
			require.NoError(t, given.Validate(), "the caller may have a datastore")
			_, err := given.CheckSelection()
			require.EqualError(t, err, name+": "+hint)

			inPod := given
			inPod.Datastore.Ambient.KubernetesServiceHost = settings.Given("10.96.0.1", origin.Env("KUBERNETES_SERVICE_HOST"))
			warnings, err := inPod.CheckSelection()
			require.NoError(t, err)
			assert.Equal(t, []string{name + " " + hint + "; using the cluster of this pod"}, warnings)

			given.Datastore.Kubeconfig = settings.Given("/k", origin.Env("KUBECONFIG"))
			warnings, err = given.CheckSelection()
			require.NoError(t, err)
			assert.Empty(t, warnings)
		})
	}
	// Variables for the pools alone say nothing of a datastore.
	pools := settings.Settings{Unknown: settings.UnknownVariables([]string{"NO_DEFAULT_POOL=true"})}
	warnings, err := pools.CheckSelection()
	require.NoError(t, err)
	assert.Empty(t, warnings)
}
