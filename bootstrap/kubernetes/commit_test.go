package kubernetes

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// changed is a record of a snapshot whose pool was changed.
func changed(t *testing.T, name string) *ippool.Record {
	t.Helper()
	record, err := ippool.DecodeRecord(fmt.Appendf(nil,
		`{"metadata":{"name":%q,"uid":"u","resourceVersion":"7","labels":{"a":"b"}},"spec":{"cidr":"10.0.0.0/16","natOutgoing":true,"future":1}}`, name))
	require.NoError(t, err)
	record.Pool.Spec.NATOutgoing, record.Pool.Spec.IPIPMode = false, v3.IPIPModeAlways
	return record
}

// TestPatchStatusIsExplained has the answers to a patch that mean something else
// than those to a create.
func TestPatchStatusIsExplained(t *testing.T) {
	t.Parallel()
	const rbac = `ippools.crd.projectcalico.org "x" is forbidden: User "x" cannot patch resource "ippools" in API group "crd.projectcalico.org" at the cluster scope`
	notFound := `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"ippools.crd.projectcalico.org \"x\" not found","reason":"NotFound","details":{"name":"x","group":"crd.projectcalico.org","kind":"ippools"},"code":404}`
	tests := []struct {
		name string
		code int
		head http.Header
		body string
		want error
		text string
	}{
		{"another resourceVersion", 409, asJSON, status(409, "Conflict", `Operation cannot be fulfilled on ippools "x": the object has been modified`), bootstrap.ErrConflict, ""},
		{"a webhook's conflict", 409, asJSON, status(409, "Conflict", `admission webhook "w" denied the request: not now`), bootstrap.ErrRefused, "not now"},
		{"deleted meanwhile", 404, asJSON, notFound, bootstrap.ErrConflict, ""},
		{"no such resource", 404, http.Header{"Content-Type": {"text/plain"}}, "404 page not found", bootstrap.ErrNotInstalled, "install Calico's CRDs"},
		{"page that is not there", 404, http.Header{"Content-Type": {"text/html"}}, "<html>no</html>", bootstrap.ErrNotInstalled, "check that the endpoint"},
		{"forbidden", 403, asJSON, status(403, "Forbidden", rbac), bootstrap.ErrForbidden, "with the rule - {apiGroups: [crd.projectcalico.org], resources: [ippools], verbs: [patch]}"},
		{"denied by a policy", 403, asJSON, status(403, "Forbidden", `ippools "x" is forbidden: no pools on Sundays`), bootstrap.ErrRefused, "no pools on Sundays"},
		{"invalid", 422, asJSON, status(422, "Invalid", "cidr can't be changed"), bootstrap.ErrRefused, `updating IPPool "x": refused by the API server: cidr can't be changed`},
		{"bad request", 400, asJSON, status(400, "BadRequest", "no patch"), bootstrap.ErrRefused, "no patch"},
		{"unavailable", 503, http.Header{}, "", bootstrap.ErrUnreachable, ""},
		{"no pool", 200, asJSON, `[]`, nil, "the answer is no IPPool"},
		{"no uid", 200, asJSON, `{}`, nil, "the answer is no IPPool: it has no uid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := answering(t, &rest.Config{BearerToken: "hunter2"}, tt.code, tt.head, tt.body)
			err := store.Commit(t.Context(), bootstrap.Snapshot{}, []bootstrap.Change{{Update: changed(t, "x")}})
			require.Error(t, err)
			for _, kind := range []error{bootstrap.ErrForbidden, bootstrap.ErrRefused, bootstrap.ErrNotInstalled, bootstrap.ErrConflict, bootstrap.ErrUnreachable} {
				assert.Equal(t, kind == tt.want, errors.Is(err, kind), "%v: %v", kind, err)
			}
			assert.Contains(t, err.Error(), tt.text)
		})
	}
}

