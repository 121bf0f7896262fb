package main

import (
	"bytes"
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// oneByOne is a datastore without transactions, in which somebody removes what
// the plan meant to keep while the first pool is written.
type oneByOne struct {
	pools []*ippool.Record
}

func (s *oneByOne) Type() bootstrap.DatastoreType { return "one by one" }

func (s *oneByOne) Snapshot(context.Context) (bootstrap.Snapshot, error) {
	return bootstrap.Snapshot{Pools: s.pools}, nil
}

func (s *oneByOne) Blocks(context.Context, []ippool.Family) ([]netip.Prefix, error) { return nil, nil }

func (s *oneByOne) Commit(ctx context.Context, _ bootstrap.Snapshot, changes []bootstrap.Change) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.pools = []*ippool.Record{ippool.NewRecord(changes[0].Create)}
	return &bootstrap.PartialError{Created: []string{changes[0].Name()}, Err: bootstrap.ErrConflict}
}

// What was written before it came out that the plan doesn't hold is told.
func TestApplyTellsWhatWasWritten(t *testing.T) {
	t.Parallel()
	kept := ippool.New("default-ipv6-ippool")
	kept.Spec.CIDR = "fd00:9::/64"
	store := &oneByOne{pools: []*ippool.Record{ippool.NewRecord(kept)}}
	var settings bootstrap.Settings
	settings.IPv4.CIDR = bootstrap.Given("10.244.0.0/16", "test")
	settings.IPv6.CIDR = bootstrap.Given("fd00:10:244::/64", "test")
	settings.Preflight = bootstrap.Given("off", "test")
	plan, err := bootstrap.Run(t.Context(), store, settings, bootstrap.WithDryRun())
	assert.NoError(t, err)

	var progress bytes.Buffer
	_, err = apply(t.Context(), store, settings, plan, &progress)
	assert.ErrorContains(t, err, "the pools have changed since the plan was shown; run the installer again")
	assert.ErrorContains(t, err, `IPPool "default-ipv4-ippool" was created nevertheless, and stays`)
	assert.NotContains(t, err.Error(), "nothing was written")
	assert.Contains(t, progress.String(), "pool default-ipv4-ippool is created\n")
}
