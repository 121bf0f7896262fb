//go:build !windows

package integration

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// terminal is the other side of a terminal: what programs wrote to it.
type terminal struct {
	file *os.File // the program's side
	end  *os.File

	mu      sync.Mutex
	written bytes.Buffer
	done    chan struct{}
}

// newTerminal opens a terminal of a width.
func newTerminal(t *testing.T, columns uint16) *terminal {
	t.Helper()
	end, file, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	require.NoError(t, pty.Setsize(file, &pty.Winsize{Rows: 24, Cols: columns}))
	term := &terminal{file: file, end: end, done: make(chan struct{})}
	go func() {
		defer close(term.done)
		buffer := make([]byte, 4096)
		for {
			n, err := end.Read(buffer)
			term.mu.Lock()
			term.written.Write(buffer[:n])
			term.mu.Unlock()
			if err != nil { // EIO once nobody has the program's side
				return
			}
		}
	}()
	t.Cleanup(func() {
		file.Close()
		<-term.done
		end.Close()
	})
	return term
}

func (term *terminal) raw() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return strings.ReplaceAll(term.written.String(), "\r\n", "\n")
}

// close waits until everything is read, and returns it.
func (term *terminal) close() string {
	term.file.Close()
	<-term.done
	return term.raw()
}

// onTerminal prepares a run of the program on terminals of a kind. Nil: no terminal.
func onTerminal(t *testing.T, kind string, stdout, stderr *terminal, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := command(t, append([]string{"TERM=" + kind}, env...), args...)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if stdout != nil {
		cmd.Stdout = stdout.file
	}
	if stderr != nil {
		cmd.Stderr = stderr.file
	}
	return cmd
}

// screen returns the lines that a terminal shows after the text. It knows the three
// controls that the live line needs, and fails on others.
func screen(t *testing.T, raw string) string {
	t.Helper()
	lines, column := [][]rune{nil}, 0
	for text := []rune(raw); len(text) > 0; text = text[1:] {
		last := &lines[len(lines)-1]
		switch {
		case text[0] == '\n':
			lines, column = append(lines, nil), 0
		case text[0] == '\r':
			column = 0
		case text[0] == 0x1b:
			require.True(t, len(text) > 2 && text[1] == '[' && text[2] == 'J', "%q", raw)
			*last, text = (*last)[:min(column, len(*last))], text[2:]
		default:
			*last = append((*last)[:column], append([]rune{text[0]}, (*last)[min(column+1, len(*last)):]...)...)
			column++
		}
	}
	var shown []string
	for _, line := range lines {
		shown = append(shown, strings.TrimRight(string(line), " "))
	}
	return strings.Join(shown, "\n")
}

var unreachableEtcd = []string{"ETCD_ENDPOINTS=http://127.0.0.1:1"}

// While a run waits on a terminal, one line has the time, the limit and the cause. It is
// no wider than the terminal, and is gone afterwards.
func TestLiveLine(t *testing.T) {
	t.Parallel()
	for _, columns := range []uint16{40, 80} {
		stderr := newTerminal(t, columns)
		cmd := onTerminal(t, "xterm", nil, stderr, unreachableEtcd, "--timeout", "3500ms")
		require.Error(t, cmd.Run())
		raw := stderr.close()
		drawn := regexp.MustCompile(`\r\x1b\[J(waiting for the datastore, [123]s of 3\.5s[^\r]*)\r`).FindAllStringSubmatch(raw, -1)
		require.GreaterOrEqual(t, len(drawn), 2, "%q", raw)
		for _, line := range drawn {
			width := len([]rune(line[1]))
			assert.Less(t, width, int(columns))
			assert.Equal(t, columns == 40, strings.HasSuffix(line[1], "…"), line[1])
			assert.Equal(t, columns != 40, strings.HasSuffix(line[1], "connection refused"), line[1])
		}
		shown := screen(t, raw)
		assert.Regexp(t, `(?s)^info: the datastore is etcd http://127\.0\.0\.1:1\nwarning: waiting for the datastore \(cause: [^\n]*connection refused[^\n]*\)\nerror: timed out after 3\.5s: [^\n]*\n$`, shown)
	}
}

