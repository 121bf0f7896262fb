package api

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
)

// Actions like those of package kubernetes.
var (
	listing  = Action{Operation: "reading IP pools", Verb: "list", Group: "crd.projectcalico.org", Resource: "ippools"}
	creating = Action{Operation: `creating IPPool "x"`, Verb: "create", Group: "crd.projectcalico.org", Resource: "ippools"}
	patching = Action{Operation: `updating IPPool "x"`, Verb: "patch", Group: "crd.projectcalico.org", Resource: "ippools"}
)

// reaching returns a client that sends its requests to this transport.
func reaching(t *testing.T, config rest.Config, transport http.RoundTripper) *Client {
	t.Helper()
	config.Host, config.Transport = "https://127.0.0.1:1", transport
	client, err := New(&config, "", 0, nil)
	require.NoError(t, err)
	return client
}

// call makes a request for the action.
func call(t *testing.T, client *Client, action Action) (body []byte, err error) {
	t.Helper()
	switch action.Verb {
	case "create":
		return client.Call(t.Context(), action, client.Post("pools").Body([]byte("{}")))
	case "patch":
		return client.Call(t.Context(), action, client.Patch("pools", "x").Body([]byte("{}")))
	default:
		return client.Call(t.Context(), action, client.Get("pools"))
	}
}

