package main

import (
	"io"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/files"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// maxV1File is the maximum size of a file for --from-v1, the same as of --pools-file.
const maxV1File = 8 << 20

// readV1 reads the file of --from-v1, if it is set, in the place of --pools-file.
func (p *program) readV1() error {
	if p.fromV1 == "" {
		return nil
	}
	var faults settings.Faults
	given := settings.Given(p.fromV1, origin.Flag("from-v1"))
	if file := p.settings.PoolsFile; file.IsSet() {
		faults.Add(given, "contradicts %s; set only one of the two", file.Source)
		return faults.Err()
	}
	data, err := readInput(p.fromV1, p.stdin, maxV1File)
	if err != nil {
		faults.Add(given, "%s", text.Unreadable(err, "a file with ipPools of calicoctl 1, or - for the standard input"))
		return faults.Err()
	}
	path := p.fromV1
	if path == "-" {
		path = "/dev/stdin"
	}
	p.settings.PoolManifests = []settings.PoolManifest{{Path: path, Data: data, V1: true}}
	return nil
}

// readInput reads a file, or stdin for "-" unless it is nil.
func readInput(file string, stdin io.Reader, limit int64) ([]byte, error) {
	if file == "-" && stdin != nil {
		return files.ReadFrom(stdin, limit)
	}
	return files.Read(file, limit)
}
