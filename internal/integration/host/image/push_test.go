//go:build host && linux

package image

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPushImage pushes the image of a release to a directory instead of a registry: one
// index with an image for each architecture.
func TestPushImage(t *testing.T) {
	t.Parallel()
	checkout, layout := filepath.Join(t.TempDir(), "checkout"), filepath.Join(t.TempDir(), "layout")
	out, err := exec.Command("git", "clone", "--quiet", repository, checkout).CombinedOutput()
	require.NoError(t, err, string(out))
	do(t, storage(t, t.TempDir()), checkout, "make", "push-image", "IMAGE=registry.example.com/calico-bootstrap:v1", "DESTINATION=oci:"+layout+":v1")

	digest, err := os.ReadFile(filepath.Join(checkout, "bin", "image-digest"))
	require.NoError(t, err)
	pushed, err := os.ReadFile(filepath.Join(layout, "blobs", strings.Replace(string(digest), ":", "/", 1)))
	require.NoError(t, err)
	var index struct {
		Manifests []struct {
			Platform struct{ OS, Architecture string }
		}
	}
	require.NoError(t, json.Unmarshal(pushed, &index))
	var platforms []string
	for _, manifest := range index.Manifests {
		platforms = append(platforms, manifest.Platform.OS+"/"+manifest.Platform.Architecture)
	}
	assert.ElementsMatch(t, []string{"linux/amd64", "linux/arm64"}, platforms)
}
