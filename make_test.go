package calicobootstrap_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pushed is what a `make push-image` with stand-ins for go and buildah did.
type pushed struct {
	err    error
	output string
	calls  []string // arguments of buildah
	digest string   // content of bin/image-digest; empty if it does not exist
}

// pushImage runs `make push-image` with the arguments. The stand-in for buildah always exits
// with 0; `manifest push` writes the given digest.
func pushImage(t *testing.T, digest string, args ...string) pushed {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	folder := t.TempDir()
	bin, log := filepath.Join(folder, "bin"), filepath.Join(folder, "calls")
	require.NoError(t, os.Mkdir(bin, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "image-digest"), []byte("sha256:earlier"), 0o644))
	// The program that `go build -o` writes.
	program := "while test $# -gt 0; do if test \"$1\" = -o; then mkdir -p \"${2%/*}\" && : >\"$2\"; fi; shift; done\n"
	buildah := "echo \"$*\" >>" + log + "\nwhile test $# -gt 0; do if test \"$1\" = --digestfile; then printf %s '" + digest + "' >\"$2\"; fi; shift; done\n"
	for name, script := range map[string]string{"go": program, "buildah": buildah} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script), 0o755))
	}
	cmd := exec.Command("make", append([]string{"-s", "push-image", "BIN=" + bin, "GO=" + filepath.Join(folder, "go"), "ARCHES=amd64 arm64"}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	calls, _ := os.ReadFile(log)
	written, _ := os.ReadFile(filepath.Join(bin, "image-digest"))
	return pushed{err, string(out), strings.Split(strings.TrimSpace(string(calls)), "\n"), string(written)}
}

// A push that fails is an error, also with a buildah that exits with 0 and writes no digest.
// The digest of an earlier push does not stay.
func TestMakePushImage(t *testing.T) {
	t.Parallel()
	const image = "registry.example.com/calico-bootstrap:v1"
	p := pushImage(t, "sha256:0123", "IMAGE="+image)
	require.NoError(t, p.err, p.output)
	assert.Equal(t, "sha256:0123", p.digest)
	var manifests []string
	for _, call := range p.calls {
		if strings.HasPrefix(call, "manifest ") {
			manifests = append(manifests, call)
		}
	}
	require.Len(t, manifests, 4)
	// A list of the user's with the name of the image stays.
	assert.Equal(t, "manifest rm "+image+"-index", manifests[0])
	assert.Equal(t, "manifest create "+image+"-index "+image+"-amd64 "+image+"-arm64", manifests[1])
	assert.Contains(t, manifests[2], image+"-index docker://"+image)
	assert.Equal(t, manifests[0], manifests[3])

	for _, digest := range []string{"", "no digest"} {
		p = pushImage(t, digest, "IMAGE="+image)
		assert.Error(t, p.err)
		assert.Contains(t, p.output, "make push-image: buildah pushed nothing to docker://"+image+", though it exited with 0: its output has the cause\n")
		assert.Empty(t, p.digest)
	}
}

// Without the host of a registry, nothing is built, removed or pushed.
func TestMakePushImageWithoutRegistry(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		nil,
		{"IMAGE=calico-bootstrap:v1"}, {"IMAGE=team/calico-bootstrap:v1"}, {"IMAGE=team/registry.example.com/calico-bootstrap:v1"}, {"IMAGE=calico.bootstrap:v1"}, {"IMAGE="},
		{"DESTINATION=docker://calico-bootstrap:v1", "IMAGE=registry.example.com/calico-bootstrap:v1"},
	} {
		p := pushImage(t, "sha256:0123", args...)
		assert.Error(t, p.err, args)
		assert.Contains(t, p.output, "make push-image: set IMAGE to registry.example.com/calico-bootstrap:v1.2.3", args)
		assert.Equal(t, []string{""}, p.calls, args)
		assert.Equal(t, "sha256:earlier", p.digest, "nothing is removed")
	}
	for _, args := range [][]string{
		{"IMAGE=registry.example.com/calico-bootstrap:v1"}, {"IMAGE=registry:5000/calico-bootstrap:v1"}, {"IMAGE=localhost/calico-bootstrap:v1"}, {"IMAGE=10.0.0.1/team/calico-bootstrap:v1"},
		{"DESTINATION=oci:layout:v1"}, {"DESTINATION=docker://registry.example.com/calico-bootstrap:v1", "IMAGE=calico-bootstrap:v1"},
	} {
		p := pushImage(t, "sha256:0123", args...)
		assert.NoError(t, p.err, "%s: %s", args, p.output)
	}
}

// TestMakeAPI checks the errors of `make api` before anything is built.
func TestMakeAPI(t *testing.T) {
	t.Parallel()
	for _, since := range []string{"v9", "no such ref", "--all"} {
		out, err := exec.Command("make", "-s", "api", "SINCE="+since, "GO=false").CombinedOutput()
		require.Error(t, err)
		// make adds a line of its own.
		assert.Regexp(t, `^make api: SINCE=`+regexp.QuoteMeta(since)+`: unknown tag or commit; git tag lists the versions\nmake(\[\d+\])?: \*\*\*[^\n]*\n$`, string(out))
	}
}

// TestMakeReleaseWithoutGoreleaser checks that the error says where goreleaser comes from.
func TestMakeReleaseWithoutGoreleaser(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("make", "-s", "release", "GORELEASER=/nonexistent/goreleaser").CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "make release: there is no /nonexistent/goreleaser: docs/INSTALL.md, \"Build the packages\", builds it\n")
}
