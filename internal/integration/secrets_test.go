package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestProgramShowsNoSecret passes a password in every place where a user may put one,
// correctly or by mistake.
func TestProgramShowsNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	kubeconfig := func(cluster string) string {
		path := filepath.Join(t.TempDir(), "kubeconfig")
		text := "current-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\nusers: [{name: a, user: {token: " + secret + "}}]\nclusters: [{name: a, cluster: {" + cluster + "}}]\n"
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	for _, args := range [][]string{
		{"--etcd-endpoints", "https://root:" + secret + "@h:2379"},
		{"--etcd-endpoints", "http://root:" + secret + ",x@h:2379"},
		{"--etcd-endpoints", "http://h:2379/?token=" + secret},
		{"--datastore-type", "embedded", "--etcd-endpoints", "https://root:" + secret + "@h:2379"},
		{"--datastore-type", "etcdv3", "--etcd-discovery-srv", "http://u:" + secret + "@example.org"},
		{"--etcd-password=", secret},
		{"-etcd-password=" + secret},
		{"--etcd-pasword=" + secret},
		{"--etcd-password", "my", secret},
		{"--etcd-endpoints", "http://127.0.0.1:1", "--etcd-password", secret},
		{"--k8s-api-endpoint", "https://root:" + secret + "@127.0.0.1:1"},
		{"--k8s-api-endpoint", "https://127.0.0.1:1?token=" + secret},
		{"--k8s-api-endpoint", "https://127.0.0.1:1", "--k8s-api-token", secret, "--timeout", "300ms", "--log-level", "debug"},
		{"--k8s-api-token=" + secret, "--kubeconfig", "/nonexistent"},
		{"--k8s-api-token", "my", secret},
		{"--kubeconfig", kubeconfig(`server: "https://127.0.0.1:1"`), "--timeout", "300ms", "--log-level", "debug"},
		{"--kubeconfig", kubeconfig(`server: "https://root:` + secret + `@127.0.0.1:1"`), "--timeout", "300ms"},
		{"--kubeconfig", kubeconfig(`server: "https://127.0.0.1:1?token=` + secret + `"`), "--timeout", "300ms"},
		{"--kubeconfig", kubeconfig(`server: "https://127.0.0.1:1", proxy-url: "ftp://root:` + secret + `@127.0.0.1:1"`), "--timeout", "300ms"},
		{"--kubeconfig", kubeconfig(`server: "https://127.0.0.1:1", proxy-url: "http://root:` + secret + `@127.0.0.1:1"`), "--timeout", "300ms"},
		{"--etcd-endpoints", "http://127.0.0.1:1", "--etcd-username", "calico", "--etcd-password", secret, "--timeout", "300ms", "--log-level", "debug"},
	} {
		r := call(t, nil, args...)
		assert.NotZero(t, r.code, args)
		assert.NotContains(t, r.stdout+r.stderr, secret, args)
	}
}

// TestTableHasOneLinePerPool stores a pool whose name has a newline and terminal escape
// sequences.
func TestTableHasOneLinePerPool(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	world.put(t, ippool.RecordKey("a\x1b[31m\nforged  IPv4  created"), `{"spec":{"cidr":"10.0.0.0/8","nodeSelector":"\u001b[2J"}}`)
	env := append(bothCIDRs[:2:2], "CALICO_IPV6POOL_CIDR=none", "ETCD_ENDPOINTS="+world.server.Endpoints()[0])
	for _, verb := range []string{"apply", "plan"} {
		r := call(t, env, verb)
		assert.Zero(t, r.code, r.stderr)
		assert.NotContains(t, r.stdout, "\x1b")
		for line := range strings.Lines(r.stdout) {
			assert.False(t, strings.HasPrefix(line, "forged"), line)
		}
	}
}

// TestConflictKeepsTheConnection checks that a conflict does not cause another
// authentication.
func TestConflictKeepsTheConnection(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithAuth(password))
	world := &etcdWorld{server: server, admin: server.Client(t)}
	store := open(t, configOf(server))
	snapshot, err := store.Snapshot(t.Context())
	assert.NoError(t, err)
	pool := ippool.New("default-ipv4-ippool")
	pool.Spec.CIDR = "10.1.0.0/16"
	world.Write(t, pool)
	server.ResetRPCs()
	for range 3 {
		_, err := store.Commit(t.Context(), snapshot, changesOf(pool))
		assert.ErrorIs(t, err, datastore.ErrConflict)
	}
	assert.Zero(t, server.Count("Authenticate"))
}
