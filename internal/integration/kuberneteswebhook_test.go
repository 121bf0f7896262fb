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

// TestKubernetesWebhookRefuses has an admission webhook that takes no IPv6 pools,
// with each code that webhooks choose: that ends the run, which says whose words
// these are.
func TestKubernetesWebhookRefuses(t *testing.T) {
	world := newSteadyWorld(t)
	server := world.server
	var refusal atomic.Value // the status of an answer
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
	const path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/kubetest-judge"
	judged := func() bool {
		_, answer := server.Do(t, http.MethodPost, "/apis/crd.projectcalico.org/v1/ippools?dryRun=All",
			[]byte(`{"apiVersion":"crd.projectcalico.org/v1","kind":"IPPool","metadata":{"name":"default-ipv6-ippool"},"spec":{"cidr":"fd00::/64"}}`))
		return strings.Contains(string(answer), "judge.example.org")
	}
	server.Apply(t, fmt.Appendf(nil, `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: kubetest-judge}
webhooks:
- name: judge.example.org
  clientConfig: {url: %q, caBundle: %s}
  rules: [{apiGroups: [crd.projectcalico.org], apiVersions: ["*"], operations: [CREATE], resources: [ippools]}]
  failurePolicy: Fail
  sideEffects: None
  admissionReviewVersions: [v1]
`, webhook.URL, base64.StdEncoding.EncodeToString(ca)))
	t.Cleanup(func() {
		server.Do(t, http.MethodDelete, path, nil)
		require.Eventually(t, func() bool { return !judged() }, waiting, step)
	})
	require.Eventually(t, judged, waiting, step)
	for _, code := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			world.empty(t)
			words := "no IPv6 here: " + http.StatusText(code)
			refusal.Store(map[string]any{"code": code, "message": words})
			begin := time.Now()
			_, causes, err := onKubernetes(t, kubernetes.Config{REST: world.config}, dual(patient()))
			require.ErrorIs(t, err, datastore.ErrRefused)
			require.NotErrorIs(t, err, datastore.ErrForbidden)
			atOnce(t, begin, err, `creating IPPool "default-ipv6-ippool": refused by the API server: admission webhook "judge.example.org" denied the request: `+words,
				`IPPool "default-ipv4-ippool" was created and not rolled back`)
			assert.Empty(t, causes)
			assert.Equal(t, bothPools[:1], world.poolsOf(t))
		})
	}
	t.Run("says the program", func(t *testing.T) {
		r := call(t, append(bothCIDRs[:2:2], "KUBECONFIG="+server.Kubeconfig(t)))
		assert.Equal(t, 1, r.code, r.stderr)
		assert.Contains(t, r.stderr, "judge.example.org")
		assert.Equal(t, 1, strings.Count(r.stderr, "error: "), r.stderr)
	})
}
