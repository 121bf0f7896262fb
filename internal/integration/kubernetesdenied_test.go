package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
)

// bearer returns a config that authenticates with a token.
func bearer(server *kubetest.Server, token string) *rest.Config {
	return &rest.Config{Host: server.URL(), BearerToken: token, TLSClientConfig: rest.TLSClientConfig{CAData: server.CA()}}
}

// selfSigned returns a self-signed certificate that is valid until end.
func selfSigned(t *testing.T, end time.Time, usage x509.ExtKeyUsage, names ...string) (tls.Certificate, []byte, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stranger", Organization: []string{"system:masters"}},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{usage}, DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if len(names) > 0 {
		template.IPAddresses = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyText := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})
	pair, err := tls.X509KeyPair(cert, keyText)
	require.NoError(t, err)
	return pair, cert, keyText
}

// TestKubernetesTLS connects in each way in which TLS fails.
func TestKubernetesTLS(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	server := world.server
	tomorrow := time.Now().Add(24 * time.Hour)
	another, anotherCA, _ := selfSigned(t, tomorrow, x509.ExtKeyUsageServerAuth, "other.example.org")
	expired, expiredCA, _ := selfSigned(t, time.Now().Add(-time.Hour), x509.ExtKeyUsageServerAuth)
	withCA := func(host string, ca []byte) *rest.Config {
		return &rest.Config{Host: host, BearerToken: "hunter2", TLSClientConfig: rest.TLSClientConfig{CAData: ca}}
	}
	named := withCA(server.URL(), server.CA())
	named.ServerName = "kubernetes.other.example.org"
	plain := faultproxy.NewPlainHTTP(t, world.config)
	for name, tt := range map[string]struct {
		config  *rest.Config
		kind    error // nil: not a datastore error
		message []string
	}{
		"another CA":     {withCA(server.URL(), anotherCA), datastore.ErrTLS, []string{"unknown authority", "certificate-authority in the kubeconfig, or "}},
		"no CA":          {withCA(server.URL(), nil), datastore.ErrTLS, []string{"unknown authority", "certificate-authority in the kubeconfig, or "}},
		"another name":   {named, datastore.ErrTLS, []string{"kubernetes.other.example.org", "localhost", "a host name that is in the API server's certificate"}},
		"another host's": {withCA(faultproxy.NewHTTP(t, world.config, faultproxy.WithCertificate(another)).URL(), anotherCA), datastore.ErrTLS, []string{"127.0.0.1", "in the API server's certificate"}},
		"expired":        {withCA(faultproxy.NewHTTP(t, world.config, faultproxy.WithCertificate(expired)).URL(), expiredCA), datastore.ErrTLS, []string{"expired", "renew the API server's certificate"}},
		"https to http":  {withCA("https"+strings.TrimPrefix(plain.URL(), "http"), server.CA()), datastore.ErrTLS, []string{"is the endpoint http://?"}},
		"http to https":  {withCA("http"+strings.TrimPrefix(server.URL(), "https"), nil), nil, []string{"use an https:// endpoint"}},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			_, causes, err := onKubernetes(t, kubernetes.Config{REST: tt.config}, patient())
			assertPermanent(t, begin, err, append(tt.message, tt.config.Host)...)
			if tt.kind != nil {
				require.ErrorIs(t, err, tt.kind)
			}
			assert.NotErrorIs(t, err, datastore.ErrUnreachable)
			assert.Empty(t, causes)
			assert.NotContains(t, err.Error(), "\n")
			assert.NotContains(t, err.Error(), "hunter2")
		})
		t.Run(name+", program", func(t *testing.T) {
			env := []string{"K8S_API_ENDPOINT=" + tt.config.Host, "K8S_API_TOKEN=hunter2"}
			if tt.config.ServerName != "" {
				return // no variable sets the server name
			}
			if tt.config.CAData != nil {
				ca := filepath.Join(t.TempDir(), "ca.pem")
				require.NoError(t, os.WriteFile(ca, tt.config.CAData, 0o600))
				env = append(env, "K8S_CA_FILE="+ca)
			}
			r := call(t, env)
			assert.Equal(t, 1, r.code, r.stderr)
			assert.Equal(t, 1, strings.Count(r.stderr, "error: "), r.stderr)
			for _, text := range tt.message {
				assert.Contains(t, r.stderr, text)
			}
			assert.NotContains(t, r.stderr, "hunter2")
		})
	}
}

