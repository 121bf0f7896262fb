//go:build release

package release

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestContents checks the SBOM and the licences of the program against the modules that
// the program itself names.
func TestContents(t *testing.T) {
	t.Parallel()
	c := clone(t)
	c.tag(t, "v"+version)
	run(t, c, "make", "build", "release-files")
	program := filepath.Join(c.folder, "bin/calico-bootstrap")
	sbom := filepath.Join(c.folder, "bin/program.cdx.json")
	run(t, c, tool(t, cyclonedx, "tools"), "bin", "-json", "-noserial", "-notimestamp", "-version", "v"+version, "-output", sbom, program)
	testSBOM(t, sbom, program)
	testLicences(t, filepath.Join(c.folder, "bin/release/licenses"), program)

	// The image has only this program: `make image` builds it with the same flags.
	run(t, c, "make", "image", "IMAGE_TOOL=true")
	image := filepath.Join(c.folder, "bin", "image-"+runtime.GOARCH, "calico-bootstrap")
	of := func(path string) string {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(content)
	}
	assert.True(t, of(image) == of(program), "the image's program differs")
}

// modulesOf returns the modules that a program links, other than the project's own.
func modulesOf(t *testing.T, program string) map[string]string {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	modules := map[string]string{}
	for _, module := range info.Deps {
		if module.Path != library {
			modules[module.Path] = module.Version
		}
	}
	require.Greater(t, len(modules), 30)
	return modules
}

// testSBOM checks that a CycloneDX document lists the linked modules with their versions.
func testSBOM(t *testing.T, path, program string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var document struct {
		BOMFormat string
		Metadata  struct {
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version, PURL string }
	}
	require.NoError(t, json.Unmarshal(text, &document))
	assert.Equal(t, "CycloneDX", document.BOMFormat)
	assert.Equal(t, library+"/examples", document.Metadata.Component.Name)
	assert.Equal(t, "v"+version, document.Metadata.Component.Version)
	listed := map[string]string{}
	for _, component := range document.Components {
		listed[component.Name] = component.Version
	}
	for module, version := range modulesOf(t, program) {
		assert.Equal(t, version, listed[module], module)
	}
}

// testLicences checks that a directory has the licence of each linked module.
func testLicences(t *testing.T, folder, program string) {
	t.Helper()
	for module := range modulesOf(t, program) {
		found, err := filepath.Glob(filepath.Join(folder, module, "[Ll][Ii][Cc][Ee][Nn]*"))
		require.NoError(t, err)
		assert.NotEmpty(t, found, module)
	}
	assert.FileExists(t, filepath.Join(folder, "go/LICENSE"))
}
