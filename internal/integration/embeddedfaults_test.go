package integration

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onEmbedded runs the program on an embedded etcd in the directory.
func onEmbedded(t *testing.T, folder string, args ...string) result {
	t.Helper()
	return call(t, bothCIDRs, append([]string{"--datastore-type", "embedded", "--data-dir", folder}, args...)...)
}

// assertEmbeddedFault checks a run that ends with an error that names the directory.
func assertEmbeddedFault(t *testing.T, r result, folder string) {
	t.Helper()
	assert.Equal(t, 1, r.code, r.stderr)
	assert.Contains(t, r.stderr, "error: embedded etcd in "+folder)
	t.Log(clipped(r.stderr))
}

// TestEmbeddedBrokenPages overwrites, cuts off or replaces parts of the database and
// of the log of an embedded etcd. A run ends with an error that names the directory, or
// succeeds if etcd does not need the part.
func TestEmbeddedBrokenPages(t *testing.T) {
	t.Parallel()
	whole := filepath.Join(t.TempDir(), "etcd")
	require.Zero(t, onEmbedded(t, whole).code)
	database := filepath.Join("member", "snap", "db")
	content, err := os.ReadFile(filepath.Join(whole, database))
	require.NoError(t, err)
	const page = 4096
	faults := map[string][]byte{"empty": {}, "half": content[:len(content)/2], "two pages": content[:2*page], "zeros": make([]byte, len(content))}
	for i := range min(len(content)/page, 12) {
		for name, fill := range map[string]byte{"zeros": 0, "ones": 0xff, "text": 'x'} {
			broken := bytes.Clone(content)
			copy(broken[i*page:], bytes.Repeat([]byte{fill}, page))
			faults[fmt.Sprintf("page %d %s", i, name)] = broken
		}
		broken := bytes.Clone(content) // only the elements of the page
		copy(broken[i*page+16:], bytes.Repeat([]byte{0xee}, 64))
		faults[fmt.Sprintf("elements of page %d", i)] = broken
	}
	failed := 0
	for name, broken := range faults {
		folder := filepath.Join(t.TempDir(), "etcd")
		require.NoError(t, os.CopyFS(folder, os.DirFS(whole)))
		require.NoError(t, os.WriteFile(filepath.Join(folder, database), broken, 0o600))
		r := onEmbedded(t, folder, "--timeout", "10s")
		if r.code != 0 {
			failed++
			assert.Contains(t, []int{1, 4}, r.code, name)
			assert.Contains(t, r.stderr, "error: embedded etcd in "+folder, name)
			t.Log(name, clipped(r.stderr))
		}
	}
	assert.Greater(t, failed, 5)
}

// TestEmbeddedBrokenLog replaces etcd's write-ahead log.
func TestEmbeddedBrokenLog(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{"empty": {}, "text": []byte(strings.Repeat("no log\n", 1000)), "ones": bytes.Repeat([]byte{0xff}, 1<<16)} {
		folder := filepath.Join(t.TempDir(), "etcd")
		require.Zero(t, onEmbedded(t, folder).code)
		logs, err := filepath.Glob(filepath.Join(folder, "member", "wal", "*.wal"))
		require.NoError(t, err)
		require.NotEmpty(t, logs)
		require.NoError(t, os.WriteFile(logs[0], content, 0o600))
		r := onEmbedded(t, folder)
		t.Log(name)
		assertEmbeddedFault(t, r, folder)
	}
}

// TestEmbeddedPipe has a pipe where the embedded etcd expects a file or a directory.
func TestEmbeddedPipe(t *testing.T) {
	t.Parallel()
	whole := filepath.Join(t.TempDir(), "etcd")
	require.Zero(t, onEmbedded(t, whole).code)
	var places []string
	require.NoError(t, filepath.WalkDir(whole, func(path string, _ fs.DirEntry, err error) error {
		relative, _ := filepath.Rel(whole, path)
		places = append(places, relative)
		return err
	}))
	for _, place := range places {
		folder := filepath.Join(t.TempDir(), "etcd")
		require.NoError(t, os.CopyFS(folder, os.DirFS(whole)))
		pipe := filepath.Join(folder, place)
		require.NoError(t, os.RemoveAll(pipe))
		if out, err := exec.Command("mkfifo", pipe).CombinedOutput(); err != nil {
			t.Skipf("mkfifo: %v: %s", err, out)
		}
		begin := time.Now()
		assertEmbeddedFault(t, onEmbedded(t, folder), folder)
		assert.Less(t, time.Since(begin), soon, place)
	}
}

