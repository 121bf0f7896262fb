package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// unstable matches what differs from machine to machine and from run to run in a report.
var unstable = []struct {
	found       *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`(?m)^calico-bootstrap .*$`), "calico-bootstrap VERSION"},
	{regexp.MustCompile(`(?m)^(system|kernel|in a pod|firewalld|server): .*$`), "$1: …"},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]{2,}`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`/\S*/(\d{3}/)?kubeconfig\S*\b`), "KUBECONFIG"},
	{regexp.MustCompile(`(?m)^note: findings allowed by the settings: Host.*\n`), ""},
}

// bugReport runs the command, which always succeeds, and returns the report without what is
// unstable.
func bugReport(t *testing.T, env []string, args ...string) string {
	t.Helper()
	began := time.Now()
	r := call(t, env, append([]string{"bug-report"}, args...)...)
	assert.Zero(t, r.code, r.stderr)
	assert.Empty(t, r.stderr)
	assert.Less(t, time.Since(began), 30*time.Second+soon)
	assert.Less(t, len(r.stdout), 64_000)
	report := r.stdout
	for _, u := range unstable {
		report = u.found.ReplaceAllString(report, u.replacement)
	}
	return report
}

// sectionOf returns the code block below the title.
func sectionOf(t *testing.T, report, title string) string {
	t.Helper()
	_, rest, found := strings.Cut(report, "\n### "+title+"\n\n")
	require.True(t, found, report)
	fence, rest, _ := strings.Cut(rest, "text\n")
	body, _, found := strings.Cut(rest, "\n"+fence+"\n")
	require.True(t, found, report)
	return body
}

func TestBugReportOnEtcd(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	env := append([]string{"ETCD_ENDPOINTS=" + server.Endpoints()[0], "CALICO_IPV4POOL_IPIP=CrossSubnet"}, preflightOn...)
	putResources(t, server, natRecords)
	putResources(t, server, map[string]string{
		"ippools/broken":  "{",
		"ippools/forging": `{"kind":"IPPool","metadata":{"name":"forging","annotations":{"token":"hunter2"}},"spec":{"cidr":"10.9.0.0/16","nodeSelector":"a == '` + "````" + `\n### Title\u001b[2J'","later":{"x":1}}}`,
	})
	report := bugReport(t, env)
	golden(t, "bug-report-etcd.golden", report)
	assert.NotContains(t, report, "hunter2")
	assert.NotContains(t, report, "\n### Title")

	r := call(t, env, "bug-report")
	assert.Regexp(t, `(?m)^server: 3\.\d+\.\d+$`, r.stdout)

	invalid := bugReport(t, env, "--ipv4-pool-block-size", "99")
	assert.Contains(t, sectionOf(t, invalid, "Settings"), `error: flag --ipv4-pool-block-size: "99"`)
	assert.Equal(t, sectionOf(t, report, "Pools"), sectionOf(t, invalid, "Pools"), "the datastore is read nevertheless")
	assert.Equal(t, sectionOf(t, report, "Datastore"), sectionOf(t, invalid, "Datastore"))
	assert.Equal(t, "not read: see Settings, Datastore and Pools", sectionOf(t, invalid, "Plan"))

	server.Stop()
	stopped := bugReport(t, env)
	assert.Contains(t, sectionOf(t, stopped, "Datastore"), "error: etcd http://127.0.0.1:PORT: reading IP pools: datastore unreachable: ")
	assert.Equal(t, "not read: see Datastore", sectionOf(t, stopped, "Pools"))
	assert.Equal(t, sectionOf(t, report, "Settings"), sectionOf(t, stopped, "Settings"))
}

// TestBugReportOnEtcdCluster expects the number of members.
func TestBugReportOnEtcdCluster(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	env := []string{"ETCD_ENDPOINTS=" + strings.Join(cluster.Endpoints(), ",")}
	assert.Contains(t, sectionOf(t, bugReport(t, env), "Datastore"), "\nmembers: 3\n")
}

// An etcd user who may read nothing gets the versions, and what is missing.
func TestBugReportWithoutRightsInEtcd(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithAuth(password))
	_, err := server.Client(t).UserAdd(t.Context(), "nobody", password)
	require.NoError(t, err)
	env := []string{"ETCD_ENDPOINTS=" + server.Endpoints()[0], "ETCD_USERNAME=nobody", "ETCD_PASSWORD=" + password}
	report := bugReport(t, env)
	assert.Contains(t, sectionOf(t, report, "Datastore"), "server: …\nmembers: 1\nproblem: the version of Calico is unknown: etcd ")
	assert.Contains(t, sectionOf(t, report, "Pools"), "permission denied")
	assert.Contains(t, sectionOf(t, report, "Settings"), "--etcd-password *** (env ETCD_PASSWORD)")
	assert.NotContains(t, report, password)

	wrong := bugReport(t, append(env, "ETCD_PASSWORD=hunter2"))
	assert.Contains(t, sectionOf(t, wrong, "Datastore"), "unauthorized")
	assert.NotContains(t, wrong, "hunter2")
}

func TestBugReportOnKubernetes(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.InstallNATCRDs(t, world.group, false)
	world.server.Apply(t, []byte(natObjects(world.group)))
	world.Write(t, storedDefault("10.244.0.0/16"))
	putKubeadmConfig(t, world.server, "10.244.0.0/16,fd00:10:244::/56")
	env := append([]string{"KUBECONFIG=" + world.server.Kubeconfig(t)}, preflightOn...)
	report := bugReport(t, env)
	golden(t, "bug-report-kubernetes.golden", report)
	assert.Regexp(t, `(?m)^server: v1\.\d+\.\d+$`, call(t, env, "bug-report").stdout)

	// A ServiceAccount without permissions may discover what is served.
	user := world.server.ServiceAccount(t, "kube-system", "bug-reporter")
	token := world.server.Token(t, "kube-system", "bug-reporter", time.Hour)
	account := append([]string{"KUBECONFIG=" + world.server.TokenKubeconfig(t, token)}, preflightOn...)
	world.server.ResetAudit(t, user)
	denied := bugReport(t, account)
	assert.Contains(t, sectionOf(t, denied, "Datastore"), "server: …\nserved: ")
	assert.Contains(t, sectionOf(t, denied, "Datastore"), "problem: the version of Calico is unknown: ")
	assert.Contains(t, sectionOf(t, denied, "Pools"), "add to a ClusterRole the rule - {apiGroups: [crd.projectcalico.org], resources: [ippools], verbs: [list]}")
	assert.NotContains(t, denied, token)
	for _, entry := range world.server.Audit(t, user) {
		assert.Contains(t, []string{"get", "list"}, entry.Verb, "it writes nothing: %s", entry)
	}

	// With the permission to list pools, the error of the plan is a line as well.
	world.server.Allow(t, user, kubetest.Rule(ippool.CRDV1.Group, "ippools", "list"))
	lister := bugReport(t, account)
	assert.Equal(t, sectionOf(t, report, "Pools"), sectionOf(t, lister, "Pools"))
	assert.Contains(t, sectionOf(t, lister, "Plan"), "reading the names of IPAM blocks: permission denied", "as plan does")

	broken := filepath.Join(t.TempDir(), "broken")
	require.NoError(t, os.WriteFile(broken, []byte("users: [{name: a, user: {token: hunter2}}]\nclusters: 5\n"), 0o600))
	invalid := bugReport(t, []string{"KUBECONFIG=" + broken})
	assert.Contains(t, sectionOf(t, invalid, "Settings"), "error: env KUBECONFIG: ")
	assert.Contains(t, sectionOf(t, invalid, "Datastore"), "not read: no connection is configured, or its settings are invalid")
	assert.NotContains(t, invalid, "hunter2")
}