// A run that ends by Ctrl-C, or whose datastore appears, leaves no part of the line, and
// neither do the log lines in between.
func TestLiveLineIsRemoved(t *testing.T) {
	t.Parallel()
	t.Run("signal", func(t *testing.T) {
		stderr := newTerminal(t, 100)
		cmd := onTerminal(t, "xterm", nil, stderr, unreachableEtcd)
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool { return strings.Contains(stderr.raw(), "of 1m0s") }, 20*time.Second, 10*time.Millisecond)
		_, _ = stderr.file.WriteString("^C") // as the terminal does
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		require.Error(t, cmd.Wait())
		shown := screen(t, stderr.close())
		assert.NotContains(t, shown, "1m0s")
		assert.NotContains(t, shown, "^C")
		assert.Contains(t, shown, "\nerror: interrupted (interrupt signal received): ")
	})
	t.Run("server", func(t *testing.T) {
		server := etcdtest.Start(t)
		server.Stop()
		both := newTerminal(t, 100)
		cmd := onTerminal(t, "xterm", both, both, append([]string{"ETCD_ENDPOINTS=" + server.Endpoints()[0], "NO_COLOR="}, bothCIDRs...))
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool { return strings.Contains(both.raw(), "of 1m0s") }, 20*time.Second, 10*time.Millisecond)
		server.Restart()
		require.NoError(t, cmd.Wait())
		shown := screen(t, both.close())
		assert.NotContains(t, shown, "1m0s")
		assert.Regexp(t, `(?m)^info: IPv4 pool created \(pool: default-ipv4-ippool, reason: no IPv4 pool existed\)\n`, shown)
		assert.Regexp(t, `(?m)^POOL +FAMILY`, shown)
	})
}

// Control characters are only for terminals that take them, and a live line only where
// warnings are plain lines.
func TestNoLiveLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, kind string
		env        []string
		args       []string
		want       string
	}{
		{"NO_COLOR", "xterm", []string{"NO_COLOR=1"}, nil, "warning: waiting"},
		{"dumb", "dumb", nil, nil, "warning: waiting"},
		{"unknown", "", nil, nil, "warning: waiting"},
		{"text", "xterm", nil, []string{"--log-format", "text"}, "level=WARN msg=\"waiting"},
		{"json", "xterm", nil, []string{"--log-format", "json"}, `"level":"WARN","msg":"waiting`},
		{"error", "xterm", nil, []string{"--log-level", "error"}, "error: timed out"},
	} {
		stderr := newTerminal(t, 100)
		require.Error(t, onTerminal(t, tt.kind, nil, stderr, append(tt.env, unreachableEtcd...), append([]string{"--timeout", "2500ms"}, tt.args...)...).Run())
		raw := stderr.close()
		assert.NotContains(t, raw, "\x1b", tt.name)
		assert.NotContains(t, raw, "s of 2.5s", tt.name)
		assert.Contains(t, raw, tt.want, tt.name)
	}
	r := call(t, append([]string{"TERM=xterm"}, unreachableEtcd...), "--timeout", "2500ms")
	assert.NotContains(t, r.stderr, "\x1b")
	assert.Contains(t, r.stderr, "level=WARN msg=\"waiting for the datastore\"")
}

// plan marks what happens to each pool on a terminal, with a colour if the terminal takes
// it. In a pipe, its output is the same as ever.
func TestPlanMarks(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	etcd := []string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]}
	plan := func(kind string, env ...string) string {
		stdout := newTerminal(t, 120)
		require.NoError(t, onTerminal(t, kind, stdout, nil, slices.Concat(etcd, env), "plan").Run())
		return stdout.close()
	}
	const created, updated, unchanged, skipped = "+ IPv4 pool default-ipv4-ippool: would be created", "~ IPv4 pool default-ipv4-ippool: would be updated",
		"= IPv4 pool default-ipv4-ippool: unchanged", "- IPv6 pool default-ipv6-ippool: skipped"
	noIPv6 := "CALICO_IPV6POOL_CIDR=none"
	check := func(mark, colour string, env ...string) {
		t.Helper()
		raw := plan("xterm-256color", env...)
		assert.Regexp(t, "(?m)^"+regexp.QuoteMeta(colour+mark)+`.*\x1b\[0m$`, raw)
		plain := regexp.MustCompile(`\x1b\[\d+m`).ReplaceAllString(raw, "")
		assert.Contains(t, "\n"+plain, "\n"+mark)
		assert.NotContains(t, plain, "\x1b")
		assert.Equal(t, plain, plan("xterm", append(env, "NO_COLOR=1")...))
		assert.Equal(t, plain, plan("dumb", env...))
		assert.Equal(t, raw, plan("xterm", append(env, "NO_COLOR=")...), "an empty NO_COLOR does not count")
		pipe := call(t, slices.Concat(etcd, env, []string{"TERM=xterm"}), "plan").stdout
		assert.Equal(t, regexp.MustCompile(`(?m)^[-+~=] `).ReplaceAllString(plain, ""), pipe)
	}
	check(created, "\x1b[32m", noIPv6)
	check(skipped, "\x1b[2m", noIPv6)
	require.Zero(t, call(t, append(etcd, noIPv6), "apply").code)
	check(unchanged, "\x1b[2m", noIPv6)
	check(updated, "\x1b[33m", noIPv6, "CALICO_IPV4POOL_NAT_OUTGOING=false", "CALICO_IPPOOLS_ON_DRIFT=update")
}
