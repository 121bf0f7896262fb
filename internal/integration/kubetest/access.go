package kubetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// AdminUser is the administrator, for whom RBAC does not apply.
const AdminUser = "kubetest-admin"

// helperTime is the time limit of each helper that calls the server.
const helperTime = time.Minute

// URL returns the URL of the API server. Restart does not change it.
func (s *Server) URL() string { return "https://" + s.api.Address() }

// Address returns host and port of the API server.
func (s *Server) Address() string { return s.api.Address() }

// CA returns the certificate of the server's authority as PEM.
func (s *Server) CA() []byte { return bytes.Clone(s.ca.pem) }

// CAFile returns the path of a file with CA.
func (s *Server) CAFile() string { return s.file(caFile) }

// AdminConfig returns the configuration of a client with all permissions and without rate
// limits.
func (s *Server) AdminConfig() *rest.Config {
	return &rest.Config{
		Host: s.URL(),
		TLSClientConfig: rest.TLSClientConfig{
			CAData: s.CA(), CertData: bytes.Clone(s.admin.cert), KeyData: bytes.Clone(s.admin.key),
		},
		QPS:            -1,
		WarningHandler: rest.NoWarnings{},
	}
}

// Dynamic returns a client with all permissions. Its user in the audit log is
// AdminUser.
func (s *Server) Dynamic() dynamic.Interface { return s.dynamic }

// ClientCert returns a client certificate of the user and groups and its key, as PEM.
func (s *Server) ClientCert(tb testing.TB, user string, groups ...string) (cert, key []byte) {
	tb.Helper()
	pair, err := s.ca.client(user, groups...)
	require.NoError(tb, err)
	return pair.cert, pair.key
}

// Kubeconfig returns the path of a kubeconfig for AdminUser. It is removed when the test
// ends.
func (s *Server) Kubeconfig(tb testing.TB) string {
	tb.Helper()
	return s.kubeconfig(tb, clientcmdapi.AuthInfo{
		ClientCertificateData: s.admin.cert, ClientKeyData: s.admin.key,
	})
}

// TokenKubeconfig returns the path of a kubeconfig with a token. It is removed when the
// test ends.
func (s *Server) TokenKubeconfig(tb testing.TB, token string) string {
	tb.Helper()
	return s.kubeconfig(tb, clientcmdapi.AuthInfo{Token: token})
}

func (s *Server) kubeconfig(tb testing.TB, user clientcmdapi.AuthInfo) string {
	tb.Helper()
	const name = "kubetest"
	content, err := clientcmd.Write(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{name: {Server: s.URL(), CertificateAuthorityData: s.ca.pem}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: &user},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	})
	require.NoError(tb, err)
	path := filepath.Join(tb.TempDir(), "kubeconfig")
	require.NoError(tb, os.WriteFile(path, content, 0o600))
	return path
}

// Version returns the version of the server, such as v1.37.2.
func (s *Server) Version(tb testing.TB) string {
	tb.Helper()
	code, body := s.Do(tb, http.MethodGet, "/version", nil)
	require.Equal(tb, http.StatusOK, code, "%s", body)
	var version struct{ GitVersion string }
	require.NoError(tb, json.Unmarshal(body, &version))
	return version.GitVersion
}

// Do sends a request as AdminUser and returns the answer, with any status code. The body
// is nil or JSON; that of a PATCH is a merge patch.
func (s *Server) Do(tb testing.TB, method, path string, body []byte) (code int, answer []byte) {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	code, answer, err := s.request(ctx, method, path, body)
	require.NoError(tb, err)
	return code, answer
}

func (s *Server) request(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.URL()+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	contentType := "application/json"
	if method == http.MethodPatch {
		contentType = "application/merge-patch+json"
	}
	request.Header.Set("Content-Type", contentType)
	response, err := s.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("answer to %s %s: %w", method, path, err)
	}
	return response.StatusCode, answer, nil
}

// bounded returns a context for a helper. Unlike the test's context it is not canceled in
// cleanups.
func bounded(tb testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(tb.Context()), helperTime)
}