// TestCommitSends sees what is sent, in its order, up to the first failure.
func TestCommitSends(t *testing.T) {
	t.Parallel()
	var sent []string
	transport := roundTripper(func(request *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(request.Body)
		sent = append(sent, fmt.Sprintf("%s %s %s %s", request.Method, request.URL, request.Header.Get("Content-Type"), body))
		code, answer := http.StatusOK, `{"metadata":{"uid":"kept","resourceVersion":"8","creationTimestamp":"2026-11-22T17:45:23Z"},"spec":{"cidr":"10.9.0.0/16"}}`
		if strings.Contains(string(body), "fails") {
			code, answer = http.StatusUnprocessableEntity, status(422, "Invalid", "no")
		}
		return &http.Response{StatusCode: code, Header: asJSON, Body: io.NopCloser(strings.NewReader(answer)), Request: request}, nil
	})
	store, err := Open(Config{REST: &rest.Config{Host: "https://127.0.0.1:1", Transport: transport}, APIGroup: v3.SchemeGroupVersion})
	require.NoError(t, err)
	same := changed(t, "same")
	same.Pool.Spec.NATOutgoing, same.Pool.Spec.IPIPMode = true, ""
	labelled, update := ippool.New("b"), changed(t, "a")
	labelled.Labels, labelled.Annotations = map[string]string{"l": "1"}, map[string]string{"n": "2"}
	labelled.UID, labelled.ResourceVersion, labelled.Finalizers = "drawn here", "5", []string{"f"}
	changes := []bootstrap.Change{{Update: same}, {Update: update}, {Create: labelled}, {Create: ippool.New("fails")}, {Create: ippool.New("after")}}

	err = store.Commit(t.Context(), bootstrap.Snapshot{}, changes)
	require.ErrorIs(t, err, bootstrap.ErrRefused)
	var partial *bootstrap.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Equal(t, []string{"b"}, partial.Created)
	assert.Equal(t, []string{"a"}, partial.Updated, "what needed no change was not updated")

	const base = "https://127.0.0.1:1/apis/projectcalico.org/v3/ippools"
	require.Len(t, sent, 3)
	assert.Equal(t, "PATCH "+base+"/a?fieldManager=calico-bootstrap application/merge-patch+json "+
		`{"metadata":{"resourceVersion":"7"},"spec":{"ipipMode":"Always","natOutgoing":null}}`, sent[0])
	assert.Equal(t, "POST "+base+"?fieldManager=calico-bootstrap  "+
		`{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"b","labels":{"l":"1"},"annotations":{"n":"2"}},"spec":{"cidr":""}}`,
		strings.Replace(sent[1], `"creationTimestamp":null,`, "", 1), "which older encoders write")
	for _, pool := range []*v3.IPPool{&update.Pool, labelled} {
		assert.EqualValues(t, "kept", pool.UID)
		assert.Equal(t, "8", pool.ResourceVersion)
		assert.Equal(t, "10.9.0.0/16", pool.Spec.CIDR)
		assert.False(t, pool.CreationTimestamp.IsZero())
	}
	assert.Equal(t, map[string]string{"a": "b"}, update.Pool.Labels)
}

// Without a resourceVersion, a patch would go over whatever somebody else wrote.
func TestUpdateWithoutResourceVersion(t *testing.T) {
	t.Parallel()
	store := answering(t, &rest.Config{}, http.StatusOK, asJSON, `{}`)
	record := changed(t, "x")
	record.Pool.ResourceVersion = ""
	err := store.Commit(t.Context(), bootstrap.Snapshot{}, []bootstrap.Change{{Update: record}})
	require.EqualError(t, err, `Kubernetes https://127.0.0.1:1: updating IPPool "x": the record has no resourceVersion: only records of a snapshot can be updated`)
	err = store.Commit(t.Context(), bootstrap.Snapshot{}, []bootstrap.Change{{Update: ippool.NewRecord(ippool.New("x"))}})
	require.ErrorContains(t, err, "a new record has nothing to patch")
}
