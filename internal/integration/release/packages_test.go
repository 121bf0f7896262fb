//go:build release

package release

import (
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/typed"
)

const (
	version    = "0.0.1" // of the checkouts that these tests build
	installing = repository + "/docs/INSTALL.md"
)

// TestPackages makes the packages of .goreleaser.yaml with nfpm, which is what goreleaser
// uses, in two clones: they are identical, and they can be installed and removed.
func TestPackages(t *testing.T) {
	t.Parallel()
	maker := tool(t, nfpm, "tools")
	var sums [2]map[string]string
	for i := range sums {
		c := clone(t)
		c.tag(t, "v"+version)
		run(t, c, "make", "build", "release-files")
		c.env = append(c.env, "SOURCE_DATE_EPOCH="+strings.TrimSpace(run(t, c, "git", "log", "-1", "--format=%ct")))
		writeNFPM(t, c)
		require.NoError(t, os.Mkdir(filepath.Join(c.folder, "bin/dist"), 0o755))
		for _, format := range []string{"deb", "rpm"} {
			run(t, c, maker, "package", "--config", "bin/nfpm.yaml", "--packager", format, "--target", "bin/dist/calico-bootstrap."+format)
		}
		sums[i] = checksums(t, filepath.Join(c.folder, "bin/dist"))
		if i == 0 {
			testDeb(t, filepath.Join(c.folder, "bin/dist/calico-bootstrap.deb"))
			testRPM(t, filepath.Join(c.folder, "bin/dist/calico-bootstrap.rpm"))
			testInstallDocument(t, filepath.Join(c.folder, "bin/dist"))
		}
	}
	assert.Len(t, sums[0], 2)
	assert.Equal(t, sums[0], sums[1])
}

// writeNFPM writes nfpm's configuration as goreleaser does: its own, with the fields that
// it has from the build.
func writeNFPM(t *testing.T, c checkout) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.folder, ".goreleaser.yaml"))
	require.NoError(t, err)
	var goreleaser struct{ NFPMs []map[string]any }
	require.NoError(t, yaml.Unmarshal(text, &goreleaser))
	require.Len(t, goreleaser.NFPMs, 1)
	config := goreleaser.NFPMs[0]
	for _, field := range []string{"formats", "file_name_template", "mtime"} { // mtime is SOURCE_DATE_EPOCH
		require.Contains(t, config, field)
		delete(config, field)
	}
	config["name"], config["arch"], config["version"] = "calico-bootstrap", runtime.GOARCH, version
	contents, _ := config["contents"].([]any)
	config["contents"] = append(contents, map[string]any{
		"src": "bin/calico-bootstrap", "dst": "/usr/bin/calico-bootstrap", "file_info": map[string]any{"mode": 0o755},
	})
	text, err = yaml.Marshal(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(c.folder, "bin/nfpm.yaml"), text, 0o644))
}

// inPackage are files of both packages.
var inPackage = []string{
	"/usr/bin/calico-bootstrap",
	"/usr/share/man/man1/calico-bootstrap.1.gz",
	"/usr/share/man/man1/calico-bootstrap-nat.1.gz",
	"/usr/share/bash-completion/completions/calico-bootstrap",
	"/usr/share/fish/vendor_completions.d/calico-bootstrap.fish",
	"/usr/share/doc/calico-bootstrap/licenses/go/LICENSE",
	"/usr/share/doc/calico-bootstrap/licenses/go.etcd.io/etcd/client/v3/LICENSE",
}

