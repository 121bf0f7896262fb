package main

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// setLogger sets a logger that writes to stderr, because stdout is for results.
func (p *program) setLogger() error {
	var faults settings.Faults
	options := &slog.HandlerOptions{Level: readLogLevel(setting(&p.settings, origin.SettingLogLevel), &faults)}
	switch format := setting(&p.settings, origin.SettingLogFormat); {
	case strings.EqualFold(format.Value, "json"):
		p.logger = text.Logger(slog.New(slog.NewJSONHandler(p.stderr, options)))
		p.jsonLogger = p.logger
		return faults.Err()
	case format.IsSet() && !strings.EqualFold(format.Value, "text"):
		faults.Add(format, "unknown format; must be one of text, json")
	}
	p.logger = text.Logger(slog.New(slog.NewTextHandler(p.stderr, options)))
	return faults.Err()
}

// setting returns the setting with that identity.
func setting(of *settings.Settings, id origin.Setting) settings.Setting {
	all := settings.Definitions()
	return *all[slices.IndexFunc(all, func(d settings.Definition) bool { return d.ID == id })].Of(of)
}

// readLogLevel parses a log level by the names of logrus, as calico-node does, and NONE,
// which Calico's documentation has. Levels above error are error here: errors are
// always printed.
func readLogLevel(setting settings.Setting, faults *settings.Faults) slog.Level {
	switch strings.ToLower(setting.Value) {
	case "debug", "trace":
		return slog.LevelDebug
	case "", "info":
		return slog.LevelInfo
	case "warning", "warn":
		return slog.LevelWarn
	case "error", "critical", "fatal", "panic", "none":
		return slog.LevelError
	}
	faults.Add(setting, "unknown level; must be one of debug, info, warning, error")
	return slog.LevelInfo
}