// TestEmbeddedFullDisk runs an embedded etcd on file systems that are too small for
// parts of its data.
func TestEmbeddedFullDisk(t *testing.T) {
	t.Parallel()
	failed, fatal := 0, 0
	for _, size := range []string{"4k", "64k", "1m", "32m", "62516k", "62520k", "62524k", "62528k", "62532k", "62540k", "64m", "128m"} {
		folder := t.TempDir()
		cmd := command(t, bothCIDRs, "--datastore-type", "embedded", "--data-dir", folder+"/etcd", "--timeout", "10s")
		const script = `mount -t tmpfs -o size="$1" tmpfs "$2" || exit 90; shift 2; exec "$@"`
		inside := exec.Command("unshare", append([]string{"--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", size, folder, cmd.Path}, cmd.Args[1:]...)...)
		inside.Env, inside.Dir = cmd.Env, cmd.Dir
		var stderr bytes.Buffer
		inside.Stderr = &stderr
		_ = inside.Run()
		code := inside.ProcessState.ExitCode()
		if code == 90 || strings.HasPrefix(stderr.String(), "unshare:") {
			t.Skipf("can't mount a file system: %s", stderr.String())
		}
		t.Log(size, code, clipped(stderr.String()))
		assert.NotContains(t, stderr.String(), "goroutine ", size)
		if code != 0 {
			failed++
			fatal += strings.Count(stderr.String(), "failed to commit tx: ")
			assertEmbeddedFault(t, result{stderr: stderr.String(), code: code}, folder+"/etcd")
		}
	}
	assert.Positive(t, failed)
	assert.Positive(t, fatal, "an error for which etcd ends the process: the log takes 62,500k, and the database does not fit into the rest")
}

// TestEmbeddedRunsInOneDirectory starts several runs on one directory: each waits for
// the one before.
func TestEmbeddedRunsInOneDirectory(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "etcd")
	results := make([]result, 12)
	var wait sync.WaitGroup
	for i := range results {
		wait.Go(func() {
			// The garbage is collected all the time: a lock must outlive it.
			results[i] = call(t, append(slices.Clone(bothCIDRs), "GOGC=1"), "--datastore-type", "embedded", "--data-dir", folder, "--timeout", "30s")
		})
	}
	wait.Wait()
	created := 0
	for _, r := range results {
		assert.Zero(t, r.code, r.stderr)
		created += strings.Count(r.stderr, "IPv4 pool created")
	}
	assert.Equal(t, 1, created)
}

// TestEmbeddedDirectoryChanges starts runs on a directory in which another process
// renames directories, as an etcd does that creates its log: what is gone between listing
// and opening it is no fault.
func TestEmbeddedDirectoryChanges(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "etcd")
	ctx, cancel := context.WithCancel(context.Background())
	names := make([]string, 50)
	for i := range names {
		names[i] = filepath.Join(folder, "other", strconv.Itoa(i))
		require.NoError(t, os.MkdirAll(names[i], 0o700))
	}
	var renames sync.WaitGroup
	t.Cleanup(func() { cancel(); renames.Wait() })
	renames.Go(func() {
		for ctx.Err() == nil {
			for _, name := range names {
				assert.NoError(t, os.Rename(name, name+".tmp"))
				assert.NoError(t, os.Rename(name+".tmp", name))
			}
		}
	})
	for range 3 {
		r := call(t, bothCIDRs, "--datastore-type", "embedded", "--data-dir", folder, "--timeout", "30s")
		assert.Zero(t, r.code, r.stderr)
	}
}
