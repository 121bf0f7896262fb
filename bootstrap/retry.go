package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
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

// retry remembers how often a run began again, and why. The zero value is a
// run that has not.
type retry struct {
	conflicts int
	cause     string        // that was last logged
	wait      time.Duration // before the next attempt
	atLeast   time.Duration // of the wait, as the datastore asked
}

// again decides whether an error is worth another attempt. Of a cause that
// stays the same it logs one line.
func (r *retry) again(err error, logger *slog.Logger) bool {
	switch {
	case errors.Is(err, ErrConflict):
		r.conflicts++
		logger.Debug("pools were changed meanwhile: reading again", "times", r.conflicts)
		if r.conflicts >= maxConflicts {
			return false
		}
		r.wait, r.atLeast = firstPause, 0
	case passing(err):
		if cause := oneLine(err.Error()); cause != r.cause {
			r.cause = cause
			logger.Warn("waiting for the datastore", "cause", cause)
		}
		r.wait = min(max(2*r.wait, firstPause), maxPause)
		r.atLeast = min(max(retryAfter(err), 0), maxRetryAfter)
	default:
		return false
	}
	return true
}

func retryAfter(err error) time.Duration {
	var failure *DatastoreError
	if errors.As(err, &failure) {
		return failure.RetryAfter
	}
	return 0
}

// due is the pause before the next attempt: between half and the whole of the
// wait, at random, so that those who failed together don't come back together,
// and before that for as long as the datastore asked.
func (r *retry) due() time.Duration { return r.atLeast + r.wait/2 + rand.N(r.wait/2+1) }

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
