// Package apitest fakes the responses of a Kubernetes API server.
package apitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// RoundTripper is a function as an http.RoundTripper.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// Answer is a response.
type Answer struct {
	Code   int
	Header http.Header
	Body   string
}

// Header returns the header of a response with the content type.
func Header(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }

// JSON returns a response with a JSON body.
func JSON(code int, body string) Answer {
	return Answer{Code: code, Header: Header("application/json"), Body: body}
}

// Failure returns the response of an API server to a failed request. The integration
// tests compare with real servers.
func Failure(code int, reason, message string) Answer {
	return JSON(code, fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code))
}

// To returns the response to a request.
func (a Answer) To(request *http.Request) *http.Response {
	return &http.Response{
		StatusCode: a.Code, Header: a.Header, Body: io.NopCloser(strings.NewReader(a.Body)), Request: request,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}

// Always returns a transport with the same response to every request except /readyz,
// which succeeds.
func Always(answer Answer) RoundTripper {
	return func(request *http.Request) (*http.Response, error) {
		answer := answer
		if request.URL.Path == "/readyz" {
			answer.Code, answer.Body = http.StatusOK, "ok"
		}
		return answer.To(request), nil
	}
}

// Answers are responses by path. Other paths are not found.
type Answers map[string]Answer

// ByPath returns a transport with responses by path. It is safe for concurrent use.
func ByPath(answers Answers) RoundTripper {
	return func(request *http.Request) (*http.Response, error) {
		answer, ok := answers[request.URL.Path]
		if !ok {
			answer = NoSuchPath
		}
		return answer.To(request), nil
	}
}

// NoSuchPath is the response of an API server to an unknown path.
var NoSuchPath = Answer{Code: http.StatusNotFound, Header: Header("text/plain"), Body: "404 page not found"}

// File writes the text to a temporary file and returns its path.
func File(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// KeyPair returns a self-signed certificate and its key as PEM.
func KeyPair(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}
