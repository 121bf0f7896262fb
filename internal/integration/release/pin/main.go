// Command pin makes the examples require a version of the library that is not published
// yet: it writes the version to examples/go.mod and to the chart's Chart.yaml, and the
// checksums of the library at HEAD to examples/go.sum. Both modules can then be tagged at
// one commit, as the library's checksums do not depend on the files of the examples.
//
//	pin v1.2.3    write
//	pin -check    fail if the checksums differ from the library at HEAD, or the chart's
//	              versions from that in examples/go.mod
//
// It runs in a directory of the repository, and ignores changes of the library that are not
// committed.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

const (
	library   = "github.com/calico-bootstrap/calico-bootstrap"
	chartFile = "examples/helm/calico-bootstrap/Chart.yaml"
)

func main() {
	check := flag.Bool("check", false, "fail if checksums or versions differ")
	flag.Parse()
	if err := run(*check, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "pin:", err)
		os.Exit(1)
	}
}

func run(check bool, args []string) error {
	out, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	repository := strings.TrimSpace(string(out))
	sums := filepath.Join(repository, "examples", "go.sum")
	before, err := os.ReadFile(sums)
	if err != nil {
		return err
	}
	requirements, err := readRequirements(filepath.Join(repository, "examples", "go.mod"))
	if err != nil {
		return err
	}
	version := requirements.version()
	if !check {
		if len(args) != 1 || !semver.IsValid(args[0]) || semver.Canonical(args[0]) != args[0] {
			return fmt.Errorf("version: Invalid value: %q: must be one complete semantic version, such as v1.2.3", args)
		}
		version = args[0]
	}
	chart := filepath.Join(repository, filepath.FromSlash(chartFile))
	chartBefore, err := os.ReadFile(chart)
	if err != nil {
		return err
	}
	chartAfter, err := withVersion(chartBefore, version)
	if err != nil {
		return err
	}
	lines, err := checksums(repository, version)
	if err != nil {
		return err
	}
	after := withChecksums(string(before), lines)
	switch {
	case check && after != string(before):
		return fmt.Errorf("examples/go.sum: checksums of %s %s differ from HEAD; run make pin RELEASE=%[2]s", library, version)
	case check && !bytes.Equal(chartAfter, chartBefore):
		return fmt.Errorf("%s: versions differ from %s in examples/go.mod; run make pin RELEASE=%[2]s", chartFile, version)
	case check:
		return nil
	}
	return errors.Join(requirements.write(version), os.WriteFile(sums, []byte(after), 0o644), os.WriteFile(chart, chartAfter, 0o644))
}

// requirements is a go.mod.
type requirements struct {
	path string
	file *modfile.File
}

func readRequirements(path string) (requirements, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return requirements{}, err
	}
	file, err := modfile.Parse(path, text, nil)
	return requirements{path, file}, err
}

// version returns the required version of the library.
func (r requirements) version() string {
	i := slices.IndexFunc(r.file.Require, func(require *modfile.Require) bool { return require.Mod.Path == library })
	if i < 0 {
		return ""
	}
	return r.file.Require[i].Mod.Version
}

func (r requirements) write(version string) error {
	if err := r.file.AddRequire(library, version); err != nil {
		return err
	}
	text, err := r.file.Format()
	if err != nil {
		return err
	}
	return os.WriteFile(r.path, text, 0o644)
}

// checksums returns the lines of go.sum for the library at HEAD.
func checksums(repository, version string) ([]string, error) {
	archive, err := os.CreateTemp("", "library-*.zip")
	if err != nil {
		return nil, err
	}
	defer os.Remove(archive.Name())
	defer archive.Close()
	if err := zip.CreateFromVCS(archive, module.Version{Path: library, Version: version}, repository, "HEAD", ""); err != nil {
		return nil, fmt.Errorf("archive HEAD: %w", err)
	}
	all, err := dirhash.HashZip(archive.Name(), dirhash.Hash1)
	if err != nil {
		return nil, err
	}
	requirements, err := exec.Command("git", "-C", repository, "show", "HEAD:go.mod").Output()
	if err != nil {
		return nil, fmt.Errorf("read go.mod of HEAD: %w", err)
	}
	gomod, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(requirements)), nil
	})
	if err != nil {
		return nil, err
	}
	return []string{
		fmt.Sprintf("%s %s %s\n", library, version, all),
		fmt.Sprintf("%s %s/go.mod %s\n", library, version, gomod),
	}, nil
}

// withChecksums replaces the library's lines of a go.sum.
func withChecksums(sums string, lines []string) string {
	all := slices.DeleteFunc(slices.Collect(strings.Lines(sums)), func(line string) bool {
		return strings.HasPrefix(line, library+" ")
	})
	// The go command sorts by module and version, and the library's lines are
	// neighbours in any order of the others.
	i, _ := slices.BinarySearch(all, library+" ")
	return strings.Join(slices.Insert(all, i, lines...), "")
}

var chartVersion = regexp.MustCompile(`(?m)^(version: |appVersion: v)\S+$`)

// withVersion replaces version and appVersion of a Chart.yaml.
func withVersion(chart []byte, version string) ([]byte, error) {
	if found := len(chartVersion.FindAll(chart, -1)); found != 2 {
		return nil, fmt.Errorf("%s: %d valid lines: must be version, such as 1.2.3, and appVersion, such as v1.2.3", chartFile, found)
	}
	return chartVersion.ReplaceAll(chart, []byte("${1}"+strings.TrimPrefix(version, "v"))), nil
}
