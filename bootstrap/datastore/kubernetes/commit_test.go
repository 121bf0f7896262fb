package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// storedAs returns the name of the pool that a request writes, and the response of an API
// server that stored it.
func storedAs(t *testing.T, request *http.Request, group schema.GroupVersion, spec string) (name string, answer apitest.Answer) {
	t.Helper()
	var pool struct{ Metadata metav1.ObjectMeta }
	body, err := io.ReadAll(request.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &pool))
	if name = pool.Metadata.Name; name == "" {
		name = filepath.Base(request.URL.Path)
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	return name, apitest.JSON(200, fmt.Sprintf(`{"kind":"IPPool","apiVersion":%q,"metadata":{"name":%q,"uid":"kept","resourceVersion":"8",`+
		`"creationTimestamp":"2026-11-22T17:45:23Z","labels":{"l":"kept"},"managedFields":[{}]},"spec":%s}`, group, name, spec))
}

// changed returns a record of a snapshot with a changed pool.
func changed(t *testing.T, name string) *ippool.Record {
	t.Helper()
	record, err := ippool.DecodeRecord(fmt.Appendf(nil,
		`{"metadata":{"name":%q,"uid":"u","resourceVersion":"7","labels":{"a":"b"}},"spec":{"cidr":"10.0.0.0/16","natOutgoing":true,"future":1}}`, name))
	require.NoError(t, err)
	record.Pool().Spec.NATOutgoing, record.Pool().Spec.IPIPMode = false, v3.IPIPModeAlways
	return record
}

// TestCommitFails checks the error and the state after failed creates and patches. The
// other responses are tested in package api.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	forbidden := func(verb string) apitest.Answer {
		return apitest.Failure(403, "Forbidden",
			`ippools.crd.projectcalico.org is forbidden: User "x" cannot `+verb+` resource "ippools" in API group "crd.projectcalico.org" at the cluster scope`)
	}
	const gone = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"ippools.crd.projectcalico.org \"x\" not found","reason":"NotFound","details":{"name":"x","group":"crd.projectcalico.org","kind":"ippools"},"code":404}`
	written := func(metadata string) apitest.Answer {
		return apitest.JSON(201, `{"kind":"IPPool","apiVersion":"crd.projectcalico.org/v1","metadata":`+metadata+`}`)
	}
	const rule = "add to a ClusterRole the rule - {apiGroups: [crd.projectcalico.org], resources: [ippools], verbs: "
	tests := []struct {
		name   string
		create bool
		answer apitest.Answer
		kind   error // nil: no sentinel at all
		state  datastore.State
		text   string
	}{
		{"exists", true, apitest.Failure(409, "AlreadyExists", `ippools "x" already exists`), datastore.ErrConflict, datastore.NotWritten, ""},
		{"another resourceVersion", false, apitest.Failure(409, "Conflict", `Operation cannot be fulfilled on ippools "x": the object has been modified`), datastore.ErrConflict, datastore.NotWritten, ""},
		{"deleted concurrently", false, apitest.JSON(404, gone), datastore.ErrConflict, datastore.NotWritten, ""},
		{"not allowed to create", true, forbidden("create"), datastore.ErrForbidden, datastore.NotWritten, rule + "[create]}"},
		{"not allowed to patch", false, forbidden("patch"), datastore.ErrForbidden, datastore.NotWritten, rule + "[patch]}"},
		{"denied by a policy", true, apitest.Failure(403, "Forbidden", `ippools "x" is forbidden: no pools on Sundays`), datastore.ErrRefused, datastore.NotWritten, "no pools on Sundays"},
		{"denied to patch", false, apitest.Failure(403, "Forbidden", `ippools "x" is forbidden: no pools on Sundays`), datastore.ErrRefused, datastore.NotWritten, "no pools on Sundays"},
		{"invalid", true, apitest.Failure(422, "Invalid", "blockSize: too small"), datastore.ErrRefused, datastore.NotWritten, `creating IPPool "x": refused by the API server: blockSize: too small`},
		{"invalid patch", false, apitest.Failure(422, "Invalid", "cidr can't be changed"), datastore.ErrRefused, datastore.NotWritten, `updating IPPool "x": refused by the API server: cidr can't be changed`},
		{"no such resource", true, apitest.NoSuchPath, datastore.ErrNotInstalled, datastore.Unknown, "install Calico's CRDs"},
		{"no such resource to patch", false, apitest.NoSuchPath, datastore.ErrNotInstalled, datastore.Unknown, "install Calico's CRDs"},
		{"unavailable", true, apitest.Answer{Code: 503}, datastore.ErrUnreachable, datastore.Unknown, ""},
		{"unavailable to patch", false, apitest.Answer{Code: 503}, datastore.ErrUnreachable, datastore.Unknown, ""},
		{"not a pool", true, apitest.JSON(201, `[]`), nil, datastore.Unknown, "the response is not an IPPool"},
		{"not a patched pool", false, apitest.JSON(200, `[]`), nil, datastore.Unknown, "the response is not an IPPool"},
		{"no uid", false, written(`{"name":"x"}`), nil, datastore.Unknown, "the response is not an IPPool: it has no uid: check that the endpoint is the API server's"},
		{"another name", true, written(`{"name":"y","uid":"u"}`), nil, datastore.Unknown,
			`creating IPPool "x": the response is not an IPPool of the name "x", but of "y": check that the endpoint is the API server's`},
		{"another patched name", false, written(`{"name":"y","uid":"u"}`), nil, datastore.Unknown, `but of "y"`},
		{"no metadata", true, apitest.JSON(201, `{"kind":"IPPool","apiVersion":"crd.projectcalico.org/v1"}`), nil, datastore.Unknown, `but of ""`},
		{"metadata of another type", true, written(`7`), nil, datastore.Unknown, "the response is not an IPPool"},
		{"another kind", true, apitest.JSON(201, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x","uid":"u"}}`), nil, datastore.Unknown, "the response is not an IPPool"},
		{"another group", true, apitest.JSON(201, `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"x","uid":"u"}}`), nil, datastore.Unknown, "the response is not an IPPool"},
		{"too large", true, apitest.JSON(201, strings.Repeat(" ", 3<<20+1)), nil, datastore.Unknown, "the response is larger than 3145728 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			change := datastore.Change{Update: changed(t, "x")}
			if tt.create {
				change = datastore.Change{Create: ippool.New("x")}
			}
			store := answering(t, &rest.Config{BearerToken: "hunter2"}, tt.answer)
			result, err := store.Commit(t.Context(), datastore.Snapshot{}, []datastore.Change{change})
			require.Error(t, err)
			for _, kind := range []error{
				datastore.ErrUnauthorized, datastore.ErrForbidden, datastore.ErrRefused, datastore.ErrNotInstalled,
				datastore.ErrConflict, datastore.ErrUnreachable, datastore.ErrTLS, plan.ErrIncompatible,
			} {
				assert.Equal(t, kind == tt.kind, errors.Is(err, kind), "%v: %v", kind, err)
			}
			assert.Contains(t, err.Error(), tt.text)
			assert.NotContains(t, err.Error(), "hunter2")
			assert.Equal(t, datastore.Result{Outcomes: []datastore.Outcome{{State: tt.state}}}, result)
		})
	}
}

