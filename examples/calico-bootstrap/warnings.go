package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// warningLog knows the warnings that were logged, so that each is shown once: a table shows
// only those that the log level hides. It is safe for concurrent use.
type warningLog struct {
	mu     sync.Mutex
	logged map[string]bool
	early  map[string]bool // logged before the run, which logs them again
}

// has reports whether the warning was logged.
func (l *warningLog) has(warning string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.logged[text.OneLine(warning)]
}

// hidden returns the warnings that were not logged.
func (l *warningLog) hidden(warnings []string) []string {
	return slices.DeleteFunc(slices.Clone(warnings), l.has)
}

// warningHandler records the warnings that a handler writes.
type warningHandler struct {
	slog.Handler
	log *warningLog
}

func (h warningHandler) Handle(ctx context.Context, record slog.Record) error {
	h.log.mu.Lock()
	repeated := h.log.early[record.Message]
	if record.Level >= slog.LevelWarn {
		if h.log.logged == nil {
			h.log.logged = map[string]bool{}
		}
		h.log.logged[record.Message] = true
	}
	h.log.mu.Unlock()
	if repeated {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

func (h warningHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warningHandler{h.Handler.WithAttrs(attrs), h.log}
}

func (h warningHandler) WithGroup(name string) slog.Handler {
	return warningHandler{h.Handler.WithGroup(name), h.log}
}

// warn logs all warnings about settings, before the first connection.
func (p *program) warn() {
	for _, warning := range slices.Concat(p.warnings, p.resolved) {
		p.logger.Warn(warning)
		if line := text.OneLine(warning); p.warned.has(line) {
			p.warned.mu.Lock()
			if p.warned.early == nil {
				p.warned.early = map[string]bool{}
			}
			p.warned.early[line] = true
			p.warned.mu.Unlock()
		}
	}
}

// notShown returns a line about the warnings and findings of a report that the log level
// hides; empty if there are none. Findings of a refusal are shown as errors.
func (p *program) notShown(report bootstrap.Report, refusal error) string {
	findings := 0
	for _, finding := range report.Findings {
		if !p.warned.has(finding.Text) && !errors.Is(refusal, preflight.ErrFindings) {
			findings++
		}
	}
	return notShown(len(p.warned.hidden(report.Warnings)), findings)
}

func notShown(warnings, findings int) string {
	var counts []string
	for _, count := range []struct {
		number int
		what   string
	}{{warnings, "warning"}, {findings, "finding"}} {
		switch {
		case count.number == 1:
			counts = append(counts, "1 "+count.what)
		case count.number > 1:
			counts = append(counts, fmt.Sprintf("%d %ss", count.number, count.what))
		}
	}
	verb := "are"
	switch {
	case len(counts) == 0:
		return ""
	case warnings+findings == 1:
		verb = "is"
	}
	return fmt.Sprintf("%s %s not shown; set --log-level warning or run calico-bootstrap plan", strings.Join(counts, " and "), verb)
}

// noteHidden prints, before the error of a run without a result, how many warnings about
// settings the log level hides: they may be the cause.
func (p *program) noteHidden() {
	switch line := notShown(len(p.warned.hidden(slices.Concat(p.warnings, p.resolved))), 0); {
	case line == "":
	case p.jsonLogger != nil:
		p.jsonLogger.Error(line)
	default:
		fmt.Fprintln(p.stderr, "note: "+line)
	}
}