func TestStatusIsExplained(t *testing.T) {
	t.Parallel()
	const rbac = `ippools.crd.projectcalico.org is forbidden: User "x" cannot create resource "ippools" in API group "crd.projectcalico.org" at the cluster scope`
	const patchRBAC = `ippools.crd.projectcalico.org "x" is forbidden: User "x" cannot patch resource "ippools" in API group "crd.projectcalico.org" at the cluster scope`
	const notFound = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"ippools.crd.projectcalico.org \"x\" not found","reason":"NotFound","details":{"name":"x","group":"crd.projectcalico.org","kind":"ippools"},"code":404}`
	slowDown := apitest.Failure(429, "TooManyRequests", "slow down")
	slowDown.Header.Set("Retry-After", "7")
	tests := []struct {
		name   string
		answer apitest.Answer
		action Action
		want   error // nil: no sentinel at all
		after  time.Duration
		text   string
	}{
		{"unauthorized", apitest.Failure(401, "Unauthorized", "Unauthorized"), listing, datastore.ErrUnauthorized, 0, "check the token"},
		{"forbidden", apitest.Failure(403, "Forbidden", strings.ReplaceAll(rbac, "create", "list")), listing, datastore.ErrForbidden, 0, "verbs: [list]}"},
		{"forbidden to create", apitest.Failure(403, "Forbidden", rbac), creating, datastore.ErrForbidden, 0, "verbs: [create]}"},
		{"denied by a policy", apitest.Failure(403, "Forbidden", `ippools "x" is forbidden: no pools on Sundays`), creating, datastore.ErrRefused, 0, "no pools on Sundays"},
		{"no such resource", apitest.NoSuchPath, listing, datastore.ErrNotInstalled, 0, "install Calico's CRDs"},
		{"no such method", apitest.Failure(405, "MethodNotAllowed", "create not allowed"), creating, datastore.ErrNotInstalled, 0, "create not allowed"},
		{"exists", apitest.Failure(409, "AlreadyExists", `ippools "x" already exists`), creating, datastore.ErrConflict, 0, ""},
		{"a webhook's conflict", apitest.Failure(409, "Conflict", "admission webhook denied it"), creating, datastore.ErrRefused, 0, "admission webhook denied it"},
		{"bad request", apitest.Failure(400, "BadRequest", "strict decoding error"), creating, datastore.ErrRefused, 0, "strict decoding error"},
		{"too many", slowDown, listing, datastore.ErrUnreachable, 7 * time.Second, "slow down"},
		{"too many, by a proxy", apitest.Answer{Code: 429, Header: http.Header{"Retry-After": {"3"}}, Body: "later"}, listing, datastore.ErrUnreachable, 3 * time.Second, ""},
		{"internal error", apitest.Failure(500, "InternalError", "etcd is away"), listing, datastore.ErrUnreachable, 0, "etcd is away"},
		{"HTML page, 502", apitest.Answer{Code: 502, Header: apitest.Header("text/html"), Body: "<html>bad gateway</html>"}, listing, datastore.ErrUnreachable, 0, ""},
		{"HTML page, 403", apitest.Answer{Code: 403, Header: apitest.Header("text/html"), Body: "<html>no</html>"}, creating, nil, 0, "403 Forbidden: the response is not from the API server"},
		{"HTML page, 404", apitest.Answer{Code: 404, Header: apitest.Header("text/html"), Body: "<html>no</html>"}, listing, datastore.ErrNotInstalled, 0, "check that the endpoint"},
		{"redirect", apitest.Answer{Code: 302, Header: http.Header{"Location": {"https://127.0.0.1:1/login"}}}, listing, nil, 0, "302 Found, a redirect: check that the endpoint"},
		{"unavailable", apitest.Answer{Code: 503}, creating, datastore.ErrUnreachable, 0, ""},
		{"patch: another resourceVersion", apitest.Failure(409, "Conflict", `Operation cannot be fulfilled on ippools "x": the object has been modified`), patching, datastore.ErrConflict, 0, ""},
		{"patch: a webhook's conflict", apitest.Failure(409, "Conflict", `admission webhook "w" denied the request: not now`), patching, datastore.ErrRefused, 0, "not now"},
		{"patch: deleted concurrently", apitest.JSON(404, notFound), patching, datastore.ErrConflict, 0, ""},
		{"patch: no such resource", apitest.NoSuchPath, patching, datastore.ErrNotInstalled, 0, "install Calico's CRDs"},
		{"patch: HTML page, 404", apitest.Answer{Code: 404, Header: apitest.Header("text/html"), Body: "<html>no</html>"}, patching, datastore.ErrNotInstalled, 0, "check that the endpoint"},
		{"patch: forbidden", apitest.Failure(403, "Forbidden", patchRBAC), patching, datastore.ErrForbidden, 0, "the rule - {apiGroups: [crd.projectcalico.org], resources: [ippools], verbs: [patch]}"},
		{"patch: denied by a policy", apitest.Failure(403, "Forbidden", `ippools "x" is forbidden: no pools on Sundays`), patching, datastore.ErrRefused, 0, "no pools on Sundays"},
		{"patch: invalid", apitest.Failure(422, "Invalid", "cidr can't be changed"), patching, datastore.ErrRefused, 0, `updating IPPool "x": refused by the API server: cidr can't be changed`},
		{"patch: bad request", apitest.Failure(400, "BadRequest", "no patch"), patching, datastore.ErrRefused, 0, "no patch"},
		{"patch: unavailable", apitest.Answer{Code: 503}, patching, datastore.ErrUnreachable, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := call(t, reaching(t, rest.Config{BearerToken: "hunter2"}, apitest.Always(tt.answer)), tt.action)
			require.Error(t, err)
			for _, kind := range []error{
				datastore.ErrUnauthorized, datastore.ErrForbidden, datastore.ErrRefused, datastore.ErrNotInstalled,
				datastore.ErrConflict, datastore.ErrUnreachable, datastore.ErrTLS,
			} {
				assert.Equal(t, kind == tt.want, errors.Is(err, kind), "%v: %v", kind, err)
			}
			assert.Contains(t, err.Error(), tt.text)
			assert.NotContains(t, err.Error(), "hunter2")
			var failure *datastore.Error
			if errors.As(err, &failure) {
				assert.Equal(t, tt.after, failure.RetryAfter)
			}
		})
	}
}

// Switching the protocol is not an answer. The body is closed without being read.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	body := &never{}
	transport := apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: body, Request: request}, nil
	})
	_, err := call(t, reaching(t, rest.Config{}, transport), listing)
	require.EqualError(t, err, "Kubernetes https://127.0.0.1:1: reading IP pools: unexpected 101 Switching Protocols: "+
		"the response is not from the API server: check the load balancers and proxies in between")
	assert.Equal(t, never{closed: true}, *body)
}

