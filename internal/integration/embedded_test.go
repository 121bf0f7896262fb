package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEmbeddedDataThatCannotBeRead(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "etcd")
	require.Zero(t, call(t, nil, "--datastore-type", "embedded", "--data-dir", folder).code)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "member", "snap", "db"), []byte("no database"), 0o600))

	r := call(t, nil, "--datastore-type", "embedded", "--data-dir", folder)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "error: embedded etcd in "+folder)
	assert.NotContains(t, r.stderr, "goroutine")
}

// TestEmbeddedFolderGoes: whatever becomes of stdout, a temporary folder goes
// with the program.
func TestEmbeddedFolderGoes(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	defer writer.Close()

	cmd := command(t, nil, "--datastore-type", "embedded")
	var temporary string
	for _, variable := range cmd.Env {
		if path, found := strings.CutPrefix(variable, "TMPDIR="); found {
			temporary = path
		}
	}
	cmd.Stdout = writer
	require.Error(t, cmd.Run())
	assert.Equal(t, 1, cmd.ProcessState.ExitCode(), "told as an error, and no signal")
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// TestEmbeddedKeepsTheTime has a folder that another etcd uses.
func TestEmbeddedKeepsTheTime(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	hold := command(t, nil, "--datastore-type", "embedded", "--data-dir", folder)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	hold.Stdout = writer // nobody reads: a full pipe keeps it, and its etcd, there
	filler := make([]byte, 1<<16)
	_, err = writer.Write(filler)
	require.NoError(t, err)
	require.NoError(t, hold.Start())
	defer func() { _ = hold.Process.Kill(); _ = hold.Wait(); _ = writer.Close() }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(folder, "member", "snap", "db"))
		return err == nil
	}, waiting, step)

	r := call(t, nil, "--datastore-type", "embedded", "--data-dir", folder, "--timeout", "1s")
	assert.Equal(t, 4, r.code, r.stderr)
	assert.Contains(t, r.stderr, "timed out after 1s: does another etcd use the folder?")
}
