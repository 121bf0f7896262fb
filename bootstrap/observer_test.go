package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// short returns an event in a line: attempt, kind, pools with their actions, and error.
func short(event Event) string {
	words := []string{fmt.Sprint(event.Attempt), string(event.Kind)}
	for _, pool := range event.Pools {
		words = append(words, fmt.Sprintf("%s=%s", pool.Name, pool.Action))
	}
	if event.Err != nil {
		words = append(words, event.Err.Error())
	}
	return strings.Join(words, " ")
}

func TestObserver(t *testing.T) {
	t.Parallel()
	const (
		ipv4, ipv6 = "default-ipv4-ippool", "default-ipv6-ippool"
		toCreate   = ipv4 + "=would-create " + ipv6 + "=would-create"
		both       = ipv4 + "=created " + ipv6 + "=created"
	)
	lost := unreachable("connection reset")
	tests := []struct {
		name     string
		settings []string
		store    func(*fakeStore)
		options  []Option
		want     []string
	}{
		{"a fresh cluster", nil, nil, nil,
			[]string{"1 reading", "1 planned " + toCreate, "1 writing " + toCreate, "1 written " + both}},
		{"a dry run", nil, nil, []Option{asPlan},
			[]string{"1 reading", "1 planned " + toCreate}},
		{"pools exist", nil, func(s *fakeStore) {
			s.put(poolstest.Stored(ipv4, "10.244.0.0/16"), poolstest.Stored(ipv6, "fd00:10:244::/64"))
		}, nil,
			[]string{"1 reading", "1 planned " + ipv4 + "=unchanged " + ipv6 + "=unchanged"}},
		{"one is updated, one skipped", []string{"CALICO_IPPOOLS_ON_DRIFT=update", "CALICO_IPV4POOL_NAT_OUTGOING=true", "FELIX_IPV6SUPPORT=false"},
			func(s *fakeStore) { s.put(poolstest.Stored(ipv4, "10.244.0.0/16")) }, nil,
			[]string{"1 reading", "1 planned " + ipv4 + "=would-update " + ipv6 + "=skipped", "1 writing " + ipv4 + "=would-update", "1 written " + ipv4 + "=updated"}},
		{"unreachable at first", nil, func(s *fakeStore) { s.onSnapshot = []hook{fails(unreachable("connection refused"))} }, nil,
			[]string{"1 reading", "1 retrying " + unreachable("connection refused").Error(),
				"2 reading", "2 planned " + toCreate, "2 writing " + toCreate, "2 written " + both}},
		{"another client is faster", nil,
			func(s *fakeStore) {
				s.onCommit = []hook{first(func() { s.put(poolstest.Stored(ipv6, "fd00:10:244::/64")) })}
			}, nil,
			[]string{"1 reading", "1 planned " + toCreate, "1 writing " + toCreate, "1 retrying " + datastore.ErrConflict.Error(),
				"2 reading", "2 planned " + ipv4 + "=would-create " + ipv6 + "=unchanged", "2 writing " + ipv4 + "=would-create", "2 written " + ipv4 + "=created"}},
		{"the answer is lost", nil, func(s *fakeStore) { s.onCommit = []hook{losesAnswer(lost)} }, nil,
			[]string{"1 reading", "1 planned " + toCreate, "1 writing " + toCreate, "1 retrying " + lost.Error(),
				"2 reading", "2 planned " + ipv4 + "=created " + ipv6 + "=created", "2 written " + both}},
		{"one pool is written, then the other", nil, func(s *fakeStore) {
			s.onCommit = []hook{func(context.Context, func() error) error {
				s.put(poolstest.Stored(ipv4, "10.244.0.0/16"))
				return &partlyWritten{[]string{ipv4}, lost}
			}}
		}, nil,
			[]string{"1 reading", "1 planned " + toCreate, "1 writing " + toCreate, "1 written " + ipv4 + "=created", "1 retrying " + lost.Error(),
				"2 reading", "2 planned " + ipv4 + "=created " + ipv6 + "=would-create", "2 writing " + ipv6 + "=would-create", "2 written " + ipv6 + "=created"}},
		{"more is written than is reported", nil, func(s *fakeStore) {
			s.onCommit = []hook{func(_ context.Context, do func() error) error {
				_ = do()
				return &partlyWritten{[]string{ipv4}, lost}
			}}
		}, nil,
			[]string{"1 reading", "1 planned " + toCreate, "1 writing " + toCreate, "1 written " + ipv4 + "=created", "1 retrying " + lost.Error(),
				"2 reading", "2 planned " + ipv4 + "=created " + ipv6 + "=created", "2 written " + ipv6 + "=created"}},
		{"drift with --on-drift=fail", []string{"CALICO_IPPOOLS_ON_DRIFT=fail", "CALICO_IPV4POOL_NAT_OUTGOING=true"},
			func(s *fakeStore) { s.put(poolstest.Stored(ipv4, "10.244.0.0/16")) }, nil,
			[]string{"1 reading", "1 planned " + ipv4 + "=unchanged " + ipv6 + "=would-create"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newStore()
				if tt.store != nil {
					tt.store(store)
				}
				var got []string
				observe := WithObserver(func(event Event) {
					got = append(got, short(event))
					assert.Equal(t, event.Kind == EventRetrying, event.Err != nil)
					for _, pool := range event.Pools {
						assert.NotEmpty(t, pool.Reason)
						assert.NotZero(t, pool.Family)
					}
				})
				_, err := run(t, store, settingstest.Given(t, append(settingstest.CIDRs, tt.settings...)...), append(tt.options, observe)...)
				if !errors.Is(err, plan.ErrDrift) {
					require.NoError(t, err)
				}
				assert.Equal(t, tt.want, got)
			})
		})
	}
}

// Event.Wait is the pause that follows.
func TestObserverGetsTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		store.onSnapshot = times(5, fails(unreachable("connection refused")))
		var retried time.Time
		var wait time.Duration
		waits := 0
		_, err := run(t, store, settingstest.Given(t, settingstest.CIDRs...), WithObserver(func(event Event) {
			switch event.Kind {
			case EventRetrying:
				retried, wait = time.Now(), event.Wait
				assert.Positive(t, wait)
				waits++
			case EventReading:
				if event.Attempt > 1 {
					assert.Equal(t, wait, time.Since(retried))
				}
			}
		}))
		require.NoError(t, err)
		assert.Equal(t, 5, waits)
	})
}

func TestNoObserver(t *testing.T) {
	t.Parallel()
	_, err := run(t, newStore(), settingstest.Given(t, settingstest.CIDRs...), WithObserver(nil))
	require.NoError(t, err)
}
