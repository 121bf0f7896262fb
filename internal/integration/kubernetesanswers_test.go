package integration

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
)

// assertPermanent checks an error that is not retryable: the run returns it without a
// timeout.
func assertPermanent(t *testing.T, begin time.Time, err error, message ...string) {
	t.Helper()
	require.Error(t, err)
	require.NotErrorIs(t, err, bootstrap.ErrTimedOut, "the error is not retried")
	assert.Less(t, time.Since(begin), soon)
	for _, text := range message {
		assert.ErrorContains(t, err, text)
	}
}

// TestKubernetesInvalidAnswers has a server send answers that are not an API
// server's: the run does not retry.
func TestKubernetesInvalidAnswers(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	const endpoint = "check that the endpoint is the API server's"
	asJSON := http.Header{"Content-Type": {"application/json"}}
	for name, fault := range map[string]faultproxy.Fault{
		"page":               faultproxy.Page(http.StatusOK),
		"page typed as JSON": faultproxy.Answer(http.StatusOK, asJSON, "<html></html>"),
		"empty":              faultproxy.Answer(http.StatusOK, asJSON, ""),
		"no object":          faultproxy.Answer(http.StatusOK, asJSON, `"pong"`),
		"no list":            faultproxy.Answer(http.StatusOK, asJSON, `{"kind":"IPPool","apiVersion":"crd.projectcalico.org/v1"}`),
		"items of another":   faultproxy.Answer(http.StatusOK, asJSON, `{"kind":"IPPoolList","items":[1]}`),
		"half":               faultproxy.Truncate,
		"no content":         faultproxy.Answer(http.StatusNoContent, nil, ""),
	} {
		for _, request := range requestsOfRun {
			if request.name == "config maps" {
				continue // an unreadable config map is skipped with a warning
			}
			t.Run(name+"/"+request.name, func(t *testing.T) {
				world.empty(t)
				proxy := faultproxy.NewHTTP(t, world.config)
				proxy.Inject(request.which, 1, fault)
				begin := time.Now()
				_, _, err := onKubernetes(t, kubernetes.Config{REST: proxy.Config()}, dual(patient()))
				assertPermanent(t, begin, err, endpoint, proxy.URL())
				assert.NotErrorIs(t, err, datastore.ErrUnreachable)
				assert.NotContains(t, err.Error(), "\n<")
			})
		}
	}
	t.Run("config maps", func(t *testing.T) {
		world.empty(t)
		proxy := faultproxy.NewHTTP(t, world.config)
		proxy.Inject(faultproxy.ConfigMaps, 1, faultproxy.Page(http.StatusOK))
		report, _, err := onKubernetes(t, kubernetes.Config{REST: proxy.Config()}, dual(patient()))
		require.NoError(t, err)
		require.Len(t, report.Warnings, 1)
		assert.Regexp(t, "no pod CIDR from (kubeadm-config|kube-proxy): ", report.Warnings[0]) // They are asked at once.
		assert.Equal(t, bothPools, world.poolsOf(t))
	})
}

// TestKubernetesNotHTTP connects to a server that does not speak HTTP.
func TestKubernetesNotHTTP(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ scheme, message string }{
		"http":  {"http", "check that the endpoint is the API server's"},
		"https": {"https", "does not use TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			ssh := faultproxy.NewTCP(t, "").Then(faultproxy.Behavior{Reply: "SSH-2.0-OpenSSH_9.9\r\n"})
			begin := time.Now()
			_, _, err := onKubernetes(t, kubernetes.Config{REST: &rest.Config{Host: tt.scheme + "://" + ssh.Address()}}, patient())
			assertPermanent(t, begin, err, tt.message)
		})
	}
}

// TestKubernetesUpgrade connects to a server that switches protocols, sends a list and
// keeps the connection open.
func TestKubernetesUpgrade(t *testing.T) {
	t.Parallel()
	upgrade := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + `{"kind":"IPPoolList","items":[]}`
	other := faultproxy.NewTCP(t, "").Then(faultproxy.Behavior{Reply: upgrade, Silent: true})
	begin := time.Now()
	_, _, err := onKubernetes(t, kubernetes.Config{REST: &rest.Config{Host: "http://" + other.Address()}}, patient())
	assertPermanent(t, begin, err, "unexpected 101 Switching Protocols: the response is not from the API server")
}

// TestKubernetesRedirects has a server redirect requests to a login page on another
// server: the token is not sent there, and the page is not taken for a list.
func TestKubernetesRedirects(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	var seen atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(seen.Load() || r.Header.Get("Authorization") != "")
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>log in</html>"))
	}))
	defer other.Close()
	for _, code := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		for _, request := range requestsOfRun {
			t.Run(http.StatusText(code)+"/"+request.name, func(t *testing.T) {
				world.empty(t)
				proxy := faultproxy.NewHTTP(t, world.config)
				proxy.Inject(request.which, faultproxy.Always, faultproxy.Answer(code, http.Header{"Location": {other.URL + "/login"}}, ""))
				begin := time.Now()
				_, _, err := onKubernetes(t, kubernetes.Config{REST: proxy.Config()}, dual(patient()))
				assert.False(t, seen.Load(), "the token was sent to another server")
				if request.name != "config maps" {
					assertPermanent(t, begin, err, "check that the endpoint is the API server's")
				}
			})
		}
	}
}
