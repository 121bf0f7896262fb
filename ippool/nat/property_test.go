package nat_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// FuzzDecide compares Decide, Explain, Overview and the naive decision on random clusters.
func FuzzDecide(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		cluster := randomCluster(r)
		model := nat.New(cluster)
		require.Empty(t, model.Problems())
		for range 60 {
			ipv4 := r.IntN(2) == 0
			source, destination, options := randomAddress(r, ipv4), randomAddress(r, ipv4), randomOptions(r, cluster)
			question := fmt.Sprintf("seed %d: %s to %s with %+v", seed, source, destination, options)
			answer, err := model.Decide(source, destination, options)
			require.NoError(t, err)
			want, row := naive(cluster, source, destination, options)
			require.Equal(t, want, answer, question)

			verdict, err := model.Explain(source, destination, options)
			require.NoError(t, err)
			require.Equal(t, answer, verdict.Masqueraded, question)
			if verdict.Row != 0 { // Else the nodes differ, if only in what the source becomes.
				require.Equal(t, row, verdict.Row, question)
			}
			checkReasons(t, verdict)
			if options.Node != "" {
				overview, err := model.Overview(options.Node)
				require.NoError(t, err)
				require.Equal(t, answer, fromOverview(overview, model, source, destination, options), question)
			}
		}
	})
}

// checkReasons checks the order of the reasons, that the last one of the deciding row is
// there, and that each has a text.
func checkReasons(t *testing.T, verdict nat.Verdict) {
	t.Helper()
	require.NotEmpty(t, verdict.Reasons)
	rows := []int{}
	for _, reason := range verdict.Reasons {
		assert.NotEqual(t, string(reason.Code), reason.Text())
		assert.NotContains(t, reason.Text(), "\n")
		assert.NotContains(t, reason.Text(), "%!")
		if reason.Code != nat.NodesDiffer {
			rows = append(rows, reason.Row)
		}
	}
	assert.True(t, slices.IsSorted(rows), "%v", rows)
	decisive := verdict.Decisive()
	if verdict.Row == 0 {
		assert.Equal(t, nat.NodesDiffer, decisive.Code)
	} else {
		assert.Equal(t, verdict.Row, decisive.Row)
	}
	assert.Equal(t, verdict.Masqueraded == nat.No && verdict.Row > 0, decisive.Blocks())
	for _, reason := range verdict.Blocking() {
		assert.GreaterOrEqual(t, reason.Row, decisive.Row)
	}
	if verdict.Masqueraded == nat.No || verdict.Row == 1 {
		assert.Empty(t, verdict.As.String())
	} else {
		assert.NotEmpty(t, verdict.As.String())
	}
}

// fromOverview answers with the lists of the overview of a node.
func fromOverview(o nat.Overview, model *nat.Model, source, destination netip.Addr, options nat.Options) nat.Answer {
	family := o.Families[0]
	if source.Is6() {
		family = o.Families[1]
	}
	if slices.ContainsFunc(family.ServiceCIDRs, func(p netip.Prefix) bool { return p.Contains(destination) }) {
		return nat.Depends
	}
	answer := nat.No
	for _, s := range family.Sources {
		if s.Pool.CIDR.Contains(source) && s.Masqueraded != nat.No {
			answer = s.Masqueraded
		}
	}
	if verdict, err := model.Explain(source, destination, options); o.EBPF && err == nil && verdict.Row == 3 {
		return nat.No // The overview does not know which sources are workloads.
	}
	if slices.ContainsFunc(family.Exemptions, func(e nat.Exemption) bool { return e.Range.Contains(destination) }) {
		return nat.No
	}
	return answer
}

// A pool without natOutgoing never makes anything masqueraded.
func TestPoolWithoutNATNeverMasquerades(t *testing.T) {
	t.Parallel()
	order := map[nat.Answer]int{nat.No: 0, nat.Depends: 1, nat.Yes: 2}
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		cluster := randomCluster(r)
		more := cluster
		other := randomCluster(r)
		for _, pool := range other.Pools {
			pool.Name, pool.Spec.NATOutgoing = "another-"+pool.Name, false
			more.Pools = append(slices.Clone(more.Pools), pool)
		}
		before, after := nat.New(cluster), nat.New(more)
		for range 50 {
			ipv4 := r.IntN(2) == 0
			source, destination, options := randomAddress(r, ipv4), randomAddress(r, ipv4), randomOptions(r, cluster)
			was, err := before.Decide(source, destination, options)
			require.NoError(t, err)
			is, err := after.Decide(source, destination, options)
			require.NoError(t, err)
			assert.LessOrEqual(t, order[is], order[was], "seed %d: %s to %s", seed, source, destination)
		}
	}
}

// The order and the names of the pools don't matter; the order of what else is a list
// doesn't either.
func TestOrderAndNames(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		cluster := randomCluster(r)
		shuffled := cluster
		shuffled.Pools, shuffled.Nodes = slices.Clone(cluster.Pools), slices.Clone(cluster.Nodes)
		shuffled.FelixConfigurations = slices.Clone(cluster.FelixConfigurations)
		r.Shuffle(len(shuffled.Pools), func(i, j int) { shuffled.Pools[i], shuffled.Pools[j] = shuffled.Pools[j], shuffled.Pools[i] })
		slices.Reverse(shuffled.Nodes)
		slices.Reverse(shuffled.FelixConfigurations)
		first, second := nat.New(cluster), nat.New(shuffled)
		assert.Equal(t, first.Findings(), second.Findings())

		renamed := cluster
		renamed.Pools = nil
		for i, pool := range cluster.Pools {
			same := *pool
			same.Name = fmt.Sprint("z", len(cluster.Pools)-i)
			renamed.Pools = append(renamed.Pools, &same)
		}
		third := nat.New(renamed)
		for range 30 {
			ipv4 := r.IntN(2) == 0
			source, destination, options := randomAddress(r, ipv4), randomAddress(r, ipv4), randomOptions(r, cluster)
			one, err := first.Explain(source, destination, options)
			require.NoError(t, err)
			two, err := second.Explain(source, destination, options)
			require.NoError(t, err)
			three, err := third.Explain(source, destination, options)
			require.NoError(t, err)
			assert.Equal(t, one, two)
			assert.Equal(t, []any{one.Masqueraded, one.As, one.Row, len(one.Reasons)}, []any{three.Masqueraded, three.As, three.Row, len(three.Reasons)})
		}
		for _, node := range append([]nat.Node{{}}, cluster.Nodes...) {
			one, err := first.Overview(node.Name)
			require.NoError(t, err)
			two, err := second.Overview(node.Name)
			require.NoError(t, err)
			assert.Equal(t, one, two)
		}
	}
}
