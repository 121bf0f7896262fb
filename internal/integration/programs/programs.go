// Package programs builds the programs that tests and benchmarks run, each once
// in a process, when it is first asked for.
package programs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

const (
	module   = "github.com/calico-bootstrap/calico-bootstrap/"
	examples = module + "examples/"
	tools    = module + "internal/integration/"
)

// A Program returns the path of a binary, and builds it before unless it is
// there. It is safe for concurrent use.
type Program func() (string, error)

// The program as it goes into the container.
var CalicoBootstrap = New("calico-bootstrap", examples+"calico-bootstrap", "-tags", "grpcnotrace", "-ldflags", "-s -w")

// The program as `make run` has it, with an etcd in it.
var Trial = New("calico-bootstrap-trial", examples+"calico-bootstrap", "-tags", "embedded")

// The other examples.
var (
	Nodefork  = New("nodefork", examples+"nodefork")
	Installer = New("installer", examples+"installer")
)

// Bare clients, which the program is measured against, and what measures all.
var (
	DynamicList = New("dynamiclist", tools+"dynamiclist", "-ldflags", "-s -w")
	EtcdList    = New("etcdlist", tools+"etcdlist", "-ldflags", "-s -w")
	Cost        = New("cost", tools+"cost")
)

// New returns a program of a package of the workspace, or of a file, built with
// the flags.
func New(name, source string, flags ...string) Program {
	return sync.OnceValues(func() (string, error) { return build(name, source, flags) })
}

// folder has the binaries, from the first to Remove.
var folder = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "calico-bootstrap-test-") })

// Remove deletes the binaries. TestMain calls it in the end.
func Remove() {
	if folder, err := folder(); err == nil {
		_ = os.RemoveAll(folder)
	}
}

func build(name, source string, flags []string) (string, error) {
	folder, err := folder()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(folder, name)
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.Command("go", append(append([]string{"build", "-o", binary}, flags...), source)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return binary, nil
}
