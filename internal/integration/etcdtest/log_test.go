package etcdtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// listener is a testing.TB that records its log.
type listener struct {
	testing.TB
	lines []string
}

func (l *listener) Logf(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func TestLog(t *testing.T) {
	t.Parallel()
	tb := &listener{TB: t}
	l := newTestLog(tb, "m0")
	lg := l.logger()

	lg.Warn("a warning")
	lg.Error(firstVersion)
	l.mute(true)
	lg.Error("muted")
	assert.Empty(t, tb.lines)

	l.mute(false)
	lg.Error("an error")
	assert.Panics(t, func() { lg.Fatal("the end") })
	assert.Equal(t, []string{"etcd m0: ERROR\tan error", "etcd m0: FATAL\tthe end"}, tb.lines)

	l.close()
	lg.Error("after the test")
	assert.Len(t, tb.lines, 2)
}
