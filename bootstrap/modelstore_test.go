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

// modelStore is the store that several bootstraps share in a model check. It has the
// guarantees of one of the real datastores, and no more.
type modelStore struct {
	mu sync.Mutex // guards the other fields, and the actors

	atomic   bool // true, as etcd: all or nothing, guarded by a revision; false, as the Kubernetes API: guarded by name
	pools    map[string]v3.IPPool
	writers  map[string]int // by pool name: the actor that created it
	updaters map[string]int // by pool name: the actor that updated it last
	revision int
	version  map[string]int // by pool name
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
	if _, exists := s.pools[pool.Name]; exists {
		s.updaters[pool.Name] = actor
	} else {
		s.writers[pool.Name] = actor
	}
	s.pools[pool.Name] = *pool.DeepCopy()
}

// verdict decides the outcome of a call.
type verdict int

const (
	happens     verdict = iota
	failsBefore         // it is not carried out, and the caller gets no answer
	losesReply          // it is carried out, and the caller gets no answer
	crashes             // it is not carried out, and the caller is killed
	crashesLate         // it is carried out, and the caller is killed
)

// actor is the datastore of one bootstrap. Every call waits for a verdict.
type actor struct {
	id      int
	store   *modelStore
	waiting string // the waiting call; empty: none
	decided chan verdict
	kill    context.CancelFunc
	dead    bool

	report Report
	err    error
	done   bool
}

var _ datastore.Datastore = (*actor)(nil)

// call waits for a verdict and acts on it.
func (a *actor) call(name string, do func() error) error {
	a.store.mu.Lock()
	a.waiting = name
	a.store.mu.Unlock()
	v, ok := <-a.decided
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	a.waiting = ""
	lost := unreachable("no answer")
	if !ok { // the check is over
		return lost
	}
	switch v {
	case happens:
		return do()
	case failsBefore:
		return lost
	case losesReply:
		_ = do()
		return lost
	case crashesLate:
		_ = do()
	}
	a.dead = true
	a.kill()
	return lost
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

// Blocks returns none: no write affects that read.
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

// storedIf returns a copy of the pool if the caller knows it, else nil.
func storedIf(known bool, pool *v3.IPPool) *v3.IPPool {
	if !known {
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
	stored, exists := a.store.pools[change.Name()]
	pool := change.Pool().DeepCopy()
	switch {
	case change.Create != nil && exists:
		return nil, datastore.ErrConflict
	case change.Create != nil: // the server assigns the UID
		pool.UID = types.UID(uuid.NewSHA1(uuid.Nil, fmt.Append(nil, a.store.revision)).String())
	case !exists || stored.UID != pool.UID || pool.ResourceVersion != strconv.Itoa(a.store.version[change.Name()]):
		return nil, datastore.ErrConflict
	}
	a.store.put(a.id, *pool)
	return pool, nil
}
