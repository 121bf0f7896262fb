package kubetest_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
)

// tests stops the shared server before goleak looks for goroutines.
type tests struct{ *testing.M }

func (t tests) Run() int {
	defer kubetest.StopShared()
	return t.M.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// holder returns a client with a token.
func holder(t *testing.T, s *kubetest.Server, token string) dynamic.Interface {
	t.Helper()
	return client(t, &rest.Config{
		Host: s.URL(), BearerToken: token,
		TLSClientConfig: rest.TLSClientConfig{CAData: s.CA()},
	})
}

func client(t *testing.T, config *rest.Config) dynamic.Interface {
	t.Helper()
	config.QPS = -1
	httpClient, err := rest.HTTPClientFor(config)
	require.NoError(t, err)
	t.Cleanup(httpClient.CloseIdleConnections)
	c, err := dynamic.NewForConfigAndClient(config, httpClient)
	require.NoError(t, err)
	return c
}

func list(t *testing.T, c dynamic.Interface, resource schema.GroupVersionResource) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := c.Resource(resource).List(ctx, metav1.ListOptions{})
	return err
}

func short(entries []kubetest.AuditEntry) []string {
	var all []string
	for _, entry := range entries {
		all = append(all, entry.String())
	}
	return all
}

func TestAdmin(t *testing.T) {
	s := kubetest.Shared(t)
	assert.Regexp(t, `^https://127\.0\.0\.1:\d+$`, s.URL())
	assert.Regexp(t, `^v1\.\d+\.\d+$`, s.Version(t))
	require.NoError(t, list(t, client(t, s.AdminConfig()), configMaps))

	config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig(t))
	require.NoError(t, err)
	require.NoError(t, list(t, client(t, config), configMaps))

	file, err := os.ReadFile(s.CAFile())
	require.NoError(t, err)
	assert.Equal(t, s.CA(), file)
}

func TestTokens(t *testing.T) {
	s := kubetest.Shared(t)
	namespace := s.Namespace(t)
	for name, validity := range map[string]time.Duration{"issued by the server": time.Hour, "signed by the test": time.Minute} {
		t.Run(name, func(t *testing.T) {
			account := strings.ReplaceAll(name, " ", "-")
			user := s.ServiceAccount(t, namespace, account)
			err := list(t, holder(t, s, s.Token(t, namespace, account, validity)), configMaps)
			require.True(t, apierrors.IsForbidden(err), "%v", err)
			assert.Equal(t, []string{"list configmaps 403"}, short(s.Audit(t, user)))
		})
	}
	for name, token := range map[string]string{
		"expired": s.Token(t, namespace, "late", -time.Minute),
		"unknown": "nonsense",
	} {
		t.Run(name, func(t *testing.T) {
			s.ResetAudit(t, "")
			err := list(t, holder(t, s, token), configMaps)
			require.True(t, apierrors.IsUnauthorized(err), "%v", err)
			assert.Equal(t, []string{"list configmaps 401"}, short(s.Audit(t, "")))
		})
	}
}

func TestAllow(t *testing.T) {
	s := kubetest.Shared(t)
	namespace := s.Namespace(t)
	user := s.ServiceAccount(t, namespace, "reader")
	s.Allow(t, user, kubetest.Rule("", "configmaps", "list"))
	c := holder(t, s, s.Token(t, namespace, "reader", time.Hour))
	require.NoError(t, list(t, c, configMaps))
	err := list(t, c, schema.GroupVersionResource{Version: "v1", Resource: "secrets"})
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	assert.Equal(t, []string{"list configmaps 200", "list secrets 403"}, short(s.Audit(t, user)))
	s.ResetAudit(t, user)
	assert.Empty(t, s.Audit(t, user))
}

