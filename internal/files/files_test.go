package files_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/files"
)

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, read := range []func(string, int64) ([]byte, error){files.Read, files.ReadRegular} {
		require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
		data, err := read(path, 1<<20)
		require.NoError(t, err)
		assert.Len(t, data, 1<<20)
		require.NoError(t, os.WriteFile(path, make([]byte, 1<<20+1), 0o600))
		data, err = read(path, 1<<20)
		require.EqualError(t, err, "it is larger than 1 MiB")
		assert.Nil(t, data)
		_, err = read(filepath.Join(dir, "none"), 1)
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = read(dir, 1)
		require.ErrorContains(t, err, "is a directory")
	}
	_, err := files.ReadFrom(strings.NewReader(strings.Repeat("x", 2<<20)), 1<<20)
	require.EqualError(t, err, "it is larger than 1 MiB")
}

// A device never ends, so it is read up to the limit; it is no file to read twice.
// The empty device is.
func TestReadDevice(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no /dev/zero on Windows")
	}
	_, err := files.Read("/dev/zero", 1<<20)
	require.EqualError(t, err, "it is larger than 1 MiB")
	_, err = files.ReadRegular("/dev/zero", 1<<20)
	require.EqualError(t, err, "it is read more than once, and is not a regular file")
	data, err := files.ReadRegular(os.DevNull, 1<<20)
	require.NoError(t, err)
	assert.Empty(t, data)
}
