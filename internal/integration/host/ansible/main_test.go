//go:build host && linux

package ansible

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// update writes what a document shows anew instead of comparing with it.
var update = flag.Bool("update", false, "write the transcripts anew")

// program is the path of calico-bootstrap, as it goes onto hosts.
var program string

// examples is the folder with the role, and the playbook that a user has.
var examples string

func TestMain(m *testing.M) {
	code := 1
	defer func() { os.Exit(code) }()
	folder, err := os.MkdirTemp("", "calico-bootstrap")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	if examples, err = filepath.Abs("../../../../examples/ansible"); err != nil {
		panic(err)
	}
	program = filepath.Join(folder, "calico-bootstrap")
	build := exec.Command("go", "build", "-o", program, "../../../../examples/calico-bootstrap")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	code = m.Run()
}
