//go:build !embedded

package main

import (
	"context"
	"errors"
	"time"
)

// hasEmbedded says that this build has no etcd in it: it stays small.
const hasEmbedded = false

func startEmbedded(context.Context, string, time.Duration) (closableDatastore, error) {
	return nil, errors.New("embedded etcd: not in this build")
}
