package kubetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/buildcache"
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
	buildcache.Program
	variant bool // depends on VersionVariable
	tool    bool // not a part of AssetsVariable's folder
}

var (
	apiserver = binary{Program: buildcache.Program{Name: "kube-apiserver", Path: kubernetesModule + "/cmd/kube-apiserver", Module: kubernetesModule, LinkerFlags: kubernetesFlags}, variant: true}
	kubectl   = binary{Program: buildcache.Program{Name: "kubectl", Path: kubernetesModule + "/cmd/kubectl", Module: kubernetesModule, LinkerFlags: kubernetesFlags}, variant: true}
	etcd      = binary{Program: buildcache.Program{Name: "etcd", Path: "go.etcd.io/etcd/server/v3", Module: "go.etcd.io/etcd/server/v3"}}
	helm      = binary{Program: buildcache.Program{Name: "helm", Path: helmModule + "/cmd/helm", Module: helmModule, LinkerFlags: helmFlags}, tool: true}
	helmDocs  = binary{Program: buildcache.Program{Name: "helm-docs", Path: helmDocsModule + "/cmd/helm-docs", Module: helmDocsModule}, tool: true}
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
		path := filepath.Join(folder, b.File())
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s: %w", AssetsVariable, err)
		}
		return filepath.Abs(path)
	}
	source, err := b.source(ctx)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", b.Name, err)
	}
	return b.Build(ctx, source)
}

// source returns the module of the tests, or that of VersionVariable.
func (b binary) source(ctx context.Context) (buildcache.Folder, error) {
	folder, err := moduleFolder(ctx)
	if err != nil {
		return "", err
	}
	other := os.Getenv(VersionVariable)
	if other == "" || !b.variant {
		return buildcache.Folder(folder), nil
	}
	folder = filepath.Join(folder, "kubetest", "kubernetes-"+other)
	if _, err := os.Stat(filepath.Join(folder, "go.mod")); err != nil {
		return "", fmt.Errorf("%s=%s: %w", VersionVariable, other, err)
	}
	return buildcache.Folder(folder), nil
}

// moduleFolder returns the folder of the tests' module. go test runs tests in the folders
// of their packages.
func moduleFolder(ctx context.Context) (string, error) {
	file, err := buildcache.Folder(".").Go(ctx, "env", "GOMOD")
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(file)
	if _, err := os.Stat(filepath.Join(folder, "kubetest", "binaries.go")); err != nil {
		return "", fmt.Errorf("run in a folder of the tests' module, or set %s: %w", AssetsVariable, err)
	}
	return folder, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// kubernetesFlags sets the version of Kubernetes' programs, like its makefile. Otherwise it
// would be v0.0.0-master and kubectl would refuse the server.
func kubernetesFlags(_ context.Context, _ buildcache.Folder, version string) (string, error) {
	major, minor := majorAndMinor(version)
	const of = " -X k8s.io/component-base/version."
	return "-s -w" + of + "gitVersion=" + version + of + "gitMajor=" + major + of + "gitMinor=" + minor, nil
}

// helmFlags sets Helm's version and that of Kubernetes, like its makefile. Otherwise it would
// render charts for Kubernetes 1.20.
func helmFlags(ctx context.Context, folder buildcache.Folder, version string) (string, error) {
	library, err := folder.Version(ctx, "k8s.io/client-go") // v0.37.2 is of Kubernetes 1.37
	if err != nil {
		return "", err
	}
	_, minor := majorAndMinor(library)
	flags := "-s -w -X " + helmModule + "/internal/version.version=" + version
	for _, of := range []string{"/pkg/chartutil", "/pkg/lint/rules"} {
		flags += " -X " + helmModule + of + ".k8sVersionMajor=1 -X " + helmModule + of + ".k8sVersionMinor=" + minor
	}
	return flags, nil
}

func majorAndMinor(version string) (major, minor string) {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ = strings.Cut(rest, ".")
	return major, minor
}
