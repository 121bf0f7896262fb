//go:build embedded

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/datadir"
)

// prepare creates the data directory if necessary, waits until no other run uses it, and then
// checks its content, which such a run changes all the time. The lock is held while the file is
// referenced, or until the process ends: a file that is collected as garbage is closed.
func prepare(ctx context.Context, folder string) (lock *fileutil.LockedFile, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "calico-bootstrap.lock")
	if err := onlyFiles(path); err != nil {
		return nil, err
	}
	for {
		lock, err = fileutil.TryLockFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			break
		}
		if !errors.Is(err, fileutil.ErrLocked) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := onlyFiles(folder); err != nil {
		return lock, err
	}
	return lock, checkData(folder)
}

// onlyFiles returns an error if the path is anything but a file, or a directory of files
// and directories: opening a pipe, for example, may never return. What doesn't exist is no
// error, as an etcd without a lock on the directory may remove what was listed.
func onlyFiles(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.Type()&fs.ModeSymlink != 0 {
			var target fs.FileInfo
			if target, err = os.Stat(path); err == nil {
				entry = fs.FileInfoToDirEntry(target)
			}
		}
		switch {
		case err != nil:
			return err
		case !entry.IsDir() && !entry.Type().IsRegular():
			return fmt.Errorf("%s is not a regular file", path)
		}
		return nil
	})
}

// checkData checks that the database can be read, because etcd ends the process if it
// can't.
func checkData(folder string) (err error) {
	path := datadir.ToBackendFileName(folder)
	info, err := os.Stat(path)
	if err != nil {
		return nil // a new directory
	}
	// A page that refers to a position outside of the file is a fault of memory.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its data can't be read: %v", r)
		}
	}()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: 100 * time.Millisecond})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil // in use: etcd waits for it, with the time limit in start
	case err != nil:
		return fmt.Errorf("its data can't be read: %w", err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		if size := tx.Size(); size > info.Size() {
			return fmt.Errorf("its database has %d bytes, not %d", info.Size(), size)
		}
		// Check reads in goroutines of its own, where a fault ends the process:
		// everything is read here first.
		read := 0
		err := tx.ForEach(func(_ []byte, bucket *bbolt.Bucket) error {
			return bucket.ForEach(func(key, value []byte) error {
				for _, data := range [][]byte{key, value} {
					for _, b := range data {
						read += int(b)
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		for problem := range tx.Check() {
			if err == nil { // the others follow from it
				err = problem
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("its data can't be read: %w", err)
	}
	return db.Close()
}
