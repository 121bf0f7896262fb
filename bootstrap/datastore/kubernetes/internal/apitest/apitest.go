// Package apitest answers in the place of an API server.
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

// RoundTripper is a transport that is no more than a function.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls it.
func (f RoundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// Answer is what a request gets.
type Answer struct {
	Code   int
	Header http.Header
	Body   string
}

// Header is that of an answer of this type.
func Header(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }

// JSON is an answer of JSON.
func JSON(code int, body string) Answer {
	return Answer{Code: code, Header: Header("application/json"), Body: body}
}

// Failure is what API servers answer with when they fail. That real ones do is
// shown elsewhere.
func Failure(code int, reason, message string) Answer {
	return JSON(code, fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code))
}

// To is the answer to a request.
func (a Answer) To(request *http.Request) *http.Response {
	return &http.Response{
		StatusCode: a.Code, Header: a.Header, Body: io.NopCloser(strings.NewReader(a.Body)), Request: request,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}

// Always gives every request this answer, but for the one whether the API server
// is ready: it is.
func Always(answer Answer) RoundTripper {
	return func(request *http.Request) (*http.Response, error) {
		answer := answer
		if request.URL.Path == "/readyz" {
			answer.Code, answer.Body = http.StatusOK, "ok"
		}
		return answer.To(request), nil
	}
}

// Answers are by path; nothing is at any other.
type Answers map[string]Answer

// ByPath gives these answers. Several goroutines may ask.
func ByPath(answers Answers) RoundTripper {
	return func(request *http.Request) (*http.Response, error) {
		answer, ok := answers[request.URL.Path]
		if !ok {
			answer = NoSuchPath
		}
		return answer.To(request), nil
	}
}

// NoSuchPath is the answer where an API server has nothing at all.
var NoSuchPath = Answer{Code: http.StatusNotFound, Header: Header("text/plain"), Body: "404 page not found"}

// File returns the path of a file with the text.
func File(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// KeyPair returns a certificate of its own, and its key, as PEM.
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