// TestKubernetesUnauthorized uses credentials that the API server rejects.
func TestKubernetesUnauthorized(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	server := world.server
	namespace := server.Namespace(t)
	expired := server.Token(t, namespace, "expired", -time.Hour)
	_, stranger, strangerKey := selfSigned(t, time.Now().Add(time.Hour), x509.ExtKeyUsageClientAuth)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(expired), 0o600))
	fromFile := bearer(server, "")
	fromFile.BearerTokenFile = file
	for name, tt := range map[string]struct {
		config  *rest.Config
		secret  string
		message []string
	}{
		"expired token":           {bearer(server, expired), expired, []string{"the token expired on 20", "Z: get a new one"}},
		"expired token in a file": {fromFile, expired, []string{"the token in " + file + " expired on 20"}},
		"unknown token":           {bearer(server, "hunter2"), "hunter2", []string{"check the token: is it from this cluster"}},
		"token of a deleted account": {bearer(server, func() string {
			token := server.Token(t, namespace, "deleted", time.Hour)
			code, _ := server.Do(t, http.MethodDelete, "/api/v1/namespaces/"+namespace+"/serviceaccounts/deleted", nil)
			require.Equal(t, http.StatusOK, code)
			return token
		}()), "eyJ", []string{"does its ServiceAccount still exist?"}},
		"client certificate of another CA": {&rest.Config{Host: server.URL(), TLSClientConfig: rest.TLSClientConfig{
			CAData: server.CA(), CertData: stranger, KeyData: strangerKey}}, "PRIVATE KEY", []string{"client certificate", "signed by the cluster's CA"}},
		"no credentials": {bearer(server, ""), "", []string{"no credentials are configured"}},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			_, causes, err := onKubernetes(t, kubernetes.Config{REST: tt.config}, patient())
			require.ErrorIs(t, err, datastore.ErrUnauthorized)
			assertPermanent(t, begin, err, append(tt.message, server.URL())...)
			assert.Empty(t, causes)
			if tt.secret != "" {
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), tt.secret)
			}
		})
	}
	t.Run("expired token, program", func(t *testing.T) {
		r := call(t, []string{"KUBECONFIG=" + server.TokenKubeconfig(t, expired), "CALICO_STARTUP_LOGLEVEL=debug"})
		assert.Equal(t, 1, r.code, r.stderr)
		assert.Contains(t, r.stderr, "unauthorized: ")
		assert.Contains(t, r.stderr, "the token expired on 20")
		assert.NotContains(t, r.stderr, expired)
	})
}

