//go:build unix

package main

import (
	"bytes"
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file that can't be read takes a third of the report's time, whichever setting names it.
func TestBugReportWithBlockedFile(t *testing.T) {
	isolate(t)
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, flag := range []string{"--config", "--pools-file", "--etcd-ca-cert-file"} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var stdout, stderr bytes.Buffer
		begin := time.Now()
		assert.Zero(t, run(ctx, []string{"bug-report", "--etcd-endpoints", "https://127.0.0.1:1", flag, pipe, "--timeout", "3s"}, &stdout, &stderr))
		assert.Less(t, time.Since(begin), 2500*time.Millisecond)
		assert.Regexp(t, `error: timed out after \S+, the limit of a report for its settings: reading the files of flag `+flag, stdout.String())
		assert.Contains(t, stdout.String(), "### Program and host")
		assert.Contains(t, stdout.String(), "not read: no connection is configured, or its settings are invalid or were not read: see Settings")
	}
}
