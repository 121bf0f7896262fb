// Package integration tests the library and the program on real servers, which
// the tests start themselves.
package integration

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// update writes the golden files anew instead of comparing with them.
var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if programFolder != "" {
			os.RemoveAll(programFolder)
		}
		os.Exit(code)
	}))
}