// testDeb installs, verifies and removes the package in a root directory of its own.
func testDeb(t *testing.T, path string) {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg/info"), 0o755))
	for _, file := range []string{"status", "available"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "var/lib/dpkg", file), nil, 0o644))
	}
	dpkg := func(args ...string) string {
		return run(t, checkout{".", os.Environ()}, "dpkg", append([]string{"--root=" + root, "--log=" + os.DevNull}, args...)...)
	}
	dpkg("--install", path)
	testInstalled(t, root, dpkg("--listfiles", "calico-bootstrap"))
	assert.Empty(t, dpkg("--verify", "calico-bootstrap"))
	status := dpkg("--status", "calico-bootstrap")
	assert.Contains(t, status, "\nVersion: "+version+"\n")
	assert.Contains(t, status, "\nMaintainer: The calico-bootstrap authors <calico-bootstrap@users.noreply.github.com>\n")
	doc := filepath.Join(root, "usr/share/doc/calico-bootstrap")
	assert.Contains(t, unzip(t, filepath.Join(doc, "changelog.gz")), "# Changelog\n")
	testCopyright(t, filepath.Join(doc, "copyright"))
	assert.NoDirExists(t, filepath.Join(root, "usr/share/licenses")) // of RPMs
	dpkg("--purge", "calico-bootstrap")
	testNothingLeft(t, root)
}

// testRPM is testDeb for an RPM.
func testRPM(t *testing.T, path string) {
	t.Helper()
	root := t.TempDir()
	rpm := func(args ...string) string {
		return run(t, checkout{".", os.Environ()}, "rpm", append([]string{"--root=" + root, "--dbpath=/var/lib/rpm"}, args...)...)
	}
	rpm("--initdb")
	rpm("--upgrade", path) // as of nothing
	testInstalled(t, root, rpm("--query", "--list", "calico-bootstrap"))
	assert.Empty(t, rpm("--verify", "calico-bootstrap"))
	assert.Equal(t, version+" Apache-2.0", rpm("--query", "--queryformat", "%{VERSION} %{LICENSE}", "calico-bootstrap"))
	assert.Equal(t, "/usr/share/licenses/calico-bootstrap/LICENSE\n", rpm("--query", "--licensefiles", "calico-bootstrap"))
	assert.Contains(t, rpm("--query", "--docfiles", "calico-bootstrap"), "/usr/share/doc/calico-bootstrap/CHANGELOG.md\n")
	rpm("--erase", "calico-bootstrap")
	testNothingLeft(t, root)
}

// testInstalled checks a list of installed files, and runs the program in the root
// directory, which has nothing else.
func testInstalled(t *testing.T, root, list string) {
	t.Helper()
	for _, file := range inPackage {
		assert.Regexp(t, `(?m)^`+regexp.QuoteMeta(file)+`$`, list)
		assert.FileExists(t, root+file)
	}
	assert.Contains(t, unzip(t, root+inPackage[1]), ".TH ")
	printed := run(t, checkout{".", nil}, "chroot", root, "/usr/bin/calico-bootstrap", "version")
	assert.Contains(t, printed, "calico-bootstrap v"+version+" ")
	testCreatesPools(t, root)
}

// testCreatesPools runs the commands of docs/INSTALL.md with the installed program and an etcd:
// they create the pool.
func testCreatesPools(t *testing.T, root string) {
	t.Helper()
	server, tools := etcdtest.Start(t), t.TempDir()
	script := "#!/bin/sh\nETCD_ENDPOINTS=" + server.Endpoints()[0] + " exec chroot " + root + " /usr/bin/calico-bootstrap \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(tools, "calico-bootstrap"), []byte(script), 0o755))
	typed.Session{
		Document: installing, Name: "install-first-run", Folder: tools, Update: *update,
		Env:  []string{"PATH=" + tools + ":" + os.Getenv("PATH"), "CALICO_IPPOOLS_PREFLIGHT=off"}, // without findings about this machine
		Tidy: func(printed string) string { return printed },
	}.Type(t)
	stored, err := server.Client(t).Get(t.Context(), "/calico/resources/v3/projectcalico.org/ippools/", clientv3.WithPrefix())
	require.NoError(t, err)
	require.Len(t, stored.Kvs, 1)
	assert.Equal(t, "/calico/resources/v3/projectcalico.org/ippools/default-ipv4-ippool", string(stored.Kvs[0].Key))
	assert.Contains(t, string(stored.Kvs[0].Value), `"cidr":"10.244.0.0/16"`)
}

