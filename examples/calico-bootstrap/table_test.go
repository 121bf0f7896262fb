package main

import (
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writes are the texts of the calls of Write.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

// closedWriter is a pipe that nobody reads.
type closedWriter struct{}

func (closedWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A table that fits into the buffer is one write, whose error Flush returns.
func TestTable(t *testing.T) {
	var written writes
	table := newTable(&written)
	fmt.Fprintln(table, "POOL\tFAMILY")
	fmt.Fprintln(table, "default\tIPv4")
	require.NoError(t, table.Flush())
	assert.Equal(t, writes{"POOL     FAMILY\ndefault  IPv4\n"}, written)

	table = newTable(closedWriter{})
	fmt.Fprintln(table, "POOL")
	assert.ErrorIs(t, table.Flush(), io.ErrClosedPipe)
}
