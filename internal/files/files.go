// Package files reads files of limited size.
package files

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// MaxConfig is the limit of a configuration file in bytes: a CalicoAPIConfig, a
// kubeconfig, a PEM file or a token.
const MaxConfig = 1 << 20

// Read returns the content of a file or a pipe of at most limit bytes, which is in MiB in
// the error. It returns when the file ends: reading a pipe takes as long as its writer.
func Read(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	return ReadFrom(file, limit)
}

// ReadFrom is Read for a file that is already open, such as the standard input.
func ReadFrom(file io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("it is larger than %d MiB", limit>>20)
	}
	return data, err
}

// Check returns an error unless Read would succeed more than once: the file must exist, be
// regular or the empty device, and have at most limit bytes.
func Check(path string, limit int64) error {
	switch info, err := os.Stat(path); {
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("is a directory")
	case path != os.DevNull && !info.Mode().IsRegular():
		return errors.New("it is read more than once, and is not a regular file")
	case info.Size() > limit:
		return fmt.Errorf("it is larger than %d MiB", limit>>20)
	}
	return nil
}

// ReadRegular is Check, and then Read.
func ReadRegular(path string, limit int64) ([]byte, error) {
	if err := Check(path, limit); err != nil {
		return nil, err
	}
	return Read(path, limit)
}
