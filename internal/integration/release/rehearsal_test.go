//go:build release && rehearsal

package release

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"debug/buildinfo"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/buildcache"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

var goreleaser = buildcache.Program{Name: "goreleaser", Path: "github.com/goreleaser/goreleaser/v2", Module: "github.com/goreleaser/goreleaser/v2"}

// TestRehearsal makes all files of a release with goreleaser in two clones, and checks
// them. The files are identical.
func TestRehearsal(t *testing.T) {
	program, sbom := tool(t, goreleaser, "goreleaser"), tool(t, cyclonedx, "tools")
	var sums [2]map[string]string
	for i := range sums {
		c := clone(t)
		c.tag(t, "v"+version)
		c.tag(t, "examples/v"+version)
		c.env = append(c.env, "REHEARSAL=1", "PATH="+filepath.Dir(sbom)+":"+os.Getenv("PATH"))
		run(t, c, "make", "release", "GORELEASER="+program, "GORELEASER_FLAGS=--snapshot --skip=sign")
		dist := filepath.Join(c.folder, "bin/dist")
		run(t, checkout{dist, c.env}, "sha256sum", "--check", "--strict", "checksums.txt")
		sums[i] = published(t, dist)
		if i == 0 {
			testDist(t, dist)
		}
	}
	assert.Equal(t, sums[0], sums[1])
}

// published returns the checksums of the files to publish.
func published(t *testing.T, dist string) map[string]string {
	t.Helper()
	all := checksums(t, dist)
	text, err := os.ReadFile(filepath.Join(dist, "checksums.txt"))
	require.NoError(t, err)
	sums := map[string]string{"checksums.txt": all["checksums.txt"]}
	for line := range strings.Lines(string(text)) {
		sum, name, found := strings.Cut(strings.TrimSpace(line), "  ")
		require.True(t, found)
		assert.Equal(t, all[name], sum, name)
		sums[name] = sum
	}
	return sums
}

// testDist checks the files in goreleaser's directory.
func testDist(t *testing.T, dist string) {
	t.Helper()
	files := published(t, dist)
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, architecture := range []string{"amd64", "arm64"} {
			name := "calico-bootstrap_" + version + "_" + system + "_" + architecture
			archive, extension := name+".tar.gz", ""
			if system == "windows" {
				archive, extension = name+".zip", ".exe"
			}
			for _, file := range []string{archive, name + ".cdx.json"} {
				assert.Contains(t, files, file)
				delete(files, file)
			}
			program := testArchive(t, filepath.Join(dist, archive), name, "calico-bootstrap"+extension)
			info, err := buildinfo.ReadFile(program)
			require.NoError(t, err)
			assert.Subset(t, settings(info), []string{"GOOS=" + system, "GOARCH=" + architecture, "-trimpath=true", "-tags=" + programs.Tags, "CGO_ENABLED=0"})
			testSBOM(t, filepath.Join(dist, name+".cdx.json"), program)
			testLicences(t, filepath.Join(filepath.Dir(program), "licenses"), program)
			if system == runtime.GOOS && architecture == runtime.GOARCH {
				assert.Contains(t, run(t, checkout{".", nil}, program, "version"), "calico-bootstrap v"+version+" ")
			}
			if system == "linux" {
				for _, file := range []string{name + ".deb", name + ".rpm"} {
					assert.Contains(t, files, file)
					delete(files, file)
				}
				image := "calico-bootstrap_" + version + "_image_" + architecture + ".cdx.json"
				assert.Contains(t, files, image)
				delete(files, image)
				testImageSBOM(t, filepath.Join(dist, image), program, architecture)
				if architecture == runtime.GOARCH {
					testDeb(t, filepath.Join(dist, name+".deb"))
					testRPM(t, filepath.Join(dist, name+".rpm"))
				}
			}
		}
	}
	delete(files, "checksums.txt")
	assert.Empty(t, files)
}

func settings(info *buildinfo.BuildInfo) []string {
	var all []string
	for _, setting := range info.Settings {
		all = append(all, setting.Key+"="+setting.Value)
	}
	return all
}

// testArchive unpacks an archive, and returns the path of the program.
func testArchive(t *testing.T, path, top, program string) string {
	t.Helper()
	folder := t.TempDir()
	var names []string
	write := func(name string, mode os.FileMode, content io.Reader) {
		names = append(names, name)
		require.True(t, filepath.IsLocal(name), name)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755))
		text, err := io.ReadAll(content)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), text, mode))
	}
	if strings.HasSuffix(path, ".zip") {
		archive, err := zip.OpenReader(path)
		require.NoError(t, err)
		defer archive.Close()
		for _, entry := range archive.File {
			content, err := entry.Open()
			require.NoError(t, err)
			write(entry.Name, entry.Mode(), content)
		}
	} else {
		file, err := os.Open(path)
		require.NoError(t, err)
		defer file.Close()
		unpacked, err := gzip.NewReader(file)
		require.NoError(t, err)
		for archive := tar.NewReader(unpacked); ; {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			assert.Equal(t, "root", header.Uname, header.Name)
			write(header.Name, header.FileInfo().Mode(), archive)
		}
	}
	for _, name := range []string{
		program, "LICENSE", "man/calico-bootstrap.1", "man/calico-bootstrap-apply.1",
		"completions/calico-bootstrap.bash", "completions/_calico-bootstrap", "completions/calico-bootstrap.fish", "completions/calico-bootstrap.ps1",
		"licenses/go/LICENSE",
	} {
		assert.Contains(t, names, top+"/"+name, path)
	}
	return filepath.Join(folder, top, program)
}
