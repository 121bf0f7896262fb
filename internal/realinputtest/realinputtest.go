// Package realinputtest reads the cases of real input, for fuzzers to begin with.
package realinputtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// folder is the folder of the cases in the repository.
const folder = "internal/integration/testdata/realinput"

// marker matches the line before a file of a case.
var marker = regexp.MustCompile(`(?m)^-- (\S+) --\n`)

// Files returns the content of the file of this name in every case, as far as it has one.
// There are none outside of the repository.
func Files(tb testing.TB, name string) []string {
	tb.Helper()
	at, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for filepath.Dir(at) != at {
		if _, err := os.Stat(filepath.Join(at, folder)); err == nil {
			break
		}
		at = filepath.Dir(at)
	}
	var all []string
	err = filepath.WalkDir(filepath.Join(at, folder), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".txtar" {
			return nil // outside of the repository there are none
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		places := marker.FindAllSubmatchIndex(data, -1)
		for i, place := range places {
			end := len(data)
			if i+1 < len(places) {
				end = places[i+1][0]
			}
			if string(data[place[2]:place[3]]) == name {
				all = append(all, string(data[place[1]:end]))
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// Variables returns the variables of all cases, NAME=VALUE.
func Variables(tb testing.TB) []string {
	tb.Helper()
	var all []string
	for _, file := range Files(tb, "env") {
		for line := range strings.Lines(file) {
			if line = strings.TrimSuffix(line, "\n"); strings.Contains(line, "=") {
				all = append(all, line)
			}
		}
	}
	return all
}
