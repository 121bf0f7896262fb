//go:build host && linux

package ansible

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host"
)

// update writes what a document shows anew instead of comparing with it.
var update = flag.Bool("update", false, "write the transcripts anew")

// program is the path of calico-bootstrap, as it goes onto hosts.
var program string

// examples is the folder with the role, and the playbook that a user has.
var examples string

func TestMain(m *testing.M) {
	var err error
	if examples, err = filepath.Abs("../../../../examples/ansible"); err != nil {
		panic(err)
	}
	host.Main(m, &program)
}
