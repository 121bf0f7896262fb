package integration

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
)

// TestKubernetesWebhookRefuses has an admission webhook deny IPv6 pools, with each code
// that webhooks use: the run fails without retries, and its error names the webhook.
func TestKubernetesWebhookRefuses(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	server := world.server
	var refusal atomic.Value // the status in the response
	refusal.Store(map[string]any{})
	webhook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Request struct{ UID, Name string }
		}
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&review))
		response := map[string]any{"uid": review.Request.UID, "allowed": review.Request.Name != "default-ipv6-ippool", "status": refusal.Load()}
		assert.NoError(t, json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response,
		}))
	}))
	t.Cleanup(webhook.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: webhook.Certificate().Raw})
	const path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/kubetest-webhook"
	registered := func() bool {
		_, answer := server.Do(t, http.MethodPost, "/apis/crd.projectcalico.org/v1/ippools?dryRun=All",
			[]byte(`{"apiVersion":"crd.projectcalico.org/v1","kind":"IPPool","metadata":{"name":"default-ipv6-ippool"},"spec":{"cidr":"fd00::/64"}}`))
		return strings.Contains(string(answer), "webhook.example.org")
	}
	server.Apply(t, fmt.Appendf(nil, `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: kubetest-webhook}
webhooks:
- name: webhook.example.org
  clientConfig: {url: %q, caBundle: %s}
  rules: [{apiGroups: [crd.projectcalico.org], apiVersions: ["*"], operations: [CREATE], resources: [ippools]}]
  failurePolicy: Fail
  sideEffects: None
  admissionReviewVersions: [v1]
`, webhook.URL, base64.StdEncoding.EncodeToString(ca)))
	t.Cleanup(func() {
		server.Do(t, http.MethodDelete, path, nil)
		require.Eventually(t, func() bool { return !registered() }, waitTimeout, pollInterval)
	})
	require.Eventually(t, registered, waitTimeout, pollInterval)
	for _, code := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			world.empty(t)
			words := "IPv6 is not supported: " + http.StatusText(code)
			refusal.Store(map[string]any{"code": code, "message": words})
			begin := time.Now()
			_, causes, err := onKubernetes(t, kubernetes.Config{REST: world.config}, dual(patient()))
			require.ErrorIs(t, err, datastore.ErrRefused)
			require.NotErrorIs(t, err, datastore.ErrForbidden)
			assertPermanent(t, begin, err, `creating IPPool "default-ipv6-ippool": refused by the API server: admission webhook "webhook.example.org" denied the request: `+words,
				`IPPool "default-ipv4-ippool" was created and not rolled back`)
			assert.Empty(t, causes)
			assert.Equal(t, bothPools[:1], world.poolsOf(t))
		})
	}
	t.Run("program", func(t *testing.T) {
		r := call(t, append(bothCIDRs[:2:2], "KUBECONFIG="+server.Kubeconfig(t)))
		assert.Equal(t, 1, r.code, r.stderr)
		assert.Contains(t, r.stderr, "webhook.example.org")
		assert.Equal(t, 1, strings.Count(r.stderr, "error: "), r.stderr)
	})
}
