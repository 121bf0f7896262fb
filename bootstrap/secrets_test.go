package bootstrap_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
)

func TestSettingsKeepTheirSecrets(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	var settings bootstrap.Settings
	settings.Datastore.EtcdEndpoints = bootstrap.Given("http://10.0.0.1:2379", "env ETCD_ENDPOINTS")
	settings.Datastore.EtcdPassword = bootstrap.Given(secret, "env ETCD_PASSWORD")
	settings.Datastore.EtcdKey = bootstrap.Given(secret, "file F spec.etcdKey")

	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&printed, verb+"\n", settings)
		fmt.Fprintf(&printed, verb+"\n", &settings)
		fmt.Fprintf(&printed, verb+"\n", settings.Datastore)
	}
	for _, logger := range []*slog.Logger{
		slog.New(slog.NewTextHandler(&printed, nil)), slog.New(slog.NewJSONHandler(&printed, nil)),
	} {
		logger.Info("settings", "all", settings, "datastore", settings.Datastore)
	}
	data, err := json.Marshal(settings)
	require.NoError(t, err)
	printed.Write(data)

	assert.NotContains(t, printed.String(), secret)
	assert.Equal(t, `{ETCD_ENDPOINTS="http://10.0.0.1:2379" ETCD_PASSWORD=*** file F spec.etcdKey=***}`, settings.Datastore.String())
}
