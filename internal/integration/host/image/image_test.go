//go:build host && linux

package image

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

const megabyte = 1000 * 1000

// TestImage checks the image that `make image` builds from this checkout.
func TestImage(t *testing.T) {
	t.Parallel()
	i := build(t, repository)
	for name, test := range map[string]func(*testing.T, image){
		"content": testContent, "program": testProgram, "version": testVersion, "render": testRender, "bootstrap": testBootstrap, "system CAs": testSystemCAs,
		"manifests": testManifests,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, i)
		})
	}
}

func testContent(t *testing.T, i image) {
	assert.Equal(t, []string{"-rwxr-xr-x 0:0 calico-bootstrap"}, i.files(t), "only the program")
	t.Logf("compressed %.2f MB", float64(i.compressed)/megabyte)
	assert.Less(t, i.compressed, int64(9.5*megabyte))

	assert.Equal(t, "linux/"+runtime.GOARCH, i.config.OS+"/"+i.config.Architecture)
	got := i.config.Config
	assert.Equal(t, "65532:65532", got.User)
	assert.Equal(t, []string{"/calico-bootstrap"}, got.Entrypoint)
	assert.Empty(t, got.Cmd)
	assert.Empty(t, got.ExposedPorts)
	assert.Empty(t, got.Volumes)
	for _, variable := range got.Env {
		assert.True(t, strings.HasPrefix(variable, "PATH="), variable)
	}
}

func testProgram(t *testing.T, i image) {
	program, err := elf.Open(filepath.Join(i.container(t).root, "calico-bootstrap"))
	require.NoError(t, err)
	defer program.Close()
	for _, segment := range program.Progs {
		assert.NotEqual(t, elf.PT_INTERP, segment.Type, "the binary is not static")
	}
}

// testVersion checks that the labels and the program have the version of the commit.
func testVersion(t *testing.T, i image) {
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", repository}, args...)...).Output()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	version := git("describe", "--tags", "--match", "v*", "--always", "--abbrev=12", "--dirty")
	committed, err := time.Parse(time.RFC3339, git("log", "-1", "--format=%cI"))
	require.NoError(t, err)
	created := committed.UTC().Format(time.RFC3339)
	labels := map[string]string{}
	for name, value := range i.config.Config.Labels {
		if name, isOCI := strings.CutPrefix(name, "org.opencontainers.image."); isOCI {
			labels[name] = value
		}
	}
	assert.Equal(t, map[string]string{
		"title": "calico-bootstrap", "description": "Creates Calico's default IPPools, once for a cluster",
		"source": "https://github.com/calico-bootstrap/calico-bootstrap", "licenses": "Apache-2.0",
		"version": version, "revision": git("rev-parse", "HEAD"), "created": created,
	}, labels)
	at, err := time.Parse(time.RFC3339, i.config.Created)
	require.NoError(t, err)
	assert.Equal(t, committed.UTC(), at.UTC())

	out, err := i.container(t).command(t, nil, "version").Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "calico-bootstrap "+version+" ")
}

// TestReproducible builds two checkouts of a commit in different folders: their images
// are identical.
func TestReproducible(t *testing.T) {
	t.Parallel()
	var digests []string
	for range 2 {
		checkout := filepath.Join(t.TempDir(), "checkout")
		out, err := exec.Command("git", "clone", "--quiet", repository, checkout).CombinedOutput()
		require.NoError(t, err, string(out))
		digests = append(digests, build(t, checkout).digest)
	}
	assert.NotEmpty(t, digests[0])
	assert.Equal(t, digests[0], digests[1])
}

func TestOtherArchitecture(t *testing.T) {
	t.Parallel()
	other, machine := "arm64", elf.EM_AARCH64
	if runtime.GOARCH == other {
		other, machine = "amd64", elf.EM_X86_64
	}
	i := build(t, repository, "ARCH="+other)
	assert.Equal(t, "linux/"+other, i.config.OS+"/"+i.config.Architecture)
	assert.Equal(t, []string{"-rwxr-xr-x 0:0 calico-bootstrap"}, i.files(t))
	assert.Less(t, i.compressed, int64(9.5*megabyte))
	program, err := elf.Open(filepath.Join(i.container(t).root, "calico-bootstrap"))
	require.NoError(t, err)
	defer program.Close()
	assert.Equal(t, machine, program.Machine)
}