// TestKubernetesForbidden removes one rule at a time from those that a run needs.
func TestKubernetesForbidden(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	server, group := world.server, world.group.Group
	rules := map[string]rbacv1.PolicyRule{
		"list pools":   kubetest.Rule(group, "ippools", "list"),
		"create pools": kubetest.Rule(group, "ippools", "create"),
		"list blocks":  kubetest.Rule(group, "ipamblocks", "list"),
		"config maps":  kubetest.Rule("", "configmaps", "get"),
		"networks":     kubetest.Rule("config.openshift.io", "networks", "get"),
	}
	without := func(t *testing.T, missing ...string) *rest.Config {
		t.Helper()
		namespace := server.Namespace(t)
		user := server.ServiceAccount(t, namespace, "some")
		var given []rbacv1.PolicyRule
		for name, rule := range rules {
			if !strings.Contains(strings.Join(missing, ","), name) {
				given = append(given, rule)
			}
		}
		server.Allow(t, user, given...)
		return bearer(server, server.Token(t, namespace, "some", time.Hour))
	}
	for missing, rule := range map[string]string{
		"list pools":   "add to a ClusterRole the rule - {apiGroups: [crd.projectcalico.org], resources: [ippools], verbs: [list]}",
		"create pools": "add to a ClusterRole the rule - {apiGroups: [crd.projectcalico.org], resources: [ippools], verbs: [create]}",
		"list blocks":  "add to a ClusterRole the rule - {apiGroups: [crd.projectcalico.org], resources: [ipamblocks], verbs: [list]}",
	} {
		t.Run(missing, func(t *testing.T) {
			world.empty(t)
			config := without(t, missing)
			begin := time.Now()
			_, causes, err := onKubernetes(t, kubernetes.Config{REST: config}, dual(patient()))
			require.ErrorIs(t, err, datastore.ErrForbidden)
			assertPermanent(t, begin, err, "permission denied", rule)
			assert.Empty(t, causes)
			assert.Empty(t, world.Pools(t))
			if missing == "create pools" {
				r := call(t, []string{"KUBECONFIG=" + server.TokenKubeconfig(t, config.BearerToken)})
				assert.Equal(t, 1, r.code, r.stderr)
				assert.Contains(t, r.stderr, "verbs: [create]}")
			}
		})
	}
	t.Run("config maps", func(t *testing.T) {
		world.empty(t)
		report, _, err := onKubernetes(t, kubernetes.Config{REST: without(t, "config maps", "networks")}, dual(patient()))
		require.NoError(t, err)
		assert.Equal(t, bothPools, world.poolsOf(t))
		require.Len(t, report.Warnings, 3)
		for i, rule := range []string{
			"kubeadm-config: {a Role in namespace kube-system the rule - {apiGroups: [''], resources: [configmaps], resourceNames: [kubeadm-config], verbs: [get]}",
			"networks.config.openshift.io: {a ClusterRole the rule - {apiGroups: [config.openshift.io], resources: [networks], resourceNames: [cluster], verbs: [get]}",
			"kube-proxy: {a Role in namespace kube-system the rule - {apiGroups: [''], resources: [configmaps], resourceNames: [kube-proxy], verbs: [get]}",
		} {
			source, rule, _ := strings.Cut(rule, ": {")
			assert.Contains(t, report.Warnings[i], "no pod CIDR from "+source+": ")
			assert.Contains(t, report.Warnings[i], "add to "+rule)
		}
	})
}

// denial returns a ValidatingAdmissionPolicy that denies pools of a name.
func denial(name, reason, words string) []byte {
	return fmt.Appendf(nil, `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: kubetest-denial}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [crd.projectcalico.org], apiVersions: ["*"], operations: [CREATE], resources: [ippools]}
  validations:
  - {expression: "object.metadata.name != '%s'", reason: %s, message: "%s"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: kubetest-denial}
spec: {policyName: kubetest-denial, validationActions: [Deny]}
`, name, reason, words)
}

