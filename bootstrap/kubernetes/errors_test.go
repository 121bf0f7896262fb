package kubernetes

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// answering returns a datastore whose every request gets this answer, but for
// the one whether the API server is ready: it is.
func answering(t *testing.T, config *rest.Config, code int, header http.Header, body string) *Datastore {
	t.Helper()
	config.Host = "https://127.0.0.1:1"
	config.Transport = roundTripper(func(request *http.Request) (*http.Response, error) {
		code, body := code, body
		if request.URL.Path == "/readyz" {
			code, body = http.StatusOK, "ok"
		}
		return &http.Response{
			StatusCode: code, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: request,
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		}, nil
	})
	store, err := Open(Config{REST: config, APIGroup: ippool.CRDV1})
	require.NoError(t, err)
	return store
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// status is what API servers answer with when they fail. That real ones do is
// shown elsewhere.
func status(code int, reason, message string) string {
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code)
}

var asJSON = http.Header{"Content-Type": {"application/json"}}

func TestStatusIsExplained(t *testing.T) {
	t.Parallel()
	const rbac = `ippools.crd.projectcalico.org is forbidden: User "x" cannot create resource "ippools" in API group "crd.projectcalico.org" at the cluster scope`
	with := func(key, value string) http.Header { h := asJSON.Clone(); h.Set(key, value); return h }
	tests := []struct {
		name   string
		code   int
		header http.Header
		body   string
		create bool
		want   error // nil: no sentinel at all
		after  time.Duration
		text   string
	}{
		{"unauthorized", 401, asJSON, status(401, "Unauthorized", "Unauthorized"), false, bootstrap.ErrUnauthorized, 0, "check the token"},
		{"forbidden", 403, asJSON, status(403, "Forbidden", strings.ReplaceAll(rbac, "create", "list")), false, bootstrap.ErrForbidden, 0, "verbs: [list]}"},
		{"forbidden to create", 403, asJSON, status(403, "Forbidden", rbac), true, bootstrap.ErrForbidden, 0, "verbs: [create]}"},
		{"denied by a policy", 403, asJSON, status(403, "Forbidden", `ippools "x" is forbidden: no pools on Sundays`), true, bootstrap.ErrRefused, 0, "no pools on Sundays"},
		{"no such resource", 404, http.Header{"Content-Type": {"text/plain"}}, "404 page not found", false, bootstrap.ErrNotInstalled, 0, "install Calico's CRDs"},
		{"no such method", 405, asJSON, status(405, "MethodNotAllowed", "create not allowed"), true, bootstrap.ErrNotInstalled, 0, "create not allowed"},
		{"exists", 409, asJSON, status(409, "AlreadyExists", `ippools "x" already exists`), true, bootstrap.ErrConflict, 0, ""},
		{"a webhook's conflict", 409, asJSON, status(409, "Conflict", "admission webhook denied it"), true, bootstrap.ErrRefused, 0, "admission webhook denied it"},
		{"bad request", 400, asJSON, status(400, "BadRequest", "strict decoding error"), true, bootstrap.ErrRefused, 0, "strict decoding error"},
		{"too many", 429, with("Retry-After", "7"), status(429, "TooManyRequests", "slow down"), false, bootstrap.ErrUnreachable, 7 * time.Second, "slow down"},
		{"too many, says a proxy", 429, http.Header{"Retry-After": {"3"}}, "later", false, bootstrap.ErrUnreachable, 3 * time.Second, ""},
		{"internal error", 500, asJSON, status(500, "InternalError", "etcd is away"), false, bootstrap.ErrUnreachable, 0, "etcd is away"},
		{"error page", 502, http.Header{"Content-Type": {"text/html"}}, "<html>bad gateway</html>", false, bootstrap.ErrUnreachable, 0, ""},
		{"page that forbids", 403, http.Header{"Content-Type": {"text/html"}}, "<html>no</html>", true, nil, 0, "403 Forbidden: the answer is not the API server's own"},
		{"page that is not there", 404, http.Header{"Content-Type": {"text/html"}}, "<html>no</html>", false, bootstrap.ErrNotInstalled, 0, "check that the endpoint"},
		{"redirect", 302, http.Header{"Location": {"https://127.0.0.1:1/login"}}, "", false, nil, 0, "302 Found, a redirect: check that the endpoint"},
		{"unavailable", 503, http.Header{}, "", true, bootstrap.ErrUnreachable, 0, ""},
		{"no list", 200, asJSON, `{"kind":"IPPool"}`, false, nil, 0, "the answer is no list of the Kubernetes API: check that the endpoint"},
		{"no JSON", 200, http.Header{"Content-Type": {"text/html"}}, "<html>welcome</html>", false, nil, 0, "check that the endpoint"},
		{"no pool", 201, asJSON, `[]`, true, nil, 0, "the answer is no IPPool"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := answering(t, &rest.Config{BearerToken: "hunter2"}, tt.code, tt.header, tt.body)
			var err error
			if tt.create {
				err = store.Commit(t.Context(), bootstrap.Snapshot{}, []bootstrap.Change{{Create: ippool.New("x")}})
			} else {
				_, err = store.Snapshot(t.Context())
			}
			require.Error(t, err)
			for _, kind := range []error{
				bootstrap.ErrUnauthorized, bootstrap.ErrForbidden, bootstrap.ErrRefused, bootstrap.ErrNotInstalled,
				bootstrap.ErrConflict, bootstrap.ErrUnreachable, bootstrap.ErrTLS, bootstrap.ErrIncompatible,
			} {
				assert.Equal(t, kind == tt.want, errors.Is(err, kind), "%v: %v", kind, err)
			}
			assert.Contains(t, err.Error(), tt.text)
			assert.NotContains(t, err.Error(), "hunter2")
			var failure *bootstrap.DatastoreError
			if errors.As(err, &failure) {
				assert.Equal(t, tt.after, failure.RetryAfter)
			}
		})
	}
}

