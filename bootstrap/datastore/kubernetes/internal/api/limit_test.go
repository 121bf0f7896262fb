package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
)

// zeros is a reader without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// An answer is not read beyond its limit, whether it is endless, small until it is
// decompressed, or an error.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]http.HandlerFunc{
		"endless": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, zeros{}) },
		"compressed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			compressed := gzip.NewWriter(w)
			_, _ = io.Copy(compressed, zeros{})
		},
		"an error": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.Copy(w, zeros{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(serve)
			t.Cleanup(server.Close)
			client, err := New(&rest.Config{Host: server.URL}, "", 0, nil)
			require.NoError(t, err)
			t.Cleanup(func() { _ = client.Close() })
			_, err = client.Call(t.Context(), Action{Operation: "reading", MaxBytes: 1 << 20}, client.Get("any"))
			require.ErrorContains(t, err, "the response is larger than 1048576 bytes")
			assert.False(t, datastore.Retryable(err), "a retry does not help")
			if name == "endless" {
				_, err = client.Call(t.Context(), Action{Operation: "reading"}, client.Get("any"))
				require.ErrorContains(t, err, "the response is larger than 67108864 bytes")
			}
		})
	}
}

// An answer of exactly the limit is read.
func TestAnswerOfTheLargestSize(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1000)) }))
	t.Cleanup(server.Close)
	client, err := New(&rest.Config{Host: server.URL}, "", 0, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	body, err := client.Call(t.Context(), Action{MaxBytes: 1000}, client.Get("any"))
	require.NoError(t, err)
	assert.Len(t, body, 1000)
	_, err = client.Call(t.Context(), Action{MaxBytes: 999}, client.Get("any"))
	require.Error(t, err)
}
