package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// result is the output and the exit code of a process.
type result struct {
	stdout, stderr string
	code           int
}

// command prepares a run of the program. Its environment has env and what every
// process needs, and nothing else of the test's environment.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	program := programs.CalicoBootstrap
	if slices.Contains(args, "embedded") || slices.Contains(args, "--data-dir") {
		program = programs.Trial
	}
	binary, err := program()
	require.NoError(t, err)
	cmd := exec.Command(binary, args...)
	cmd.Dir = t.TempDir()
	// The preflight is off, as its findings depend on the networks of the machine.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(), "HOME=" + cmd.Dir, "CALICO_IPPOOLS_PREFLIGHT=off"}, env...)
	return cmd
}

// logged redirects stderr of the command to a file, and returns a function that reads
// it while the command runs.
func logged(t *testing.T, cmd *exec.Cmd) func() string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	cmd.Stderr = file
	return func() string {
		content, err := os.ReadFile(file.Name())
		assert.NoError(t, err)
		return string(content)
	}
}

func call(t *testing.T, env []string, args ...string) result {
	t.Helper()
	return finish(t, command(t, env, args...))
}

// finish runs a command that must not panic.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	assert.NotContains(t, stderr.String(), "goroutine ", "a panic")
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

var (
	uidText  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
	timeText = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
)

func normalized(text string) string {
	text = uidText.ReplaceAllString(text, "47132df4-a8f8-4771-b096-ccd5d2ab0391")
	return timeText.ReplaceAllString(text, "2026-11-22T17:45:23Z")
}

// preflightOn enables the preflight. Findings about the networks of this machine are
// allowed; the output has a note for each of them.
var preflightOn = []string{"CALICO_IPPOOLS_PREFLIGHT=warn", "CALICO_IPPOOLS_ALLOW=HostInterfaceOverlap,HostRouteOverlap"}

// logTime and randomULA match what differs from run to run.
var (
	logTime   = regexp.MustCompile(`(?m)^time=\S+ `)
	spaces    = regexp.MustCompile(` {2,}`)
	randomULA = regexp.MustCompile(`fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}::/48`)
)

var allowedNote = regexp.MustCompile(`(?m)^Note: findings allowed by the settings: Host.*\n`)

var bothCIDRs = []string{"CALICO_IPV4POOL_CIDR=10.244.0.0/16", "CALICO_IPV6POOL_CIDR=fd00:10:244::/64"}

// golden compares got with a file in testdata, which -update writes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// TestTranscript runs the commands of the README's transcript: a plan, a first and a
// second run, drift, the openings of a firewall, invalid settings.
func TestTranscript(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "etcd")
	var out strings.Builder
	type typed struct {
		env  []string // in addition to preflightOn
		args string
		code int
	}
	drift := []string{"CALICO_IPV4POOL_CIDR=10.245.0.0/16", "CALICO_IPV4POOL_IPIP=CrossSubnet"}
	for _, line := range []typed{
		{bothCIDRs, "plan --ipv4-pool-nat-outgoing=false", 0},
		{bothCIDRs, "apply --ipv4-pool-nat-outgoing=false", 0},
		{bothCIDRs, "apply", 0},
		{bothCIDRs, "plan", 0},
		{drift, "plan --ipv4-pool-nat-outgoing=true", 0},
		{drift, "apply --ipv4-pool-nat-outgoing=true --on-drift=fail", 3},
		{drift, "plan --ipv4-pool-nat-outgoing=true --on-drift=update", 0},
		{drift, "apply --ipv4-pool-nat-outgoing=true --on-drift=update", 0},
		{nil, "firewall --role control-plane", 0},
	} {
		fmt.Fprintf(&out, "$ calico-bootstrap %s\n", line.args)
		args := append(strings.Fields(line.args), "--datastore-type", "embedded", "--data-dir", folder)
		r := call(t, slices.Concat(preflightOn, line.env), args...)
		require.Equal(t, line.code, r.code, r.stderr)
		out.WriteString(allowedNote.ReplaceAllString(normalized(r.stdout), ""))
		for text := range strings.Lines(r.stderr) {
			if strings.HasPrefix(text, "error: ") {
				out.WriteString(text)
			}
		}
		out.WriteString("\n")
	}
	out.WriteString("$ CALICO_IPV4POOL_IPIP=sometimes calico-bootstrap apply --ipv6-pool-cidr 10.0.0.0/8\n")
	r := call(t, []string{"CALICO_IPV4POOL_IPIP=sometimes"}, "apply", "--ipv6-pool-cidr", "10.0.0.0/8", "--datastore-type", "embedded")
	require.Equal(t, 2, r.code)
	out.WriteString(r.stderr)
	golden(t, "transcript.txt", out.String())
}

