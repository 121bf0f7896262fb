//go:build release

package release

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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
	testLicences(t, filepath.Join(c.folder, "bin/release/licenses"), program)

	c.env = append(c.env, "PATH="+filepath.Dir(tool(t, cyclonedx, "tools"))+":"+os.Getenv("PATH"))
	sbom := filepath.Join(c.folder, "bin/program.cdx.json")
	run(t, c, "go", "run", "./internal/integration/release/sbom", "-version", "v"+version, "-o", sbom, program)
	testSBOM(t, sbom, program)
	run(t, c, "go", "run", "./internal/integration/release/sbom", "-version", "v"+version, "-image", runtime.GOARCH, "-o", sbom, program)
	testImageSBOM(t, sbom, program, runtime.GOARCH)

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

// sbom is a CycloneDX document.
type sbom struct {
	BOMFormat    string
	Metadata     struct{ Component component }
	Components   []component
	Dependencies []struct {
		Ref       string
		DependsOn []string
	}
}

type component struct {
	BOMRef              string `json:"bom-ref"`
	Type, Name, Version string
	PURL                string
	Licenses            []struct{ License struct{ ID, Name string } }
}

// testSBOM checks the document of a program.
func testSBOM(t *testing.T, path, program string) {
	t.Helper()
	document := readSBOM(t, path)
	assert.Equal(t, "application", document.Metadata.Component.Type)
	assert.Equal(t, library+"/examples", document.Metadata.Component.Name)
	assert.Equal(t, "v"+version, document.Metadata.Component.Version)
	testComponents(t, document, program)
}

// testImageSBOM checks the document of an image that contains a program.
func testImageSBOM(t *testing.T, path, program, architecture string) {
	t.Helper()
	document := readSBOM(t, path)
	image := document.Metadata.Component
	assert.Equal(t, "container", image.Type)
	assert.Equal(t, "calico-bootstrap v"+version, image.Name+" "+image.Version)
	assert.Equal(t, "pkg:oci/calico-bootstrap?arch="+architecture+"&tag=v"+version, image.PURL)
	inImage := document.Components[0]
	assert.Equal(t, "application "+library+"/examples v"+version, inImage.Type+" "+inImage.Name+" "+inImage.Version)
	assert.Equal(t, image.BOMRef, document.Dependencies[0].Ref)
	assert.Equal(t, []string{inImage.BOMRef}, document.Dependencies[0].DependsOn)
	document.Components = document.Components[1:]
	testComponents(t, document, program)
}

func readSBOM(t *testing.T, path string) sbom {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "(devel)")
	var document sbom
	require.NoError(t, json.Unmarshal(text, &document))
	assert.Equal(t, "CycloneDX", document.BOMFormat)
	assert.NotEmpty(t, document.Metadata.Component.Licenses)
	return document
}

// testComponents checks that a document lists exactly the linked modules with their
// versions, the library and the Go standard library, each with a licence.
func testComponents(t *testing.T, document sbom, program string) {
	t.Helper()
	listed := map[string]string{}
	for _, component := range document.Components {
		listed[component.Name] = component.Version
		if assert.NotEmpty(t, component.Licenses, component.Name) {
			assert.NotEmpty(t, component.Licenses[0].License.ID+component.Licenses[0].License.Name, component.Name)
		}
	}
	expected := modulesOf(t, program)
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	expected["std"], expected[library] = info.GoVersion, "v"+version
	assert.Equal(t, expected, listed)
}

// testLicences checks that a directory has the licence of each linked module, and its files
// NOTICE and PATENTS.
func testLicences(t *testing.T, folder, program string) {
	t.Helper()
	linked, notices := modulesOf(t, program), 0
	c := checkout{repository, os.Environ()}
	for line := range strings.Lines(run(t, c, "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}", "all") + "go " + run(t, c, "go", "env", "GOROOT")) {
		module, source, _ := strings.Cut(strings.TrimSpace(line), " ")
		if linked[module] == "" && module != "go" {
			continue
		}
		delete(linked, module)
		found, err := filepath.Glob(filepath.Join(folder, module, "[Ll][Ii][Cc][Ee][Nn]*"))
		require.NoError(t, err)
		assert.NotEmpty(t, found, module)
		for _, name := range []string{"NOTICE*", "PATENTS*"} {
			found, err := filepath.Glob(filepath.Join(source, name))
			require.NoError(t, err)
			for _, file := range found {
				assert.FileExists(t, filepath.Join(folder, module, filepath.Base(file)))
				notices++
			}
		}
	}
	assert.Empty(t, linked)
	assert.Greater(t, notices, 5)
}
