package calicobootstrap_test

import (
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	// Import the packages under test, so that go test doesn't use a cached result
	// after they change.
	_ "github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	_ "github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	_ "github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	_ "github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	_ "github.com/calico-bootstrap/calico-bootstrap/ippool/installation"
	_ "github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
	_ "github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
	_ "github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

const module = "github.com/calico-bootstrap/calico-bootstrap/"

// forAll are the internal packages that every package may import.
var forAll = []string{"internal/calicolinks", "internal/crash", "internal/spelling", "internal/text"}

// TestImportTable compares the table in docs/ARCHITECTURE.md with the imports of
// each package of the library. A package in the internal folder of another one
// belongs to its row.
func TestImportTable(t *testing.T) {
	t.Parallel()
	doc := readFile(t, "docs/ARCHITECTURE.md")
	_, rest, begins := strings.Cut(doc, "<!-- imports -->\n")
	text, _, ends := strings.Cut(rest, "<!-- /imports -->")
	require.True(t, begins && ends)
	allowed := map[string][]string{}
	for _, row := range strings.Split(strings.TrimSpace(text), "\n")[2:] {
		cells := strings.Split(strings.Trim(row, "| "), "|")
		may := ""
		if len(cells) > 1 {
			may = cells[1]
		}
		allowed[strings.TrimSpace(cells[0])] = strings.FieldsFunc(may, func(r rune) bool { return r == ',' || r == ' ' })
	}
	room := func(pkg string) string { // the row that a package belongs to
		for parent := pkg; parent != "."; parent = path.Dir(parent) {
			if _, listed := allowed[parent]; listed && (parent == pkg || strings.HasPrefix(pkg, parent+"/internal/")) {
				return parent
			}
		}
		return pkg
	}
	seen := map[string]bool{}
	for _, line := range goLines(t, os.Getenv("GOWORK"), `{{.ImportPath}} {{join .Imports " "}}`, "./ippool/...", "./bootstrap/...", "./internal/...") {
		imports := strings.Fields(strings.ReplaceAll(line, module, ""))
		pkg := room(imports[0])
		if strings.HasSuffix(pkg, "test") || pkg == "internal/golden" || slices.Contains(forAll, pkg) {
			continue // only for tests, or checked below
		}
		seen[pkg] = true
		may, listed := allowed[pkg]
		assert.True(t, listed, "%s is in no row", pkg)
		for _, imported := range imports[1:] {
			ours := slices.ContainsFunc([]string{"ippool", "bootstrap", "internal", "examples"}, func(top string) bool {
				return imported == top || strings.HasPrefix(imported, top+"/") && strings.Contains(line, module+imported)
			})
			if !ours || room(imported) == pkg || slices.Contains(forAll, imported) {
				continue
			}
			assert.Contains(t, may, room(imported), "%s may not import it", pkg)
		}
	}
	for pkg := range allowed {
		assert.True(t, seen[pkg], "package %s doesn't exist", pkg)
	}
	for _, plumbing := range forAll {
		assertOurs(t, "./"+plumbing, []string{module + plumbing})
	}
}

func assertOurs(t *testing.T, pattern string, allowed []string) {
	t.Helper()
	for _, path := range dependencies(t, os.Getenv("GOWORK"), pattern) {
		if strings.HasPrefix(path, module) {
			assert.Contains(t, allowed, path, "%s may not import it", pattern)
		}
	}
}

// An importer of one datastore doesn't link the dependencies of the other.
func TestImportersOfADatastoreLinkNoOther(t *testing.T) {
	t.Parallel()
	const calico = "github.com/projectcalico/api/pkg"
	tests := []struct {
		datastore, links string
		linksNot         []string
		limit            int // of packages outside the standard library, without those of package bootstrap
	}{
		{"etcdv3", "go.etcd.io/etcd/client/v3", []string{"k8s.io/client-go"}, 240},
		{"kubernetes", "k8s.io/client-go/rest", []string{"go.etcd.io", "google.golang.org/grpc", "k8s.io/client-go/kubernetes"}, 160},
	}
	for _, tt := range tests {
		for _, workspace := range []string{os.Getenv("GOWORK"), "off"} {
			packages := dependencies(t, workspace, "./bootstrap", "./bootstrap/datastore/"+tt.datastore)
			assert.Contains(t, packages, tt.links, "the list is incomplete")
			assert.Less(t, len(dependencies(t, workspace, "./bootstrap/datastore/"+tt.datastore)), tt.limit, "%s with GOWORK=%s", tt.datastore, workspace)
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

// dependencies returns the packages and their dependencies, without the standard
// library.
func dependencies(t *testing.T, workspace string, patterns ...string) []string {
	t.Helper()
	return goList(t, workspace, "{{if not .Standard}}{{.ImportPath}}{{end}}", append([]string{"-deps"}, patterns...)...)
}

// goList runs go list with this GOWORK and returns the words of the output.
func goList(t *testing.T, workspace, format string, arguments ...string) []string {
	t.Helper()
	return strings.Fields(strings.Join(goLines(t, workspace, format, arguments...), "\n"))
}

// goLines runs go list with this GOWORK and returns the lines of the output.
func goLines(t *testing.T, workspace, format string, arguments ...string) []string {
	t.Helper()
	// go test puts its own go first in PATH.
	command := exec.CommandContext(t.Context(), "go", append([]string{"list", "-f", format}, arguments...)...)
	command.Env = append(os.Environ(), "GOWORK="+workspace)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, stderr.String())
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
