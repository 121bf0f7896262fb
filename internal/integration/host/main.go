//go:build host

package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Main runs the tests of a package in a folder below this one, with the path of
// calico-bootstrap, built as it goes into the container, in program. It is for
// TestMain, and ends the process.
func Main(m *testing.M, program *string) {
	code := 1
	defer func() { os.Exit(code) }()
	folder, err := os.MkdirTemp("", "calico-bootstrap")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	// Somebody who isn't root runs it too.
	if err := os.Chmod(folder, 0o755); err != nil {
		panic(err)
	}
	*program = filepath.Join(folder, "calico-bootstrap")
	build := exec.Command("go", "build", "-o", *program, "../../../../examples/calico-bootstrap")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	code = m.Run()
}
