// Package integration tests the library and the program on real servers, which
// the tests start themselves.
package integration

import (
	"flag"
	"os"
	"strconv"
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

// parallelTests is how many tests run at a time, unless -parallel says otherwise. It is
// more than the cores, because tests mostly wait: for servers that start, for retries,
// for time limits.
const parallelTests = 6

func TestMain(m *testing.M) {
	flag.Parse()
	parallel := parallelTests
	if *update { // several tests write the same document
		parallel = 1
	}
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "test.parallel" {
			parallel = 0
		}
	})
	if parallel > 0 {
		_ = flag.Set("test.parallel", strconv.Itoa(parallel)) // it is a number
	}
	goleak.VerifyTestMain(tests{m}, goleak.Cleanup(func(code int) {
		programs.Remove()
		os.Exit(code)
	}))
}