// A server that turns the connection over to another protocol has not answered,
// and nobody waits for what may come on it.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	body := &never{}
	transport := roundTripper(func(request *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: body, Request: request}, nil
	})
	store, err := Open(Config{REST: &rest.Config{Host: "https://127.0.0.1:1", Transport: transport}, APIGroup: ippool.CRDV1})
	require.NoError(t, err)
	_, err = store.Snapshot(t.Context())
	require.EqualError(t, err, "Kubernetes https://127.0.0.1:1: reading IP pools: 101 Switching Protocols, which wasn't asked for: "+
		"the answer is not the API server's own: check the load balancers and proxies in between")
	assert.Equal(t, never{closed: true}, *body)
}

// never is a body that is not to be read.
type never struct{ read, closed bool }

func (n *never) Read([]byte) (int, error) { n.read = true; return 0, io.EOF }

func (n *never) Close() error { n.closed = true; return nil }

// TestForbiddenWhileItStarts has an API server that doesn't know its roles, not
// even the one by which everybody may ask whether it is ready.
func TestForbiddenWhileItStarts(t *testing.T) {
	t.Parallel()
	for name, ready := range map[string]int{"not ready": http.StatusInternalServerError, "nobody may ask": http.StatusForbidden} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				knows := false
				transport := roundTripper(func(request *http.Request) (*http.Response, error) {
					code, body := http.StatusForbidden, status(403, "Forbidden", `User "x" cannot list resource "ippools"`)
					switch {
					case request.URL.Path == "/readyz":
						code, body = ready, "[-]informer-sync failed: reason withheld"
					case knows:
						code, body = http.StatusOK, `{"kind":"IPPoolList","items":[]}`
					}
					return &http.Response{StatusCode: code, Header: asJSON, Body: io.NopCloser(strings.NewReader(body)), Request: request}, nil
				})
				store, err := Open(Config{REST: &rest.Config{Host: "https://127.0.0.1:1", BearerToken: "hunter2", Transport: transport}, APIGroup: ippool.CRDV1})
				require.NoError(t, err)
				for range 2 {
					_, err = store.Snapshot(t.Context())
					require.ErrorIs(t, err, bootstrap.ErrUnreachable)
					require.ErrorContains(t, err, "it forbids this, but is not ready")
					require.ErrorContains(t, err, "if it stays so, give it a ClusterRole with the rule")
					time.Sleep(rolesTime / 2)
				}
				_, err = store.Snapshot(t.Context())
				if ready == http.StatusForbidden {
					require.ErrorIs(t, err, bootstrap.ErrForbidden, "it stayed so")
				} else {
					require.ErrorIs(t, err, bootstrap.ErrUnreachable)
				}
				knows = true
				_, err = store.Snapshot(t.Context())
				require.NoError(t, err)
				knows = false // it starts again
				_, err = store.Snapshot(t.Context())
				require.ErrorIs(t, err, bootstrap.ErrUnreachable)
			})
		})
	}
}

// What is allowed says nothing of what is not: a right that is missing is told
// of after a while, though others of the same user hold.
func TestForbiddenBesideWhatIsAllowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := roundTripper(func(request *http.Request) (*http.Response, error) {
			code, body := http.StatusForbidden, status(403, "Forbidden", `User "x" cannot do that`)
			if strings.HasSuffix(request.URL.Path, "/ippools") {
				code, body = http.StatusOK, `{"kind":"IPPoolList","items":[]}`
			}
			return &http.Response{StatusCode: code, Header: asJSON, Body: io.NopCloser(strings.NewReader(body)), Request: request}, nil
		})
		store, err := Open(Config{REST: &rest.Config{Host: "https://127.0.0.1:1", BearerToken: "hunter2", Transport: transport}})
		require.NoError(t, err)
		for range 2 {
			_, err = store.Snapshot(t.Context())
			require.NoError(t, err)
			_, err = store.Blocks(t.Context(), []ippool.Family{ippool.IPv4})
			require.ErrorIs(t, err, bootstrap.ErrUnreachable)
			time.Sleep(rolesTime / 2)
		}
		_, err = store.Snapshot(t.Context())
		require.NoError(t, err)
		_, err = store.Blocks(t.Context(), []ippool.Family{ippool.IPv4})
		require.ErrorIs(t, err, bootstrap.ErrForbidden)
	})
}

