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
	list := `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","metadata":{"resourceVersion":"7"},"items":[]}`
	pool := `{"kind":"IPPool","apiVersion":"crd.projectcalico.org/v1","metadata":{"name":"x","uid":"u"},"spec":{"cidr":"10.0.0.0/16"}}`
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
			requireCompleteList(t, []byte(body))
		}
		created := ippool.New("x")
		created.Spec.CIDR = "10.0.0.0/16"
		_, err = store.Commit(t.Context(), snapshot, []datastore.Change{{Create: created}})
		if err == nil {
			require.True(t, code >= 200 && code < 300, "%d", code)
			pool, err := storedPool([]byte(body), ippool.CRDV1, "x")
			require.NoError(t, err)
			require.Equal(t, "x", pool.Name)
			require.NotEmpty(t, pool.UID)
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

// requireCompleteList checks, by generic JSON, that the body is a complete list of pools.
func requireCompleteList(t *testing.T, body []byte) (items []any) {
	t.Helper()
	var list map[string]any
	require.NoError(t, json.Unmarshal(body, &list), "%q", body)
	require.Equal(t, "IPPoolList", list["kind"], "%q", body)
	require.Equal(t, "crd.projectcalico.org/v1", list["apiVersion"], "%q", body)
	items, ok := list["items"].([]any)
	require.True(t, ok, "%q", body)
	for _, item := range items {
		require.NotEmpty(t, item.(map[string]any)["metadata"], "%q", body)
	}
	return items
}

// FuzzPools checks that any response is either an error, or a complete list of pools of
// which each item is returned as a pool or as unreadable.
func FuzzPools(f *testing.F) {
	for _, body := range []string{
		`{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","metadata":{"resourceVersion":"7","continue":"c"},"items":[{"metadata":{"name":"b"},"spec":{"cidr":"10.0.0.0/16"}},{"metadata":{"name":"a"},"spec":{"cidr":"fd00::/64","blockSize":"26"}}]}`,
		completeList, `{"kind":"Status","code":403}`, `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","items":[null,7,{}]}`, `null`, `[]`, `<html>`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(checkPools)
}

// checkPools checks the snapshot of a response.
func checkPools(t *testing.T, body []byte) {
	snapshot, err := answering(t, &rest.Config{}, apitest.JSON(200, string(body))).Snapshot(t.Context())
	if err != nil {
		require.True(t, errors.Is(err, api.ErrNoList) || api.IsEndless(err), "%v", err)
		require.Zero(t, snapshot)
		return
	}
	items := requireCompleteList(t, body)
	require.Len(t, items, len(snapshot.Pools)+len(snapshot.Unreadable), "none is dropped")
	var names []string
	for _, record := range snapshot.Pools {
		require.Empty(t, record.Pool().ManagedFields)
		names = append(names, record.Pool().Name)
	}
	require.True(t, slices.IsSorted(names))
	require.NotContains(t, names, "")
}
