package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEmbeddedCorruptData(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "etcd")
	require.Zero(t, call(t, nil, "--datastore-type", "embedded", "--data-dir", folder).code)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "member", "snap", "db"), []byte("no database"), 0o600))

	r := call(t, nil, "--datastore-type", "embedded", "--data-dir", folder)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "error: embedded etcd in "+folder)
	assert.NotContains(t, r.stderr, "goroutine")
}

// TestEmbeddedFolderIsRemoved closes stdout: the program still removes its temporary
// directory.
func TestEmbeddedFolderIsRemoved(t *testing.T) {
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
	assert.Equal(t, 1, cmd.ProcessState.ExitCode(), "exits with an error, not killed by a signal")
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// TestEmbeddedTimeout starts on a data directory that another etcd uses.
func TestEmbeddedTimeout(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	hold := command(t, nil, "--datastore-type", "embedded", "--data-dir", folder)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	hold.Stdout = writer // the full pipe blocks the program, so that its etcd keeps running
	filler := make([]byte, 1<<16)
	_, err = writer.Write(filler)
	require.NoError(t, err)
	require.NoError(t, hold.Start())
	defer func() { _ = hold.Process.Kill(); _ = hold.Wait(); _ = writer.Close() }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(folder, "member", "snap", "db"))
		return err == nil
	}, waitTimeout, pollInterval)

	r := call(t, nil, "--datastore-type", "embedded", "--data-dir", folder, "--timeout", "1s")
	assert.Equal(t, 4, r.code, r.stderr)
	assert.Contains(t, r.stderr, "timed out after 1s: does another process use the data directory?")
}