// testInstallDocument runs the commands of docs/INSTALL.md on the packages under the names
// that a release gives them, with package managers that install into a root directory.
func testInstallDocument(t *testing.T, dist string) {
	t.Helper()
	for _, sessions := range [][3]string{{"install-deb", "remove-deb", "deb"}, {"install-rpm", "remove-rpm", "rpm"}} {
		format := sessions[2]
		root, folder, tools := t.TempDir(), t.TempDir(), t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg/info"), 0o755))
		for _, file := range []string{"status", "available"} {
			require.NoError(t, os.WriteFile(filepath.Join(root, "var/lib/dpkg", file), nil, 0o644))
		}
		name := "calico-bootstrap_0.1.0_linux_amd64." + format
		content, err := os.ReadFile(filepath.Join(dist, "calico-bootstrap."+format))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o644))
		sums := fmt.Sprintf("%x  %s\n%064d  calico-bootstrap_0.1.0_linux_arm64.%s\n", sha256.Sum256(content), name, 0, format)
		require.NoError(t, os.WriteFile(filepath.Join(folder, "checksums.txt"), []byte(sums), 0o644))
		for manager, arguments := range map[string]string{"dpkg": "--log=" + os.DevNull, "rpm": "--dbpath=/var/lib/rpm"} {
			path, err := exec.LookPath(manager)
			require.NoError(t, err)
			script := "#!/bin/sh\nexec " + path + " --root=" + root + " " + arguments + " \"$@\"\n"
			require.NoError(t, os.WriteFile(filepath.Join(tools, manager), []byte(script), 0o755))
		}
		typing := typed.Session{
			Document: installing, Name: sessions[0], Folder: folder,
			Env:  append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH")),
			Tidy: func(string) string { return "" },
		}
		typing.Type(t)
		printed := run(t, checkout{".", nil}, "chroot", root, "/usr/bin/calico-bootstrap", "version")
		assert.Contains(t, printed, "calico-bootstrap v"+version+" ")
		typing.Name = sessions[1]
		typing.Type(t)
		testNothingLeft(t, root)
	}
}

// testCopyright checks that a file has Debian's format for copyright files: paragraphs of
// fields, whose values continue on lines that begin with a space.
func testCopyright(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	paragraphs := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n\n")
	require.Len(t, paragraphs, 2)
	for i, required := range [][]string{{"Format", "Upstream-Name", "Source", "Comment"}, {"Files", "Copyright", "License"}} {
		var fields []string
		for _, match := range regexp.MustCompile(`(?m)^([^ \n][^:\n]*):? ?`).FindAllStringSubmatch(paragraphs[i], -1) {
			fields = append(fields, match[1])
		}
		assert.Equal(t, required, fields)
	}
	assert.True(t, strings.HasPrefix(paragraphs[0], "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"))
	assert.Contains(t, paragraphs[1], "\n .\n")
	assert.Contains(t, paragraphs[1], "Licensed under the Apache License, Version 2.0")
}

// unzip returns the content of a compressed file.
func unzip(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	reader, err := gzip.NewReader(file)
	require.NoError(t, err)
	text, err := io.ReadAll(reader)
	require.NoError(t, err)
	return string(text)
}

// testNothingLeft checks that the root directory has only the package manager's database.
func testNothingLeft(t *testing.T, root string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(root, "var") {
			return filepath.SkipDir
		}
		assert.False(t, entry.Type().IsRegular(), path)
		assert.NotContains(t, entry.Name(), "calico-bootstrap", path)
		return nil
	}))
}

// checksums returns the SHA-256 of each file in a directory.
func checksums(t *testing.T, folder string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
			require.NoError(t, err)
			sums[entry.Name()] = fmt.Sprintf("%x", sha256.Sum256(content))
		}
	}
	return sums
}
