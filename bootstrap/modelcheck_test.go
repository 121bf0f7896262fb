package bootstrap

import (
	"context"
	"fmt"
	"maps"
	"math"
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

// The model check drives the commit loop step by step: several bootstraps share a store,
// and each step chooses whose call proceeds and whether it fails. The guarantees of
// docs/GUARANTEES.md must hold after every step.

// scenario is the start of a model check.
type scenario struct {
	name      string
	given     [][]string // of each bootstrap
	stored    []v3.IPPool
	sameNames bool // all use the same pool names, as the Kubernetes API requires

	// manifest are the pools of a file, in place of default pools: a-old, which is stored
	// and disabled by it, and one that replaces it.
	manifest string
}

var (
	others = []string{"CALICO_IPV4POOL_CIDR=10.9.0.0/16", "CALICO_IPV6POOL_CIDR=fd00:9::/64",
		"CALICO_IPV4POOL_NAME=other-ipv4", "CALICO_IPV6POOL_NAME=other-ipv6"}
	noNAT    = append(slices.Clone(settingstest.CIDRs), "CALICO_IPPOOLS_NO_NAT_TO=172.16.0.0/12")
	update   = []string{"CALICO_IPPOOLS_ON_DRIFT=update"}
	ipv4Only = []string{"CALICO_IPV4POOL_CIDR=10.8.0.0/16", "CALICO_IPV6POOL_CIDR=none"}
	updating = append(slices.Clone(settingstest.CIDRs), "CALICO_IPV4POOL_NAT_OUTGOING=false", update[0])
)

func scenarios() []scenario {
	existing := poolstest.Stored("default-ipv4-ippool", "10.244.0.0/16", func(p *v3.IPPool) {
		p.Spec.NATOutgoing = true
		p.Labels = map[string]string{"team": "network"}
	})
	return []scenario{
		{name: "same settings", given: [][]string{settingstest.CIDRs, settingstest.CIDRs, settingstest.CIDRs}, sameNames: true},
		{name: "different ranges", given: [][]string{settingstest.CIDRs, {others[0], others[1]}, ipv4Only}, sameNames: true},
		{name: "no NAT", given: [][]string{noNAT, noNAT}, sameNames: true},
		{name: "different names", given: [][]string{settingstest.CIDRs, others, ipv4Only}},
		{name: "updates", given: [][]string{updating, updating, settingstest.CIDRs}, stored: []v3.IPPool{existing}, sameNames: true},
		{
			name: "migration", given: [][]string{update, update, update}, stored: []v3.IPPool{poolstest.Stored("a-old", "10.9.0.0/16")}, sameNames: true,
			manifest: settingstest.Flat("a-old", "10.9.0.0/16") + "  disabled: true\n" + settingstest.Flat("b-new", "10.8.0.0/16"),
		},
	}
}

// TestEverySchedule tries every order of the calls of a few bootstraps, with a limited
// number of failures at any of their writes.
func TestEverySchedule(t *testing.T) {
	t.Parallel()
	for _, bound := range []struct {
		atomic               bool
		bootstraps, failures int
	}{
		{true, 3, 1},
		{true, 2, 3},
		{false, 3, 0}, // more steps, as every pool is written separately
		{false, 2, 2},
	} {
		for _, s := range scenarios() {
			if !bound.atomic && !s.sameNames {
				continue
			}
			if testing.Short() {
				bound.bootstraps, bound.failures = 2, min(bound.failures, 1)
			}
			s.given = s.given[:min(bound.bootstraps, len(s.given))]
			t.Run(fmt.Sprintf("%s, %+v", s.name, bound), func(t *testing.T) {
				t.Parallel()
				given, count := settingsOf(t, s), 0
				for schedule := (&schedule{}); !schedule.over; schedule.next() {
					schedule.at = 0
					execute(t, s, given, bound.atomic, bound.failures, schedule.choose, neverGivesWay)
					count++
				}
				t.Logf("%d schedules", count)
			})
		}
	}
}

// neverGivesWay is for schedules that must be the same each time: the pause of a run that gives
// way is random.
func neverGivesWay(o *options) { o.busy = math.MaxInt64 }

// TestRandomSchedules has more bootstraps and more failures than can be tried in every
// order.
func TestRandomSchedules(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		for _, atomic := range []bool{true, false} {
			if !atomic && !s.sameNames {
				continue
			}
			t.Run(fmt.Sprintf("%s, atomic %t", s.name, atomic), func(t *testing.T) {
				t.Parallel()
				s := s // the subtests share it
				s.given = slices.Concat(s.given, s.given, s.given)
				given := settingsOf(t, s)
				seeds := uint64(200)
				if testing.Short() {
					seeds = 20
				}
				for seed := range seeds {
					random := rand.New(rand.NewPCG(seed, 0))
					execute(t, s, given, atomic, 15, random.IntN)
				}
			})
		}
	}
}

