package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// A variable that selects no datastore is reported once: by the selection of the datastore, or
// as an unknown setting.
func TestUnknownVariablesAreReportedOnce(t *testing.T) {
	t.Parallel()
	endpoint, pool := origin.Env("ETCD_ENDPOINT"), origin.Env("CALICO_IPV4POOL_CIRD")
	for name, tt := range map[string]struct {
		change func(*settings.DatastoreSettings)
		both   bool
	}{
		"no datastore": {func(*settings.DatastoreSettings) {}, false},
		"kubernetes":   {func(d *settings.DatastoreSettings) { d.DatastoreType = settings.Given("kubernetes", origin.Default) }, true},
		"etcd":         {func(d *settings.DatastoreSettings) { d.DatastoreType = settings.Given("etcdv3", origin.Default) }, true},
		"invalid":      {func(d *settings.DatastoreSettings) { d.DatastoreType = settings.Given("consul", origin.Default) }, true},
		"etcd's place": {func(d *settings.DatastoreSettings) { d.EtcdEndpoints = settings.Given("http://a:1", origin.Default) }, true},
		"a kubeconfig": {func(d *settings.DatastoreSettings) { d.Kubeconfig = settings.Given("/k", origin.Default) }, true},
		"the pod's place": {func(d *settings.DatastoreSettings) {
			d.Ambient.KubernetesServiceHost = settings.Given("10.96.0.1", origin.Default)
		}, false},
	} {
		s := settings.Settings{Unknown: []settings.Setting{settings.Given("a", pool), settings.Given("b", endpoint)}}
		s.Datastore.Ambient.Similar = []origin.Origin{endpoint}
		tt.change(&s.Datastore)
		var sources []origin.Origin
		for _, unknown := range withoutReported(s) {
			sources = append(sources, unknown.Source)
		}
		want := []origin.Origin{pool}
		if tt.both {
			want = append(want, endpoint)
		}
		assert.Equal(t, want, sources, name)
		assert.Len(t, s.Unknown, 2, "unchanged")
	}
}
