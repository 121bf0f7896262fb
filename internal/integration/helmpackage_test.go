package integration

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHelmPackage packages the chart: with its licence and its README, and without what only
// its development needs.
func TestHelmPackage(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	out, err := helmCommand(t, "package", chart, "--destination", folder).CombinedOutput()
	require.NoError(t, err, string(out))
	packages, err := filepath.Glob(folder + "/calico-bootstrap-*.tgz")
	require.NoError(t, err)
	require.Len(t, packages, 1)
	file, err := os.Open(packages[0])
	require.NoError(t, err)
	defer file.Close()
	compressed, err := gzip.NewReader(file)
	require.NoError(t, err)
	var files []string
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if name := strings.TrimPrefix(header.Name, "calico-bootstrap/"); !strings.HasPrefix(name, "templates/") {
			files = append(files, name)
		}
	}
	assert.ElementsMatch(t, []string{"Chart.yaml", "LICENSE", "README.md", ".helmignore", "values.yaml", "values.schema.json"}, files)
}

// TestHelmRendered compares the objects of the chart with those of testdata/helm: with the
// defaults, and with the files that set every value.
func TestHelmRendered(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"default", "everything", "etcd"} {
		documents, err := renderedFrom(t, chartAt(t, "0.0.0", "v0.0.0"), "--values", chart+"/ci/"+name+"-values.yaml")
		require.NoError(t, err)
		golden(t, "helm/"+name+".yaml", documents)
	}
}
