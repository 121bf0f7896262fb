package settings

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/files"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// PoolManifest is the content of a file with IPPools. It is not validated yet.
type PoolManifest struct {
	Path string // path for messages
	Data []byte // YAML or JSON

	// V1 reads the pools with [manifest.DecodeV1]: those of calicoctl 1. Each field that
	// is renamed or lost is a warning.
	V1 bool

	// Skipped is the reason why a file in a directory is not read; empty if it
	// is.
	Skipped string
}

// The limits of manifests: the size of a file, and the size and the number of all files of
// a directory. 8 MiB hold more pools than package manifest decodes.
const (
	maxPoolsFile      = 8 << 20
	maxPoolsDirectory = 32 << 20
	maxPoolsFiles     = 1000
)

// manifestExtensions are the extensions that kubectl reads in a directory.
var manifestExtensions = []string{".yaml", ".yml", ".json"}

const wantPoolsFile = "a file with IPPools, or a directory of such .yaml, .yml and .json files"

// ReadPoolsFile reads PoolsFile into PoolManifests. If it is a directory, it reads every
// file in it whose name ends in .yaml, .yml or .json, sorted by name. It ignores names
// that start with a dot, so that a mounted ConfigMap is read once, and does not read
// subdirectories. If PoolsFile is unset, it does nothing.
//
// A file has at most 8 MiB, a directory 32 MiB in at most 1,000 files. Reading takes as long
// as the file system, or the writer of a pipe; a run limits that.
//
// The error is an *Error. With an error, PoolManifests has what could be read, so that
// the caller can validate it too and report all faults at once.
func (s *Settings) ReadPoolsFile() error {
	if !s.PoolsFile.IsSet() {
		return nil
	}
	var faults Faults
	s.PoolManifests = []PoolManifest{} // not nil: it was read
	path := s.PoolsFile.Value
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		s.readPoolsDirectory(&faults)
	} else if data, err := files.Read(path, maxPoolsFile); err != nil {
		faults.Add(s.PoolsFile, "%s", text.Unreadable(err, wantPoolsFile))
	} else {
		s.PoolManifests = append(s.PoolManifests, PoolManifest{Path: path, Data: data})
	}
	return faults.Err()
}

func (s *Settings) readPoolsDirectory(faults *Faults) {
	// ReadDir sorts by name.
	entries, err := os.ReadDir(s.PoolsFile.Value)
	if err != nil {
		faults.Add(s.PoolsFile, "%s", text.Unreadable(err, wantPoolsFile))
		return
	}
	found, size := 0, 0
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		manifest := PoolManifest{Path: filepath.Join(s.PoolsFile.Value, entry.Name())}
		info, err := os.Stat(manifest.Path) // follows links
		switch {
		case err == nil && info.IsDir():
			manifest.Skipped = "it is a subdirectory"
		case !slices.Contains(manifestExtensions, filepath.Ext(entry.Name())):
			manifest.Skipped = "its name doesn't end in .yaml, .yml or .json"
		case err == nil && !info.Mode().IsRegular():
			manifest.Skipped = "it is not a regular file"
		default:
			if found++; found > maxPoolsFiles {
				faults.Add(s.PoolsFile, "a directory of more than %d .yaml, .yml and .json files; put more pools in a file", maxPoolsFiles)
				return
			}
			if err == nil {
				manifest.Data, err = files.Read(manifest.Path, maxPoolsFile)
			}
			if size += len(manifest.Data); size > maxPoolsDirectory {
				faults.Add(s.PoolsFile, "a directory with more than %d MiB in its .yaml, .yml and .json files", maxPoolsDirectory>>20)
				return
			}
			if err != nil {
				faults.Add(Setting{Source: origin.Line(manifest.Path, 0)}, "%s", text.Unreadable(err, "a file with IPPools"))
				continue
			}
		}
		s.PoolManifests = append(s.PoolManifests, manifest)
	}
	if found == 0 {
		faults.Add(s.PoolsFile, "a directory without a .yaml, .yml or .json file; must be %s", wantPoolsFile)
	}
}

// HasPoolManifests reports whether pools come from files.
func (s *Settings) HasPoolManifests() bool { return s.PoolsFile.IsSet() || s.PoolManifests != nil }

// ReadAndResolve is like Resolve, but first reads PoolsFile if it is not read yet. The
// error has the faults of both.
func (s Settings) ReadAndResolve() (Config, error) {
	var faults Faults
	isRead := func(manifest PoolManifest) bool { return manifest.Skipped == "" }
	if !slices.ContainsFunc(s.PoolManifests, isRead) {
		faults.gather(s.ReadPoolsFile())
	}
	config, err := s.Resolve()
	faults.gather(err)
	return config, faults.Err()
}

// gather adds the faults of an *Error.
func (f *Faults) gather(err error) {
	var invalid *Error
	if errors.As(err, &invalid) {
		*f = append(*f, invalid.Faults...)
	}
}

// poolsFrom returns where the pools of files come from.
func (s *Settings) poolsFrom() string {
	if s.PoolsFile.IsSet() {
		return strings.TrimPrefix(s.PoolsFile.Source.String()+" "+text.OneLine(text.Shown(s.PoolsFile.Value)), " ")
	}
	if len(s.PoolManifests) > 0 {
		return origin.Line(s.PoolManifests[0].Path, 0).String()
	}
	return "no file"
}
