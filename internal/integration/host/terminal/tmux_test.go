//go:build host

// Package terminal runs calico-bootstrap in a real terminal, tmux, and reads what it shows.
package terminal

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host"
)

var program string

func TestMain(m *testing.M) { host.Main(m, &program) }

// tmux is a terminal with a shell.
type tmux struct {
	t      *testing.T
	socket string
}

func start(t *testing.T, columns string) tmux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed: internal/integration/host/install installs it")
	}
	term := tmux{t, filepath.Join(t.TempDir(), "socket")}
	shell := exec.Command("tmux", "-S", term.socket, "-f", os.DevNull, "new-session", "-d", "-x", columns, "-y", "40", "sh")
	shell.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8", "CALICO_IPPOOLS_PREFLIGHT=off"}
	out, err := shell.CombinedOutput()
	require.NoError(t, err, string(out))
	t.Cleanup(func() { term.tell("kill-server") })
	return term
}

func (term tmux) tell(args ...string) string {
	term.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", term.socket}, args...)...).CombinedOutput()
	require.NoError(term.t, err, string(out))
	return string(out)
}

// end is what the shell prints after a command that typed typed.
const end = "\nend of the command"

// typed types a command.
func (term tmux) typed(command string) {
	term.t.Helper()
	term.tell("send-keys", "-l", "clear; "+command+"; echo 'end of' the command")
	term.tell("send-keys", "Enter")
}

// shownBy types a command and returns what the screen shows after it.
func (term tmux) shownBy(command string) string {
	term.t.Helper()
	term.tell("send-keys", "-R") // clears the screen, so that it has no older end
	term.tell("clear-history")
	term.typed(command)
	return term.await(end)
}

// screen returns the visible lines, with colours, without empty ones at the end.
func (term tmux) screen() string {
	return strings.TrimRight(term.tell("capture-pane", "-e", "-p"), "\n ")
}

// await waits until the screen has the text, and returns it.
func (term tmux) await(text string) string {
	term.t.Helper()
	var shown string
	require.Eventually(term.t, func() bool {
		shown = term.screen()
		return strings.Contains(shown, text)
	}, 30*time.Second, 50*time.Millisecond, "%s", text)
	return shown
}

// The live line is redrawn in place, also after the terminal became narrower, and Ctrl-C
// leaves the log lines, the error and the prompt.
func TestWaiting(t *testing.T) {
	term := start(t, "120")
	term.typed("ETCD_ENDPOINTS=http://127.0.0.1:1 " + program)
	shown := term.await("\nwaiting for the datastore, 2s of 1m0s: ")
	assert.Contains(t, shown, "connection refused")
	assert.Equal(t, 1, strings.Count(shown, "of 1m0s"), shown)

	term.tell("resize-window", "-x", "45")
	shown = term.await("waiting for the datastore, 4s of 1m0s")
	assert.Equal(t, 1, strings.Count(shown, "of 1m0s"), shown)

	term.tell("send-keys", "C-c")
	shown = term.await(end)
	assert.Contains(t, shown, "\nerror: interrupted")
	assert.NotContains(t, shown, "of 1m0s")
	assert.NotContains(t, shown, "^C")
	assert.NotContains(t, shown, "\x1b", "log lines have no colour")
}

// After the datastore appeared, the screen has only the log and the result.
func TestWaitingEnds(t *testing.T) {
	server := etcdtest.Start(t)
	server.Stop()
	term := start(t, "160")
	term.typed("ETCD_ENDPOINTS=" + server.Endpoints()[0] + " " + program + " --ipv4-pool-cidr 10.244.0.0/16 --ipv6-pool-cidr none")
	term.await("s of 1m0s")
	server.Restart()
	shown := term.await(end)
	assert.NotContains(t, shown, "of 1m0s")
	lines := strings.Split(shown, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "POOL ") {
			assert.True(t, strings.HasPrefix(lines[i-1], "info: IPv4 pool created ("), shown)
			return
		}
	}
	assert.Fail(t, "no table", shown)
}

// plan shows what is created in green, with a mark; NO_COLOR has the mark only, and a pipe
// neither.
func TestPlan(t *testing.T) {
	server := etcdtest.Start(t)
	term := start(t, "120")
	const pool = "IPv4 pool default-ipv4-ippool: would be created"
	plan := "ETCD_ENDPOINTS=" + server.Endpoints()[0] + " " + program + " plan --ipv6-pool-cidr none"
	assert.Contains(t, term.shownBy(plan), "\x1b[32m+ "+pool)
	for _, plain := range []string{"export NO_COLOR=1; " + plan, "unset NO_COLOR; TERM=dumb " + plan} {
		shown := term.shownBy(plain)
		assert.Contains(t, "\n"+shown, "\n+ "+pool)
		assert.NotContains(t, shown, "\x1b")
	}
	shown := term.shownBy(plan + " | cat")
	assert.Contains(t, "\n"+shown, "\n"+pool)
	assert.NotContains(t, shown, "\x1b")
}