// settingsOf returns the settings of each bootstrap.
func settingsOf(t *testing.T, s scenario) []settings.Settings {
	t.Helper()
	var all []settings.Settings
	for _, lines := range s.given {
		if s.manifest != "" {
			all = append(all, settingstest.WithFiles(t, lines, "pools.yaml", s.manifest))
			continue
		}
		all = append(all, settingstest.Given(t, lines...))
	}
	return all
}

// schedule enumerates the sequences of choices.
type schedule struct {
	choices, of []int // the choice at each step, and the number of options
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

// next advances to the next sequence: it increments the last choice that it can.
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

// option is a waiting call and a possible verdict.
type option struct {
	*actor
	call    string
	verdict verdict
}

// execute runs the bootstraps once, in the order that choose selects.
func execute(t *testing.T, s scenario, given []settings.Settings, atomic bool, failures int, choose func(int) int, opts ...Option) {
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
				report, err := New(a, append(slices.Clip(opts), WithHost(fakeHost{reads: new(int)}), WithRandom(rand.NewChaCha8([32]byte{byte(id)})))...).Run(ctx, given[id])
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
				time.Sleep(time.Second) // in the bubble: ends the pauses between attempts
				continue
			}
			chosen := options[choose(len(options))]
			trace = append(trace, fmt.Sprintf("%d: %s, verdict %d", chosen.id, chosen.call, chosen.verdict))
			if chosen.verdict != happens {
				failures--
			}
			before := maps.Clone(store.pools) // nothing is written without a verdict
			chosen.decided <- chosen.verdict
			synctest.Wait()
			store.mu.Lock()
			checkStep(check, s, store, before)
			store.mu.Unlock()
		}
		if broken == "" {
			checkEnd(check, s, store, actors)
		}
		for _, a := range actors { // else they would wait forever
			a.kill()
			close(a.decided)
		}
		require.Empty(t, broken)
	})
}

// optionsOf returns the options for the waiting calls, and whether all bootstraps have
// ended.
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
		// A failed read is equivalent to a later one, and a bootstrap that crashes
		// in a read has written nothing.
		if failures > 0 && a.waiting != "snapshot" {
			options = append(options,
				option{a, a.waiting, failsBefore}, option{a, a.waiting, losesReply}, option{a, a.waiting, crashes}, option{a, a.waiting, crashesLate})
		}
	}
	return options, over
}

// promise fails the check, with the trace, if a guarantee does not hold.
type promise func(holds bool, promise string, args ...any)

