package bootstrap

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"github.com/google/uuid"
	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/types"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// modelStore is what several bootstraps share in a model check. It promises what
// one of the real datastores promises, and no more.
type modelStore struct {
	mu sync.Mutex // of all that follows, and of the actors

	atomic   bool // as etcd: all or nothing, guarded by a revision; else as the Kubernetes API: names alone
	pools    map[string]v3.IPPool
	writers  map[string]int // by the pool's name: the actor who created it
	updaters map[string]int // and the one who updated it
	revision int
	version  map[string]int // of each pool
}

func newModelStore(atomic bool, pools ...v3.IPPool) *modelStore {
	s := &modelStore{atomic: atomic, pools: map[string]v3.IPPool{}, writers: map[string]int{}, updaters: map[string]int{}, version: map[string]int{}}
	for _, pool := range pools {
		s.put(-1, pool)
	}
	return s
}

func (s *modelStore) put(actor int, pool v3.IPPool) {
	s.revision++
	s.version[pool.Name] = s.revision
	if _, there := s.pools[pool.Name]; there {
		s.updaters[pool.Name] = actor
	} else {
		s.writers[pool.Name] = actor
	}
	s.pools[pool.Name] = *pool.DeepCopy()
}

// verdict is what becomes of a call.
type verdict int

const (
	happens     verdict = iota
	failsBefore         // it doesn't happen, and the caller is told that nobody answers
	losesReply          // it happens, and the caller is told that nobody answers
	crashes             // it doesn't happen, and the caller is no more
	crashesLate         // it happens, and the caller is no more
)

// actor is one bootstrap, as the store sees it. Every call waits for a verdict.
type actor struct {
	id      int
	store   *modelStore
	waiting string // what it calls; empty: nothing
	decided chan verdict
	kill    context.CancelFunc
	dead    bool

	report Report
	err    error
	done   bool
}

var _ datastore.Datastore = (*actor)(nil)

// call asks what becomes of it, and does it or not.
func (a *actor) call(what string, do func() error) error {
	a.store.mu.Lock()
	a.waiting = what
	a.store.mu.Unlock()
	v, goesOn := <-a.decided
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	a.waiting = ""
	gone := unreachable("no answer")
	if !goesOn { // the check is over
		return gone
	}
	switch v {
	case happens:
		return do()
	case failsBefore:
		return gone
	case losesReply:
		_ = do()
		return gone
	case crashesLate:
		_ = do()
	}
	a.dead = true
	a.kill()
	return gone
}

func (a *actor) Type() datastore.Type { return datastore.EtcdV3 }

func (a *actor) Snapshot(context.Context) (datastore.Snapshot, error) {
	var snapshot datastore.Snapshot
	err := a.call("snapshot", func() error {
		snapshot.Revision = strconv.Itoa(a.store.revision)
		for _, name := range slices.Sorted(maps.Keys(a.store.pools)) {
			pool := a.store.pools[name]
			pool.ResourceVersion = strconv.Itoa(a.store.version[name])
			snapshot.Pools = append(snapshot.Pools, ippool.NewRecord(&pool))
		}
		return nil
	})
	return snapshot, err
}

// Blocks are none: that read can't meet anything that others do.
func (a *actor) Blocks(context.Context, []ippool.Family) ([]netip.Prefix, error) { return nil, nil }

func (a *actor) Commit(_ context.Context, since datastore.Snapshot, changes []datastore.Change) (datastore.Result, error) {
	var result datastore.Result
	state := func(err error) datastore.State {
		switch {
		case err == nil:
			return datastore.Written
		case datastore.Retryable(err):
			return datastore.Unknown
		default:
			return datastore.NotWritten
		}
	}
	if a.store.atomic {
		err := a.call("commit", func() error { return a.commitAll(since, changes) })
		for _, change := range changes {
			result.Outcomes = append(result.Outcomes, datastore.Outcome{State: state(err), Stored: storedIf(err == nil, change.Pool())})
		}
		return result, err
	}
	for _, change := range changes {
		var stored *v3.IPPool
		err := a.call("write "+change.Name(), func() (err error) {
			stored, err = a.commitOne(change)
			return err
		})
		result.Outcomes = append(result.Outcomes, datastore.Outcome{State: state(err), Stored: storedIf(err == nil, stored)})
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

// storedIf is a copy of the pool, if the caller learns of it.
func storedIf(learns bool, pool *v3.IPPool) *v3.IPPool {
	if !learns {
		return nil
	}
	return pool.DeepCopy()
}

func (a *actor) commitAll(since datastore.Snapshot, changes []datastore.Change) error {
	if since.Revision != strconv.Itoa(a.store.revision) {
		return datastore.ErrConflict
	}
	for _, change := range changes {
		a.store.put(a.id, *change.Pool())
	}
	return nil
}

func (a *actor) commitOne(change datastore.Change) (*v3.IPPool, error) {
	stored, there := a.store.pools[change.Name()]
	pool := change.Pool().DeepCopy()
	switch {
	case change.Create != nil && there:
		return nil, datastore.ErrConflict
	case change.Create != nil: // the server gives out the uid
		pool.UID = types.UID(uuid.NewSHA1(uuid.Nil, fmt.Append(nil, a.store.revision)).String())
	case !there || stored.UID != pool.UID || pool.ResourceVersion != strconv.Itoa(a.store.version[change.Name()]):
		return nil, datastore.ErrConflict
	}
	a.store.put(a.id, *pool)
	return pool, nil
}