func TestOutputFormats(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "yaml"} {
		for _, verb := range []string{"apply", "plan", "render"} {
			args := []string{verb, "-o", format}
			if verb != "render" {
				args = append(args, "--datastore-type", "embedded")
			}
			r := call(t, append(bothCIDRs, "CALICO_IPV6POOL_NAT_OUTGOING=off"), args...)
			require.Zero(t, r.code, r.stderr)
			if format == "json" {
				assert.True(t, json.Valid([]byte(r.stdout)), "stdout has only the result: %s", r.stdout)
			}
			golden(t, verb+"."+format, normalized(r.stdout))
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	r := call(t, nil, "--help")
	require.Zero(t, r.code)
	golden(t, "help.txt", r.stdout)
}

func TestVersionAndCompletion(t *testing.T) {
	t.Parallel()
	r := call(t, nil, "version")
	assert.Zero(t, r.code)
	assert.Regexp(t, `^calico-bootstrap \S+ .*go1\.`, r.stdout)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		r := call(t, nil, "completion", shell)
		assert.Zero(t, r.code)
		assert.Contains(t, r.stdout, "calico-bootstrap")
	}
}

// TestExitCodes checks each exit code and what is on stderr.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	at := "ETCD_ENDPOINTS=" + server.Endpoints()[0]
	tests := []struct {
		name   string
		env    []string
		args   []string
		code   int
		stderr []string // required lines
	}{
		{"plan without pools", []string{at}, []string{"plan"}, 0, nil},
		{"plan --exit-code without pools", []string{at}, []string{"plan", "--exit-code"}, 3, nil},
		{"apply", []string{at}, nil, 0, nil},
		{"plan --exit-code with all pools", []string{at}, []string{"plan", "--exit-code"}, 0, nil},
		{"all invalid settings are reported",
			[]string{at, "CALICO_IPV4POOL_IPIP=sometimes", "CALICO_IPV6POOL_CIDR=10.0.0.0/8", "CALICO_STARTUP_LOGLEVEL=loud", "CALICO_IPPOOLS_LOG_FORMAT=xml"},
			[]string{"--ipv4-pool-block-size", "8", "-o", "xml"}, 2,
			[]string{
				`error: flag --output: "xml": unknown format; must be one of table, json, yaml`,
				`error: env CALICO_STARTUP_LOGLEVEL: "loud": unknown level; must be one of debug, info, warning, error`,
				`error: env CALICO_IPPOOLS_LOG_FORMAT: "xml": unknown format; must be one of auto, text, json`,
				`error: env CALICO_IPV4POOL_IPIP: "sometimes": unknown mode; must be one of off, never, always, crosssubnet, cross-subnet`,
				`error: env CALICO_IPV6POOL_CIDR: "10.0.0.0/8": an IPv4 CIDR; must be an IPv6 CIDR, or none`,
				`error: flag --ipv4-pool-block-size: "8": must be between 20 and 32 for IPv4`,
			}},
		{"unknown flag", []string{at}, []string{"--ipv4-cidr", "10.0.0.0/8"}, 2,
			[]string{"error: unknown flag: --ipv4-cidr; see calico-bootstrap --help"}},
		{"unknown command", []string{at}, []string{"aply"}, 2,
			[]string{`error: unknown command "aply" (did you mean apply?); see calico-bootstrap --help`}},
		{"boolean flag and value as two arguments", []string{at}, []string{"apply", "--no-default-pools", "false"}, 2, nil},
		{"data-dir without embedded", []string{at}, []string{"--data-dir", "x"}, 2, nil},
		{"embedded and endpoints", nil, []string{"--datastore-type", "embedded", "--etcd-endpoints", server.Endpoints()[0]}, 2, nil},
		{"embedded with endpoints in the environment", []string{at}, []string{"--datastore-type", "embedded"}, 0, nil},
		{"extra argument", nil, []string{"completion", "bash", "extra"}, 2, nil},
		{"endpoint with an invalid port", []string{"ETCD_ENDPOINTS=http://127.0.0.1:99999"}, nil, 2, nil},
		{"no datastore", nil, nil, 2, nil},
		{"timeout", []string{"ETCD_ENDPOINTS=http://127.0.0.1:1"}, []string{"--timeout", "300ms"}, 4, nil},
		{"TLS fails", []string{"ETCD_ENDPOINTS=https" + strings.TrimPrefix(etcdtest.Start(t, etcdtest.WithServerTLS()).Endpoints()[0], "https")}, nil, 1, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := call(t, test.env, test.args...)
			assert.Equal(t, test.code, r.code, r.stderr)
			for _, line := range test.stderr {
				assert.Contains(t, strings.Split(r.stderr, "\n"), line)
			}
			if r.code == 1 || r.code == 2 || r.code == 4 {
				assert.Empty(t, r.stdout)
				assert.Contains(t, r.stderr, "error: ")
			}
			assert.NotContains(t, r.stderr, "panic")
		})
	}
}

func TestErrorsAsJSONLogs(t *testing.T) {
	t.Parallel()
	r := call(t, []string{"CALICO_IPPOOLS_LOG_FORMAT=json", "CALICO_IPV4POOL_IPIP=sometimes"})
	assert.Equal(t, 2, r.code)
	for _, line := range strings.Split(strings.TrimSpace(r.stderr), "\n") {
		assert.True(t, json.Valid([]byte(line)), line)
	}
}

