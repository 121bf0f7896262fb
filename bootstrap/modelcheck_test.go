package bootstrap

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// The commit loop is driven step by step: several bootstraps call one store, and
// at every step somebody decides whose call goes on, and whether it fails. What
// docs/GUARANTEES.md promises has to hold after every step.

// scenario is what a model check begins with.
type scenario struct {
	name   string
	given  [][]string // of each bootstrap
	stored []v3.IPPool
	names  bool // they want the same names, as the Kubernetes API needs it
}

var (
	otherwise = []string{"CALICO_IPV4POOL_CIDR=10.9.0.0/16", "CALICO_IPV6POOL_CIDR=fd00:9::/64",
		"CALICO_IPV4POOL_NAME=other-four", "CALICO_IPV6POOL_NAME=other-six"}
	alone    = []string{"CALICO_IPV4POOL_CIDR=10.8.0.0/16", "CALICO_IPV6POOL_CIDR=none"}
	updating = append(slices.Clone(settingstest.CIDRs), "CALICO_IPV4POOL_NAT_OUTGOING=false", "CALICO_IPPOOLS_ON_DRIFT=update")
)

func scenarios() []scenario {
	there := poolstest.Stored("default-ipv4-ippool", "10.244.0.0/16", func(p *v3.IPPool) {
		p.Spec.NATOutgoing = true
		p.Labels = map[string]string{"team": "network"}
	})
	return []scenario{
		{"alike", [][]string{settingstest.CIDRs, settingstest.CIDRs, settingstest.CIDRs}, nil, true},
		{"other ranges", [][]string{settingstest.CIDRs, {otherwise[0], otherwise[1]}, alone}, nil, true},
		{"other names", [][]string{settingstest.CIDRs, otherwise, alone}, nil, false},
		{"updates", [][]string{updating, updating, settingstest.CIDRs}, []v3.IPPool{there}, true},
	}
}

// TestEverySchedule goes through every order of the calls of a few bootstraps, with
// up to so many failures at any of their writes.
func TestEverySchedule(t *testing.T) {
	t.Parallel()
	for _, bound := range []struct {
		atomic               bool
		bootstraps, failures int
	}{
		{true, 3, 1},
		{true, 2, 3},
		{false, 3, 0}, // which takes more steps, as every pool is written by itself
		{false, 2, 2},
	} {
		for _, s := range scenarios() {
			if !bound.atomic && !s.names {
				continue
			}
			s.given = s.given[:bound.bootstraps]
			t.Run(fmt.Sprintf("%s, %+v", s.name, bound), func(t *testing.T) {
				t.Parallel()
				given, count := settingsOf(t, s), 0
				for schedule := (&schedule{}); !schedule.over; schedule.next() {
					schedule.at = 0
					execute(t, s, given, bound.atomic, bound.failures, schedule.choose)
					count++
				}
				t.Logf("%d schedules", count)
			})
		}
	}
}

// TestRandomSchedules has more bootstraps and more failures than can be gone
// through.
func TestRandomSchedules(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		for _, atomic := range []bool{true, false} {
			if !atomic && !s.names {
				continue
			}
			t.Run(fmt.Sprintf("%s, atomic %t", s.name, atomic), func(t *testing.T) {
				t.Parallel()
				s := s // the subtests share it
				s.given = slices.Concat(s.given, s.given, s.given)
				given := settingsOf(t, s)
				for seed := range uint64(200) {
					random := rand.New(rand.NewPCG(seed, 0))
					execute(t, s, given, atomic, 15, random.IntN)
				}
			})
		}
	}
}

// settingsOf are those of each bootstrap.
func settingsOf(t *testing.T, s scenario) []settings.Settings {
	t.Helper()
	var all []settings.Settings
	for _, lines := range s.given {
		all = append(all, settingstest.Given(t, lines...))
	}
	return all
}

// schedule is one of all sequences of choices, in order.
type schedule struct {
	choices, of []int // what is chosen at each step, of how many
	at          int
	over        bool
}

func (s *schedule) choose(n int) int {
	if s.at == len(s.choices) {
		s.choices, s.of = append(s.choices, 0), append(s.of, n)
	}
	s.of[s.at] = n
	s.at++
	return s.choices[s.at-1]
}

// next goes on to the next sequence: the last choice that has another is another.
func (s *schedule) next() {
	for last := len(s.choices) - 1; last >= 0; last-- {
		if s.choices[last]+1 < s.of[last] {
			s.choices[last]++
			s.choices, s.of = s.choices[:last+1], s.of[:last+1]
			return
		}
	}
	s.over = true
}

// option is a call that may go on, and what may become of it.
type option struct {
	*actor
	call    string
	verdict verdict
}

