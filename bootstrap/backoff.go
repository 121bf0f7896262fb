package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

const (
	// maxConflicts is far more than concurrent bootstraps cause: the loser of a
	// race finds the winner's pools and has nothing left to write.
	maxConflicts = 20

	firstPause = 50 * time.Millisecond
	maxPause   = 5 * time.Second

	// maxRetryAfter caps the pause that a datastore requests.
	maxRetryAfter = time.Minute
)

// backoff counts the retries of a run and computes their pauses. The zero value is
// ready to use.
type backoff struct {
	conflicts int
	changes   int           // number of changes in the last commit
	cause     string        // last cause that was logged
	wait      time.Duration // upper bound of the random pause before the next attempt
	atLeast   time.Duration // pause that the datastore requested, in addition to wait
}

// progress records how many changes are about to be committed. Fewer than before
// means that the conflicting writers make progress, so the conflict count restarts.
func (b *backoff) progress(changes int) {
	if changes < b.changes {
		b.conflicts = 0
	}
	b.changes = changes
}

// again reports whether to retry after err. A cause that repeats is logged once.
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
		if cause := text.Cause(err); cause != b.cause {
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

// due returns the pause before the next attempt: what the datastore requested, plus
// a random duration between half of wait and wait, so that bootstraps that failed
// together don't retry together.
func (b *backoff) due() time.Duration { return b.atLeast + b.wait/2 + rand.N(b.wait/2+1) }

const (
	// busy is how long a read of the pools takes at least if many runs start at the same time,
	// as on all nodes of a new cluster, and busyPool what each pool that exists adds. A run whose
	// read is faster never gives way.
	busy     = 100 * time.Millisecond
	busyPool = 50 * time.Microsecond

	maxGiveWay = 2 * time.Second

	// maxGiveWays is how often a run gives way, each time after a read that took that long. The
	// run that creates the pools is slow, too, while all others read again.
	maxGiveWays = 4

	// minReads is the number of such reads for which a run must have time left after the pause.
	minReads = 10
)

// giveWay returns the pause of a run that gives way to others for the attempt-th time: up to the
// time that its read took because of others, times attempt. Random is in [0, 1). Its cube root
// lets few of many runs be early, and they are apart, so that the first can create the pools
// before the others read again. (Multicast protocols suppress duplicate requests with such
// timers: RFC 5740, section 3.2.)
func giveWay(took time.Duration, attempt int, random float64) time.Duration {
	return time.Duration(float64(min(time.Duration(attempt)*took, maxGiveWay)) * math.Cbrt(random))
}

// hasTime reports whether ctx leaves time for the longest pause of the attempt and at least
// minReads reads that take as long.
func hasTime(ctx context.Context, took time.Duration, attempt int) bool {
	deadline, limited := ctx.Deadline()
	return !limited || time.Until(deadline) >= time.Duration(attempt+minReads)*took
}

// pause waits and returns true, or returns false if ctx ends first.
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
