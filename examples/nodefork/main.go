// Command nodefork is the part of the start-up of a fork of calico-node that creates
// the default pools: ippools.go replaces calico-node's function, and this file opens
// the datastore.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := startUp(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// startUp is what a fork does before it starts its agents. A fork that already has a
// client uses it instead of open: etcdv3.New(client), or kubernetes.Open with the
// rest.Config of its clientset.
func startUp(ctx context.Context) error {
	s, err := settings.FromEnv()
	if err != nil {
		return err
	}
	config, err := open.FromSettings(s)
	if err != nil {
		return err
	}
	for _, warning := range config.Warnings {
		slog.Warn(warning)
	}
	store, err := config.Open()
	if err != nil {
		return err
	}
	defer store.Close()
	pools, err := configureIPPools(ctx, store, s)
	if errors.Is(err, datastore.ErrNotInstalled) {
		return fmt.Errorf("install Calico's CRDs before its nodes: %w", err)
	}
	if err != nil {
		return err
	}
	ipip, vxlan := tunnels(pools)
	fmt.Printf("%d IPPools; tunnel devices: IP-in-IP %t, VXLAN %t\n", len(pools), ipip, vxlan)
	return nil
}
