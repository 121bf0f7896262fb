// Package integration tests the library and the program on real servers, which
// the tests start themselves.
package integration

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

// update rewrites the golden files instead of comparing with them.
var update = flag.Bool("update", false, "rewrite the golden files")

// tests stops the shared API server before goleak looks for goroutines.
type tests struct{ *testing.M }

func (t tests) Run() int {
	defer kubetest.StopShared()
	return t.M.Run()
}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(tests{m}, goleak.Cleanup(func(code int) {
		programs.Remove()
		os.Exit(code)
	}))
}
