package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// plainHandler writes lines for a person at a terminal, such as
//
//	warning: waiting for the datastore (cause: connection refused)
type plainHandler struct {
	w      io.Writer
	mu     *sync.Mutex // of w
	level  slog.Level
	group  string   // prefix of the keys
	prefix []string // attributes of WithAttrs
}

func newPlainHandler(w io.Writer, level slog.Level) plainHandler {
	return plainHandler{w: w, mu: new(sync.Mutex), level: level}
}

func (h plainHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h plainHandler) Handle(_ context.Context, record slog.Record) error {
	attrs := h.prefix[:len(h.prefix):len(h.prefix)]
	record.Attrs(func(attr slog.Attr) bool {
		attrs = append(attrs, h.text(attr))
		return true
	})
	line := plainLevel(record.Level) + ": " + record.Message
	if len(attrs) > 0 {
		line += " (" + strings.Join(attrs, ", ") + ")"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, line+"\n")
	return err
}

func (h plainHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.prefix = h.prefix[:len(h.prefix):len(h.prefix)]
	for _, attr := range attrs {
		h.prefix = append(h.prefix, h.text(attr))
	}
	return h
}

func (h plainHandler) WithGroup(name string) slog.Handler {
	h.group += name + "."
	return h
}

func (h plainHandler) text(attr slog.Attr) string {
	return fmt.Sprintf("%s%s: %s", h.group, attr.Key, cell(attr.Value.Resolve()))
}

func plainLevel(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "error"
	case level >= slog.LevelWarn:
		return "warning"
	case level >= slog.LevelInfo:
		return "info"
	default:
		return "debug"
	}
}
