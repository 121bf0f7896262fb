package ippool_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/calico-bootstrap/calico-bootstrap/"

// TestImports limits the dependencies of importers, both with the newest versions
// in go.work and with the minimum versions in go.mod.
func TestImports(t *testing.T) {
	t.Parallel()
	for _, workspace := range []string{os.Getenv("GOWORK"), "off"} {
		packages := dependencies(t, workspace, ".")
		assert.Less(t, len(packages), 80, "GOWORK=%s", workspace)
		assert.Contains(t, packages, "k8s.io/apimachinery/pkg/apis/meta/v1", "the list is incomplete")
		assert.NotContains(t, packages, "go.yaml.in/yaml/v3", "only ippool/manifest may import the YAML parser")
		packages = slices.DeleteFunc(packages, func(path string) bool { return !strings.HasPrefix(path, module) })
		assert.Equal(t, []string{module + "ippool", module + "ippool/selector"}, packages)

		assert.Equal(t, []string{module + "ippool/selector"}, dependencies(t, workspace, "./selector"))
		assert.Less(t, len(dependencies(t, workspace, "./nat")), 80, "GOWORK=%s", workspace)
	}
}

// dependencies returns the package and its dependencies, sorted, without the
// standard library.
func dependencies(t *testing.T, workspace, pattern string) []string {
	t.Helper()
	// go test puts its own go first in PATH.
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pattern)
	command.Env = append(os.Environ(), "GOWORK="+workspace)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, stderr.String())
	packages := strings.Fields(string(out))
	slices.Sort(packages)
	return packages
}