// TestKubernetesDeniedByPolicy has an admission policy deny one of the pools.
func TestKubernetesDeniedByPolicy(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	server := world.server
	const path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
	probe := []byte(`{"apiVersion":"crd.projectcalico.org/v1","kind":"IPPool","metadata":{"name":"default-ipv6-ippool"},"spec":{"cidr":"fd00::/64"}}`)
	denied := func() bool {
		code, answer := server.Do(t, http.MethodPost, "/apis/crd.projectcalico.org/v1/ippools?dryRun=All", probe)
		return code != http.StatusCreated && strings.Contains(string(answer), "denied request")
	}
	t.Cleanup(func() {
		server.Do(t, http.MethodDelete, path+"ybindings/kubetest-denial", nil)
		server.Do(t, http.MethodDelete, path+"ies/kubetest-denial", nil)
		require.Eventually(t, func() bool { return !denied() }, waitTimeout, pollInterval)
	})
	for _, reason := range []string{"Forbidden", "Invalid"} {
		t.Run(reason, func(t *testing.T) {
			world.empty(t)
			words := "IPv6 pools are denied by the network team (" + reason + ")"
			server.Apply(t, denial("default-ipv6-ippool", reason, words))
			require.Eventually(t, func() bool {
				_, answer := server.Do(t, http.MethodPost, "/apis/crd.projectcalico.org/v1/ippools?dryRun=All", probe)
				return strings.Contains(string(answer), "("+reason+")")
			}, waitTimeout, pollInterval)
			begin := time.Now()
			_, causes, err := onKubernetes(t, kubernetes.Config{REST: world.config}, dual(patient()))
			require.ErrorIs(t, err, datastore.ErrRefused)
			require.NotErrorIs(t, err, datastore.ErrForbidden)
			assertPermanent(t, begin, err, words, `creating IPPool "default-ipv6-ippool": refused by the API server`, `IPPool "default-ipv4-ippool" was created and not rolled back`)
			assert.Empty(t, causes)
			assert.Equal(t, bothPools[:1], world.poolsOf(t))
		})
	}
	t.Run("program", func(t *testing.T) {
		r := call(t, append(bothCIDRs[:2:2], "KUBECONFIG="+server.Kubeconfig(t)))
		assert.Equal(t, 1, r.code, r.stderr)
		assert.Contains(t, r.stderr, "denied by the network team")
	})
}

// TestKubernetesWebhookIsDown registers a webhook for pools that is unreachable. The
// run retries, as the webhook may start later, for instance in a new cluster.
func TestKubernetesWebhookIsDown(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	world.empty(t)
	server := world.server
	const path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/kubetest-down"
	probe := []byte(`{"apiVersion":"crd.projectcalico.org/v1","kind":"IPPool","metadata":{"name":"probe"},"spec":{"cidr":"fd00::/64"}}`)
	registered := func() bool {
		_, answer := server.Do(t, http.MethodPost, "/apis/crd.projectcalico.org/v1/ippools?dryRun=All", probe)
		return strings.Contains(string(answer), "down.example.org")
	}
	for _, tt := range []struct {
		name, address string
		causes        int
	}{
		{"refuses", "127.0.0.1:1", 1},
		// The error may occur when dialing, reading or writing, for either pool.
		{"resets", faultproxy.NewTCP(t, "").Then(faultproxy.Behavior{Reset: true}).Address(), 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server.Apply(t, fmt.Appendf(nil, `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: kubetest-down}
webhooks:
- name: down.example.org
  clientConfig: {url: "https://%s/validate"}
  rules: [{apiGroups: [crd.projectcalico.org], apiVersions: ["*"], operations: [CREATE], resources: [ippools]}]
  failurePolicy: Fail
  sideEffects: None
  admissionReviewVersions: [v1]
`, tt.address))
			t.Cleanup(func() {
				server.Do(t, http.MethodDelete, path, nil)
				require.Eventually(t, func() bool { return !registered() }, waitTimeout, pollInterval)
			})
			require.Eventually(t, registered, waitTimeout, pollInterval)
			_, causes, err := onKubernetes(t, kubernetes.Config{REST: world.config}, dual(lasting("3s")))
			require.ErrorIs(t, err, bootstrap.ErrTimedOut)
			require.ErrorIs(t, err, datastore.ErrUnreachable)
			assert.ErrorContains(t, err, "down.example.org")
			assert.LessOrEqual(t, len(causes), tt.causes, "%q", causes)
			assert.NotContains(t, strings.Join(causes, ""), "->", "a port would make the same cause look different each time")
			assert.Empty(t, world.Pools(t))
		})
	}
}