// A refusal has a line for each field.
func TestRefusalFieldByField(t *testing.T) {
	t.Parallel()
	const body = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"IPPool \"x\" is invalid: all of it","reason":"Invalid","code":422,` +
		`"details":{"causes":[{"reason":"FieldValueInvalid","message":"Invalid value: null: some rules were not checked","field":"<nil>"},` +
		`{"reason":"FieldValueInvalid","message":"Invalid value: 7: too small","field":"spec.blockSize"},` +
		`{"reason":"FieldValueInvalid","message":"Invalid value: 7: too small","field":"spec.blockSize"},` +
		`{"reason":"FieldValueForbidden","message":"Forbidden: not both","field":"spec"}]}}`
	store := answering(t, &rest.Config{}, 422, asJSON, body)
	err := store.Commit(t.Context(), bootstrap.Snapshot{}, []bootstrap.Change{{Create: ippool.New("x")}})
	require.ErrorIs(t, err, bootstrap.ErrRefused)
	require.EqualError(t, err,
		`Kubernetes https://127.0.0.1:1: creating IPPool "x": refused by the API server: spec.blockSize: Invalid value: 7: too small`+"\n"+
			`Kubernetes https://127.0.0.1:1: creating IPPool "x": refused by the API server: spec: Forbidden: not both`)

	store = answering(t, &rest.Config{}, 422, asJSON, strings.NewReplacer(`"spec.blockSize"`, `"<nil>"`, `"spec"`, `"<nil>"`).Replace(body))
	err = store.Commit(t.Context(), bootstrap.Snapshot{}, []bootstrap.Change{{Create: ippool.New("x")}})
	require.ErrorContains(t, err, "<nil>: Invalid value: 7: too small", "better than nothing")

	store = answering(t, &rest.Config{}, 422, asJSON, strings.NewReplacer(`"spec.blockSize"`, `""`, `"spec"`, `""`).Replace(body))
	err = store.Commit(t.Context(), bootstrap.Snapshot{}, []bootstrap.Change{{Create: ippool.New("x")}})
	require.ErrorContains(t, err, "refused by the API server: Invalid value: 7: too small", "policies know no field")

	store = answering(t, &rest.Config{}, 422, asJSON, status(422, "Invalid", "IPPool is invalid: no causes"))
	err = store.Commit(t.Context(), bootstrap.Snapshot{}, []bootstrap.Change{{Create: ippool.New("x")}})
	require.ErrorIs(t, err, bootstrap.ErrRefused)
	require.ErrorContains(t, err, "no causes")
}

func TestTokenHint(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	const check = "check the token: is it of this cluster, and does its ServiceAccount still exist?"
	tests := map[string]string{
		jwt(`{"exp":1795300000}`):       "the token expired on 2026-11-21T22:26:40Z: get a new one",
		jwt(`{"exp":1795400000}`):       check,
		jwt(`{}`):                       check,
		jwt(`{"exp":"x"}`):              check,
		"a.b.c":                         check,
		"hunter2":                       check,
		"":                              check,
		jwt(`{"exp":1795300000}`) + ".": check,
	}
	for token, want := range tests {
		assert.Equal(t, want, tokenHint(token, "", now), token)
	}
	assert.Equal(t, "the token in /run/token expired on 2026-11-21T22:26:40Z: get a new one", tokenHint(jwt(`{"exp":1795300000}`)+"\n", "/run/token", now))
}

func TestCredentialsHint(t *testing.T) {
	t.Parallel()
	cert, key := newPair(t)
	hint := func(config rest.Config, now time.Time) string {
		return (&Datastore{config: Config{REST: &config}}).credentialsHint(now)
	}
	assert.Contains(t, hint(rest.Config{}, time.Now()), "no credentials are given")
	assert.Contains(t, hint(rest.Config{BearerToken: "hunter2"}, time.Now()), "check the token")
	assert.Contains(t, hint(rest.Config{BearerTokenFile: "/nonexistent"}, time.Now()), "the token can't be read: open /nonexistent")
	file := rest.Config{BearerTokenFile: write(t, "token", "hunter2")}
	assert.Contains(t, hint(file, time.Now()), "check the token in "+file.BearerTokenFile)
	pair := rest.Config{TLSClientConfig: rest.TLSClientConfig{CertData: cert, KeyData: key}}
	assert.Contains(t, hint(pair, time.Now()), "check the client certificate")
	assert.Contains(t, hint(pair, time.Now().Add(24*time.Hour)), "the client certificate expired on ")
}
