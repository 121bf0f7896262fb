//go:build host

package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

// Main runs the tests of a package in a folder below this one, with the path of
// calico-bootstrap, built as it goes into the container, in program. It is for
// TestMain, and ends the process.
func Main(m *testing.M, program *string) {
	code := 1
	defer func() { os.Exit(code) }()
	defer programs.Remove()
	binary, err := programs.CalicoBootstrap()
	if err != nil {
		panic(err)
	}
	// Somebody who isn't root runs it too.
	if err := os.Chmod(filepath.Dir(binary), 0o755); err != nil {
		panic(err)
	}
	*program = binary
	code = m.Run()
}
