package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// FuzzServer checks that for any response a list or a creation either succeeds or fails
// with errors of one line each that show no credentials.
func FuzzServer(f *testing.F) {
	list := `{"kind":"IPPoolList","metadata":{"resourceVersion":"7"},"items":[]}`
	pool := `{"kind":"IPPool","metadata":{"name":"x","uid":"u"},"spec":{"cidr":"10.0.0.0/16"}}`
	for _, code := range []int{0, 100, 101, 200, 201, 204, 301, 400, 401, 403, 404, 405, 409, 415, 422, 429, 500, 503, 504, 999} {
		f.Add(code, "application/json", "", list)
		f.Add(code, "application/json", "7", `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"a\nb\u001b[2J hunter2"}`)
		f.Add(code, "text/html", "-1", "<html>\n<body>no</body>")
		f.Add(code, "text/plain", "Mon, 23 Nov 2026 08:00:00 GMT", "404 page not found\n")
		f.Add(code, "application/json", "99999999999999999999", pool)
	}
	f.Add(422, "application/json", "", `{"kind":"Status","apiVersion":"v1","status":"Failure","code":422,"details":{"causes":[{"message":"a\nb","field":"<nil>"},{"message":"","field":"\n"}]}}`)
	f.Add(403, "application/json", "", `{"kind":"Status","apiVersion":"v1","status":"Failure","code":200,"message":"cannot list resource","details":{"retryAfterSeconds":-5}}`)
	f.Add(409, "application/yaml", "", "kind: Status\napiVersion: v1\n")
	f.Fuzz(func(t *testing.T, code int, contentType, retryAfter, body string) {
		header := http.Header{"Content-Type": {contentType}}
		if retryAfter != "" {
			header.Set("Retry-After", retryAfter)
		}
		const secret = "hunter2secret"
		store := answering(t, &rest.Config{BearerToken: secret + "." + secret + "." + secret}, apitest.Answer{Code: code, Header: header, Body: body})
		snapshot, err := store.Snapshot(t.Context())
		checkAnswer(t, err, body, secret)
		if err == nil {
			require.True(t, code >= 200 && code < 300, "%d", code)
			_, err := readPools([]byte(body))
			require.NoError(t, err)
		}
		created := ippool.New("x")
		created.Spec.CIDR = "10.0.0.0/16"
		_, err = store.Commit(t.Context(), snapshot, []datastore.Change{{Create: created}})
		if err == nil {
			require.True(t, code >= 200 && code < 300, "%d", code)
			_, err := ippool.DecodeRecord([]byte(body))
			require.NoError(t, err)
		}
		if !errors.Is(err, datastore.ErrConflict) {
			checkAnswer(t, err, body, secret)
		}
	})
}

func checkAnswer(t *testing.T, err error, body, secret string) {
	t.Helper()
	if err == nil {
		return
	}
	var failure *datastore.Error
	require.ErrorAs(t, err, &failure, "%q", body)
	require.GreaterOrEqual(t, int64(failure.RetryAfter), int64(0), fmt.Sprint(failure.RetryAfter))
	for text := range strings.SplitSeq(err.Error(), "\n") {
		checkLine(t, text)
		require.True(t, strings.HasPrefix(text, "Kubernetes https://127.0.0.1:1: "), "%q", text)
	}
	if !strings.Contains(body, secret) {
		require.NotContains(t, err.Error(), secret)
	}
}

// FuzzPools checks that any response is either rejected as not a list, or each of its
// items is returned as a pool or as unreadable.
func FuzzPools(f *testing.F) {
	for _, body := range []string{
		`{"kind":"IPPoolList","metadata":{"resourceVersion":"7","continue":"c"},"items":[{"metadata":{"name":"b"},"spec":{"cidr":"10.0.0.0/16"}},{"metadata":{"name":"a"},"spec":{"cidr":"fd00::/64","blockSize":"26"}}]}`,
		`{"kind":"IPPoolList","items":[{"metadata":{"name":"b"}},{"metadata":{"name":"a"}}]}`, `{"kind":"Status","code":403}`, `{"kind":"IPPoolList","items":[null,7,{}]}`, `null`, `[]`, `<html>`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		snapshot, err := readPools(body)
		if err != nil {
			require.ErrorIs(t, err, api.ErrNoList)
			return
		}
		var names []string
		var items struct{ Items []json.RawMessage }
		require.NoError(t, json.Unmarshal(body, &items))
		require.Len(t, items.Items, len(snapshot.Pools)+len(snapshot.Unreadable), "none is dropped")
		for _, record := range snapshot.Pools {
			names = append(names, record.Pool().Name)
			encoded, err := record.Encode()
			require.NoError(t, err)
			require.True(t, slices.ContainsFunc(items.Items, func(item json.RawMessage) bool { return string(item) == string(encoded) }))
		}
		require.True(t, slices.IsSorted(names))
	})
}