// The outcome of a cancelled commit is unknown.
func TestCommitCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	store := reaching(t, &rest.Config{}, apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
		cancel() // while the request is sent
		return nil, request.Context().Err()
	}))
	result, err := store.Commit(ctx, datastore.Snapshot{}, []datastore.Change{{Create: ippool.New("x")}, {Create: ippool.New("y")}})
	require.EqualError(t, err, `Kubernetes https://127.0.0.1:1: creating IPPool "x": context canceled`)
	assert.Equal(t, datastore.Unknown, result.Of(0).State)
	assert.Equal(t, datastore.NotWritten, result.Of(1).State)
}

// Commit does not modify its arguments, whether it succeeds or fails.
func TestCommitDoesNotModifyTheChanges(t *testing.T) {
	t.Parallel()
	pool := func(name string) *v3.IPPool {
		pool := ippool.New(name)
		pool.UID, pool.ResourceVersion, pool.CreationTimestamp = "drawn here", "5", metav1.Unix(1795300000, 0)
		pool.Labels, pool.Annotations, pool.Finalizers = map[string]string{"l": "1"}, map[string]string{"n": "2"}, []string{"f"}
		pool.Spec.CIDR, pool.Spec.AllowedUses = "10.0.0.0/16", []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseWorkload}
		return pool
	}
	for name, fails := range map[string]bool{"it succeeds": false, "it fails": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record := changed(t, "a")
			changes := []datastore.Change{{Create: pool("b")}, {Update: record}, {Create: pool("c")}}
			snapshot := datastore.Snapshot{Revision: "7", Pools: []*ippool.Record{record}}
			result, err := reaching(t, &rest.Config{}, apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
				_, answer := storedAs(t, request, ippool.CRDV1, `{"cidr":"10.9.0.0/16","blockSize":27}`)
				if fails {
					answer = apitest.Failure(422, "Invalid", "no")
				}
				return answer.To(request), nil
			})).Commit(t.Context(), snapshot, changes)
			require.Equal(t, fails, err != nil, "%v", err)

			assert.Equal(t, []datastore.Change{{Create: pool("b")}, {Update: changed(t, "a")}, {Create: pool("c")}}, changes)
			assert.Equal(t, datastore.Snapshot{Revision: "7", Pools: []*ippool.Record{changed(t, "a")}}, snapshot)
			for i, change := range changes {
				if stored := result.Of(i).Stored; stored != nil {
					assert.NotSame(t, change.Pool(), stored)
					assert.EqualValues(t, "kept", stored.UID)
				}
			}
		})
	}
}

