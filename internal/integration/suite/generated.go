package suite

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// generatedClusters is the number of random clusters.
const generatedClusters = 60

// generated makes random clusters and settings and checks invariants of every run: with
// report, existing pools are not modified; a run that fails writes nothing; a second run
// writes nothing.
func generated(t *testing.T, world World) {
	seen := map[string]int{} // number of runs by outcome; each must occur
	for seed := range uint64(generatedClusters) {
		random := rand.New(rand.NewPCG(seed, 4))
		for _, p := range world.Pools(t) {
			world.Delete(t, p.Name)
		}
		for _, p := range somePools(random) {
			world.WriteRaw(t, p.Name, withUnknown(t, random, p))
		}
		settings := someSettings(random)
		for _, policy := range []plan.OnDrift{plan.DriftFail, plan.DriftReport, plan.DriftUpdate} {
			settings.OnDrift = configured(string(policy))
			checkRun(t, world, settings, policy, seen)
		}
		if t.Failed() {
			t.Fatalf("the cluster of seed %d", seed)
		}
	}
	for _, outcome := range []string{"created", "updated", "unchanged", "failed for drift", "refused"} {
		assert.Positive(t, seen[outcome], outcome)
	}
}

// checkRun does a run and checks its effects.
func checkRun(t *testing.T, world World, settings settings.Settings, policy plan.OnDrift, seen map[string]int) {
	t.Helper()
	before := rawPools(t, world)
	report, err := bootstrapPools(t, world, settings)
	after := rawPools(t, world)
	if err != nil {
		assert.Equal(t, before, after, "a run that fails writes nothing: %v", err)
		if errors.Is(err, plan.ErrDrift) {
			require.Equal(t, plan.DriftFail, policy)
			seen["failed for drift"]++
			return
		}
		require.ErrorIs(t, err, plan.ErrIncompatible)
		seen["refused"]++
		return
	}
	assert.Empty(t, drifting(report, policy == plan.DriftFail))
	done := map[string]plan.Action{}
	for _, pool := range report.Pools {
		done[pool.Name] = pool.Action
		seen[string(pool.Action)]++
	}
	for name, raw := range after {
		switch _, existed := before[name]; {
		case !existed:
			assert.Equal(t, plan.Created, done[name], name)
		case policy == plan.DriftUpdate && done[name] == plan.Updated:
			assert.NotEqual(t, before[name], raw, name)
		default:
			assert.Equal(t, before[name], raw, name)
		}
	}
	assert.GreaterOrEqual(t, len(after), len(before), "nothing is deleted")

	report, err = bootstrapPools(t, world, settings)
	require.NoError(t, err)
	for _, pool := range report.Pools {
		assert.Contains(t, []plan.Action{plan.Unchanged, plan.Skipped}, pool.Action, "a second run writes nothing: %s", pool.Name)
	}
	assert.Equal(t, after, rawPools(t, world))
}

// drifting returns the pools with drift if that must have been an error.
func drifting(report bootstrap.Report, fails bool) []string {
	var all []string
	for _, pool := range report.Pools {
		if fails && len(pool.Drift) > 0 {
			all = append(all, pool.Name)
		}
	}
	return all
}

func rawPools(t *testing.T, world World) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, p := range world.Pools(t) {
		all[p.Name] = world.Raw(t, p.Name)
	}
	return all
}

func one[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }

// somePools returns up to three pools of each family, valid and disjoint, often with the
// default names.
func somePools(random *rand.Rand) []*v3.IPPool {
	var pools []*v3.IPPool
	for _, family := range []int{4, 6} {
		cidr := "10.%d.0.0/16"
		if family == 6 {
			cidr = "fd00:%d::/64"
		}
		for i := range random.IntN(4) {
			name := fmt.Sprintf("pool-%d-%d", family, i)
			if i == 0 && random.IntN(4) > 0 {
				name = fmt.Sprintf("default-ipv%d-ippool", family)
			}
			p := ippool.New(name)
			p.Spec.CIDR = fmt.Sprintf(cidr, i+1)
			p.Spec.NATOutgoing = one(random, true, false)
			p.Spec.NodeSelector = one(random, "", "all()", "zone == 'a'", `zone=="a"`)
			p.Spec.VXLANMode = one[v3.VXLANMode](random, "", "Never", "Always")
			if family == 4 && !ippool.Encapsulates(p.Spec.VXLANMode) {
				p.Spec.IPIPMode = one[v3.IPIPMode](random, "", "Never", "Always", "CrossSubnet")
			}
			p.Spec.Disabled, p.Spec.DisableBGPExport = random.IntN(5) == 0, random.IntN(3) == 0
			if random.IntN(2) == 0 {
				ippool.Default(p)
			}
			if random.IntN(5) == 0 {
				p.Labels = map[string]string{"app.kubernetes.io/managed-by": one(random, "Helm", "tigera-operator", "me")}
			}
			pools = append(pools, p)
		}
	}
	return pools
}

// withUnknown returns the pool's JSON, sometimes with an unknown field.
func withUnknown(t *testing.T, random *rand.Rand, p *v3.IPPool) string {
	t.Helper()
	data, err := json.Marshal(p)
	require.NoError(t, err)
	if random.IntN(2) == 0 {
		return string(data)
	}
	var fields map[string]any
	require.NoError(t, json.Unmarshal(data, &fields))
	fields["spec"].(map[string]any)["unknownField"] = map[string]any{"x": 1}
	data, err = json.Marshal(fields)
	require.NoError(t, err)
	return string(data)
}

// someSettings returns random settings.
func someSettings(random *rand.Rand) settings.Settings {
	var s settings.Settings
	maybe := func(setting *settings.Setting, words ...string) {
		if random.IntN(2) == 0 {
			*setting = configured(one(random, words...))
		}
	}
	four, six := &s.IPv4, &s.IPv6
	four.CIDR, six.CIDR = configured(one(random, "10.1.0.0/16", "10.200.0.0/16")), configured(one(random, "fd00:1::/64", "fd00:200::/64"))
	for _, pool := range []*settings.PoolSettings{&four.PoolSettings, &six.PoolSettings} {
		maybe(&pool.NATOutgoing, "true", "false")
		maybe(&pool.DisableBGPExport, "true", "false")
		maybe(&pool.NodeSelector, "all()", "zone == 'a'", "has(x)")
	}
	maybe(&four.BlockSize, "26", "24")
	maybe(&four.Name, "pool-4-1", "pool-4-0")
	switch random.IntN(3) {
	case 0:
		maybe(&four.IPIP, "never", "always", "cross-subnet")
	case 1:
		maybe(&four.VXLAN, "never", "always")
	}
	maybe(&six.VXLAN, "never", "always")
	return s
}
