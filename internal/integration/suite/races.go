package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func commitAfterCreate(t *testing.T, world World) {
	store := world.Open(t)
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	world.Write(t, pool("default-ipv4-ippool", "10.1.0.0/16"))
	result, err := store.Commit(t.Context(), snapshot, []datastore.Change{
		{Create: pool("default-ipv4-ippool", "10.2.0.0/16")},
	})
	require.ErrorIs(t, err, datastore.ErrConflict)
	assert.Equal(t, datastore.NotWritten, result.Of(0).State)
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

	result, err := store.Commit(t.Context(), snapshot, []datastore.Change{{Create: pool("new", "10.3.0.0/16")}})
	require.NoError(t, err, "nothing was written since")
	assert.Equal(t, datastore.Written, result.Of(0).State)
	result, err = store.Commit(t.Context(), snapshot, []datastore.Change{{Create: pool("new", "10.4.0.0/16")}})
	require.ErrorIs(t, err, datastore.ErrConflict, "the store's own commit is a conflict, too")
	assert.Equal(t, datastore.NotWritten, result.Of(0).State)
}

// intruder is a datastore that calls once before the first commit.
type intruder struct {
	datastore.Datastore
	once func()
}

func (i *intruder) Commit(ctx context.Context, since datastore.Snapshot, changes []datastore.Change) (datastore.Result, error) {
	if i.once != nil {
		i.once()
		i.once = nil
	}
	return i.Datastore.Commit(ctx, since, changes)
}

func concurrentWrite(t *testing.T, world World) {
	store := &intruder{Datastore: world.Open(t), once: func() {
		world.Write(t, pool("default-ipv4-ippool", "10.1.0.0/16"))
	}}
	report, err := bootstrap.New(store, bootstrap.WithHost(Host{})).Run(t.Context(), given())
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged", "default-ipv6-ippool created"}, outcome(report))
	assert.Equal(t, "10.1.0.0/16", report.Pools[0].Spec.CIDR)
}

// deleting is a datastore that calls once after the first commit and then fails. Its result
// reports what was written, or is unknown like that of a lost answer.
type deleting struct {
	datastore.Datastore
	reports bool
	once    func()
}

func (d *deleting) Commit(ctx context.Context, since datastore.Snapshot, changes []datastore.Change) (datastore.Result, error) {
	result, err := d.Datastore.Commit(ctx, since, changes)
	if d.once == nil || err != nil {
		return result, err
	}
	d.once()
	d.once = nil
	if !d.reports {
		result = datastore.Result{Outcomes: slices.Repeat([]datastore.Outcome{{State: datastore.Unknown}}, len(changes))}
	}
	return result, &datastore.Error{Kind: datastore.ErrUnreachable, Operation: "creating IP pools", Err: errors.New("no answer")}
}

// justCreatedIsDeleted deletes one or both of the pools that a run created, with and
// without an answer to the run. The run creates the deleted pools again and does not write
// the others.
func justCreatedIsDeleted(t *testing.T, world World) {
	_, assignsUIDs := world.(OneTransactionPerPool)
	for _, reports := range []bool{true, false} {
		for _, deleted := range [][]string{{"default-ipv4-ippool"}, {"default-ipv6-ippool"}, {"default-ipv4-ippool", "default-ipv6-ippool"}} {
			kept := map[string]string{}
			store := &deleting{Datastore: world.Open(t), reports: reports, once: func() {
				for _, name := range deleted {
					world.Delete(t, name)
				}
				kept = rawPools(t, world)
			}}
			report, err := bootstrap.New(store, bootstrap.WithHost(Host{})).Run(t.Context(), given())
			require.NoError(t, err)
			want := []string{"default-ipv4-ippool created", "default-ipv6-ippool created"}
			if !reports && assignsUIDs { // the run does not know the uid of the other pool
				for i, name := range []string{"default-ipv4-ippool", "default-ipv6-ippool"} {
					if kept[name] != "" {
						want[i] = name + " unchanged"
					}
				}
			}
			assert.Equal(t, want, outcome(report))
			pools := world.Pools(t)
			assert.Equal(t, []string{"default-ipv4-ippool", "default-ipv6-ippool"}, names(pools))
			for name, raw := range kept {
				assert.Equal(t, raw, world.Raw(t, name), "it is not written again")
			}
			for _, pool := range pools {
				world.Delete(t, pool.Name)
			}
		}
	}
}

// stormSize is the number of concurrent runs.
const stormSize = 200

// storm does concurrent runs with the same names of pools and different other settings:
// exactly one pool of each family is created, and all runs report it.
func storm(t *testing.T, world World) {
	stormWith(t, world, func(i int, s *settings.Settings) {
		s.IPv4.NATOutgoing = settings.Given(fmt.Sprint(i%2 == 0), origin.Caller("test"))
		s.IPv6.BlockSize = settings.Given(fmt.Sprint(116+i%13), origin.Caller("test"))
	})
}

// OneTransactionPerPool is a World whose datastore writes each pool separately, detects
// concurrent creates only by the pools' names, and assigns the uids itself.
type OneTransactionPerPool interface {
	OneTransactionPerPool()
}

// stormOfNames does concurrent runs with different names, too.
func stormOfNames(t *testing.T, world World) {
	if _, ok := world.(OneTransactionPerPool); ok {
		t.Skip("this datastore has no transaction over several objects")
	}
	stormWith(t, world, func(i int, s *settings.Settings) {
		s.IPv4.Name = settings.Given(fmt.Sprintf("four-%d", i), origin.Caller("test"))
		s.IPv6.Name = settings.Given(fmt.Sprintf("six-%d", i), origin.Caller("test"))
	})
}

func stormWith(t *testing.T, world World, change func(i int, s *settings.Settings)) {
	type result struct {
		report bootstrap.Report
		err    error
	}
	var (
		start   = make(chan struct{})
		results = make(chan result, stormSize)
	)
	for i := range stormSize {
		settings := given(func(s *settings.Settings) {
			s.IPv4.CIDR = settings.Given(fmt.Sprintf("10.%d.0.0/16", i), origin.Caller("test"))
			s.IPv6.CIDR = settings.Given(fmt.Sprintf("fd00:%x::/64", i+1), origin.Caller("test"))
			change(i, s)
		})
		store := world.Open(t)
		go func() {
			<-start
			report, err := bootstrap.New(store, bootstrap.WithHost(Host{})).Run(t.Context(), settings)
			results <- result{report, err}
		}()
	}
	close(start)

	var errs []error
	reported := map[string]int{} // number of reports by name and CIDR of a pool
	created := 0
	for range stormSize {
		r := <-results
		errs = append(errs, r.err)
		for _, p := range r.report.Pools {
			reported[p.Name+" "+p.Spec.CIDR]++
			if p.Action == plan.Created {
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
	}, reported, "all runs report the stored pools")
	assert.Equal(t, ippool.IPv4, familyOf(t, stored[0]))
	assert.Equal(t, ippool.IPv6, familyOf(t, stored[1]))
}

func familyOf(t *testing.T, p v3.IPPool) ippool.Family {
	t.Helper()
	prefix, err := ippool.ParseCIDR(p.Spec.CIDR)
	require.NoError(t, err)
	return ippool.FamilyOf(prefix)
}
