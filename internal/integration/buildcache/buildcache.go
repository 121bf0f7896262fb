// Package buildcache builds programs from the modules that require them, once, into the
// user's cache directory, which all processes and checkouts share.
package buildcache

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

// Program is a program and its source.
type Program struct {
	Name   string
	Path   string // import path of its package
	Module string // its version is the program's
	// LinkerFlags returns the linker's flags for a version; nil is "-s -w".
	LinkerFlags func(ctx context.Context, folder Folder, version string) (string, error)
}

// Folder is the directory of a go.mod, or one below it.
type Folder string

// Build returns the path of the program in the version that the folder's go.mod requires.
// It builds a missing program, which takes some minutes. It is safe for concurrent use.
func (p Program) Build(ctx context.Context, folder Folder) (string, error) {
	path, err := p.build(ctx, folder)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", p.Name, err)
	}
	return path, nil
}

func (p Program) build(ctx context.Context, folder Folder) (string, error) {
	version, err := folder.Version(ctx, p.Module)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name := strings.Join([]string{p.Name, version, runtime.GOOS, runtime.GOARCH, runtime.Version()}, "-")
	path := filepath.Join(cache, "calico-bootstrap", name, p.File())
	return path, p.buildInto(ctx, folder, version, path)
}

// File is the name of the program's file.
func (p Program) File() string {
	if runtime.GOOS == "windows" {
		return p.Name + ".exe"
	}
	return p.Name
}

// Go runs the go command in the folder, without the workspace, and returns its output.
func (f Folder) Go(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = string(f)
	// The workspace would select other versions. Flags such as -race are for the
	// tests and not for the programs.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, tail(stderr.Bytes()))
	}
	return strings.TrimSpace(string(output)), nil
}

// Version returns the version of a module that the folder's go.mod requires.
func (f Folder) Version(ctx context.Context, module string) (string, error) {
	return f.Go(ctx, "list", "-m", "-f", "{{.Version}}", module)
}

// tail returns the end of a text.
func tail(text []byte) []byte {
	const length = 4000
	return bytes.TrimSpace(text[max(0, len(text)-length):])
}

// building serializes builds of this process; the lock file serializes processes.
var building sync.Mutex

// buildInto builds the program unless it exists. It writes to a temporary name, so that
// programs in the cache are always complete.
func (p Program) buildInto(ctx context.Context, folder Folder, version, path string) error {
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

	flags := "-s -w"
	if p.LinkerFlags != nil {
		if flags, err = p.LinkerFlags(ctx, folder, version); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "building %s %s into %s (once, takes some minutes)\n", p.Name, version, filepath.Dir(path))
	result := filepath.Join(unfinished, filepath.Base(path))
	if _, err := folder.Go(ctx, "build", "-buildvcs=false", "-ldflags", flags, "-o", result, p.Path); err != nil {
		return err
	}
	return os.Rename(result, path)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