// checkStep checks the guarantees that hold after every step.
func checkStep(check promise, s scenario, store *modelStore, before map[string]v3.IPPool) {
	families := map[ippool.Family]int{}
	for _, pool := range store.pools {
		prefix, _ := ippool.ParseCIDR(pool.Spec.CIDR)
		if plan.IsNoNAT(&pool) {
			check(pool.Spec.Disabled && !pool.Spec.NATOutgoing, "pool %s does not exempt alone", pool.Name)
			continue
		}
		families[ippool.FamilyOf(prefix)]++
	}
	check(s.manifest != "" || families[ippool.IPv4] <= 1 && families[ippool.IPv6] <= 1, "more than one default pool of a family: %v", families)
	check(s.manifest == "" || slices.ContainsFunc(slices.Collect(maps.Values(store.pools)), func(p v3.IPPool) bool { return !p.Spec.Disabled }), "every pool is disabled")
	for name, was := range before {
		is, exists := store.pools[name]
		check(exists, "pool %s was deleted", name)
		was.Spec.NATOutgoing, was.ResourceVersion, is.ResourceVersion = is.Spec.NATOutgoing, "", ""
		if s.manifest != "" {
			check(!before[name].Spec.Disabled || is.Spec.Disabled, "pool %s was enabled", name)
			was.Spec.Disabled = is.Spec.Disabled
		}
		check(s.stored != nil || store.pools[name].Spec.NATOutgoing == before[name].Spec.NATOutgoing, "pool %s was changed", name)
		check(reflect.DeepEqual(was, is), "more than the desired field of pool %s was changed: %v, %v", name, was, is)
	}
	if !store.atomic {
		return
	}
	// The writer creates all pools that it desires and that are missing, or none.
	fresh := slices.DeleteFunc(slices.Collect(maps.Keys(store.pools)), func(name string) bool { _, was := before[name]; return was })
	if len(fresh) == 0 {
		return
	}
	writer := store.writers[fresh[0]]
	missing := desiredPools(s.given[writer]) - len(before)
	check(len(fresh) == missing, "bootstrap %d wrote %v, but %d pools were missing", writer, fresh, missing)
}

// desiredPools returns the number of pools that the settings request.
func desiredPools(given []string) int {
	if slices.Contains(given, "CALICO_IPV6POOL_CIDR=none") {
		return 1
	}
	if slices.Contains(given, noNAT[len(noNAT)-1]) {
		return 3
	}
	return 2
}

// checkEnd checks the guarantees about runs that have ended.
func checkEnd(check promise, s scenario, store *modelStore, actors []*actor) {
	claims, updates := map[string][]int{}, map[string][]int{}
	desired := 0
	for _, a := range actors {
		if a.dead {
			continue
		}
		check(a.err == nil, "bootstrap %d failed: %v", a.id, a.err)
		desired = max(desired, desiredPools(s.given[a.id]))
		for _, pool := range a.report.Pools {
			if pool.Action == plan.Created {
				claims[pool.Name] = append(claims[pool.Name], a.id)
			}
			if pool.Action == plan.Updated {
				updates[pool.Name] = append(updates[pool.Name], a.id)
			}
			if pool.Action != plan.Skipped {
				_, exists := store.pools[pool.Name]
				check(exists, "bootstrap %d reports a pool %s that does not exist", a.id, pool.Name)
			}
		}
	}
	check(len(store.pools) >= desired, "%d pools exist, %d are desired", len(store.pools), desired)
	for name, claimed := range claims {
		check(len(claimed) == 1 && claimed[0] == store.writers[name], "pool %s, created by bootstrap %d, is reported as created by %v", name, store.writers[name], claimed)
	}
	for name, writer := range store.writers {
		// An API server assigns the UID: a bootstrap that loses the answer can't
		// recognise its pool.
		if writer >= 0 && store.atomic && !actors[writer].dead {
			check(len(claims[name]) == 1, "pool %s, created by bootstrap %d, is not reported as created", name, writer)
		}
	}
	for name, updater := range store.updaters {
		check(actors[updater].dead || slices.Contains(updates[name], updater), "bootstrap %d does not report its update of pool %s", updater, name)
	}
	updating := slices.ContainsFunc(actors, func(a *actor) bool { return !a.dead && slices.Contains(s.given[a.id], update[0]) })
	if len(s.stored) > 0 && updating {
		is := store.pools[s.stored[0].Name].Spec
		check(!is.NATOutgoing && is.Disabled == (s.manifest != ""), "the pool wasn't updated")
	}
}
