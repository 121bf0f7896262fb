//go:build !embedded

package main

import (
	"context"
	"errors"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
)

// hasEmbedded reports whether this build has an embedded etcd.
const hasEmbedded = false

func startEmbedded(context.Context, string) (open.Datastore, error) {
	return nil, errors.New("embedded etcd: not in this build")
}