// The error of a failed connection has the cause and a hint.
func TestConnectionIsExplained(t *testing.T) {
	t.Parallel()
	const place = "Kubernetes https://127.0.0.1:1: reading IP pools: "
	tests := []struct {
		name string
		err  error
		want string
		kind error // nil: none, as a retry does not help
	}{
		{"refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
			"datastore unreachable: dial: connection refused: no process listens on this address: check the endpoint, and that the API server is running", datastore.ErrUnreachable},
		{"no such host", &net.DNSError{Err: "no such host", Name: "a", IsNotFound: true},
			"datastore unreachable: lookup a: no such host: check the endpoint's host name, and this host's DNS", datastore.ErrUnreachable},
		{"unknown authority", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
			"TLS failure: tls: failed to verify certificate: x509: certificate signed by unknown authority: " +
				"set the CA that signed the API server's certificate: certificate-authority in the kubeconfig, or kubernetes.caFile", datastore.ErrTLS},
		{"anything else", errors.New("the unforeseen"), "the unforeseen", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			failing := apitest.RoundTripper(func(*http.Request) (*http.Response, error) { return nil, tt.err })
			_, err := call(t, reaching(t, rest.Config{}, failing), listing)
			require.ErrorContains(t, err, tt.want)
			assert.True(t, strings.HasPrefix(err.Error(), place), "%v", err)
			for _, kind := range []error{datastore.ErrUnreachable, datastore.ErrTLS} {
				assert.Equal(t, kind == tt.kind, errors.Is(err, kind), "%v: %v", kind, err)
			}
		})
	}
}

// never is a body that must not be read.
type never struct{ read, closed bool }

func (n *never) Read([]byte) (int, error) { n.read = true; return 0, io.EOF }

func (n *never) Close() error { n.closed = true; return nil }

// TestForbiddenWhileItStarts has an API server that has not loaded its roles, not even
// the one that allows everyone to read /readyz.
func TestForbiddenWhileItStarts(t *testing.T) {
	t.Parallel()
	for name, ready := range map[string]int{"not ready": http.StatusInternalServerError, "/readyz is forbidden": http.StatusForbidden} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				authorized := false
				client := reaching(t, rest.Config{BearerToken: "hunter2"}, apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
					answer := apitest.Failure(403, "Forbidden", `User "x" cannot list resource "ippools"`)
					switch {
					case request.URL.Path == "/readyz":
						answer = apitest.JSON(ready, "[-]informer-sync failed: reason withheld")
					case authorized:
						answer = apitest.JSON(200, `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","items":[]}`)
					}
					return answer.To(request), nil
				}))
				for range 2 {
					_, err := call(t, client, listing)
					require.ErrorIs(t, err, datastore.ErrUnreachable)
					require.ErrorContains(t, err, "forbidden, but the API server is not ready")
					require.ErrorContains(t, err, "if this persists, add to a ClusterRole the rule")
					time.Sleep(rolesTime / 2)
				}
				_, err := call(t, client, listing)
				if ready == http.StatusForbidden {
					require.ErrorIs(t, err, datastore.ErrForbidden, "it is still forbidden")
				} else {
					require.ErrorIs(t, err, datastore.ErrUnreachable)
				}
				authorized = true
				_, err = call(t, client, listing)
				require.NoError(t, err)
				authorized = false // it restarts
				_, err = call(t, client, listing)
				require.ErrorIs(t, err, datastore.ErrUnreachable)
			})
		})
	}
}

// A missing permission is reported after a while, even if the user has others.
func TestForbiddenWithOtherPermissions(t *testing.T) {
	t.Parallel()
	blocks := Action{Operation: "reading the names of IPAM blocks", Verb: "list", Group: "crd.projectcalico.org", Resource: "ipamblocks"}
	synctest.Test(t, func(t *testing.T) {
		client := reaching(t, rest.Config{BearerToken: "hunter2"}, apitest.ByPath(apitest.Answers{
			"/pools":  apitest.JSON(200, `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","items":[]}`),
			"/blocks": apitest.Failure(403, "Forbidden", `User "x" cannot do that`),
			"/readyz": apitest.Failure(403, "Forbidden", `User "x" cannot do that`),
		}))
		readBlocks := func() error {
			_, err := client.Call(t.Context(), blocks, client.Get("blocks"))
			return err
		}
		for range 2 {
			_, err := call(t, client, listing)
			require.NoError(t, err)
			require.ErrorIs(t, readBlocks(), datastore.ErrUnreachable)
			time.Sleep(rolesTime / 2)
		}
		_, err := call(t, client, listing)
		require.NoError(t, err)
		require.ErrorIs(t, readBlocks(), datastore.ErrForbidden)
	})
}