// execute runs the bootstraps once, as the choices have it.
func execute(t *testing.T, s scenario, given []settings.Settings, atomic bool, failures int, choose func(int) int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := newModelStore(atomic, s.stored...)
		var actors []*actor
		for id := range given {
			ctx, kill := context.WithCancel(t.Context())
			a := &actor{id: id, store: store, decided: make(chan verdict), kill: kill}
			actors = append(actors, a)
			go func() {
				defer kill()
				report, err := New(a, WithHost(fakeHost{reads: new(int)}), WithRandom(rand.NewChaCha8([32]byte{byte(id)}))).Run(ctx, given[id])
				store.mu.Lock()
				defer store.mu.Unlock()
				a.report, a.err, a.done = report, err, true
			}()
		}
		var trace []string
		broken := ""
		check := func(holds bool, promise string, args ...any) {
			if !holds && broken == "" {
				broken = fmt.Sprintf(promise, args...) + "\n" + strings.Join(trace, "\n")
			}
		}
		for broken == "" {
			synctest.Wait()
			options, over := optionsOf(store, actors, failures)
			if over {
				break
			}
			if len(options) == 0 {
				time.Sleep(time.Second) // of the bubble: those who pause go on
				continue
			}
			chosen := options[choose(len(options))]
			trace = append(trace, fmt.Sprintf("%d: %s, verdict %d", chosen.id, chosen.call, chosen.verdict))
			if chosen.verdict != happens {
				failures--
			}
			before := maps.Clone(store.pools) // nobody writes unasked
			chosen.decided <- chosen.verdict
			synctest.Wait()
			store.mu.Lock()
			checkStep(check, s, store, before)
			store.mu.Unlock()
		}
		if broken == "" {
			checkEnd(check, s, store, actors)
		}
		for _, a := range actors { // or they would wait forever
			a.kill()
			close(a.decided)
		}
		require.Empty(t, broken)
	})
}

// optionsOf are the calls that wait, and whether all bootstraps have ended.
func optionsOf(store *modelStore, actors []*actor, failures int) (options []option, over bool) {
	store.mu.Lock()
	defer store.mu.Unlock()
	over = true
	for _, a := range actors {
		over = over && a.done
		if a.waiting == "" {
			continue
		}
		options = append(options, option{a, a.waiting, happens})
		// A read that fails is one that comes later; who crashes over it was
		// never there.
		if failures > 0 && a.waiting != "snapshot" {
			options = append(options,
				option{a, a.waiting, failsBefore}, option{a, a.waiting, losesReply}, option{a, a.waiting, crashes}, option{a, a.waiting, crashesLate})
		}
	}
	return options, over
}

// promise ends the check with the schedule that broke it.
type promise func(holds bool, promise string, args ...any)

// checkStep holds a step against what is always promised.
func checkStep(check promise, s scenario, store *modelStore, before map[string]v3.IPPool) {
	families := map[ippool.Family]int{}
	for _, pool := range store.pools {
		prefix, _ := ippool.ParseCIDR(pool.Spec.CIDR)
		families[ippool.FamilyOf(prefix)]++
	}
	check(families[ippool.IPv4] <= 1 && families[ippool.IPv6] <= 1, "more than one default pool of a family: %v", families)
	for name, was := range before {
		is, there := store.pools[name]
		check(there, "pool %s went", name)
		was.Spec.NATOutgoing, was.ResourceVersion, is.ResourceVersion = is.Spec.NATOutgoing, "", ""
		check(s.stored != nil || store.pools[name].Spec.NATOutgoing == before[name].Spec.NATOutgoing, "pool %s was changed", name)
		check(reflect.DeepEqual(was, is), "more of pool %s was changed than was asked for: %v, %v", name, was, is)
	}
	if !store.atomic {
		return
	}
	// All that the writer wants and nobody has, or nothing.
	fresh := slices.DeleteFunc(slices.Collect(maps.Keys(store.pools)), func(name string) bool { _, was := before[name]; return was })
	if len(fresh) == 0 {
		return
	}
	writer := store.writers[fresh[0]]
	lacking := wants(s.given[writer]) - len(before)
	check(len(fresh) == lacking, "bootstrap %d wrote %v, of %d pools that it lacked", writer, fresh, lacking)
}

// wants is how many pools the settings ask for.
func wants(given []string) int {
	if slices.Contains(given, "CALICO_IPV6POOL_CIDR=none") {
		return 1
	}
	return 2
}

// checkEnd holds what came of it against what is promised of a run that ends.
func checkEnd(check promise, s scenario, store *modelStore, actors []*actor) {
	claims, updates := map[string][]int{}, map[string][]int{}
	wanted := 0
	for _, a := range actors {
		if a.dead {
			continue
		}
		check(a.err == nil, "bootstrap %d failed: %v", a.id, a.err)
		wanted = max(wanted, wants(s.given[a.id]))
		for _, pool := range a.report.Pools {
			if pool.Action == plan.Created {
				claims[pool.Name] = append(claims[pool.Name], a.id)
			}
			if pool.Action == plan.Updated {
				updates[pool.Name] = append(updates[pool.Name], a.id)
			}
			if pool.Action != plan.Skipped {
				_, there := store.pools[pool.Name]
				check(there, "bootstrap %d reports a pool %s that isn't there", a.id, pool.Name)
			}
		}
	}
	check(len(store.pools) >= wanted, "%d pools, and %d were asked for", len(store.pools), wanted)
	for name, claimed := range claims {
		check(len(claimed) == 1 && claimed[0] == store.writers[name], "pool %s of bootstrap %d is claimed by %v", name, store.writers[name], claimed)
	}
	for name, writer := range store.writers {
		// On the API server the uid is the server's: who loses the answer
		// doesn't know its pool again.
		if writer >= 0 && store.atomic && !actors[writer].dead {
			check(len(claims[name]) == 1, "pool %s of bootstrap %d is nobody's", name, writer)
		}
	}
	for name, updater := range store.updaters {
		check(actors[updater].dead || slices.Contains(updates[name], updater), "bootstrap %d doesn't know that it updated pool %s", updater, name)
	}
	updating := slices.ContainsFunc(actors, func(a *actor) bool { return !a.dead && slices.Contains(s.given[a.id], updating[3]) })
	if len(s.stored) > 0 && updating {
		check(!store.pools[s.stored[0].Name].Spec.NATOutgoing, "the pool wasn't updated")
	}
}
