//go:build host && linux

package firewalld

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

// assertOneLine asserts that the program failed with this code and only this error.
func assertOneLine(t *testing.T, code int, line string, got result) {
	t.Helper()
	assert.Equal(t, code, got.code)
	assert.Equal(t, "error: "+line+"\n", got.stderr)
	assert.Empty(t, got.stdout)
}

func TestFirewalldIsMissing(t *testing.T) {
	t.Parallel()
	host := firewalldtest.New(t)
	assertOneLine(t, 1, "firewalld isn't running: the system bus has no name org.fedoraproject.FirewallD1", call(t, host, "--check"))
	assert.False(t, host.Activated(), "the check made the bus start firewalld")

	bus := strings.TrimPrefix(host.Bus, "unix:path=")
	noBus := *host
	noBus.Bus = "unix:path=" + bus + "-other"
	assertOneLine(t, 1, `firewalld is unreachable: no D-Bus system bus at "`+noBus.Bus+`" (env DBUS_SYSTEM_BUS_ADDRESS): `+
		"dial unix "+bus+"-other: connect: no such file or directory", call(t, &noBus, "--check"))
	noBus.Bus = "nonsense"
	got := call(t, &noBus, "--check")
	assert.Equal(t, 1, got.code)
	assert.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
	assert.Contains(t, got.stderr, `"nonsense" (env DBUS_SYSTEM_BUS_ADDRESS)`)
}

// TestSilentBus uses a bus that accepts the connection and does not answer.
func TestSilentBus(t *testing.T) {
	t.Parallel()
	host := firewalldtest.New(t)
	folder, err := os.MkdirTemp("", "silent")
	require.NoError(t, err)
	defer os.RemoveAll(folder)
	listener, err := net.Listen("unix", filepath.Join(folder, "bus"))
	require.NoError(t, err)
	defer listener.Close()
	host.Bus = "unix:path=" + filepath.Join(folder, "bus")
	got := call(t, host, "--check", "--timeout", "1s")
	assert.Equal(t, 4, got.code, got.stderr)
	assert.Contains(t, got.stderr, "timed out after 1s")
	assert.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
}

func TestNoPermission(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	command := host.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "firewall", "--local", "--check")
	got := runCommand(t, command)
	assert.Equal(t, 1, got.code)
	assert.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
	assert.Contains(t, got.stderr, "firewalld denies this user access; run as root, or allow polkit's org.fedoraproject.FirewallD1.config.info and org.fedoraproject.FirewallD1.direct.info")
}

func TestUnknownNames(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	assertOneLine(t, 1, `zone "intranet": firewalld has no such zone; must be one of block, dmz, drop, external, home, internal, public, trusted, work`,
		call(t, host, "--check", "--zone", "intranet"))
	assertOneLine(t, 1, `interface "eht0": not found on this host or in firewalld`, call(t, host, "--check", "--interface", "eht0"))
	host.FirewallCmd(t, "--zone=work", "--add-interface=later0")
	assert.Equal(t, "work", check(t, host, "--interface", "later0").Check.Zones[0].Zone, "an interface that does not exist yet")

	host.FirewallCmd(t, "--permanent", "--new-zone=intranet")
	assertOneLine(t, 1, `zone "intranet" is in firewalld's permanent configuration only; run firewall-cmd --reload`,
		call(t, host, "--check", "--zone", "intranet"))
	host.FirewallCmd(t, "--reload")
	assert.Equal(t, []string{"179/tcp missing missing"}, check(t, host, "--zone", "intranet").states(t))
	host.FirewallCmd(t, "--permanent", "--delete-zone=intranet")
	gone := check(t, host, "--zone", "intranet").Check.Zones[0].Openings[0]
	assert.Equal(t, "the zone isn't in the permanent configuration", gone.PermanentBy)
}

// TestRestart stops and starts firewalld.
func TestRestart(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	shell(t, host, call(t, host, "-o", "firewall-cmd").stdout)
	host.StopFirewalld(t)
	assert.Equal(t, 1, call(t, host, "--check").code)
	host.StartFirewalld(t)
	assert.Equal(t, []string{"179/tcp open open"}, check(t, host).states(t))
}

func TestHangingFirewalld(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	require.NoError(t, host.Signal(syscall.SIGSTOP))
	defer func() { require.NoError(t, host.Signal(syscall.SIGCONT)) }()
	got := call(t, host, "--check", "--timeout", "1s")
	assert.Equal(t, 4, got.code, got.stderr)
	assert.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
	assert.Contains(t, got.stderr, "querying firewalld for its state: timed out after 1s")
}
