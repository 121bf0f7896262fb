package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

const (
	// maxConflicts is far more than what a storm of bootstraps needs: whoever
	// loses a race finds the winner's pools and has nothing left to write.
	maxConflicts = 20

	firstPause = 50 * time.Millisecond
	maxPause   = 5 * time.Second

	// maxRetryAfter is the longest pause that a datastore can ask for.
	maxRetryAfter = time.Minute
)

// backoff remembers how often a run began again, and why. The zero value is a
// run that has not.
type backoff struct {
	conflicts int
	changes   int           // of the last commit that was tried
	cause     string        // that was last logged
	wait      time.Duration // before the next attempt
	atLeast   time.Duration // of the wait, as the datastore asked
}

// progress tells how many changes are about to be committed. Where they get
// fewer, the writers in conflict get on.
func (b *backoff) progress(changes int) {
	if changes < b.changes {
		b.conflicts = 0
	}
	b.changes = changes
}

// again decides whether an error is worth another attempt. Of a cause that
// stays the same it logs one line.
func (b *backoff) again(err error, logger *slog.Logger) bool {
	var changed *planChangedError
	switch {
	case errors.As(err, &changed):
		return false
	case errors.Is(err, datastore.ErrConflict):
		b.conflicts++
		logger.Debug("pools were modified concurrently: retrying", "times", b.conflicts)
		if b.conflicts >= maxConflicts {
			return false
		}
		b.wait, b.atLeast = firstPause, 0
	case datastore.Retryable(err):
		if cause := text.OneLine(err.Error()); cause != b.cause {
			b.cause = cause
			logger.Warn("waiting for the datastore", "cause", cause)
		}
		b.wait = min(max(2*b.wait, firstPause), maxPause)
		b.atLeast = min(max(retryAfter(err), 0), maxRetryAfter)
	default:
		return false
	}
	return true
}

func retryAfter(err error) time.Duration {
	var failure *datastore.Error
	if errors.As(err, &failure) {
		return failure.RetryAfter
	}
	return 0
}

// due is the pause before the next attempt: between half and the whole of the
// wait, at random, so that those who failed together don't come back together,
// and before that for as long as the datastore asked.
func (b *backoff) due() time.Duration { return b.atLeast + b.wait/2 + rand.N(b.wait/2+1) }

// pause returns false if ctx ends before the time is over.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