func TestApply(t *testing.T) {
	s := kubetest.Shared(t)
	user := s.ServiceAccount(t, "apply", "a")
	for range 2 {
		s.Apply(t, []byte(`# A role and its binding.
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: secrets, namespace: apply}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: secrets, namespace: apply}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: secrets}
subjects: [{kind: ServiceAccount, name: a, namespace: apply}]
`))
	}
	c := holder(t, s, s.Token(t, "apply", "a", time.Hour))
	secrets := c.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"})
	require.Eventually(t, func() bool {
		_, err := secrets.Namespace("apply").List(t.Context(), metav1.ListOptions{})
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	assert.Contains(t, short(s.Audit(t, user)), "list secrets apply 200")
}

func TestClientCert(t *testing.T) {
	s := kubetest.Shared(t)
	s.ResetAudit(t, "cert-user")
	s.Allow(t, "cert-user", kubetest.Rule("", "configmaps", "list"))
	cert, key := s.ClientCert(t, "cert-user", "some", "group")
	c := client(t, &rest.Config{Host: s.URL(), TLSClientConfig: rest.TLSClientConfig{CAData: s.CA(), CertData: cert, KeyData: key}})
	require.NoError(t, list(t, c, configMaps))
	assert.Equal(t, []string{"list configmaps 200"}, short(s.Audit(t, "cert-user")))
}

func TestKubectl(t *testing.T) {
	if testing.Short() {
		t.Skip("kubectl may have to be built")
	}
	s := kubetest.Shared(t)
	program, err := kubetest.Kubectl(t.Context())
	require.NoError(t, err)
	s.PutConfigMap(t, "kubectl", "a", map[string]string{"b": "c"})
	get := exec.CommandContext(t.Context(), program, "--kubeconfig="+s.Kubeconfig(t), "-n", "kubectl", "get", "configmap", "a", "-o", "jsonpath={.data.b}")
	output, err := get.CombinedOutput()
	require.NoError(t, err, "%s", output)
	assert.Equal(t, "c", string(output))
}

func TestAuditOfCreateAndWatch(t *testing.T) {
	s := kubetest.Shared(t)
	namespace := s.Namespace(t)
	user := s.ServiceAccount(t, namespace, "a")
	s.Allow(t, user, kubetest.Rule("", "configmaps", "create", "watch"))
	resource := holder(t, s, s.Token(t, namespace, "a", time.Hour)).Resource(configMaps).Namespace(namespace)
	watch, err := resource.Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "b"},
	}}
	_, err = resource.Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
	want := []string{"watch configmaps " + namespace + " 200", "create configmaps " + namespace + " b 201"}
	assert.Equal(t, want, short(s.Audit(t, user)))
	watch.Stop()
	assert.Equal(t, want, short(s.Audit(t, user)), "the end of a watch is not a request")
}

func TestAuditIsComplete(t *testing.T) {
	s := kubetest.Shared(t)
	for range 200 {
		s.ResetAudit(t, kubetest.AdminUser)
		code, _ := s.Do(t, http.MethodGet, "/api/v1/namespaces/default", nil)
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, []string{"get namespaces default default 200"}, short(s.Audit(t, kubetest.AdminUser)))
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s := kubetest.Start(t)
	url, token := s.URL(), s.Token(t, "restart", "a", time.Hour)
	s.PutConfigMap(t, "restart", "a", map[string]string{"b": "c"})
	for name, stop := range map[string]func(){"stop": s.Stop, "kill": s.Kill} {
		stop()
		err := list(t, holder(t, s, token), configMaps)
		require.ErrorContains(t, err, "connection refused", name)
		s.Restart(t)
		require.Equal(t, url, s.URL())
		err = list(t, holder(t, s, token), configMaps)
		require.True(t, apierrors.IsForbidden(err), "%v", err)
	}
	s.StopEtcd()
	s.StartEtcd(t)
	code, _ := s.Do(t, http.MethodGet, "/api/v1/namespaces/restart/configmaps/a", nil)
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, []string{"list configmaps 403", "list configmaps 403"},
		short(s.Audit(t, "system:serviceaccount:restart:a")))
}

func TestStartWithUnknownFlag(t *testing.T) {
	t.Parallel()
	_, err := kubetest.StartWith(t, kubetest.WithFlags("--no-such-flag"))
	assert.ErrorContains(t, err, "kube-apiserver exited unexpectedly: exit status 1")
	assert.ErrorContains(t, err, "unknown flag: --no-such-flag")
}
