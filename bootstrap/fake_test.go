package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// fakeStore is an in-memory Datastore with the guarantees of etcd: Commit is all or
// nothing and detects every write since the snapshot. The tests of internal/integration
// use real servers; this one is for failures that are made to measure.
type fakeStore struct {
	pools      map[string]v3.IPPool
	unreadable []datastore.Unreadable
	blocks     []netip.Prefix
	revision   int

	calls []string

	// Each call takes the next hook of its kind. Without one, or with nil, the call is
	// carried out.
	onSnapshot, onBlocks, onCommit []hook
}

// hook wraps a call of the store. It may fail, wait or change the store, and may or may
// not carry out the call with do.
type hook func(ctx context.Context, do func() error) error

func newStore(pools ...v3.IPPool) *fakeStore {
	s := &fakeStore{pools: map[string]v3.IPPool{}, revision: 7}
	s.put(pools...)
	return s
}

// put writes pools, as another client would.
func (s *fakeStore) put(pools ...v3.IPPool) {
	for _, pool := range pools {
		s.revision++
		s.pools[pool.Name] = *pool.DeepCopy()
	}
}

func (s *fakeStore) call(ctx context.Context, name string, hooks *[]hook, do func() error) error {
	s.calls = append(s.calls, name)
	if len(*hooks) == 0 {
		return do()
	}
	next := (*hooks)[0]
	*hooks = (*hooks)[1:]
	if next == nil {
		return do()
	}
	return next(ctx, do)
}

func (s *fakeStore) Type() datastore.Type { return datastore.EtcdV3 }

func (s *fakeStore) Snapshot(ctx context.Context) (datastore.Snapshot, error) {
	var snapshot datastore.Snapshot
	err := s.call(ctx, "snapshot", &s.onSnapshot, func() error {
		snapshot = datastore.Snapshot{
			Unreadable: slices.Clone(s.unreadable),
			Revision:   strconv.Itoa(s.revision),
		}
		for _, pool := range s.stored() {
			snapshot.Pools = append(snapshot.Pools, ippool.NewRecord(&pool))
		}
		return nil
	})
	return snapshot, err
}

func (s *fakeStore) Blocks(ctx context.Context, families []ippool.Family) ([]netip.Prefix, error) {
	var blocks []netip.Prefix
	err := s.call(ctx, fmt.Sprintf("blocks %v", families), &s.onBlocks, func() error {
		for _, block := range s.blocks {
			if slices.Contains(families, ippool.FamilyOf(block)) {
				blocks = append(blocks, block)
			}
		}
		return nil
	})
	return blocks, err
}

func (s *fakeStore) Commit(ctx context.Context, since datastore.Snapshot, changes []datastore.Change) (datastore.Result, error) {
	call := []string{"commit"}
	for _, change := range changes {
		call = append(call, change.Name())
	}
	var result datastore.Result
	err := s.call(ctx, strings.Join(call, " "), &s.onCommit, func() error {
		if since.Revision != strconv.Itoa(s.revision) {
			return datastore.ErrConflict
		}
		for _, change := range changes {
			if change.Update != nil {
				s.put(*change.Update.Pool())
				continue
			}
			s.put(*change.Create)
		}
		return nil
	})
	var partly *partlyWritten
	if errors.As(err, &partly) {
		err = partly.err
	}
	for _, change := range changes {
		outcome := datastore.Outcome{}
		switch {
		case err == nil:
			outcome = datastore.Outcome{State: datastore.Written, Stored: change.Pool().DeepCopy()}
		case partly != nil && slices.Contains(partly.names, change.Name()):
			stored := s.pools[change.Name()]
			outcome = datastore.Outcome{State: datastore.Written, Stored: stored.DeepCopy()}
		case datastore.Retryable(err):
			outcome.State = datastore.Unknown
		}
		result.Outcomes = append(result.Outcomes, outcome)
	}
	return result, err
}

