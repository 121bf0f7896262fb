package performance

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

const module = "github.com/calico-bootstrap/calico-bootstrap"

// BenchmarkWeight measures the binaries. The image has only the program, in one compressed
// layer.
func BenchmarkWeight(b *testing.B) {
	for b.Loop() {
		t := newTable("weight", "program", "binary", "compressed, as in the image", "packages", "modules", "initialisation")
		for _, of := range []struct {
			name    string
			program programs.Program
			source  string
		}{
			{"calico-bootstrap", programs.CalicoBootstrap, module + "/examples/calico-bootstrap"},
			{"list only, etcd", programs.EtcdList, module + "/internal/integration/etcdlist"},
			{"list only, Kubernetes", programs.DynamicList, module + "/internal/integration/dynamiclist"},
		} {
			binary, err := of.program()
			require.NoError(b, err)
			plain, compressed := sizes(b, binary)
			packages, modules := dependencies(b, of.source)
			t.row(of.name, size(plain), size(compressed), packages, modules, initialised(b, binary, "--help"))
		}
		t.publish(b)
	}
}

// BenchmarkImports measures, for each package, a program that only imports it.
func BenchmarkImports(b *testing.B) {
	for b.Loop() {
		t := newTable("imports", "import", "packages", "not in the standard library", "modules", "initialisation", "binary")
		for _, pkg := range []string{
			"ippool/selector", "ippool", "ippool/manifest", "ippool/installation",
			"bootstrap", "bootstrap/firewall", "bootstrap/datastore/etcdv3", "bootstrap/datastore/kubernetes", "bootstrap/datastore/open",
		} {
			importPath := path.Join(module, pkg)
			packages, modules := dependencies(b, importPath)
			binary, err := importer(b, importPath)()
			require.NoError(b, err)
			plain, _ := sizes(b, binary)
			t.row(pkg, packages, others(b, importPath), modules, initialised(b, binary), size(plain))
		}
		t.publish(b)
	}
}

// importer returns a program that only imports the package.
func importer(b *testing.B, importPath string) programs.Program {
	b.Helper()
	source := filepath.Join(b.TempDir(), "main.go")
	text := fmt.Sprintf("package main\n\nimport _ %q\n\nfunc main() {}\n", importPath)
	require.NoError(b, os.WriteFile(source, []byte(text), 0o600))
	return programs.New(strings.ReplaceAll(importPath, "/", "-"), source, "-tags", programs.Tags, "-ldflags", "-s -w")
}

// listed is a package in the output of `go list`.
type listed struct {
	ImportPath string
	Standard   bool
	Module     *struct{ Path string }
}

func list(b *testing.B, importPath string) []listed {
	b.Helper()
	out, err := exec.Command("go", "list", "-deps", "-tags", programs.Tags, "-json=ImportPath,Standard,Module", importPath).Output()
	require.NoError(b, err)
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var one listed
		err := decoder.Decode(&one)
		if err == io.EOF {
			return all
		}
		require.NoError(b, err)
		all = append(all, one)
	}
}

// dependencies returns the number of packages in the binary and the number of their
// modules, without those of this repository.
func dependencies(b *testing.B, importPath string) (packages, modules int) {
	b.Helper()
	found := map[string]bool{}
	all := list(b, importPath)
	for _, one := range all {
		if one.Module != nil && !strings.HasPrefix(one.Module.Path, module) {
			found[one.Module.Path] = true
		}
	}
	return len(all), len(found)
}

func others(b *testing.B, importPath string) int {
	b.Helper()
	return len(slices.DeleteFunc(list(b, importPath), func(one listed) bool { return one.Standard }))
}

func sizes(b *testing.B, binary string) (plain, compressed int64) {
	b.Helper()
	content, err := os.ReadFile(binary)
	require.NoError(b, err)
	var archive bytes.Buffer
	writer := gzip.NewWriter(&archive)
	_, err = writer.Write(content)
	require.NoError(b, err)
	require.NoError(b, writer.Close())
	return int64(len(content)), int64(archive.Len())
}

// initialised returns the time for the initialization of all packages of a program, before
// main, as traced by Go's runtime. It is the median of several starts.
func initialised(b *testing.B, binary string, args ...string) time.Duration {
	b.Helper()
	var totals []time.Duration
	for range 21 {
		cmd := exec.Command(binary, args...)
		cmd.Env = []string{"GODEBUG=inittrace=1", "HOME=" + b.TempDir()}
		var trace bytes.Buffer
		cmd.Stderr = &trace
		_ = cmd.Run() // bare clients fail without a server
		total := 0.0
		for lines := bufio.NewScanner(&trace); lines.Scan(); {
			var name string
			var at, took float64
			// init internal/bytealg @0.008 ms, 0 ms clock, 0 bytes, 0 allocs
			if n, _ := fmt.Sscanf(lines.Text(), "init %s @%g ms, %g ms clock", &name, &at, &took); n == 3 {
				total += took
			}
		}
		totals = append(totals, time.Duration(total*float64(time.Millisecond)))
	}
	slices.Sort(totals)
	return totals[len(totals)/2]
}
