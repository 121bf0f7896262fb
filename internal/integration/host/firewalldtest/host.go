//go:build host && linux

package firewalldtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// busConfig allows every user every call, as firewalld has its own authorization.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=%[1]s/bus</listen>
  <servicedir>%[1]s/services</servicedir>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="method_return"/>
    <allow send_type="signal"/>
    <allow send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="signal"/>
    <allow receive_type="error"/>
  </policy>
</busconfig>
`

// service is the D-Bus activation of firewalld. It only creates a file.
const service = `[D-BUS Service]
Name=org.fedoraproject.FirewallD1
Exec=/usr/bin/touch %s/activated
`

// Host is a network namespace with a bus and, after StartFirewalld, a firewalld.
type Host struct {
	Namespace string // name of the network namespace, for ip netns
	Bus       string // address of the system bus

	folder    string
	firewalld *exec.Cmd
}

// namespaces numbers the namespaces of this process, as their names are global.
var namespaces atomic.Int32

// New creates a host without a firewalld.
func New(t testing.TB) *Host {
	t.Helper()
	// Not t.TempDir, as the path of a socket has at most 107 bytes.
	folder, err := os.MkdirTemp("", "firewalld")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	require.NoError(t, os.Chmod(folder, 0o755)) // for tests with another user
	h := &Host{folder: folder, Bus: "unix:path=" + filepath.Join(folder, "bus"), Namespace: NewNamespace(t)}

	config := filepath.Join(folder, "bus.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, busConfig, folder), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "services"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "services", "firewalld.service"), fmt.Appendf(nil, service, folder), 0o600))
	bus := exec.Command("dbus-daemon", "--config-file="+config, "--nofork")
	start(t, bus)
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(folder, "bus"))
		return err == nil
	}, 30*time.Second, 10*time.Millisecond, "the bus does not listen")
	return h
}

// Start creates a host with a firewalld that is ready.
func Start(t testing.TB) *Host {
	t.Helper()
	h := New(t)
	h.StartFirewalld(t)
	return h
}

// StartFirewalld starts the host's firewalld with its previous configuration.
func (h *Host) StartFirewalld(t testing.TB) {
	t.Helper()
	h.firewalld = h.Command("firewalld", "--nofork", "--nopid", "--log-target", "console", "--system-config", filepath.Join(h.folder, "etc"))
	stop := start(t, h.firewalld)
	require.Eventually(t, func() bool { return h.Command("firewall-cmd", "--state").Run() == nil },
		time.Minute, 50*time.Millisecond, "firewalld does not become ready: %s", stop)
}

// StopFirewalld stops the host's firewalld.
func (h *Host) StopFirewalld(t testing.TB) {
	t.Helper()
	require.NoError(t, h.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { return h.Command("firewall-cmd", "--state").Run() != nil }, time.Minute, 50*time.Millisecond)
}

// Signal sends a signal to firewalld.
func (h *Host) Signal(signal syscall.Signal) error {
	return syscall.Kill(-h.firewalld.Process.Pid, signal)
}

// Activated reports whether the bus tried to start firewalld.
func (h *Host) Activated() bool {
	_, err := os.Stat(filepath.Join(h.folder, "activated"))
	return err == nil
}

// Environ returns the environment of a client of the host's firewalld.
func (h *Host) Environ() []string {
	return append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+h.Bus)
}

// Command returns a command that runs on the host.
func (h *Host) Command(name string, args ...string) *exec.Cmd {
	command := exec.Command("ip", append([]string{"netns", "exec", h.Namespace, name}, args...)...)
	command.Env = h.Environ()
	return command
}

// FirewallCmd runs firewall-cmd, which must succeed, and returns its output.
func (h *Host) FirewallCmd(t testing.TB, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := h.Command("firewall-cmd", args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	require.NoError(t, command.Run(), "firewall-cmd %s: %s", strings.Join(args, " "), &stderr)
	return strings.TrimSpace(stdout.String())
}

// NewNamespace creates a network namespace whose loopback interface is up.
func NewNamespace(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("cbtest-%d-%d", os.Getpid(), namespaces.Add(1))
	run(t, "ip", "netns", "add", name)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", name).Run() })
	run(t, "ip", "-n", name, "link", "set", "lo", "up")
	return name
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
}

// start starts a server that is stopped when the test ends, and returns its output.
func start(t testing.TB, server *exec.Cmd) fmt.Stringer {
	t.Helper()
	output := &lockedBuffer{}
	server.Stdout, server.Stderr = output, output
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, server.Start())
	ended := make(chan struct{})
	go func() {
		_ = server.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
			<-ended
		}
	})
	return output
}

// lockedBuffer is a buffer that is safe for concurrent use.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