// partlyWritten is the error of a commit hook that wrote only the named pools.
type partlyWritten struct {
	names []string
	err   error
}

func (p *partlyWritten) Error() string { return p.err.Error() }

func (s *fakeStore) stored() []v3.IPPool {
	return slices.SortedFunc(maps.Values(s.pools), func(a, b v3.IPPool) int { return cmp.Compare(a.Name, b.Name) })
}

// count returns the number of calls that begin with the text.
func (s *fakeStore) count(call string) int {
	n := 0
	for _, made := range s.calls {
		if strings.HasPrefix(made, call) {
			n++
		}
	}
	return n
}

func fails(err error) hook {
	return func(context.Context, func() error) error { return err }
}

// losesAnswer carries out the call, but returns the error in place of its result.
func losesAnswer(err error) hook {
	return func(_ context.Context, do func() error) error {
		_ = do()
		return err
	}
}

// first calls other before the call is carried out.
func first(other func()) hook {
	return func(_ context.Context, do func() error) error {
		other()
		return do()
	}
}

// hangs returns when the context is done.
func hangs(ctx context.Context, _ func() error) error {
	<-ctx.Done()
	return &datastore.Error{
		Kind: datastore.ErrUnreachable, Place: "etcd https://10.0.0.1:2379", Operation: "reading IP pools", Err: ctx.Err(),
	}
}

// times repeats a hook for n calls.
func times(n int, h hook) []hook { return slices.Repeat([]hook{h}, n) }

// until returns a hook that fails before start + d.
func until(start time.Time, d time.Duration, err error) hook {
	return func(_ context.Context, do func() error) error {
		if time.Since(start) < d {
			return err
		}
		return do()
	}
}

func unreachable(cause string) error {
	return &datastore.Error{
		Kind: datastore.ErrUnreachable, Place: "etcd https://10.0.0.1:2379", Operation: "reading IP pools", Err: errors.New(cause),
	}
}

// fakeHost is a facts.Host. The zero value has IPv6, and fails the test if networks or
// routes are read.
type fakeHost struct {
	networks     []netip.Prefix
	routes       []netip.Prefix
	err          error // of Networks
	noRoutes     error // of Routes
	ipv6Disabled string
	reads        *int // counts the calls of Networks; nil: neither Networks nor Routes may be called
	t            testing.TB
}

func (h fakeHost) Networks(context.Context) ([]facts.Located, error) {
	if h.reads == nil {
		h.t.Error("the networks of the host were read")
		return nil, nil
	}
	*h.reads++
	return factstest.Locate(origin.Host("interface eth0"), h.networks...), h.err
}

func (h fakeHost) Routes(context.Context) ([]facts.Located, error) {
	if h.reads == nil {
		h.t.Error("the routes of the host were read")
		return nil, nil
	}
	return factstest.Locate(origin.Host("route via 10.0.0.1 dev eth0"), h.routes...), h.noRoutes
}

func (h fakeHost) IPv6Disabled() string { return h.ipv6Disabled }

// counting is a random source that returns the bytes 1, 2, 3 and so on.
type counting struct{ last byte }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		c.last++
		p[i] = c.last
	}
	return len(p), nil
}

// noRandom fails the test when random bytes are read.
type noRandom struct{ t testing.TB }

func (n noRandom) Read([]byte) (int, error) {
	n.t.Error("random bytes were read")
	return 0, io.ErrUnexpectedEOF
}

// logged returns a logger and its output: a line per record, without the time.
func logged(level slog.Level) (*slog.Logger, *strings.Builder) {
	var text strings.Builder
	handler := slog.NewTextHandler(&text, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, attr slog.Attr) slog.Attr {
			if attr.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return attr
		},
	})
	return slog.New(handler), &text
}

// outcome returns a line per pool of the report.
func outcome(report Report) []string {
	var lines []string
	for _, pool := range report.Pools {
		lines = append(lines, fmt.Sprintf("%s %s: %s", pool.Name, pool.Action, pool.Reason))
	}
	return lines
}
