//go:build !embedded

package main

import (
	"context"
	"errors"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
)

// hasEmbedded reports whether this build has an embedded etcd.
const hasEmbedded = false

func startEmbedded(context.Context, string, time.Duration) (open.Datastore, error) {
	return nil, errors.New("embedded etcd: not in this build")
}
