//go:build host && linux

package image

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTool checks that `make image` uses the first tool that works, which docker without
// its daemon does not. It uses --dry-run, as the test does not require docker.
func TestTool(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		works     []string
		variables []string
		want      string
		timestamp bool // docker does not have the flag
	}{
		"all three":           {works: []string{"docker", "podman", "buildah"}, want: "docker"},
		"no daemon of docker": {works: []string{"podman", "buildah"}, want: "podman", timestamp: true},
		"buildah only":        {works: []string{"buildah"}, want: "buildah", timestamp: true},
		"named":               {works: []string{"docker", "buildah"}, variables: []string{"IMAGE_TOOL=buildah"}, want: "buildah", timestamp: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			make := makeImage(t, tt.works, append([]string{"--dry-run"}, tt.variables...)...)
			out, err := make.CombinedOutput()
			require.NoError(t, err, string(out))
			found := regexp.MustCompile(`SOURCE_DATE_EPOCH=[0-9]+ (\w+) build `).FindStringSubmatch(string(out))
			require.NotNil(t, found, string(out))
			assert.Equal(t, tt.want, found[1])
			if tt.timestamp {
				assert.Regexp(t, `--timestamp [0-9]+ bin/image-`, string(out))
			} else {
				assert.NotContains(t, string(out), "--timestamp")
			}
		})
	}
}

func TestNoTool(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		variables []string
		want      string
	}{
		"none works":   {nil, "make image: none of docker, podman and buildah is installed and works: their command info fails; install one, or set IMAGE_TOOL to another tool\n"},
		"unknown tool": {[]string{"IMAGE_TOOL=nosuchtool"}, "make image: IMAGE_TOOL=nosuchtool: the command is not installed; install it, or set IMAGE_TOOL to docker or another tool\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			make := makeImage(t, nil, tt.variables...)
			out, err := make.CombinedOutput()
			require.Error(t, err)
			assert.Regexp(t, "^"+regexp.QuoteMeta(tt.want), string(out))
		})
	}
}

// makeImage returns `make image` with all three tools installed, of which only the given
// ones work.
func makeImage(t *testing.T, works []string, args ...string) *exec.Cmd {
	t.Helper()
	folder := t.TempDir()
	exits := map[string]int{"docker": 1, "podman": 1, "buildah": 1}
	for _, tool := range works {
		exits[tool] = 0
	}
	for tool, exit := range exits {
		script := fmt.Appendf(nil, "#!/bin/sh\nexit %d\n", exit)
		require.NoError(t, os.WriteFile(filepath.Join(folder, tool), script, 0o755))
	}
	make := exec.Command("make", append([]string{"--no-print-directory", "-C", repository, "image"}, args...)...)
	make.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"))
	return make
}
