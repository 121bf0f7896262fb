package integration

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// TestDatastoreVariables connects to a server that requires a client certificate and
// a password, with both names of each variable, and with one variable missing.
func TestDatastoreVariables(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithMutualTLS(), etcdtest.WithAuth(password))
	pki := server.PKI()
	variables := map[string]string{
		"DATASTORE_TYPE":    "etcdv3",
		"ETCD_ENDPOINTS":    server.Endpoints()[0],
		"ETCD_USERNAME":     etcdtest.CalicoUser,
		"ETCD_PASSWORD":     password,
		"ETCD_CA_CERT_FILE": pki.CACertFile,
		"ETCD_CERT_FILE":    pki.ClientCertFile,
		"ETCD_KEY_FILE":     pki.ClientKeyFile,
	}
	env := func(prefix, without string) []string {
		all := bothCIDRs[:2:2]
		for name, value := range variables {
			if name != without {
				all = append(all, prefix+name+"="+value)
			}
		}
		return all
	}

	for _, prefix := range []string{"", "CALICO_"} {
		r := call(t, env(prefix, ""))
		assert.Zero(t, r.code, r.stderr)
	}
	// The name with the prefix takes precedence; an empty variable counts as unset.
	r := call(t, append(env("CALICO_", ""), "ETCD_ENDPOINTS=http://127.0.0.1:1", "ETCD_PASSWORD=other"))
	assert.Zero(t, r.code, r.stderr)
	r = call(t, append(env("", ""), "CALICO_ETCD_ENDPOINTS=", "CALICO_ETCD_PASSWORD="))
	assert.Zero(t, r.code, r.stderr)

	for without, want := range map[string]struct {
		code    int
		message string
	}{
		"DATASTORE_TYPE":    {0, ""},
		"ETCD_ENDPOINTS":    {2, "no etcd endpoints"},
		"ETCD_USERNAME":     {2, "env ETCD_PASSWORD: ***: a password without a user"},
		"ETCD_PASSWORD":     {2, `env ETCD_USERNAME: "calico": a user without a password`},
		"ETCD_CA_CERT_FILE": {1, "unknown authority"},
		"ETCD_CERT_FILE":    {2, "env ETCD_KEY_FILE: "},
		"ETCD_KEY_FILE":     {2, "env ETCD_CERT_FILE: "},
	} {
		r := call(t, env("", without))
		assert.Equal(t, want.code, r.code, "without %s: %s", without, r.stderr)
		assert.Contains(t, r.stderr, want.message)
		assert.NotContains(t, r.stderr, password)
	}
	r = call(t, env("", ""), "--etcd-password", "other")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "unauthorized")
}
