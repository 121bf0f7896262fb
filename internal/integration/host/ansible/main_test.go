//go:build host && linux

package ansible

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host"
)

// update rewrites the transcripts in documents instead of comparing with them.
var update = flag.Bool("update", false, "rewrite the transcripts")

// program is the path of calico-bootstrap, built as for hosts.
var program string

// examples is the folder with the role and the user's playbook.
var examples string

func TestMain(m *testing.M) {
	var err error
	if examples, err = filepath.Abs("../../../../examples/ansible"); err != nil {
		panic(err)
	}
	host.Main(m, &program)
}
