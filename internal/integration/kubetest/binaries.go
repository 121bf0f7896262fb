package kubetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// The environment variables that select the programs.
const (
	// AssetsVariable is a folder with kube-apiserver, etcd and kubectl, as for
	// envtest. If it is set, nothing is built.
	AssetsVariable = "KUBEBUILDER_ASSETS"
	// VersionVariable selects another version of Kubernetes than that of the tests'
	// go.mod: 1.34 selects the go.mod in the folder kubernetes-1.34 of this package.
	VersionVariable = "KUBETEST_KUBERNETES"
)

// binary is a program and its source.
type binary struct {
	name    string
	path    string // import path of its package
	module  string // its version is the program's
	variant bool   // depends on VersionVariable
	tool    bool   // not a part of AssetsVariable's folder
}

var (
	apiserver = binary{"kube-apiserver", kubernetesModule + "/cmd/kube-apiserver", kubernetesModule, true, false}
	kubectl   = binary{"kubectl", kubernetesModule + "/cmd/kubectl", kubernetesModule, true, false}
	etcd      = binary{"etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", false, false}
	helm      = binary{"helm", helmModule + "/cmd/helm", helmModule, false, true}
	helmDocs  = binary{"helm-docs", helmDocsModule + "/cmd/helm-docs", helmDocsModule, false, true}
)

const (
	kubernetesModule = "k8s.io/kubernetes"
	helmModule       = "helm.sh/helm/v3"
	helmDocsModule   = "github.com/norwoodj/helm-docs"
)

// Paths are the paths of the programs of a cluster without nodes.
type Paths struct{ APIServer, Etcd string }

// Binaries returns the paths of kube-apiserver and etcd. It builds missing ones, which
// takes some minutes, into the user's cache folder, which all processes and checkouts
// share.
func Binaries(ctx context.Context) (Paths, error) {
	var paths Paths
	var err error
	if paths.APIServer, err = apiserver.find(ctx); err != nil {
		return Paths{}, err
	}
	if paths.Etcd, err = etcd.find(ctx); err != nil {
		return Paths{}, err
	}
	return paths, nil
}

// Kubectl returns the path of kubectl, like Binaries. It is a separate function as few
// tests need it.
func Kubectl(ctx context.Context) (string, error) { return kubectl.find(ctx) }

// Helm returns the path of helm, like Kubectl. It is built whatever AssetsVariable is.
func Helm(ctx context.Context) (string, error) { return helm.find(ctx) }

// HelmDocs returns the path of helm-docs, which writes the README of a chart, like Helm.
func HelmDocs(ctx context.Context) (string, error) { return helmDocs.find(ctx) }

func (b binary) find(ctx context.Context) (string, error) {
	if folder := os.Getenv(AssetsVariable); folder != "" && !b.tool {
		path := filepath.Join(folder, b.file())
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s: %w", AssetsVariable, err)
		}
		return filepath.Abs(path)
	}
	source, err := b.source(ctx)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", b.name, err)
	}
	version, err := source.version(ctx, b.module)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", b.name, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("build %s: %w", b.name, err)
	}
	folder := strings.Join([]string{b.name, version, runtime.GOOS, runtime.GOARCH, runtime.Version()}, "-")
	path := filepath.Join(cache, "calico-bootstrap", folder, b.file())
	if err := source.build(ctx, b, version, path); err != nil {
		return "", fmt.Errorf("build %s %s: %w", b.name, version, err)
	}
	return path, nil
}

func (b binary) file() string {
	if runtime.GOOS == "windows" {
		return b.name + ".exe"
	}
	return b.name
}

// source is the folder of a module that requires the programs.
type source string

// source returns the module of the tests, or that of VersionVariable.
func (b binary) source(ctx context.Context) (source, error) {
	folder, err := moduleFolder(ctx)
	if err != nil {
		return "", err
	}
	other := os.Getenv(VersionVariable)
	if other == "" || !b.variant {
		return source(folder), nil
	}
	folder = filepath.Join(folder, "kubetest", "kubernetes-"+other)
	if _, err := os.Stat(filepath.Join(folder, "go.mod")); err != nil {
		return "", fmt.Errorf("%s=%s: %w", VersionVariable, other, err)
	}
	return source(folder), nil
}

// moduleFolder returns the folder of the tests' module. go test runs tests in the folders
// of their packages.
func moduleFolder(ctx context.Context) (string, error) {
	file, err := source(".").run(ctx, "env", "GOMOD")
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(file)
	if _, err := os.Stat(filepath.Join(folder, "kubetest", "binaries.go")); err != nil {
		return "", fmt.Errorf("run in a folder of the tests' module, or set %s: %w", AssetsVariable, err)
	}
	return folder, nil
}

func (s source) version(ctx context.Context, module string) (string, error) {
	return s.run(ctx, "list", "-m", "-f", "{{.Version}}", module)
}

// run runs the go command and returns its output.
func (s source) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = string(s)
	// The workspace would select other versions. Flags such as -race are for the
	// tests and not for the servers.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, tail(stderr.Bytes()))
	}
	return strings.TrimSpace(string(output)), nil
}

// building serializes builds of this process; the lock file serializes processes.
var building sync.Mutex

// build builds the program unless it exists. It writes to a temporary name, so that
// programs in the cache are always complete.
func (s source) build(ctx context.Context, b binary, version, path string) error {
	building.Lock()
	defer building.Unlock()
	if exists(path) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if exists(path) { // built by another process
		return nil
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(path), "unfinished-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(unfinished)

	fmt.Fprintf(os.Stderr, "building %s %s into %s (once, takes some minutes)\n", b.name, version, filepath.Dir(path))
	result := filepath.Join(unfinished, filepath.Base(path))
	flags, err := s.linkerFlags(ctx, b, version)
	if err != nil {
		return err
	}
	if _, err := s.run(ctx, "build", "-buildvcs=false", "-ldflags", flags, "-o", result, b.path); err != nil {
		return err
	}
	return os.Rename(result, path)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// linkerFlags sets the version of Kubernetes' and Helm's programs, like their makefiles.
// Otherwise kubectl would be v0.0.0-master and refuse the server, and helm would render
// charts for Kubernetes 1.20. etcd has its version in its source.
func (s source) linkerFlags(ctx context.Context, b binary, version string) (string, error) {
	flags := "-s -w"
	set := func(variable, value string) { flags += " -X " + variable + "=" + value }
	if b.module == helmModule {
		library, err := s.version(ctx, "k8s.io/client-go") // v0.37.2 is of Kubernetes 1.37
		if err != nil {
			return "", err
		}
		set(helmModule+"/internal/version.version", version)
		_, minor := majorAndMinor(library)
		for _, of := range []string{"/pkg/chartutil", "/pkg/lint/rules"} {
			set(helmModule+of+".k8sVersionMajor", "1")
			set(helmModule+of+".k8sVersionMinor", minor)
		}
		return flags, nil
	}
	major, minor := majorAndMinor(version)
	set("k8s.io/component-base/version.gitVersion", version)
	set("k8s.io/component-base/version.gitMajor", major)
	set("k8s.io/component-base/version.gitMinor", minor)
	return flags, nil
}

func majorAndMinor(version string) (major, minor string) {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ = strings.Cut(rest, ".")
	return major, minor
}
