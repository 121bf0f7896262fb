// Command licences collects the licence files of everything that a Go program links, for
// the archives and packages of a release.
//
//	licences -o DIRECTORY [-tags TAGS] -platforms "linux/amd64 …" PACKAGE
//
// DIRECTORY gets one directory for each module, with the licence files of the module and
// of the directories of the linked packages, and one for Go itself. A module without a
// licence file is an error.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

func main() {
	output := flag.String("o", "", "directory to create")
	tags := flag.String("tags", "", "build tags")
	platforms := flag.String("platforms", runtime.GOOS+"/"+runtime.GOARCH, "operating systems and architectures")
	flag.Parse()
	if err := run(*output, *tags, strings.Fields(*platforms), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(output, tags string, platforms, packages []string) error {
	if output == "" || len(packages) != 1 {
		return errors.New("-o and one package are required")
	}
	if err := os.RemoveAll(output); err != nil {
		return err
	}
	for _, platform := range platforms {
		linked, err := list(platform, tags, packages[0])
		if err != nil {
			return fmt.Errorf("list the packages for %s: %w", platform, err)
		}
		for _, p := range linked {
			if err := collect(p, output); err != nil {
				return err
			}
		}
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	return collectGo(strings.TrimSpace(string(goroot)), output)
}

// collectGo copies the licence files of Go. Some distributions' packages of Go have none.
func collectGo(goroot, output string) error {
	found, err := licencesOf(goroot, filepath.Join(output, "go"))
	if err == nil && !found {
		err = fmt.Errorf("GOROOT: %s: no licence file; use a Go distribution from go.dev, or set GOTOOLCHAIN to a version", goroot)
	}
	return err
}

// linked is a package, in the format of `go list -json`.
type linked struct {
	ImportPath, Dir string
	Standard        bool
	Module          *struct {
		Path, Dir string
		Main      bool
	}
}

func list(platform, tags, pattern string) ([]linked, error) {
	system, architecture, ok := strings.Cut(platform, "/")
	if !ok {
		return nil, fmt.Errorf("platform: Invalid value: %q: must be an operating system and an architecture, such as linux/amd64", platform)
	}
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Standard,Module", "-tags", tags, pattern)
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+architecture, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var all []linked
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p linked
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, p)
	}
}

// collect copies the licence files of the package's module, of its directory and of those
// between. The project's own licence is beside the directory.
func collect(p linked, output string) error {
	if p.Standard || p.Module == nil || p.Module.Main {
		return nil
	}
	for dir := p.Dir; ; dir = filepath.Dir(dir) {
		below, err := filepath.Rel(p.Module.Dir, dir)
		if err != nil {
			return err
		}
		found, err := licencesOf(dir, filepath.Join(output, filepath.FromSlash(p.Module.Path), below))
		if err != nil {
			return err
		}
		if below == "." {
			if !found {
				return fmt.Errorf("module %s: no licence file in its root directory", p.Module.Path)
			}
			return nil
		}
	}
}

var (
	licence     = regexp.MustCompile(`(?i)^(licen[cs]e|copying)`)
	licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|authors)([-.].*)?$`)
)

// licencesOf copies the licence files of one directory, and files such as NOTICE and
// PATENTS. It reports whether a licence is among them.
func licencesOf(from, to string) (found bool, err error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !licenceFile.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		found = found || licence.MatchString(entry.Name())
		text, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			return false, err
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			return false, err
		}
		if err := os.WriteFile(filepath.Join(to, entry.Name()), text, 0o644); err != nil {
			return false, err
		}
	}
	return found, nil
}
