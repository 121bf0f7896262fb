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

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// No answer is read to its end that is larger than it may be, whatever it says of
// itself: not one without end, nor one that is small until it is decoded, nor an
// error.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]http.HandlerFunc{
		"without end": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, zeros{}) },
		"packed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			_, _ = io.Copy(packed, zeros{})
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
			client, err := New(&rest.Config{Host: server.URL}, "", 0)
			require.NoError(t, err)
			t.Cleanup(func() { _ = client.Close() })
			_, err = client.Call(t.Context(), Action{Operation: "reading", MaxBytes: 1 << 20}, client.Get("any"))
			require.ErrorContains(t, err, "the response is larger than 1048576 bytes")
			assert.False(t, datastore.Retryable(err), "it would be as large again")
			if name == "without end" {
				_, err = client.Call(t.Context(), Action{Operation: "reading"}, client.Get("any"))
				require.ErrorContains(t, err, "the response is larger than 67108864 bytes")
			}
		})
	}
}

// An answer of just the size is read.
func TestAnswerOfTheLargestSize(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1000)) }))
	t.Cleanup(server.Close)
	client, err := New(&rest.Config{Host: server.URL}, "", 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	body, err := client.Call(t.Context(), Action{MaxBytes: 1000}, client.Get("any"))
	require.NoError(t, err)
	assert.Len(t, body, 1000)
	_, err = client.Call(t.Context(), Action{MaxBytes: 999}, client.Get("any"))
	require.Error(t, err)
}
