package main

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// logging returns a program with the log level and format, which logs to the buffer.
func logging(t *testing.T, level, format string) (*program, *bytes.Buffer, error) {
	t.Helper()
	log := &bytes.Buffer{}
	p := &program{stderr: log, warned: &warningLog{}}
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	p.settings.AddFlags(flags)
	require.NoError(t, flags.Parse([]string{"--log-level=" + level, "--log-format=" + format}))
	return p, log, p.setLogger()
}

// The levels are logrus's, in any case, as calico-node reads them.
func TestLogLevels(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]slog.Level{
		"": slog.LevelInfo, "debug": slog.LevelDebug, "Info": slog.LevelInfo,
		"WARNING": slog.LevelWarn, "warn": slog.LevelWarn, "Error": slog.LevelError,
	} {
		p, _, err := logging(t, given, "")
		require.NoError(t, err, given)
		assert.True(t, p.logger.Enabled(context.Background(), want), given)
		assert.False(t, p.logger.Enabled(context.Background(), want-1), given)
	}
}

func TestLogFormats(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"": "level=INFO msg=x", "TEXT": "level=INFO msg=x", "Json": `"level":"INFO","msg":"x"`} {
		p, log, err := logging(t, "", given)
		require.NoError(t, err, given)
		p.logger.Info("x")
		assert.Contains(t, log.String(), want, given)
	}
}

// Both faults are reported, and the logger is set, because other errors must still
// be logged.
func TestLoggingFaults(t *testing.T) {
	t.Parallel()
	p, _, err := logging(t, "loud", "xml")
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	assert.ErrorContains(t, err, `flag --log-level: "loud": unknown level; must be one of debug, info, warning, error`)
	assert.ErrorContains(t, err, `flag --log-format: "xml": unknown format; must be one of auto, text, json`)
	assert.NotNil(t, p.logger)
}