// A rejected object gives a line for each field.
func TestRefusalFieldByField(t *testing.T) {
	t.Parallel()
	const body = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"IPPool \"x\" is invalid: all of it","reason":"Invalid","code":422,` +
		`"details":{"causes":[{"reason":"FieldValueInvalid","message":"Invalid value: null: some rules were not checked","field":"<nil>"},` +
		`{"reason":"FieldValueInvalid","message":"Invalid value: 7: too small","field":"spec.blockSize"},` +
		`{"reason":"FieldValueInvalid","message":"Invalid value: 7: too small","field":"spec.blockSize"},` +
		`{"reason":"FieldValueForbidden","message":"Forbidden: not both","field":"spec"}]}}`
	refused := func(body string) error {
		_, err := call(t, reaching(t, rest.Config{}, apitest.Always(apitest.JSON(422, body))), creating)
		return err
	}
	err := refused(body)
	require.ErrorIs(t, err, datastore.ErrRefused)
	require.EqualError(t, err,
		`Kubernetes https://127.0.0.1:1: creating IPPool "x": refused by the API server: spec.blockSize: Invalid value: 7: too small`+"\n"+
			`Kubernetes https://127.0.0.1:1: creating IPPool "x": refused by the API server: spec: Forbidden: not both`)

	err = refused(strings.NewReplacer(`"spec.blockSize"`, `"<nil>"`, `"spec"`, `"<nil>"`).Replace(body))
	require.ErrorContains(t, err, "<nil>: Invalid value: 7: too small", "if no cause has a field")

	err = refused(strings.NewReplacer(`"spec.blockSize"`, `""`, `"spec"`, `""`).Replace(body))
	require.ErrorContains(t, err, "refused by the API server: Invalid value: 7: too small", "the cause of a policy has no field")

	err = refused(apitest.Failure(422, "Invalid", "IPPool is invalid: no causes").Body)
	require.ErrorIs(t, err, datastore.ErrRefused)
	require.ErrorContains(t, err, "no causes")
}

func TestTokenHint(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	const check = "check the token: is it from this cluster, and does its ServiceAccount still exist?"
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
	cert, key := apitest.KeyPair(t)
	hint := func(config rest.Config, now time.Time) string {
		return (&Client{config: &config}).credentialsHint(now)
	}
	assert.Contains(t, hint(rest.Config{}, time.Now()), "no credentials are configured")
	assert.Contains(t, hint(rest.Config{BearerToken: "hunter2"}, time.Now()), "check the token")
	assert.Contains(t, hint(rest.Config{BearerTokenFile: "/nonexistent"}, time.Now()), "the token can't be read: stat /nonexistent")
	file := rest.Config{BearerTokenFile: apitest.File(t, "token", "hunter2")}
	assert.Contains(t, hint(file, time.Now()), "check the token in "+file.BearerTokenFile)
	pair := rest.Config{TLSClientConfig: rest.TLSClientConfig{CertData: cert, KeyData: key}}
	assert.Contains(t, hint(pair, time.Now()), "check the client certificate")
	assert.Contains(t, hint(pair, time.Now().Add(24*time.Hour)), "the client certificate expired on ")
}

// The hint about a missing permission is a rule that can be pasted.
func TestRoleHint(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "add to a ClusterRole the rule - {apiGroups: [crd.projectcalico.org], resources: [ippools], verbs: [list]}", listing.RoleHint())
	other := listing
	other.OrElse = "set another group"
	assert.Equal(t, listing.RoleHint()+"; set another group", other.RoleHint())
	config := Action{Verb: "get", Resource: "configmaps", Namespace: "kube-system", Name: "kubeadm-config"}
	assert.Equal(t, "add to a Role in namespace kube-system the rule - "+
		"{apiGroups: [''], resources: [configmaps], resourceNames: [kubeadm-config], verbs: [get]}", config.RoleHint())
}

// An expired page is retryable if the next attempt begins at the first page.
func TestExpiredPage(t *testing.T) {
	t.Parallel()
	client := reaching(t, rest.Config{}, apitest.Always(apitest.Failure(410, "Expired", "too old")))
	_, err := call(t, client, listing)
	require.EqualError(t, err, "Kubernetes https://127.0.0.1:1: reading IP pools: too old")
	pages := listing
	pages.Restarts = true
	_, err = call(t, client, pages)
	require.EqualError(t, err, "Kubernetes https://127.0.0.1:1: reading IP pools: datastore unreachable: too old")
	require.ErrorIs(t, err, datastore.ErrUnreachable)
}
