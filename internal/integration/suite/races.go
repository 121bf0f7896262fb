package suite

import (
	"context"
	"errors"
	"fmt"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func commitAfterCreate(t *testing.T, world World) {
	store := world.Open(t)
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	world.Write(t, pool("default-ipv4-ippool", "10.1.0.0/16"))
	err = store.Commit(t.Context(), snapshot, []bootstrap.Change{
		{Create: pool("default-ipv4-ippool", "10.2.0.0/16")},
	})
	require.ErrorIs(t, err, bootstrap.ErrConflict)
	stored := world.Pools(t)
	require.Len(t, stored, 1)
	assert.Equal(t, "10.1.0.0/16", stored[0].Spec.CIDR)
}

func commitAfterUpdate(t *testing.T, world World) {
	p := pool("default-ipv4-ippool", "10.1.0.0/16")
	world.Write(t, p)
	store := world.Open(t)
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	require.Len(t, snapshot.Pools, 1)

	err = store.Commit(t.Context(), snapshot, []bootstrap.Change{{Create: pool("new", "10.3.0.0/16")}})
	require.NoError(t, err, "nothing was written since")
	err = store.Commit(t.Context(), snapshot, []bootstrap.Change{{Create: pool("new", "10.4.0.0/16")}})
	require.ErrorIs(t, err, bootstrap.ErrConflict, "our own commit counts as any other")
}

// intruder writes pools between our snapshot and our commit.
type intruder struct {
	bootstrap.Datastore
	once func()
}

func (i *intruder) Commit(ctx context.Context, since bootstrap.Snapshot, changes []bootstrap.Change) error {
	if i.once != nil {
		i.once()
		i.once = nil
	}
	return i.Datastore.Commit(ctx, since, changes)
}

func somebodyIsFaster(t *testing.T, world World) {
	store := &intruder{Datastore: world.Open(t), once: func() {
		world.Write(t, pool("default-ipv4-ippool", "10.1.0.0/16"))
	}}
	report, err := bootstrap.Run(t.Context(), store, given(), bootstrap.WithHost(Host{}))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged", "default-ipv6-ippool created"}, outcome(report))
	assert.Equal(t, "10.1.0.0/16", report.Pools[0].Spec.CIDR)
}

// deleting lets a commit happen, deletes one of its pools and loses the answer.
type deleting struct {
	bootstrap.Datastore
	once func()
}

func (d *deleting) Commit(ctx context.Context, since bootstrap.Snapshot, changes []bootstrap.Change) error {
	err := d.Datastore.Commit(ctx, since, changes)
	if d.once == nil || err != nil {
		return err
	}
	d.once()
	d.once = nil
	return &bootstrap.DatastoreError{Kind: bootstrap.ErrUnreachable, Doing: "creating IP pools", Err: errors.New("no answer")}
}

// justCreatedIsDeleted has somebody delete one of the pools, or both, that a run
// created and didn't hear of: it creates again what is gone, and the rest stays.
func justCreatedIsDeleted(t *testing.T, world World) {
	for _, gone := range [][]string{{"default-ipv4-ippool"}, {"default-ipv6-ippool"}, {"default-ipv4-ippool", "default-ipv6-ippool"}} {
		stayed := ""
		store := &deleting{Datastore: world.Open(t), once: func() {
			for _, name := range gone {
				world.Delete(t, name)
			}
			for _, pool := range world.Pools(t) {
				stayed = world.Raw(t, pool.Name)
			}
		}}
		report, err := bootstrap.Run(t.Context(), store, given(), bootstrap.WithHost(Host{}))
		require.NoError(t, err)
		assert.Equal(t, []string{"default-ipv4-ippool created", "default-ipv6-ippool created"}, outcome(report))
		pools := world.Pools(t)
		assert.Equal(t, []string{"default-ipv4-ippool", "default-ipv6-ippool"}, names(pools))
		if stayed != "" {
			assert.Contains(t, []string{world.Raw(t, pools[0].Name), world.Raw(t, pools[1].Name)}, stayed, "it was not written again")
		}
		for _, pool := range pools {
			world.Delete(t, pool.Name)
		}
	}
}

// stormSize is how many bootstraps go off at once.
const stormSize = 200

// storm has everybody ask for pools of the same names and otherwise different:
// exactly one pool of each family must stay, and everybody must report that one.
func storm(t *testing.T, world World) {
	stormWith(t, world, func(i int, s *bootstrap.Settings) {
		s.IPv4.NATOutgoing = bootstrap.Given(fmt.Sprint(i%2 == 0), "test")
		s.IPv6.BlockSize = bootstrap.Given(fmt.Sprint(116+i%13), "test")
	})
}

// NamesAlone is a World whose datastore tells writers that race apart by the
// pools' names alone.
type NamesAlone interface {
	NamesAlone()
}

// stormOfNames has everybody ask for other names, too.
func stormOfNames(t *testing.T, world World) {
	if _, ok := world.(NamesAlone); ok {
		t.Skip("this datastore has no transaction over several objects")
	}
	stormWith(t, world, func(i int, s *bootstrap.Settings) {
		s.IPv4.Name = bootstrap.Given(fmt.Sprintf("four-%d", i), "test")
		s.IPv6.Name = bootstrap.Given(fmt.Sprintf("six-%d", i), "test")
	})
}

func stormWith(t *testing.T, world World, change func(i int, s *bootstrap.Settings)) {
	type result struct {
		report bootstrap.Report
		err    error
	}
	var (
		start   = make(chan struct{})
		results = make(chan result, stormSize)
	)
	for i := range stormSize {
		settings := given(func(s *bootstrap.Settings) {
			s.IPv4.CIDR = bootstrap.Given(fmt.Sprintf("10.%d.0.0/16", i), "test")
			s.IPv6.CIDR = bootstrap.Given(fmt.Sprintf("fd00:%x::/64", i+1), "test")
			change(i, s)
		})
		store := world.Open(t)
		go func() {
			<-start
			report, err := bootstrap.Run(t.Context(), store, settings, bootstrap.WithHost(Host{}))
			results <- result{report, err}
		}()
	}
	close(start)

	var errs []error
	reported := map[string]int{} // a pool's name and CIDR to how many reported it
	created := 0
	for range stormSize {
		r := <-results
		errs = append(errs, r.err)
		for _, p := range r.report.Pools {
			reported[p.Name+" "+p.Spec.CIDR]++
			if p.Action == bootstrap.Created {
				created++
			}
		}
	}
	require.NoError(t, errors.Join(errs...))
	stored := world.Pools(t)
	require.Len(t, stored, 2, "one pool of each family")
	assert.Equal(t, 2, created)
	assert.Equal(t, map[string]int{
		stored[0].Name + " " + stored[0].Spec.CIDR: stormSize,
		stored[1].Name + " " + stored[1].Spec.CIDR: stormSize,
	}, reported, "everybody reports the pools that stayed")
	assert.Equal(t, ippool.IPv4, familyOf(t, stored[0]))
	assert.Equal(t, ippool.IPv6, familyOf(t, stored[1]))
}

func familyOf(t *testing.T, p v3.IPPool) ippool.Family {
	t.Helper()
	prefix, err := ippool.ParseCIDR(p.Spec.CIDR)
	require.NoError(t, err)
	return ippool.FamilyOf(prefix)
}
