package settings

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// PoolManifest is a file with IPPools as it was read; nothing of it is judged
// yet.
type PoolManifest struct {
	Path string // as messages name it
	Data []byte // YAML or JSON

	// Skipped says why a file of a directory is not read; empty: it is.
	Skipped string
}

// maxPoolsFile is the size in bytes of the largest file that is read. A million
// pools take less.
const maxPoolsFile = 64 << 20

// manifestExtensions are those that kubectl reads in a directory.
var manifestExtensions = []string{".yaml", ".yml", ".json"}

const wantPoolsFile = "a file with IPPools, or a directory of such .yaml, .yml and .json files"

// ReadPoolsFile reads the file that PoolsFile names, or every file of that
// directory whose name ends in .yaml, .yml or .json, in the order of their
// names, into PoolManifests. Names that begin with a dot are left aside, so that
// a mounted ConfigMap is read once; directories in the directory are not read.
// Without PoolsFile it does nothing.
//
// The error is an *Error. PoolManifests has then what could be read, so
// that a caller can judge it too and tell everything at once.
func (s *Settings) ReadPoolsFile() error {
	if !s.PoolsFile.IsSet() {
		return nil
	}
	var faults Faults
	s.PoolManifests = []PoolManifest{} // not nil: it was read
	path := s.PoolsFile.Value
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		s.readPoolsDirectory(&faults)
	} else if data, err := readBounded(path); err != nil {
		faults.Add(s.PoolsFile, "%s", text.Unreadable(err, wantPoolsFile))
	} else {
		s.PoolManifests = append(s.PoolManifests, PoolManifest{Path: path, Data: data})
	}
	return faults.Err()
}

func (s *Settings) readPoolsDirectory(faults *Faults) {
	// As far as it can be read, it comes in the order of the names.
	entries, err := os.ReadDir(s.PoolsFile.Value)
	if err != nil {
		faults.Add(s.PoolsFile, "%s", text.Unreadable(err, wantPoolsFile))
		return
	}
	found := false
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		manifest := PoolManifest{Path: filepath.Join(s.PoolsFile.Value, entry.Name())}
		info, err := os.Stat(manifest.Path) // of what a link leads to
		switch {
		case err == nil && info.IsDir():
			manifest.Skipped = "it is a directory in a directory"
		case !slices.Contains(manifestExtensions, filepath.Ext(entry.Name())):
			manifest.Skipped = "its name doesn't end in .yaml, .yml or .json"
		case err == nil && !info.Mode().IsRegular():
			manifest.Skipped = "it is no regular file"
		default:
			found = true
			if err == nil {
				manifest.Data, err = readBounded(manifest.Path)
			}
			if err != nil {
				faults.Add(Setting{Source: origin.Line(manifest.Path, 0)}, "%s", text.Unreadable(err, "a file with IPPools"))
				continue
			}
		}
		s.PoolManifests = append(s.PoolManifests, manifest)
	}
	if !found {
		faults.Add(s.PoolsFile, "a directory without a .yaml, .yml or .json file; must be %s", wantPoolsFile)
	}
}

// readBounded reads a file, or a pipe, that holds no more than a file of pools
// can.
func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(file, maxPoolsFile+1))
	if err == nil && len(data) > maxPoolsFile {
		err = fmt.Errorf("it is larger than %d MiB", maxPoolsFile>>20)
	}
	return data, err
}

// HasPoolManifests reports whether the pools are named in files.
func (s *Settings) HasPoolManifests() bool { return s.PoolsFile.IsSet() || s.PoolManifests != nil }

// ReadAndResolve is Resolve for settings whose PoolsFile may not be read yet.
// What is wrong with it and with the settings is told together.
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

// gather takes over the faults of an *Error.
func (f *Faults) gather(err error) {
	var invalid *Error
	if errors.As(err, &invalid) {
		*f = append(*f, invalid.Faults...)
	}
}

// poolsFrom names where the pools of files come from.
func (s *Settings) poolsFrom() string {
	if s.PoolsFile.IsSet() {
		return text.OneLine(strings.TrimPrefix(s.PoolsFile.Source.String()+" "+s.PoolsFile.Value, " "))
	}
	if len(s.PoolManifests) > 0 {
		return text.OneLine(origin.Line(s.PoolManifests[0].Path, 0).String())
	}
	return "no file"
}
