package main

import (
	"io"
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
	level := readLogLevel(setting(&p.settings, origin.SettingLogLevel), &faults)
	options := &slog.HandlerOptions{Level: level}
	var stderr io.Writer = p.stderr
	if p.live != nil {
		stderr = p.live
	}
	format, known := setting(&p.settings, origin.SettingLogFormat), definition(origin.SettingLogFormat).Words
	word := strings.ToLower(format.Value)
	if format.IsSet() && !slices.Contains(known, word) {
		faults.Add(format, "unknown format; must be one of %s", strings.Join(known, ", "))
	}
	var handler slog.Handler = slog.NewTextHandler(stderr, options)
	p.plain = false
	switch {
	case word == "json":
		handler = slog.NewJSONHandler(stderr, options)
	case word != "text" && isTerminal(p.stderr):
		p.plain, handler = true, newPlainHandler(stderr, level)
	}
	p.logger = text.Logger(slog.New(warningHandler{handler, p.warned}))
	if word == "json" {
		p.jsonLogger = p.logger
	}
	return faults.Err()
}

// definition returns the definition of the setting with that identity.
func definition(id origin.Setting) settings.Definition {
	all := settings.Definitions()
	return all[slices.IndexFunc(all, func(d settings.Definition) bool { return d.ID == id })]
}

// setting returns the setting with that identity.
func setting(of *settings.Settings, id origin.Setting) settings.Setting {
	return *definition(id).Of(of)
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
