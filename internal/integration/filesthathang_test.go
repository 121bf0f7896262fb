//go:build unix

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// ends runs the program until it ends, with a limit on the time.
func ends(t *testing.T, cmd *exec.Cmd, started func()) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	require.NoError(t, cmd.Start())
	killed := time.AfterFunc(soon, func() { _ = cmd.Process.Kill() })
	if started != nil {
		started()
	}
	err := cmd.Wait()
	assert.True(t, killed.Stop(), "it did not end: %s", stderr.String())
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	assert.NotContains(t, stderr.String(), "goroutine ", "a panic")
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// TestFilesThatHang gives the program pipes that nothing writes to, in the place of every
// file that it reads. It ends at the time limit and with the first signal; a file that is
// read more than once must be regular.
func TestFilesThatHang(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, folder := filepath.Join(dir, "pipe"), filepath.Join(dir, "folder")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, syscall.Mkfifo(filepath.Join(folder, "a.yaml"), 0o600))
	kubeconfig := func(user string) string {
		path := filepath.Join(t.TempDir(), "kubeconfig")
		require.NoError(t, os.WriteFile(path, []byte(fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
			clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {%s}}]}`, user)), 0o600))
		return path
	}
	etcd := func(args ...string) []string { return append(args, "--etcd-endpoints", "https://127.0.0.1:1") }
	tests := []struct {
		name  string
		args  []string
		error string // if empty, the pipe is refused
	}{
		{"config", etcd("--config", pipe), "reading the files of flag --config"},
		{"pools file", etcd("--pools-file", pipe), "reading the files of flag --pools-file"},
		{"config of config", etcd("config", "--config", pipe), "reading the files of flag --config"},
		{"pools file of render", []string{"render", "--pools-file", pipe}, "reading the files of flag --pools-file"},
		{"CA of etcd", etcd("plan", "--etcd-ca-cert-file", pipe), "reading the files of flag --etcd-ca-cert-file"},
		{"CA of the API server", []string{"--k8s-api-endpoint", "https://127.0.0.1:1", "--k8s-ca-file", pipe}, "reading the files of flag --k8s-ca-file"},
		{"openings", []string{"firewall", "--from", pipe}, "reading the file of flag --from"},
		{"openings on stdin", []string{"firewall", "--from", "-"}, "reading the file of flag --from"},
		{"kubeconfig", []string{"--kubeconfig", pipe}, ""},
		{"token of a kubeconfig", []string{"--kubeconfig", kubeconfig("tokenFile: " + pipe)}, ""},
		{"certificate of a kubeconfig", []string{"--kubeconfig", kubeconfig("client-certificate: " + pipe + ", client-key: " + pipe)}, ""},
		{"device as the key of a kubeconfig", []string{"--kubeconfig", kubeconfig("client-certificate: /dev/zero, client-key: /dev/zero")}, ""},
		{"pools in a directory", etcd("--pools-file", folder), ""},
	}
	prepared := func(t *testing.T, args ...string) *exec.Cmd {
		t.Helper()
		cmd := command(t, nil, args...)
		stdin, writer, err := os.Pipe() // which nothing writes to
		require.NoError(t, err)
		t.Cleanup(func() { _, _ = stdin.Close(), writer.Close() })
		cmd.Stdin = stdin
		return cmd
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ends(t, prepared(t, append(tt.args, "--timeout", "500ms")...), nil)
			if tt.error == "" {
				assert.Equal(t, 2, r.code, r.stderr)
				assert.Regexp(t, "not a regular file|a directory without a .yaml", r.stderr)
				return
			}
			assert.Equal(t, 4, r.code, r.stderr)
			assert.Equal(t, "error: timed out after 500ms: "+tt.error+"\n", r.stderr)

			cmd := prepared(t, append(tt.args, "--timeout", "0", "--log-format", "json")...)
			r = ends(t, cmd, func() {
				time.Sleep(time.Second) // it reads
				assert.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			})
			assert.Equal(t, 1, r.code, r.stderr)
			assert.Contains(t, r.stderr, `"level":"ERROR","msg":"interrupted (`)
			assert.Contains(t, r.stderr, tt.error)
		})
	}
}

// TestProcessSubstitution reads the pools and the connection from pipes, as <(...) in a
// shell does.
func TestProcessSubstitution(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	config := fmt.Sprintf("{apiVersion: projectcalico.org/v3, kind: CalicoAPIConfig, spec: {datastoreType: etcdv3, etcdEndpoints: %q, etcdUsername: %q, etcdPassword: %q}}",
		world.server.Endpoints()[0], etcdtest.CalicoUser, password)
	script := fmt.Sprintf(`exec "$0" --config <(echo '%s') --pools-file <(sleep 1; echo '[{name: a, cidr: 10.1.0.0/16}]')`, config)
	cmd := command(t, nil)
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	cmd.Path, cmd.Args = shell, []string{"bash", "-c", script, cmd.Path}
	r := ends(t, cmd, nil)
	assert.Zero(t, r.code, r.stderr)
	assert.Equal(t, []string{"a"}, names(world.Pools(t)))
}

// TestFirewallLocalEndpoints validates the endpoints that openings are derived from, and
// nothing else of the connection.
func TestFirewallLocalEndpoints(t *testing.T) {
	t.Parallel()
	local := func(args ...string) result {
		return call(t, nil, append([]string{"firewall", "--local", "--role", "control-plane"}, args...)...)
	}
	for _, args := range [][]string{
		{"--etcd-endpoints", "http://10.0.0.1:99999"}, {"--etcd-endpoints", "nonsense"}, {"--k8s-api-endpoint", "ftp://10.0.0.1"},
	} {
		r := local(args...)
		assert.Equal(t, 2, r.code, r.stdout)
		assert.Contains(t, r.stderr, "error: flag "+args[0]+": ")
	}
	assert.Zero(t, local("--etcd-endpoints", "https://10.0.0.1:2379", "--etcd-ca-cert-file", "/nonexistent").code)
	assert.Zero(t, local("--datastore-type", "kubernetes").code)
}
