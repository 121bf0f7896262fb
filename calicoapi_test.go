package calicobootstrap_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNewerCalicoAPI builds the library as a fork of a newer Calico does: with an
// IPPool whose fields differ from those of the version in go.mod. The stored values
// are the same, byte for byte: the tests of package ippool, including the golden
// records, pass there too.
func TestNewerCalicoAPI(t *testing.T) {
	t.Parallel()
	fork := newFork(t, "testdata/newer-calico-api/ippool.go")
	out, err := fork.run("vet", module+"ippool/...", module+"bootstrap/...")
	require.NoError(t, err, out) // vet compiles the tests, too

	out, err = fork.run("test", "-v", module+"ippool/...")
	require.NoError(t, err, out)
	for _, ran := range []string{"TestNewRecord/default-ipv4", "TestNewRecordIsCalicos", "TestRecordChange/NAT_off", "TestRecordRoundTrip/status"} {
		assert.Contains(t, out, "--- PASS: "+ran)
	}
	out, err = fork.run("test", "-v", "-run", "Render|Report", module+"bootstrap")
	require.NoError(t, err, out)
	assert.Contains(t, out, "--- PASS: ")

	// The test is meaningful only if the two types differ.
	out, err = fork.run("doc", "github.com/projectcalico/api/pkg/apis/projectcalico/v3", "IPPoolSpec")
	require.NoError(t, err, out)
	assert.NotContains(t, out, "IPIP ")
	out, err = fork.run("doc", "github.com/projectcalico/api/pkg/apis/projectcalico/v3", "IPPool")
	require.NoError(t, err, out)
	assert.Contains(t, out, "Status")
}

// fork is a module that requires the library and replaces
// github.com/projectcalico/api.
type fork struct {
	t      *testing.T
	folder string
}

// newFork returns a fork with the library's requirements, and the file as package
// v3.
func newFork(t *testing.T, v3 string) fork {
	t.Helper()
	here, err := os.Getwd()
	require.NoError(t, err)
	f := fork{t, t.TempDir()}
	requirements, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(requirements), "\n")
	require.True(t, found)
	f.write("go.mod", "module example.org/fork\n"+rest+"\nrequire "+strings.TrimSuffix(module, "/")+" v0.0.0\n"+
		"replace "+strings.TrimSuffix(module, "/")+" => "+here+"\nreplace github.com/projectcalico/api => ./api\n")
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	f.write("go.sum", string(sums))
	f.write("api/go.mod", "module github.com/projectcalico/api\n\ngo 1.25.0\n\nrequire k8s.io/apimachinery v0.33.13\n")
	source, err := os.ReadFile(v3)
	require.NoError(t, err)
	f.write("api/pkg/apis/projectcalico/v3/ippool.go", string(source))
	return f
}

func (f fork) write(name, text string) {
	f.t.Helper()
	path := filepath.Join(f.folder, name)
	require.NoError(f.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(f.t, os.WriteFile(path, []byte(text), 0o644))
}

// run runs go in the fork. With -trimpath, the next run finds the build results in
// Go's cache, although the folder differs.
func (f fork) run(arguments ...string) (string, error) {
	command := exec.CommandContext(f.t.Context(), "go", arguments...)
	command.Dir = f.folder
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod -trimpath")
	out, err := command.CombinedOutput()
	return string(out), err
}
