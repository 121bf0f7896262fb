package calicobootstrap_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	// What is judged here is imported, so that no result is taken from go
	// test's cache once it has changed.
	_ "github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	_ "github.com/calico-bootstrap/calico-bootstrap/bootstrap/etcdv3"
	_ "github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	_ "github.com/calico-bootstrap/calico-bootstrap/bootstrap/kubernetes"
	_ "github.com/calico-bootstrap/calico-bootstrap/ippool/installation"
	_ "github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
	_ "github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

const module = "github.com/calico-bootstrap/calico-bootstrap/"

// Who imports one datastore doesn't pay for another: each knows only what is
// common to all of them.
func TestImportsOfOurOwn(t *testing.T) {
	t.Parallel()
	pools := []string{module + "ippool", module + "ippool/selector"}
	assertOurs(t, "./ippool", pools)
	assertOurs(t, "./bootstrap/firewall", append([]string{module + "bootstrap/firewall"}, pools...))
	assertOurs(t, "./ippool/installation", append([]string{module + "ippool/installation"}, pools...))
	pools = append(pools, module+"ippool/manifest", module+"internal/spelling")
	assertOurs(t, "./ippool/manifest", pools)
	common := append([]string{module + "bootstrap"}, pools...)
	assertOurs(t, "./bootstrap", common)
	assertOurs(t, "./internal/spelling", []string{module + "internal/spelling"})
	assertOurs(t, "./internal/netcause", []string{module + "internal/netcause"})

	entries, err := os.ReadDir("bootstrap")
	require.NoError(t, err)
	datastores := 0
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != "testdata" && entry.Name() != "firewall" {
			datastores++
			assertOurs(t, "./bootstrap/"+entry.Name(),
				append([]string{module + "bootstrap/" + entry.Name(), module + "internal/netcause"}, common...))
		}
	}
	assert.Positive(t, datastores)
}

func assertOurs(t *testing.T, pattern string, allowed []string) {
	t.Helper()
	for _, path := range dependencies(t, os.Getenv("GOWORK"), pattern) {
		if strings.HasPrefix(path, module) {
			assert.Contains(t, allowed, path, "%s may not import it", pattern)
		}
	}
}

func TestImportersOfADatastoreLinkNoOther(t *testing.T) {
	t.Parallel()
	const calico = "github.com/projectcalico/api/pkg"
	tests := []struct {
		datastore, links string
		linksNot         []string
		limit            int // of packages outside the standard library
	}{
		{"etcdv3", "go.etcd.io/etcd/client/v3", []string{"k8s.io/client-go"}, 230},
		{"kubernetes", "k8s.io/client-go/rest", []string{"go.etcd.io", "google.golang.org/grpc", "k8s.io/client-go/kubernetes"}, 160},
	}
	for _, tt := range tests {
		for _, workspace := range []string{os.Getenv("GOWORK"), "off"} {
			packages := dependencies(t, workspace, "./bootstrap", "./bootstrap/"+tt.datastore)
			assert.Contains(t, packages, tt.links, "the list is no list")
			assert.Less(t, len(packages), tt.limit, "%s with GOWORK=%s", tt.datastore, workspace)
			for _, path := range packages {
				if strings.HasPrefix(path, calico) { // its clientset brings client-go's typed machinery
					assert.Contains(t, []string{calico + "/apis/projectcalico/v3", calico + "/lib/numorstring"}, path)
				}
				for _, other := range tt.linksNot {
					assert.False(t, path == other || strings.HasPrefix(path, other+"/"), "%s: %s with GOWORK=%s", tt.datastore, path, workspace)
				}
			}
		}
	}
}

// dependencies are the packages that a binary with these links, without the
// standard library.
func dependencies(t *testing.T, workspace string, patterns ...string) []string {
	t.Helper()
	return goList(t, workspace, "{{if not .Standard}}{{.ImportPath}}{{end}}", append([]string{"-deps"}, patterns...)...)
}

// goList asks go list, with GOWORK as it is given.
func goList(t *testing.T, workspace, format string, arguments ...string) []string {
	t.Helper()
	// go test puts its own go first in PATH.
	command := exec.CommandContext(t.Context(), "go", append([]string{"list", "-f", format}, arguments...)...)
	command.Env = append(os.Environ(), "GOWORK="+workspace)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, stderr.String())
	return strings.Fields(string(out))
}
