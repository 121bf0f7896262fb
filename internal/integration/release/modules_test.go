//go:build release

package release

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/typed"
)

// TestReleasing runs the commands of docs/RELEASING.md in a clone, with a remote of its
// own. Then it installs the program and imports the library at the released version, from
// a module proxy with the tags that were pushed, and an empty module cache.
func TestReleasing(t *testing.T) {
	c := clone(t)
	document, err := filepath.Abs(repository + "/docs/RELEASING.md")
	require.NoError(t, err)
	version := versionIn(t, document)
	tidy := func(printed string) string {
		return regexp.MustCompile(`go1\.\S+ \w+/\w+`).ReplaceAllString(printed, "go1.26.8 linux/amd64")
	}
	helm, err := kubetest.Helm(t.Context())
	require.NoError(t, err)
	releaser := append(c.env, "PATH="+filepath.Dir(helm)+":"+os.Getenv("PATH"))
	typed.Session{Document: document, Name: "release", Folder: c.folder, Env: releaser, Tidy: tidy, Update: *update}.Type(t)
	chart := run(t, checkout{c.folder, releaser}, helm, "show", "chart", "bin/calico-bootstrap-"+version[1:]+".tgz")
	assert.Contains(t, chart, "\nversion: "+version[1:]+"\n")
	assert.Contains(t, chart, "\nappVersion: "+version+"\n")

	folder := t.TempDir()
	user := checkout{folder, append(c.env, "HOME="+folder, "GOPATH="+filepath.Join(folder, "go"), "GOMODCACHE="+filepath.Join(folder, "go/pkg/mod"),
		"GOPROXY="+proxy(t, c, version), "PATH="+filepath.Join(folder, "go/bin")+":"+os.Getenv("PATH"),
		// The public checksum database doesn't have the made-up version. It has a real one.
		"GONOSUMDB="+library, "GOCACHE="+strings.TrimSpace(run(t, c, "go", "env", "GOCACHE")))}
	typed.Session{Document: document, Name: "released", Folder: folder, Env: user.env, Tidy: tidy, Update: *update}.Type(t)
	assert.Regexp(t, `(?m)^\tdep\t`+library+`\t`+regexp.QuoteMeta(version)+`\th1:`, run(t, user, "go", "version", "-m", "go/bin/calico-bootstrap"))

	install, err := os.ReadFile(repository + "/docs/INSTALL.md")
	require.NoError(t, err)
	command := regexp.MustCompile("(?s)```\n(go install .*?)```").FindSubmatch(install)
	require.NotNil(t, command)
	require.NoError(t, os.Remove(filepath.Join(folder, "go/bin/calico-bootstrap")))
	run(t, user, "sh", "-e", "-c", string(command[1]))
	assert.Contains(t, run(t, user, "go/bin/calico-bootstrap", "version"), "calico-bootstrap "+version+" ")

	readme, err := os.ReadFile(repository + "/README.md")
	require.NoError(t, err)
	testImport(t, user, string(readme), version)
}

// TestNextRelease makes the release of docs/RELEASING.md, and types the page again with the next
// version, as it is after a release.
func TestNextRelease(t *testing.T) {
	c := clone(t)
	helm, err := kubetest.Helm(t.Context())
	require.NoError(t, err)
	c.env = append(c.env, "PATH="+filepath.Dir(helm)+":"+os.Getenv("PATH"))
	page := filepath.Join(c.folder, "docs/RELEASING.md")
	version := versionIn(t, page)
	run(t, c, "make", "-s", "pin", "RELEASE="+version)
	run(t, c, "git", "commit", "--quiet", "--all", "--message", "Release "+version)

	content, err := os.ReadFile(page)
	require.NoError(t, err)
	after := regexp.MustCompile("`(sed -i \\S+ docs/RELEASING\\.md)`").FindSubmatch(content)
	require.NotNil(t, after)
	run(t, c, "sh", "-e", "-c", string(after[1]))
	require.NotEqual(t, version, versionIn(t, page))
	run(t, c, "git", "commit", "--quiet", "--all", "--message", "The next version")
	typed.Session{Document: page, Name: "release", Folder: c.folder, Env: c.env, Tidy: func(printed string) string { return printed }}.Type(t)
}

// versionIn returns the version that docs/RELEASING.md releases.
func versionIn(t *testing.T, document string) string {
	t.Helper()
	content, err := os.ReadFile(document)
	require.NoError(t, err)
	release := regexp.MustCompile(`make -s pin RELEASE=(v\S+)`).FindSubmatch(content)
	require.NotNil(t, release)
	return string(release[1])
}

// testImport builds the program of README.md as a module that requires the library.
func testImport(t *testing.T, user checkout, readme, version string) {
	t.Helper()
	code := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(readme)
	require.NotNil(t, code)
	user.folder = t.TempDir()
	program := `package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	clientv3 "go.etcd.io/etcd/client/v3"

	"` + library + `/bootstrap"
	"` + library + `/bootstrap/datastore/etcdv3"
	"` + library + `/bootstrap/origin"
	"` + library + `/bootstrap/settings"
)

func main() { fmt.Println(pools(context.Background())) }

func pools(ctx context.Context) error {
` + code[1] + `	return nil
}
`
	require.NoError(t, os.WriteFile(filepath.Join(user.folder, "main.go"), []byte(program), 0o644))
	run(t, user, "go", "mod", "init", "example.org/installer")
	run(t, user, "go", "get", library+"@"+version)
	run(t, user, "go", "mod", "tidy")
	run(t, user, "go", "vet", "./...")
	assert.Equal(t, version+"\n", run(t, user, "go", "list", "-m", "-f", "{{.Version}}{{with .Replace}} {{.}}{{end}}", library))
}

// proxy returns a GOPROXY of files: both modules at the versions that the remote has, as
// the go command downloads them with git, then the other modules of this machine, and then
// its proxy.
func proxy(t *testing.T, c checkout, version string) string {
	t.Helper()
	var defaults []string
	for _, variable := range []string{"GOMODCACHE", "GOPROXY"} {
		defaults = append(defaults, strings.TrimSpace(run(t, c, "go", "env", variable)))
	}
	cache := t.TempDir()
	c.folder, c.env = t.TempDir(), append(c.env, "GOMODCACHE="+cache, "GOPROXY=direct", "GOSUMDB=off", "GOWORK=off")
	run(t, c, "go", "mod", "download", library+"@"+version, library+"/examples@"+version)
	return strings.Join([]string{"file://" + cache + "/cache/download", "file://" + defaults[0] + "/cache/download", defaults[1]}, ",")
}