// TestCommitSends checks the requests, in order, up to the first failure.
func TestCommitSends(t *testing.T) {
	t.Parallel()
	var sent []string
	store := reaching(t, &rest.Config{}, apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
		name, answer := storedAs(t, request, v3.SchemeGroupVersion, `{"cidr":"10.9.0.0/16"}`)
		body, _ := io.ReadAll(request.Body)
		sent = append(sent, fmt.Sprintf("%s %s %s %s", request.Method, request.URL, request.Header.Get("Content-Type"), body))
		if name == "fails" {
			answer = apitest.Failure(422, "Invalid", "no")
		}
		return answer.To(request), nil
	}))
	store.requested = v3.SchemeGroupVersion
	same := changed(t, "same")
	same.Pool().Spec.NATOutgoing, same.Pool().Spec.IPIPMode = true, ""
	labelled, update := ippool.New("b"), changed(t, "a")
	labelled.Labels, labelled.Annotations = map[string]string{"l": "1"}, map[string]string{"n": "2"}
	labelled.UID, labelled.ResourceVersion, labelled.Finalizers = "drawn here", "5", []string{"f"}
	changes := []datastore.Change{{Update: same}, {Update: update}, {Create: labelled}, {Create: ippool.New("fails")}, {Create: ippool.New("after")}}

	result, err := store.Commit(t.Context(), datastore.Snapshot{}, changes)
	require.ErrorIs(t, err, datastore.ErrRefused)
	for i, want := range []datastore.State{datastore.NotWritten, datastore.Written, datastore.Written, datastore.NotWritten, datastore.NotWritten} {
		assert.Equal(t, want, result.Of(i).State, "%s: an unchanged pool is not updated, and nothing is written after a failure", changes[i].Name())
	}
	assert.Zero(t, result.Transactions, "the API has no transactions")

	const base = "https://127.0.0.1:1/apis/projectcalico.org/v3/ippools"
	require.Len(t, sent, 3)
	assert.Equal(t, "PATCH "+base+"/a?fieldManager=calico-bootstrap application/merge-patch+json "+
		`{"metadata":{"resourceVersion":"7"},"spec":{"ipipMode":"Always","natOutgoing":null}}`, sent[0])
	assert.Equal(t, "POST "+base+"?fieldManager=calico-bootstrap  "+
		`{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"b","labels":{"l":"1"},"annotations":{"n":"2"}},"spec":{"cidr":""}}`,
		strings.Replace(sent[1], `"creationTimestamp":null,`, "", 1), "which older encoders write")
	for i := range changes {
		pool := result.Of(i).Stored
		if result.Of(i).State != datastore.Written {
			assert.Nil(t, pool)
			continue
		}
		require.NotNil(t, pool)
		assert.EqualValues(t, "kept", pool.UID)
		assert.Equal(t, "8", pool.ResourceVersion)
		assert.Equal(t, "10.9.0.0/16", pool.Spec.CIDR)
		assert.Equal(t, map[string]string{"l": "kept"}, pool.Labels)
		assert.False(t, pool.CreationTimestamp.IsZero())
	}
}

// Without a resourceVersion, a patch would overwrite what another client wrote.
func TestUpdateWithoutResourceVersion(t *testing.T) {
	t.Parallel()
	store := answering(t, &rest.Config{}, apitest.JSON(200, `{}`))
	record := changed(t, "x")
	record.Pool().ResourceVersion = ""
	_, err := store.Commit(t.Context(), datastore.Snapshot{}, []datastore.Change{{Update: record}})
	require.EqualError(t, err, `Kubernetes https://127.0.0.1:1: updating IPPool "x": the record has no resourceVersion: only records of a snapshot can be updated`)
	_, err = store.Commit(t.Context(), datastore.Snapshot{}, []datastore.Change{{Update: ippool.NewRecord(ippool.New("x"))}})
	require.ErrorContains(t, err, "a new record has nothing to patch")
}
