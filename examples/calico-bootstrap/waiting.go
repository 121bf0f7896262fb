package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// waitFor shows in the live line what the run waits for, and the cause unless it is empty.
// It shows nothing where warnings are not logged as plain lines.
func (p *program) waitFor(what, cause string) {
	if !p.plain || !p.logger.Enabled(context.Background(), slog.LevelWarn) {
		return
	}
	if cause != "" {
		cause = ": " + cause
	}
	began, limit := p.began, "no time limit"
	if p.timeLimit > 0 {
		limit = "of " + p.timeLimit.String()
	}
	p.live.show(func() string {
		return fmt.Sprintf("waiting for %s, %s %s%s", what, time.Since(began).Truncate(time.Second), limit, cause)
	})
}

// shortCause returns the part of the error that is not known from the words before it, so
// that it fits on the line. The log has all of it.
func shortCause(err error) string {
	var failure *datastore.Error
	if errors.As(err, &failure) && failure.Kind == datastore.ErrUnreachable && failure.Err != nil {
		err = failure.Err
	}
	return text.Cause(err)
}

// observe shows in the live line while a run waits for the datastore.
func (p *program) observe(event bootstrap.Event) {
	switch {
	case event.Kind == bootstrap.EventRetrying:
		p.waitFor("the datastore", shortCause(event.Err))
	case event.Kind == bootstrap.EventReading && event.Attempt == 1:
		p.waitFor("the datastore", "no response yet")
	case event.Kind == bootstrap.EventReading: // the cause of the last attempt stays
	case event.Kind == bootstrap.EventWriting:
		p.waitFor("the datastore to write", "")
	default:
		p.live.hide()
	}
}
