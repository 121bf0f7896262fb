//go:build host

package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

// Main is the TestMain of the packages below this folder. It builds calico-bootstrap as
// for the container image, sets program to its path, runs the tests and exits.
func Main(m *testing.M, program *string) {
	code := 1
	defer func() { os.Exit(code) }()
	defer programs.Remove()
	binary, err := programs.CalicoBootstrap()
	if err != nil {
		panic(err)
	}
	// Some tests run it as another user than root.
	if err := os.Chmod(filepath.Dir(binary), 0o755); err != nil {
		panic(err)
	}
	*program = binary
	code = m.Run()
}
