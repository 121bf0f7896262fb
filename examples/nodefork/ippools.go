package main

import (
	"context"
	"log/slog"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
)

// configureIPPools stands in for the function of that name in calico-node's
// start-up. It takes the same variables and leaves the same pools; what is wrong
// it returns, and the fork decides whether that ends the process.
func configureIPPools(ctx context.Context, store bootstrap.Datastore) error {
	settings, err := bootstrap.FromEnv()
	if err != nil {
		return err
	}
	_, err = bootstrap.Run(ctx, store, settings, bootstrap.WithLogger(slog.Default()))
	return err
}
