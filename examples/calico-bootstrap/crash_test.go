package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
)

// crashing is a writer that panics.
type crashing struct{ value any }

func (c crashing) Write([]byte) (int, error) { panic(c.value) }

// A panic ends the program with exit code 1, and one line that asks for a report and
// shows neither the value of the panic nor the arguments.
func TestCrash(t *testing.T) {
	t.Parallel()
	const secret = "hunter2secret"
	other := crash.Of(func() {
		var group crash.Group
		group.Go(func() { netip.MustParsePrefix(secret) })
		group.Wait()
	})
	require.NotNil(t, other)
	for name, value := range map[string]any{"a text": secret, "of another goroutine": other} {
		var stderr bytes.Buffer
		code := run(context.Background(), []string{"render", "--ipv4-pool-name", "pool-of-" + secret}, crashing{value}, &stderr)
		assert.Equal(t, exitFailed, code, name)
		line := lastLine(stderr.String())
		assert.Regexp(t, `^error: internal error: panic with a value of type \S+; pools may have been written; please report this line at `+
			`https://github.com/calico-bootstrap/calico-bootstrap/issues: calico-bootstrap \S+ .*go1\.\d+.*: .*\(\w+\.go:\d+\)`, line, name)
		assert.NotContains(t, stderr.String(), secret)
		assert.NotContains(t, stderr.String(), "goroutine ")
	}

	var stderr bytes.Buffer
	code := run(context.Background(), []string{"render", "--log-format", "json", "--ipv6-pool-cidr", "none", "--ipv4-pool-cidr", "10.0.0.0/16"}, crashing{secret}, &stderr)
	assert.Equal(t, exitFailed, code)
	var line struct{ Level, Msg string }
	require.NoError(t, json.Unmarshal([]byte(lastLine(stderr.String())), &line))
	assert.Equal(t, "ERROR", line.Level)
	assert.Contains(t, line.Msg, "internal error: ")
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
