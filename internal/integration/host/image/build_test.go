//go:build host && linux

// Package image tests the container image. It builds the image with buildah and `make
// image` and runs it from its root file system.
package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// repository is the root of the checkout.
const repository = "../../../.."

// image is an OCI image.
type image struct {
	digest string // of the manifest
	config struct {
		Architecture, OS, Created string
		Config                    struct {
			User            string
			Entrypoint, Cmd []string
			Env             []string
			Labels          map[string]string
			ExposedPorts    map[string]any
			Volumes         map[string]any
			WorkingDir      string
		}
	}
	layers     [][]byte // tar archives
	compressed int64    // size of all compressed layers, in bytes
}

// build builds the image of a checkout with buildah, in its own storage.
func build(t *testing.T, checkout string, variables ...string) image {
	t.Helper()
	folder := t.TempDir()
	env := storage(t, folder)
	name := "calico-bootstrap:test"
	do(t, env, checkout, "make", append([]string{"image", "IMAGE_TOOL=buildah", "IMAGE=" + name}, variables...)...)
	archive := filepath.Join(folder, "image.tar")
	do(t, env, checkout, "buildah", "push", name, "oci-archive:"+archive)
	return read(t, archive)
}

// storage returns an environment in which buildah keeps its images in the folder. It works
// without a daemon and extra privileges.
func storage(t *testing.T, folder string) []string {
	t.Helper()
	config := filepath.Join(folder, "storage.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "[storage]\ndriver = %q\ngraphroot = %q\nrunroot = %q\n",
		"vfs", filepath.Join(folder, "graph"), filepath.Join(folder, "run")), 0o600))
	return append(os.Environ(), "CONTAINERS_STORAGE_CONF="+config, "STORAGE_DRIVER=vfs", "BUILDAH_ISOLATION=chroot")
}

func do(t *testing.T, env []string, folder, name string, args ...string) {
	t.Helper()
	command := exec.Command(name, args...)
	command.Dir, command.Env = folder, env
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
}

// read reads an OCI archive: an index, which names a manifest, which names a
// config and layers.
func read(t *testing.T, archive string) image {
	t.Helper()
	blobs := map[string][]byte{}
	file, err := os.Open(archive)
	require.NoError(t, err)
	defer file.Close()
	each(t, file, func(header *tar.Header, content []byte) {
		blobs[strings.Replace(strings.TrimPrefix(header.Name, "blobs/"), "/", ":", 1)] = content
	})
	type descriptor struct {
		Digest string
		Size   int64
	}
	var index struct{ Manifests []descriptor }
	require.NoError(t, json.Unmarshal(blobs["index.json"], &index))
	require.Len(t, index.Manifests, 1)
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	i := image{digest: index.Manifests[0].Digest}
	require.NoError(t, json.Unmarshal(blobs[i.digest], &manifest))
	require.NoError(t, json.Unmarshal(blobs[manifest.Config.Digest], &i.config))
	require.NotEmpty(t, manifest.Layers)
	for _, layer := range manifest.Layers {
		i.compressed += layer.Size
		reader, err := gzip.NewReader(bytes.NewReader(blobs[layer.Digest]))
		require.NoError(t, err)
		unpacked, err := io.ReadAll(reader)
		require.NoError(t, err)
		i.layers = append(i.layers, unpacked)
	}
	return i
}

// files returns mode, owner and name of the files in the image.
func (i image) files(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, layer := range i.layers {
		each(t, bytes.NewReader(layer), func(header *tar.Header, _ []byte) {
			files = append(files, fmt.Sprintf("%s %d:%d %s", header.FileInfo().Mode(), header.Uid, header.Gid, header.Name))
		})
	}
	return files
}

// container is the unpacked root file system of an image.
type container struct {
	image
	root string
}

func (i image) container(t *testing.T) container {
	t.Helper()
	c := container{i, t.TempDir()}
	require.NoError(t, os.Chmod(c.root, 0o755))
	for _, layer := range i.layers {
		each(t, bytes.NewReader(layer), func(header *tar.Header, content []byte) {
			require.NoError(t, os.WriteFile(filepath.Join(c.root, header.Name), content, header.FileInfo().Mode()))
		})
	}
	return c
}

// each calls the function for every entry of a tar archive.
func each(t *testing.T, archive io.Reader, function func(*tar.Header, []byte)) {
	t.Helper()
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
		content, err := io.ReadAll(reader)
		require.NoError(t, err)
		function(header, content)
	}
}

// command returns a command that runs the image's entrypoint as the image's user, with
// only the given environment and with /proc, like container runtimes.
func (c container) command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	chroot, err := exec.LookPath("chroot")
	require.NoError(t, err)
	const inside = `mkdir -p "$1/proc" && mount -t proc proc "$1/proc" && shift && exec env -i "$@"`
	user := "--userspec=" + c.config.Config.User
	script := append([]string{"--mount", "--propagation", "private", "sh", "-c", inside, "sh", c.root}, env...)
	return exec.Command("unshare", append(append(append(script, chroot, user, c.root), c.config.Config.Entrypoint...), args...)...)
}