// TestConfigFile uses calicoctl's config file, with certificates as file names and as
// texts.
func TestConfigFile(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithMutualTLS())
	pki := server.PKI()
	write := func(lines ...string) string {
		path := filepath.Join(t.TempDir(), "calicoctl.cfg")
		text := "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata:\nspec:\n  " + strings.Join(lines, "\n  ") + "\n"
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	inline := func(pem []byte) string {
		return "|\n    " + strings.ReplaceAll(strings.TrimSpace(string(pem)), "\n", "\n    ")
	}
	endpoints := "etcdEndpoints: " + server.Endpoints()[0]

	files := write("datastoreType: etcdv3", endpoints,
		"etcdCACertFile: "+pki.CACertFile, "etcdCertFile: "+pki.ClientCertFile, "etcdKeyFile: "+pki.ClientKeyFile)
	r := call(t, bothCIDRs, "--config", files)
	assert.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.stdout, "created")

	texts := write(endpoints,
		"etcdCACert: "+inline(pki.CACert), "etcdCert: "+inline(pki.ClientCert), "etcdKey: "+inline(pki.ClientKey))
	r = call(t, []string{"ETCD_ENDPOINTS=http://127.0.0.1:1"}, "--config", texts)
	assert.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.stdout, "unchanged")
	assert.Contains(t, r.stderr, "env ETCD_ENDPOINTS has no effect")

	for name, path := range map[string]string{
		`etcdEndpoint: unknown field; must be`: write("etcdEndpoint: http://127.0.0.1:1"),
		"no such file or directory":            filepath.Join(t.TempDir(), "absent.cfg"),
		"does not match":                       write(endpoints, "etcdCert: "+inline(pki.ClientCert), "etcdKey: "+inline(pki.OtherCAClient(t).Key)),
		"set files or inline texts":            write(endpoints, "etcdCACertFile: "+pki.CACertFile, "etcdKey: "+inline(pki.ClientKey)),
		"a key without its client certificate": write(endpoints, "etcdKeyFile: "+pki.ClientKeyFile),
	} {
		r := call(t, nil, "--config", path)
		assert.Equal(t, 2, r.code)
		assert.Contains(t, r.stderr, name)
		assert.NotContains(t, r.stderr, "PRIVATE KEY")
	}
}

// TestEndsOnSignal sends SIGTERM to a run that retries without a timeout.
func TestEndsOnSignal(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM on Windows")
	}
	cmd := command(t, []string{"ETCD_ENDPOINTS=http://127.0.0.1:1", "WAIT_FOR_DATASTORE=true"})
	logged := logged(t, cmd)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return strings.Contains(logged(), "waiting for the datastore") }, waitTimeout, pollInterval)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	err := cmd.Wait()
	require.Error(t, err)
	assert.Equal(t, 1, cmd.ProcessState.ExitCode())
	assert.Contains(t, logged(), "error: interrupted")
	assert.Contains(t, logged(), "connection refused")
}

// TestEmptyModesArePrintedAsNever stores a pool without modes, as calicoctl and older
// versions of Calico do.
func TestEmptyModesArePrintedAsNever(t *testing.T) {
	t.Parallel()
	const record = `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"default-ipv4-ippool"},"spec":{"cidr":"10.244.0.0/16","natOutgoing":true}}`
	world := newEtcdWorld(t)
	world.put(t, ippool.RecordKey("default-ipv4-ippool"), record)
	env := []string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0], "CALICO_IPV4POOL_VXLAN=Always", "CALICO_IPV6POOL_CIDR=none"}
	for arguments, wants := range map[string][]string{
		"apply":            {"10.244.0.0/16  true  Never  Never  /26    false"},
		"apply -o json":    {`"ipipMode": "Never"`, `"vxlanMode": "Never"`, `"stored": "Never"`},
		"apply -o yaml":    {"ipipMode: Never", "vxlanMode: Never", "stored: Never"},
		"plan":             {"! vxlanMode  Never   Always"},
		"plan -o json":     {`"ipipMode": "Never"`, `"vxlanMode": "Never"`, `"stored": "Never"`},
		"firewall -o json": {`"ipipMode": "Never"`, `"vxlanMode": "Never"`},
		"firewall -o yaml": {"ipipMode: Never", "vxlanMode: Never"},
	} {
		r := call(t, env, strings.Fields(arguments)...)
		require.Zero(t, r.code, r.stderr)
		for _, want := range wants {
			assert.Contains(t, r.stdout, want, arguments)
		}
	}
	r := call(t, env[:1], "plan", "--ipv6-pool-cidr=none")
	require.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.stdout, "  vxlanMode         Never                datastore\n  ipipMode          Never                datastore\n")
	assert.Equal(t, []keyValue{{ippool.RecordKey("default-ipv4-ippool"), record}}, world.records(t))
}
