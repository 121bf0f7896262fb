package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHelmImage checks which image the pods have: the one that the values name. The version of a
// release is the default tag, and v0.0.0 is not one.
func TestHelmImage(t *testing.T) {
	t.Parallel()
	const (
		name        = "registry.example.com/calico-bootstrap"
		digest      = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		required    = "image.repository is required: no registry has the image"
		noTag       = "image.tag or image.digest is required: the chart has no version of a release, so set the tag of your image, such as v1"
		notAName    = "does not match pattern"
		notInBrief  = "must have no tag and no digest: set image.repository="
		andTheOther = ", and image.tag or image.digest"
	)
	unreleased, released := chartAt(t, "0.0.0", "v0.0.0"), chartAt(t, "1.2.3", "v1.2.3")
	for _, tt := range []struct{ chart, repository, tag, digest, image, fails string }{
		{unreleased, name, "v1", "", name + ":v1", ""},
		{unreleased, name, "", digest, name + "@" + digest, ""},
		{unreleased, name, "v1", digest, name + "@" + digest, ""},
		{unreleased, name, "v0.0.0", "", name + ":v0.0.0", ""},
		{unreleased, name, "", "", "", noTag},
		{released, name, "", "", name + ":v1.2.3", ""},
		{released, name, "v1", "", name + ":v1", ""},
		{released, name, "", digest, name + "@" + digest, ""},
		{released, "", "v1", "", "", required},
		{unreleased, "", "", "", "", required},
		{unreleased, "calico-bootstrap", "v1", "", "calico-bootstrap:v1", ""},
		{unreleased, "Host:5000/a/b_c--d", "v1", "", "Host:5000/a/b_c--d:v1", ""},
		{unreleased, "[fd00::1]:5000/a", "v1", "", "[fd00::1]:5000/a:v1", ""},
		{unreleased, name + ":v1", "", "", "", notInBrief + name + andTheOther},
		{unreleased, name + ":v1", "v1", "", "", notInBrief + name + andTheOther},
		{released, name + ":v1", "", "", "", notInBrief + name + andTheOther},
		{unreleased, name + "@" + digest, "", "", "", notInBrief + name + andTheOther},
		{unreleased, "host:5000/a:v1@" + digest, "", digest, "", notInBrief + "host:5000/a" + andTheOther},
		{unreleased, "a@sha256", "", "", "", notInBrief + "a" + andTheOther},
		{unreleased, "host:5000/a:v1", "v1", "", "", notInBrief + "host:5000/a" + andTheOther},
		{unreleased, "https://" + name, "v1", "", "", notAName},
		{unreleased, name + "/", "v1", "", "", notAName},
		{unreleased, name + ":", "v1", "", "", notAName},
		{unreleased, "host:5000/", "v1", "", "", notAName},
		{unreleased, "registry.example.com/Calico", "v1", "", "", notAName},
	} {
		set := "image.repository=" + tt.repository + ",image.tag=" + tt.tag + ",image.digest=" + tt.digest
		documents, err := renderedFrom(t, tt.chart, "--set", set)
		if tt.fails != "" {
			assert.ErrorContains(t, err, tt.fails, set)
			continue
		}
		require.NoError(t, err, set)
		assert.Equal(t, 2, strings.Count(documents, `image: "`+tt.image+`"`), set)
	}
}

// TestHelmDocumentedValues renders the values of docs/HELM.md, those with an image as they are.
func TestHelmDocumentedValues(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/HELM.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(document), "\n## Values\n")
	require.True(t, found)
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(section, -1)
	require.Len(t, blocks, 2)
	for _, block := range blocks {
		file := filepath.Join(t.TempDir(), "values.yaml")
		require.NoError(t, os.WriteFile(file, []byte(block[1]), 0o600))
		args := []string{"--values", file}
		if !strings.Contains(block[1], "image:") {
			args = append(args, withImage...)
		}
		documents, err := rendered(t, args...)
		require.NoError(t, err, block[1])
		assert.Contains(t, documents, "image: \"registry.example.com/calico-bootstrap:v1\"")
	}
}
