package etcdtest

import (
	"bytes"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// firstVersion is an error that every new member logs once, as it tries to update the
// version of its empty storage. It retries.
const firstVersion = "failed to update storage version"

// testLog writes a member's errors to the log of the test until the test ends. Package
// testing panics on later writes, which etcd's goroutines may do.
type testLog struct {
	name string

	mu     sync.Mutex
	tb     testing.TB // nil once closed
	silent bool
}

func newTestLog(tb testing.TB, name string) *testLog {
	return &testLog{tb: tb, name: name}
}

func (l *testLog) logger() *zap.Logger {
	enc := zap.NewDevelopmentEncoderConfig()
	enc.TimeKey = ""
	core := zapcore.NewCore(zapcore.NewConsoleEncoder(enc), l, zap.ErrorLevel)
	// After a fatal error zap would call os.Exit, which loses the test's log. A panic
	// shows the message.
	return zap.New(core, zap.WithFatalHook(zapcore.WriteThenPanic))
}

// Write implements zapcore.WriteSyncer.
func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tb != nil && !l.silent && !bytes.Contains(p, []byte(firstVersion)) {
		l.tb.Logf("etcd %s: %s", l.name, bytes.TrimSpace(p))
	}
	return len(p), nil
}

// Sync implements zapcore.WriteSyncer.
func (l *testLog) Sync() error { return nil }

func (l *testLog) mute(silent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = silent
}

func (l *testLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tb = nil
}