// testRender runs a command that needs no datastore, without mounts and a home directory.
func testRender(t *testing.T, i image) {
	env := []string{"CALICO_IPV4POOL_CIDR=10.244.0.0/16", "CALICO_IPV6POOL_CIDR=none"}
	out, err := i.container(t).command(t, env, "render").Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "cidr: 10.244.0.0/16")
	assert.Contains(t, string(out), "ipipMode: Never")
}

// testBootstrap bootstraps an etcd that requires client certificates. The image's user may
// read the files, as with a mounted Secret.
func testBootstrap(t *testing.T, i image) {
	c := i.container(t)
	server := etcdtest.Start(t, etcdtest.WithMutualTLS())
	mount := filepath.Join(c.root, "certs")
	require.NoError(t, os.Mkdir(mount, 0o755))
	for name, content := range map[string][]byte{"ca.pem": server.PKI().CACert, "cert.pem": server.PKI().ClientCert, "key.pem": server.PKI().ClientKey} {
		require.NoError(t, os.WriteFile(filepath.Join(mount, name), content, 0o644))
	}
	env := []string{
		"ETCD_ENDPOINTS=" + strings.Join(server.Endpoints(), ","),
		"ETCD_CA_CERT_FILE=/certs/ca.pem", "ETCD_CERT_FILE=/certs/cert.pem", "ETCD_KEY_FILE=/certs/key.pem",
		"CALICO_IPV4POOL_CIDR=10.244.0.0/16", "CALICO_IPV6POOL_CIDR=fd00:10:244::/64", "CALICO_IPV4POOL_NAT_OUTGOING=false",
		"CALICO_IPPOOLS_PREFLIGHT=off", // its findings depend on the networks of this machine
	}
	actions := func(args ...string) []string {
		var stderr bytes.Buffer
		command := c.command(t, env, append(args, "-o", "json")...)
		command.Stderr = &stderr
		out, err := command.Output()
		require.NoError(t, err, stderr.String())
		var report struct {
			Pools []struct{ Name, Action string }
		}
		require.NoError(t, json.Unmarshal(out, &report))
		var all []string
		for _, pool := range report.Pools {
			all = append(all, pool.Name+" "+pool.Action)
		}
		return all
	}
	assert.Equal(t, []string{"default-ipv4-ippool would-create", "default-ipv6-ippool would-create"}, actions("plan"))
	assert.Equal(t, []string{"default-ipv4-ippool created", "default-ipv6-ippool created"}, actions())
	assert.Equal(t, []string{"default-ipv4-ippool unchanged", "default-ipv6-ippool unchanged"}, actions())
	stored, err := server.Client(t).Get(t.Context(), "/calico/resources/v3/projectcalico.org/ippools/default-ipv4-ippool")
	require.NoError(t, err)
	require.Len(t, stored.Kvs, 1)
	assert.NotContains(t, string(stored.Kvs[0].Value), "natOutgoing", "false is omitted")

	// The image's user has no permission to read the key.
	require.NoError(t, os.Chmod(filepath.Join(mount, "key.pem"), 0o600))
	command := c.command(t, env)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	require.Error(t, command.Run())
	assert.Equal(t, 2, command.ProcessState.ExitCode())
	assert.Contains(t, stderr.String(), `"/certs/key.pem": can't be read: permission denied`)
}

// testSystemCAs checks SSL_CERT_FILE, which an endpoint with a certificate of a public CA
// requires, as the image has no CA certificates.
func testSystemCAs(t *testing.T, i image) {
	c := i.container(t)
	server := etcdtest.Start(t, etcdtest.WithServerTLS())
	require.NoError(t, os.WriteFile(filepath.Join(c.root, "ca-certificates.crt"), server.PKI().CACert, 0o644))
	env := []string{"ETCD_ENDPOINTS=" + strings.Join(server.Endpoints(), ",")}
	out, err := c.command(t, env, "plan").CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "certificate signed by unknown authority")
	out, err = c.command(t, append(env, "SSL_CERT_FILE=/ca-certificates.crt"), "plan").CombinedOutput()
	assert.NoError(t, err, string(out))
}
