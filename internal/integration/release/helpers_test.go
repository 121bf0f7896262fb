//go:build release

package release

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/buildcache"
)

const (
	repository = "../../.."
	library    = "github.com/calico-bootstrap/calico-bootstrap"
)

var update = flag.Bool("update", false, "write the output of commands to docs/RELEASING.md")

// The light tools.
var (
	nfpm      = buildcache.Program{Name: "nfpm", Path: "github.com/goreleaser/nfpm/v2/cmd/nfpm", Module: "github.com/goreleaser/nfpm/v2"}
	cyclonedx = buildcache.Program{Name: "cyclonedx-gomod", Path: "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod", Module: "github.com/CycloneDX/cyclonedx-gomod"}
)

// tool builds a program of a go.mod below this folder.
func tool(t *testing.T, program buildcache.Program, folder buildcache.Folder) string {
	t.Helper()
	path, err := program.Build(t.Context(), folder)
	require.NoError(t, err)
	return path
}

// checkout is a clone of HEAD.
type checkout struct {
	folder string
	env    []string
}

// clone returns a clone in a new directory, on branch main, with a bare repository as its
// remote.
func clone(t *testing.T) checkout {
	t.Helper()
	folder := t.TempDir()
	remote := filepath.Join(folder, "remote.git")
	c := checkout{filepath.Join(folder, "calico-bootstrap"), environment(folder)}
	setting := []byte("[user]\n\tname = Releaser\n\temail = releaser@example.com\n[url \"" + remote + "\"]\n\tinsteadOf = https://" + library + "\n")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "gitconfig"), setting, 0o644))
	head := strings.TrimSpace(run(t, checkout{repository, os.Environ()}, "git", "rev-parse", "HEAD"))
	run(t, checkout{".", c.env}, "git", "clone", "--quiet", "--bare", repository, remote)
	run(t, checkout{remote, c.env}, "git", "update-ref", "refs/heads/main", head)
	run(t, checkout{".", c.env}, "git", "clone", "--quiet", "--branch", "main", remote, c.folder)
	// The tests give versions of their own.
	for _, where := range []string{remote, c.folder} {
		for tag := range strings.FieldsSeq(run(t, checkout{where, c.env}, "git", "tag")) {
			run(t, checkout{where, c.env}, "git", "tag", "--delete", tag)
		}
	}
	return c
}

// environment is that of this process, with git's configuration in the folder. The flags
// of the go command are only for tests: the results of one build serve the next one, in
// another directory, and the module cache can be deleted.
func environment(folder string) []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL="+filepath.Join(folder, "gitconfig"), "GIT_CONFIG_NOSYSTEM=1",
		"GOFLAGS=-trimpath -modcacherw", "GOWORK=")
}

// tag gives HEAD a version.
func (c checkout) tag(t *testing.T, version string) {
	t.Helper()
	run(t, c, "git", "tag", "-a", "-m", version, version)
}

// run runs a program in the checkout and returns its stdout.
func run(t *testing.T, c checkout, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = c.folder, c.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %s: %s%s", name, strings.Join(args, " "), out, stderr.String())
	return string(out)
}
