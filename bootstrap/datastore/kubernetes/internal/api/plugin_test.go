package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
)

// plugged returns a client of the server whose exec plugin is the script.
func plugged(t *testing.T, server *httptest.Server, script string) *Client {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the plugin is a shell script")
	}
	plugin := apitest.File(t, "plugin", "#!/bin/sh\n"+script+"\n")
	require.NoError(t, os.Chmod(plugin, 0o700))
	config := &rest.Config{Host: "https://127.0.0.1:1", ExecProvider: &clientcmdapi.ExecConfig{
		APIVersion: "client.authentication.k8s.io/v1", Command: plugin, InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}}
	if server != nil {
		config.Host, config.Insecure = server.URL, true
	}
	client, err := New(config, "", 0, nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	return client
}

// The plugin's token authenticates the client. If it is rejected, the hint names the
// plugin.
func TestPlugin(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(apitest.Failure(401, "Unauthorized", "Unauthorized").Body))
			return
		}
		_, _ = w.Write([]byte(`{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","metadata":{"resourceVersion":"7"},"items":[]}`))
	}))
	t.Cleanup(server.Close)
	printing := func(token string) string {
		return fmt.Sprintf(`echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":%q}}'`, token)
	}

	body, err := call(t, plugged(t, server, printing("hunter2")), listing)
	require.NoError(t, err)
	assert.JSONEq(t, `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","metadata":{"resourceVersion":"7"},"items":[]}`, string(body))

	_, err = call(t, plugged(t, server, printing("hunter3")), listing)
	require.ErrorIs(t, err, datastore.ErrUnauthorized)
	require.ErrorContains(t, err, "check the exec plugin of the kubeconfig's user")
	assert.NotContains(t, err.Error(), "hunter3")

	_, err = call(t, plugged(t, server, "exit 3"), listing)
	require.ErrorIs(t, err, datastore.ErrUnauthorized)
	require.ErrorContains(t, err, "getting credentials: exec: executable")
	require.ErrorContains(t, err, "failed with exit code 3: check the exec plugin of the kubeconfig's user")
}

// The context ends a request whose plugin hangs.
func TestPluginThatHangs(t *testing.T) {
	t.Parallel()
	held, gone := apitest.File(t, "held", ""), filepath.Join(t.TempDir(), "gone")
	const patience = 30 * time.Second // of the plugin, so that it ends even if the test fails
	client := plugged(t, nil, fmt.Sprintf("i=0\nwhile [ -e '%s' ] && [ $i -lt %d ]; do sleep 0.1; i=$((i+1)); done\n: >'%s'", held, patience/(100*time.Millisecond), gone))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := client.Call(ctx, listing, client.Get("pools"))
	require.ErrorIs(t, err, datastore.ErrUnreachable)
	require.ErrorContains(t, err, "the exec plugin")
	assert.Less(t, time.Since(begin), patience/2)
	// The plugin outlives the request, but must end before goleak looks for goroutines.
	require.NoError(t, os.Remove(held))
	require.Eventually(t, func() bool { _, err := os.Stat(gone); return err == nil }, patience/2, 10*time.Millisecond)
}
