package kubetest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	namespaces      = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	serviceAccounts = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
)

// shortestRequest is the shortest validity of a token that the server issues.
const shortestRequest = 10 * time.Minute

// ServiceAccount creates the account and its namespace unless they exist, and returns the
// account's user name.
func (s *Server) ServiceAccount(tb testing.TB, namespace, name string) string {
	tb.Helper()
	s.serviceAccount(tb, namespace, name)
	return "system:serviceaccount:" + namespace + ":" + name
}

func (s *Server) serviceAccount(tb testing.TB, namespace, name string) *unstructured.Unstructured {
	tb.Helper()
	s.namespace(tb, namespace)
	ctx, cancel := bounded(tb)
	defer cancel()
	accounts := s.dynamic.Resource(serviceAccounts).Namespace(namespace)
	account, err := accounts.Create(ctx, object("v1", "ServiceAccount", name, nil), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		account, err = accounts.Get(ctx, name, metav1.GetOptions{})
	}
	require.NoError(tb, err)
	return account
}

// Namespace creates a namespace with a unique name and returns the name, so that tests on
// a shared server have separate accounts.
func (s *Server) Namespace(tb testing.TB) string {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	u := object("v1", "Namespace", "", nil)
	u.SetGenerateName("kubetest-")
	created, err := s.dynamic.Resource(namespaces).Create(ctx, u, metav1.CreateOptions{})
	require.NoError(tb, err)
	return created.GetName()
}

// namespace creates the namespace unless it exists. Namespaces are not deleted, as that
// requires the controllers of a cluster.
func (s *Server) namespace(tb testing.TB, name string) {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	_, err := s.dynamic.Resource(namespaces).Create(ctx, object("v1", "Namespace", name, nil), metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		require.NoError(tb, err)
	}
}

// Token returns a token of the account, which it creates unless it exists. The server does
// not issue tokens that are expired or valid for less than ten minutes; those are signed
// here with the server's key.
func (s *Server) Token(tb testing.TB, namespace, name string, validity time.Duration) string {
	tb.Helper()
	account := s.serviceAccount(tb, namespace, name)
	if validity < shortestRequest {
		token, err := s.signing.token(account, time.Now().Add(validity))
		require.NoError(tb, err)
		return token
	}
	ctx, cancel := bounded(tb)
	defer cancel()
	request := object("authentication.k8s.io/v1", "TokenRequest", name, map[string]any{
		"spec": map[string]any{"expirationSeconds": int64(validity / time.Second)},
	})
	answer, err := s.dynamic.Resource(serviceAccounts).Namespace(namespace).Create(ctx, request, metav1.CreateOptions{}, "token")
	require.NoError(tb, err)
	token, _, err := unstructured.NestedString(answer.Object, "status", "token")
	require.NoError(tb, err)
	require.NotEmpty(tb, token)
	return token
}

// signer signs tokens with the server's key.
type signer struct {
	key *ecdsa.PrivateKey
	pem []byte
}

func newSigner() (*signer, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	text, err := encodeKey(key)
	return &signer{key: key, pem: text}, err
}

func (s *signer) token(account *unstructured.Unstructured, end time.Time) (string, error) {
	begin := time.Now().Add(-24 * time.Hour).Unix()
	header, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT"})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{
		"iss": issuer, "aud": []string{issuer}, "iat": begin, "nbf": begin, "exp": end.Unix(),
		"sub": "system:serviceaccount:" + account.GetNamespace() + ":" + account.GetName(),
		"kubernetes.io": map[string]any{
			"namespace":      account.GetNamespace(),
			"serviceaccount": map[string]any{"name": account.GetName(), "uid": account.GetUID()},
		},
	})
	if err != nil {
		return "", err
	}
	base64url := base64.RawURLEncoding.EncodeToString
	text := base64url(header) + "." + base64url(claims)
	digest := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return text + "." + base64url(signature), nil
}
