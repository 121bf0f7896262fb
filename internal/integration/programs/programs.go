// Package programs builds the programs for tests and benchmarks, each on its first use and
// once in a process.
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

// A Program returns the path of a binary. The first call builds it. It is safe for
// concurrent use.
type Program func() (string, error)

// Tags are the build tags of `make build` and of the container image.
const Tags = "grpcnotrace,nethttpomithttp2"

// CalicoBootstrap is the program as in the container image.
var CalicoBootstrap = New("calico-bootstrap", examples+"calico-bootstrap", "-tags", Tags, "-ldflags", "-s -w")

// Trial is the program of `make run`, with an embedded etcd.
var Trial = New("calico-bootstrap-trial", examples+"calico-bootstrap", "-tags", "embedded")

// The other examples.
var (
	Nodefork  = New("nodefork", examples+"nodefork")
	Installer = New("installer", examples+"installer")
)

// The clients that are the baseline of measurements, and the tool that measures.
var (
	DynamicList = New("dynamiclist", tools+"dynamiclist", "-ldflags", "-s -w")
	EtcdList    = New("etcdlist", tools+"etcdlist", "-ldflags", "-s -w")
	Cost        = New("cost", tools+"cost")
)

// New returns a program that is built from a package of the workspace or a file, with the
// flags.
func New(name, source string, flags ...string) Program {
	return sync.OnceValues(func() (string, error) { return build(name, source, flags) })
}

// folder is the folder of the binaries. Remove deletes it.
var folder = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "calico-bootstrap-test-") })

// Remove deletes the binaries. TestMain must call it at the end.
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
