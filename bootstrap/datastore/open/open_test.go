package open_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// lines returns the faults of an error, one per line; nil for no error.
func lines(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	return strings.Split(err.Error(), "\n")
}

// The type selects the datastore.
func TestFromSettings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		given    []string
		kind     datastore.Type
		text     string
		store    any
		warnings []string
	}{
		{"etcd", []string{"ETCD_ENDPOINTS=https://10.0.0.1:2379", "--etcd-username=calico", "ETCD_PASSWORD=hunter2"},
			datastore.EtcdV3, "etcd https://10.0.0.1:2379", (*etcdv3.Datastore)(nil), nil},
		{"etcd, by its type", []string{"--datastore-type=etcdv3", "ETCD_ENDPOINTS=http://10.0.0.1:2379"},
			datastore.EtcdV3, "etcd http://10.0.0.1:2379", (*etcdv3.Datastore)(nil), nil},
		{"Kubernetes", []string{"DATASTORE_TYPE=kubernetes", "--k8s-api-endpoint=https://10.0.0.1:6443", "K8S_API_TOKEN=hunter2"},
			datastore.Kubernetes, "Kubernetes https://10.0.0.1:6443", (*kubernetes.Datastore)(nil), nil},
		{"with a warning", []string{"DATASTORE_TYPE=kubernetes", "--k8s-api-endpoint=https://10.0.0.1:6443", "--k8s-insecure-skip-tls-verify=true"},
			datastore.Kubernetes, "Kubernetes https://10.0.0.1:6443", (*kubernetes.Datastore)(nil),
			[]string{"flag --k8s-insecure-skip-tls-verify: TLS verification of the API server is skipped, which is insecure"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config, err := open.FromSettings(settingstest.Given(t, tt.given...))
			require.NoError(t, err)
			assert.Equal(t, tt.kind, config.Type)
			assert.Equal(t, tt.text, config.String())
			assert.Equal(t, tt.warnings, config.Warnings)
			for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
				assert.NotContains(t, fmt.Sprintf(verb, config), "hunter2")
			}
			store, err := config.Open()
			require.NoError(t, err)
			assert.IsType(t, tt.store, store)
			assert.Equal(t, tt.kind, store.Type())
			require.NoError(t, store.Close())
		})
	}
}

// All faults of the pools, the type and the datastore are returned together, one per
// line.
func TestFromSettingsFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		given []string
		want  []string // the beginning of each line
	}{
		{"of pools and datastore", []string{"CALICO_IPV4POOL_CIDR=10.0.0.0/99", "--timeout=soon", "DATASTORE_TYPE=etcdv3", "ETCD_ENDPOINTS=https://10.0.0.1", "ETCD_USERNAME=calico"}, []string{
			`env CALICO_IPV4POOL_CIDR: "10.0.0.0/99": `, `flag --timeout: "soon": `,
			`env ETCD_ENDPOINTS: "https://10.0.0.1": no port`, `env ETCD_USERNAME: "calico": a user without a password`,
		}},
		{"only of the datastore", []string{"DATASTORE_TYPE=kubernetes", "--k8s-api-endpoint=10.0.0.1", "--calico-api-group=v3"}, []string{
			`flag --calico-api-group: "v3": unknown API group`, `flag --k8s-api-endpoint: "10.0.0.1": the scheme must be https or http`,
		}},
		{"only of the pools", []string{"CALICO_IPV4POOL_CIDR=10.0.0.0/99", "ETCD_ENDPOINTS=https://10.0.0.1:2379"}, []string{`env CALICO_IPV4POOL_CIDR: "10.0.0.0/99": `}},
		{"an unknown type", []string{"DATASTORE_TYPE=consul", "CALICO_IPV4POOL_CIDR=10.0.0.0/99", "ETCD_ENDPOINTS=https://10.0.0.1"}, []string{
			`env CALICO_IPV4POOL_CIDR: "10.0.0.0/99": `, `env DATASTORE_TYPE: "consul": `,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := open.FromSettings(settingstest.Given(t, tt.given...))
			got := lines(t, err)
			require.Len(t, got, len(tt.want), "%v", err)
			for i, want := range tt.want {
				assert.True(t, strings.HasPrefix(got[i], want), "%q", got[i])
			}
			var faults *settings.Error
			require.ErrorAs(t, err, &faults)
		})
	}
}

// For reads only the settings of the given datastore, and none without a type.
func TestFor(t *testing.T) {
	t.Parallel()
	given := settingstest.Given(t, "CALICO_IPV4POOL_CIDR=10.0.0.0/99", "DATASTORE_TYPE=kubernetes", "ETCD_ENDPOINTS=https://10.0.0.1:2379", "--k8s-api-endpoint=10.0.0.1")
	config, err := open.For(datastore.EtcdV3, given.Datastore)
	require.NoError(t, err, "only the settings of etcd are validated")
	assert.Equal(t, open.Config{Type: datastore.EtcdV3, Etcd: etcdv3.Config{Endpoints: []string{"https://10.0.0.1:2379"}}}, config)
	config, err = open.For(datastore.Kubernetes, given.Datastore)
	assert.Len(t, lines(t, err), 1)
	assert.Equal(t, datastore.Kubernetes, config.Type)
	config, err = open.For("", given.Datastore)
	require.NoError(t, err)
	assert.Zero(t, config)
}

