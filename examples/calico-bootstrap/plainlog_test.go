package main

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPlainHandler(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(newPlainHandler(&log, slog.LevelInfo))
	logger.Debug("hidden")
	logger.Info("the datastore is etcd")
	logger.Warn("waiting for the datastore", "cause", errors.New("connection\x1b[31m refused"))
	logger.Error("failed", "times", 3, "name", "")
	with := logger.With("a", 1)
	with.With("b", 2).WithGroup("g").Info("x", "c", 3)
	with.Info("y")
	assert.Equal(t, `info: the datastore is etcd
warning: waiting for the datastore (cause: connection [31m refused)
error: failed (times: 3, name: )
info: x (a: 1, b: 2, g.c: 3)
info: y (a: 1)
`, log.String())
}
