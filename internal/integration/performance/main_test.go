// Package performance measures the program and the library and writes the tables and
// the pictures of docs/PERFORMANCE.md: `make bench`.
package performance

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

var (
	write  = flag.Bool("write", false, "write the measured tables and pictures into docs/PERFORMANCE.md")
	before = flag.String("before", "", "an older `program` to compare with")
)

func TestMain(m *testing.M) {
	code := m.Run()
	programs.Remove()
	if *write && code == 0 {
		if err := errors.Join(writeTables(), writePictures()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
