package main

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// logging is a program whose log has the level and the format; its log goes into
// the buffer.
func logging(level, format string) (*program, *bytes.Buffer, error) {
	log := &bytes.Buffer{}
	p := &program{stderr: log}
	if level != "" {
		p.settings.LogLevel = settings.Given(level, origin.Env("CALICO_STARTUP_LOGLEVEL"))
	}
	if format != "" {
		p.settings.LogFormat = settings.Given(format, origin.Flag("log-format"))
	}
	return p, log, p.setLogger()
}

// The levels are logrus's, in any case, as calico-node reads them.
func TestLogLevels(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]slog.Level{
		"": slog.LevelInfo, "debug": slog.LevelDebug, "Info": slog.LevelInfo,
		"WARNING": slog.LevelWarn, "warn": slog.LevelWarn, "Error": slog.LevelError,
	} {
		p, _, err := logging(given, "")
		require.NoError(t, err, given)
		assert.True(t, p.logger.Enabled(context.Background(), want), given)
		assert.False(t, p.logger.Enabled(context.Background(), want-1), given)
	}
}

func TestLogFormats(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"": "level=INFO msg=x", "TEXT": "level=INFO msg=x", "Json": `"level":"INFO","msg":"x"`} {
		p, log, err := logging("", given)
		require.NoError(t, err, given)
		p.logger.Info("x")
		assert.Contains(t, log.String(), want, given)
	}
}

// Both are told of at once, and there is a logger nevertheless: what else is
// wrong is yet to be logged.
func TestLoggingFaults(t *testing.T) {
	t.Parallel()
	p, _, err := logging("loud", "xml")
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	assert.ErrorContains(t, err, `env CALICO_STARTUP_LOGLEVEL: "loud": unknown level; want one of debug, info, warning, error`)
	assert.ErrorContains(t, err, `flag --log-format: "xml": unknown format; want one of text, json`)
	assert.NotNil(t, p.logger)
}