// With an error, the returned interface is nil, not a typed nil pointer.
func TestOpenFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		config open.Config
		want   string
	}{
		{open.Config{}, `unknown datastore ""; must be etcdv3 or kubernetes`},
		{open.Config{Type: "consul"}, `unknown datastore "consul"; must be etcdv3 or kubernetes`},
		{open.Config{Type: datastore.EtcdV3}, "etcd: no endpoints"},
		{open.Config{Type: datastore.Kubernetes}, "kubernetes: no rest.Config"},
		{open.Config{Type: datastore.EtcdV3, Kubernetes: kubernetes.Config{REST: &rest.Config{Host: "https://10.0.0.1"}}}, "etcd: no endpoints"},
	}
	for _, tt := range tests {
		store, err := tt.config.Open()
		require.EqualError(t, err, tt.want)
		assert.True(t, store == nil, "%#v", store)
		assert.False(t, errors.Is(err, settings.ErrInvalidSettings))
	}
}

// With --strict, warnings about the datastore are errors.
func TestStrictWarnings(t *testing.T) {
	t.Parallel()
	given := []string{"--k8s-api-endpoint=https://10.0.0.1:6443", "--k8s-insecure-skip-tls-verify=true"}
	_, err := open.FromSettings(settingstest.Given(t, append(given, "--strict=maybe")...))
	require.EqualError(t, err, `flag --strict: "maybe": not a boolean; must be one of true 1 t yes y on enabled, false 0 f no n off disabled`)
	config, err := open.FromSettings(settingstest.Given(t, append(given, "--strict=true")...))
	require.EqualError(t, err, "flag --k8s-insecure-skip-tls-verify: TLS verification of the API server is skipped, which is insecure (an error because of flag --strict)")
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	assert.Empty(t, config.Warnings)
}

// Messages about either datastore, and its config, have the names of the settings.
func TestNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		given []string
		names origin.Names
		want  string
	}{
		{[]string{"DATASTORE_TYPE=etcdv3"}, nil, "no etcd endpoints: set etcd.endpoints to URLs such as https://10.0.0.1:2379"},
		{[]string{"DATASTORE_TYPE=etcdv3", "KUBECONFIG=/k"}, settings.VariableNames,
			`env DATASTORE_TYPE: "etcdv3": no etcd endpoints: set ETCD_ENDPOINTS to URLs such as https://10.0.0.1:2379; env KUBECONFIG is set: did you mean kubernetes?`},
		{[]string{"DATASTORE_TYPE=etcdv3"}, settings.VariableNames, "no etcd endpoints: set ETCD_ENDPOINTS to URLs such as https://10.0.0.1:2379"},
		{[]string{"DATASTORE_TYPE=etcdv3"}, settings.FlagNames, "no etcd endpoints: set --etcd-endpoints or ETCD_ENDPOINTS to URLs such as https://10.0.0.1:2379"},
		{nil, nil, "no datastore is configured: no kubeconfig (kubernetes.kubeconfig, or ~/.kube/config), no API server (kubernetes.apiEndpoint), and not running in a pod; for etcd set etcd.endpoints"},
		{nil, settings.FlagNames, "no datastore is configured: no kubeconfig (--kubeconfig or KUBECONFIG, or ~/.kube/config), " +
			"no API server (--k8s-api-endpoint or K8S_API_ENDPOINT), and not running in a pod; for etcd set --etcd-endpoints or ETCD_ENDPOINTS"},
	}
	for _, tt := range tests {
		given := settingstest.Given(t, tt.given...)
		given.Datastore.Names = tt.names
		_, err := open.FromSettings(given)
		require.EqualError(t, err, tt.want)
	}
	given := settingstest.Given(t, "ETCD_ENDPOINTS=http://10.0.0.1:2379", "K8S_API_ENDPOINT=https://10.0.0.1:6443")
	given.Datastore.Names = settings.FlagNames
	for _, kind := range []datastore.Type{datastore.EtcdV3, datastore.Kubernetes} {
		config, err := open.For(kind, given.Datastore)
		require.NoError(t, err)
		names := config.Etcd.Names
		if kind == datastore.Kubernetes {
			names = config.Kubernetes.Names
		}
		assert.Equal(t, "--k8s-ca-file or K8S_CA_FILE", names.Of(origin.SettingCAFile), kind)
	}
}

// A config without what it needs can't be opened, and can be printed.
func TestOpenZeroConfig(t *testing.T) {
	t.Parallel()
	for _, config := range []open.Config{{}, {Type: "other"}, {Type: datastore.EtcdV3}, {Type: datastore.Kubernetes}} {
		store, err := config.Open()
		require.Error(t, err, "%v", config.Type)
		assert.Nil(t, store)
		assert.NotContains(t, config.String(), "PANIC")
	}
}
