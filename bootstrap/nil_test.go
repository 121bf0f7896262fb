package bootstrap

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Without a datastore, a context or a plan, every call returns an error.
func TestNilArguments(t *testing.T) {
	t.Parallel()
	var (
		nothing settings.Settings
		none    context.Context
		absent  *Bootstrap
	)
	for name, b := range map[string]*Bootstrap{"nil": absent, "zero": {}, "no store": New(nil), "nil options": New(nil, nil, WithHost(nil), WithLogger(nil))} {
		_, err := b.Plan(t.Context(), nothing)
		require.EqualError(t, err, "bootstrap: no datastore", name)
		_, err = b.Run(t.Context(), nothing)
		require.EqualError(t, err, "bootstrap: no datastore", name)
		_, err = b.Inventory(t.Context(), nothing)
		require.EqualError(t, err, "bootstrap: no datastore", name)
		_, err = b.Apply(t.Context(), &Plan{})
		require.EqualError(t, err, "bootstrap: no datastore", name)
		_, err = b.Apply(t.Context(), nil)
		require.EqualError(t, err, "bootstrap: no plan to apply", name)
	}
	store := newStore()
	b := New(store)
	_, err := b.Run(none, nothing)
	require.EqualError(t, err, "bootstrap: the context is nil")
	_, err = b.Plan(none, nothing)
	require.EqualError(t, err, "bootstrap: the context is nil")
	_, err = b.Inventory(none, nothing)
	require.EqualError(t, err, "bootstrap: the context is nil")
	_, err = b.Apply(none, &Plan{})
	require.EqualError(t, err, "bootstrap: the context is nil")
	_, _, err = Render(none, nothing, nil)
	require.EqualError(t, err, "bootstrap: the context is nil")
	assert.Empty(t, store.calls)
}

// nilRecords is a datastore whose snapshot has a nil record.
type nilRecords struct{ *fakeStore }

func (nilRecords) Snapshot(context.Context) (datastore.Snapshot, error) {
	return datastore.Snapshot{Pools: []*ippool.Record{nil}}, nil
}

func TestNilRecord(t *testing.T) {
	t.Parallel()
	store := newStore()
	_, err := New(nilRecords{store}).Run(t.Context(), settings.Settings{})
	require.ErrorContains(t, err, "the snapshot has a nil record")
	assert.Zero(t, store.count("commit"))
}

// Errors of importers may have no cause.
func TestErrorsWithoutACause(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"the run failed": &PartialError{},
		`IPPool "a" was created and not rolled back`:                            &PartialError{Created: []string{"a"}},
		"x\n" + `IPPool "b" may have been written: there was no valid response`: &PartialError{Unknown: []string{"b"}, Err: errors.New("x")},
	} {
		var partial *PartialError
		require.ErrorAs(t, err, &partial)
		require.NotErrorIs(t, err, datastore.ErrConflict)
		assert.EqualError(t, err, want)
	}
}

// A panic of a source of facts in another goroutine reaches the caller of Run.
func TestPanicOfAFact(t *testing.T) {
	t.Parallel()
	p := crash.Of(func() {
		_, _ = run(t, newStore(), settingstest.Given(t, settingstest.CIDRs...), WithCluster(panicking{}))
	})
	require.NotNil(t, p)
	assert.Equal(t, "no facts", p.Value)
	assert.Contains(t, p.Where(), "panicking.Survey")
}

// A panic of the datastore waits for the facts that are being read: nothing runs after Run
// has ended.
func TestPanicOfTheDatastore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, cluster := newStore(), &slow{}
		store.onBlocks = []hook{func(context.Context, func() error) error { panic("no blocks") }}
		p := crash.Of(func() {
			_, _ = run(t, store, settingstest.Given(t, settingstest.CIDRs...), WithCluster(cluster))
		})
		require.NotNil(t, p)
		assert.Equal(t, "no blocks", p.Value)
		assert.True(t, cluster.done)
	})
}

// slow is a cluster whose survey lasts a second.
type slow struct {
	panicking
	done bool
}

func (s *slow) Survey(context.Context) (facts.Survey, error) {
	time.Sleep(time.Second)
	s.done = true
	return facts.Survey{}, nil
}

type panicking struct{}

func (panicking) Survey(context.Context) (facts.Survey, error) { panic("no facts") }

func (panicking) PodCIDRs(context.Context, []ippool.Family) ([]facts.PodCIDRSource, error) {
	return nil, nil
}
