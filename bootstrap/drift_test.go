package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// default4 is a default IPv4 pool as it stands after a first run.
func default4(changes ...func(*v3.IPPool)) v3.IPPool {
	natted := func(pool *v3.IPPool) { pool.Spec.NATOutgoing = true }
	return stored("default-ipv4-ippool", "10.244.0.0/16", append([]func(*v3.IPPool){natted}, changes...)...)
}

const migrate = "it can't be changed in place; to migrate: 1. create a pool of another name and range (--pools-file), " +
	"2. disable this one (disabled: true), 3. restart its pods, which moves them, 4. delete this one"

// Each setting, as it is stored and otherwise: what drifts, and what an update
// does about it.
func TestDriftFieldByField(t *testing.T) {
	t.Parallel()
	spec := func(change func(*v3.IPPoolSpec)) func(*v3.IPPool) {
		return func(pool *v3.IPPool) { change(&pool.Spec) }
	}
	tests := []struct {
		name    string
		asked   string
		stored  func(*v3.IPPool)     // nil: as after a first run
		want    string               // field, stored, asked; empty: no drift
		updated func(*v3.IPPoolSpec) // nil: an update changes nothing
		remedy  string               // of report; empty: an update
	}{
		{name: "the same CIDR", asked: "CALICO_IPV4POOL_CIDR=10.244.0.0/16"},
		{name: "the same CIDR, host bits", asked: "CALICO_IPV4POOL_CIDR=10.244.3.7/16"},
		{name: "the same CIDR, stored with host bits", asked: "CALICO_IPV4POOL_CIDR=10.244.0.0/16", stored: spec(func(s *v3.IPPoolSpec) { s.CIDR = "10.244.3.7/16" })},
		{name: "another CIDR", asked: "CALICO_IPV4POOL_CIDR=10.245.0.0/16", want: "cidr 10.244.0.0/16 10.245.0.0/16", remedy: migrate},
		{name: "the same block size", asked: "CALICO_IPV4POOL_BLOCK_SIZE=026"},
		{name: "the default block size, none stored", asked: "CALICO_IPV4POOL_BLOCK_SIZE=26", stored: spec(func(s *v3.IPPoolSpec) { s.BlockSize = 0 })},
		{name: "another block size", asked: "CALICO_IPV4POOL_BLOCK_SIZE=24", want: "blockSize 26 24", remedy: migrate},
		{name: "the same NAT", asked: "--ipv4-pool-nat-outgoing=yes"},
		{
			name: "another NAT", asked: "--ipv4-pool-nat-outgoing=false", want: "natOutgoing true false",
			updated: func(s *v3.IPPoolSpec) { s.NATOutgoing = false },
		},
		{
			name: "NAT on", asked: "--ipv4-pool-nat-outgoing=true", stored: spec(func(s *v3.IPPoolSpec) { s.NATOutgoing = false }),
			want: "natOutgoing false true", updated: func(s *v3.IPPoolSpec) { s.NATOutgoing = true },
		},
		{name: "IPIP off, none stored", asked: "CALICO_IPV4POOL_IPIP=off", stored: spec(func(s *v3.IPPoolSpec) { s.IPIPMode = "" })},
		{
			name: "IPIP", asked: "CALICO_IPV4POOL_IPIP=cross-subnet", want: "ipipMode Never CrossSubnet",
			updated: func(s *v3.IPPoolSpec) { s.IPIPMode = v3.IPIPModeCrossSubnet },
		},
		{
			name: "VXLAN", asked: "CALICO_IPV4POOL_VXLAN=always", want: "vxlanMode Never Always",
			updated: func(s *v3.IPPoolSpec) { s.VXLANMode = v3.VXLANModeAlways },
		},
		{
			name: "BGP", asked: "CALICO_IPV4POOL_DISABLE_BGP_EXPORT=true", want: "disableBGPExport false true",
			updated: func(s *v3.IPPoolSpec) { s.DisableBGPExport = true },
		},
		{name: "all(), none stored", asked: "CALICO_IPV4POOL_NODE_SELECTOR=all()", stored: spec(func(s *v3.IPPoolSpec) { s.NodeSelector = "" })},
		{
			name: "the same selector, laid out otherwise", asked: "CALICO_IPV4POOL_NODE_SELECTOR=zone=='a'&&has(rack)",
			stored: spec(func(s *v3.IPPoolSpec) { s.NodeSelector = `zone == "a" && has( rack )` }),
		},
		{
			name: "another selector", asked: "CALICO_IPV4POOL_NODE_SELECTOR=zone == 'b'", want: "nodeSelector all() zone == 'b'",
			updated: func(s *v3.IPPoolSpec) { s.NodeSelector = "zone == 'b'" },
		},
		{
			name: "a selector that can't be parsed", asked: "CALICO_IPV4POOL_NODE_SELECTOR=all()", stored: spec(func(s *v3.IPPoolSpec) { s.NodeSelector = "zone ==" }),
			want: "nodeSelector zone == all()", updated: func(s *v3.IPPoolSpec) { s.NodeSelector = "all()" },
		},
		{name: "a default is no wish", asked: "CALICO_IPV4POOL_CIDR=10.244.0.0/16", stored: spec(func(s *v3.IPPoolSpec) { *s = v3.IPPoolSpec{CIDR: s.CIDR, VXLANMode: "Always", BlockSize: 20} })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pool := default4()
			if tt.stored != nil {
				tt.stored(&pool)
			}
			desired := resolved(t, tt.asked, "CALICO_IPV6POOL_CIDR=none").Desired
			snapshot := func() Snapshot { return Snapshot{Pools: records(pool)} }

			plan, err := NewPlan(desired, snapshot(), DriftReport)
			require.NoError(t, err)
			step := plan.Steps[0]
			assert.Equal(t, Unchanged, step.Action)
			assert.Equal(t, &pool.Spec, &step.Pool.Spec)
			assert.Empty(t, plan.changes())
			if tt.want == "" {
				assert.Empty(t, step.Drift)
				assert.Empty(t, plan.Warnings)
			} else {
				require.Len(t, step.Drift, 1)
				d := step.Drift[0]
				assert.Equal(t, tt.want, fmt.Sprint(d.Field, " ", d.Stored, " ", d.Asked))
				name, _, _ := strings.Cut(tt.asked, "=")
				assert.Equal(t, sourceNamed(name), d.Source)
				remedy := tt.remedy
				if remedy == "" {
					remedy = "--on-drift=update changes it"
				}
				assert.Equal(t, remedy, d.Remedy)
				assert.Equal(t, []string{fmt.Sprintf(`%s: "%v" has no effect: IPPool "default-ipv4-ippool" exists with %s %v; %s`,
					d.Source, d.Asked, d.Field, d.Stored, remedy)}, plan.Warnings, "place, asked, stored, what would change it")
			}

			plan, err = NewPlan(desired, snapshot(), DriftUpdate)
			require.NoError(t, err)
			step = plan.Steps[0]
			if tt.updated == nil {
				assert.Equal(t, Unchanged, step.Action)
				assert.Empty(t, plan.changes())
				return
			}
			want := pool.DeepCopy()
			tt.updated(&want.Spec)
			assert.Equal(t, Updated, step.Action)
			assert.Equal(t, want, step.Pool)
			require.Len(t, plan.changes(), 1)
			assert.Equal(t, *want, plan.changes()[0].Update.Pool)
			assert.True(t, step.Drift[0].Updated)
			assert.Empty(t, step.Drift[0].Remedy)

			again, err := NewPlan(desired, Snapshot{Pools: []*ippool.Record{plan.changes()[0].Update}}, DriftUpdate)
			require.NoError(t, err)
			assert.Equal(t, Unchanged, again.Steps[0].Action, "a second run has nothing to do")
			assert.Empty(t, again.Steps[0].Drift)
		})
	}
}

func TestUpdateOfSeveralFields(t *testing.T) {
	t.Parallel()
	pool := default4(func(pool *v3.IPPool) { pool.Spec.IPIPMode = v3.IPIPModeAlways })
	desired := resolved(t, "CALICO_IPV6POOL_CIDR=none", "--ipv4-pool-ipip=never", "--ipv4-pool-vxlan=crosssubnet",
		"--ipv4-pool-nat-outgoing=false", "--ipv4-pool-cidr=10.1.0.0/16").Desired
	plan, err := NewPlan(desired, Snapshot{Pools: records(pool)}, DriftUpdate)
	require.NoError(t, err)
	assert.Equal(t, "vxlanMode: Never -> CrossSubnet, ipipMode: Always -> Never, natOutgoing: true -> false", plan.Steps[0].Reason)
	assert.Equal(t, []string{
		`IPPool "default-ipv4-ippool": changing vxlanMode from Never to CrossSubnet and ipipMode from Always to Never disrupts traffic between nodes until all of them have it`,
		`flag --ipv4-pool-cidr: "10.1.0.0/16" has no effect: IPPool "default-ipv4-ippool" exists with cidr 10.244.0.0/16; ` + migrate,
	}, plan.Warnings)
}

// What an update would break is refused before anything is written; what was
// broken before it is no hindrance.
func TestUpdateIsJudged(t *testing.T) {
	t.Parallel()
	pool := default4(func(pool *v3.IPPool) { pool.Spec.IPIPMode = v3.IPIPModeAlways })
	desired := resolved(t, "CALICO_IPV6POOL_CIDR=fd00::/64", "--ipv4-pool-vxlan=always").Desired
	plan, err := NewPlan(desired, Snapshot{Pools: records(pool)}, DriftUpdate)
	require.ErrorIs(t, err, ErrIncompatible)
	require.ErrorContains(t, err, `IPPool "default-ipv4-ippool" can't be updated as asked for (vxlanMode Always: flag --ipv4-pool-vxlan): spec.vxlanMode: Forbidden: "Always" stands with ipipMode "Always"`)
	assert.Empty(t, plan.Steps)

	// Whoever is only told of the difference learns that an update is no way.
	plan, err = NewPlan(desired, Snapshot{Pools: records(pool)}, DriftReport)
	require.NoError(t, err)
	assert.Equal(t, []string{`flag --ipv4-pool-vxlan: "Always" has no effect: IPPool "default-ipv4-ippool" exists with vxlanMode Never; ` +
		`--on-drift=update would fail: spec.vxlanMode: Forbidden: "Always" stands with ipipMode "Always": only one encapsulation can be on`}, plan.Warnings)

	lb := default4(forLoadBalancers)
	_, err = NewPlan(resolved(t, "--ipv4-pool-node-selector=has(x)").Desired, Snapshot{Pools: records(lb)}, DriftUpdate)
	require.ErrorContains(t, err, "must be all() for a LoadBalancer pool")

	old := default4(func(pool *v3.IPPool) { pool.Spec.CIDR, pool.Spec.NodeSelector = "10.244.1.1/16", "zone ==" })
	plan, err = NewPlan(resolved(t, "--ipv4-pool-nat-outgoing=false").Desired, Snapshot{Pools: records(old)}, DriftUpdate)
	require.NoError(t, err)
	assert.Equal(t, Updated, plan.Steps[0].Action)
}

// A record in which the change can't show is told before anything is written.
func TestUpdateThatCanNotBeEncoded(t *testing.T) {
	t.Parallel()
	record, err := ippool.DecodeRecord([]byte(`{"metadata":{"name":"default-ipv4-ippool"},"spec":{"cidr":"10.0.0.0/16","natOutgoing":true},"Spec":{"natOutgoing":true}}`))
	require.NoError(t, err)
	_, err = NewPlan(resolved(t, "--ipv4-pool-nat-outgoing=false").Desired, Snapshot{Pools: []*ippool.Record{record}}, DriftUpdate)
	require.ErrorIs(t, err, ErrIncompatible)
	require.ErrorContains(t, err, "more than once")
}

func TestOwners(t *testing.T) {
	t.Parallel()
	labelled := func(value string) func(*v3.IPPool) {
		return func(pool *v3.IPPool) { pool.Labels = map[string]string{"app.kubernetes.io/managed-by": value} }
	}
	owned := func(apiVersion, kind string) func(*v3.IPPool) {
		return func(pool *v3.IPPool) {
			pool.OwnerReferences = []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: "x"}}
		}
	}
	const installation = "it is managed by the Tigera operator, which would change it back: change spec.calicoNetwork.ipPools of the Installation"
	tests := []struct {
		name string
		pool v3.IPPool
		want string
	}{
		{"operator's label", default4(labelled("tigera-operator")), installation},
		{"operator's reference", default4(owned("operator.tigera.io/v1", "Installation")), installation},
		{"somebody's reference", default4(owned("example.com/v1", "Fleet")), `it is managed by Fleet "x" (an owner reference): change it there`},
		{"Helm", default4(labelled("Helm")), "it is managed by Helm (label app.kubernetes.io/managed-by): change it in the values of the release"},
		{"Helm's release", default4(labelled("Helm"), func(pool *v3.IPPool) {
			pool.Annotations = map[string]string{"meta.helm.sh/release-name": "net"}
		}), `it is managed by Helm (label app.kubernetes.io/managed-by): change it in the values of the release "net"`},
		{"operator's label, by way of Calico's API server", default4(keptByCalico(`{"labels":{"app.kubernetes.io/managed-by":"tigera-operator"},"creationTimestamp":null}`)), installation},
		{"somebody's reference, by way of Calico's API server", default4(keptByCalico(`{"ownerReferences":[{"apiVersion":"example.com/v1","kind":"Fleet","name":"x","uid":"1"}]}`)),
			`it is managed by Fleet "x" (an owner reference): change it there`},
		{"Helm's release, by way of Calico's API server", default4(keptByCalico(`{"labels":{"app.kubernetes.io/managed-by":"Helm"},"annotations":{"meta.helm.sh/release-name":"net"}}`)),
			`it is managed by Helm (label app.kubernetes.io/managed-by): change it in the values of the release "net"`},
		{"somebody's label, and no metadata that can be read", default4(keptByCalico(`{"labels":`), func(pool *v3.IPPool) {
			pool.Labels = map[string]string{"app.kubernetes.io/managed-by": "argocd"}
		}), `it is managed by "argocd" (label app.kubernetes.io/managed-by): change it there`},
		{"a label of somebody's", default4(labelled("argocd")), `it is managed by "argocd" (label app.kubernetes.io/managed-by): change it there`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, ownerOf(&tt.pool).name)
			for _, policy := range []OnDrift{DriftReport, DriftUpdate} {
				plan, err := NewPlan(resolved(t, "CALICO_IPV6POOL_CIDR=none", "--ipv4-pool-nat-outgoing=false").Desired, Snapshot{Pools: records(tt.pool)}, policy)
				require.NoError(t, err)
				assert.Equal(t, Unchanged, plan.Steps[0].Action)
				assert.Empty(t, plan.changes())
				assert.Equal(t, []string{
					`flag --ipv4-pool-nat-outgoing: "false" has no effect: IPPool "default-ipv4-ippool" exists with natOutgoing true; ` + tt.want,
				}, plan.Warnings)
			}
		})
	}
}

// keptByCalico has the annotation in which Calico's client keeps the metadata of
// a pool in its own CRDs.
func keptByCalico(metadata string) func(*v3.IPPool) {
	return func(pool *v3.IPPool) {
		pool.Annotations = map[string]string{"projectcalico.org/metadata": metadata}
	}
}

// What calicoctl was given as labels and annotations is no drift, wherever it
// stands.
func TestDriftOfMetadataThatCalicoKeeps(t *testing.T) {
	t.Parallel()
	desired := Desired{Pools: []DesiredPool{{Family: ippool.IPv4, Pool: ippool.New("a"), Values: []Value{
		{"labels[zone]", "a", "file a.yaml:3"}, {"annotations[note]", "n", "file a.yaml:4"}, {"labels[plain]", "p", "file a.yaml:5"},
		{"labels[missing]", "m", "file a.yaml:6"},
	}}}}
	pool := stored("a", "10.1.0.0/16", keptByCalico(`{"labels":{"zone":"a"},"annotations":{"note":"n"}}`))
	pool.Labels = map[string]string{"zone": "older", "plain": "p"}
	plan, err := NewPlan(desired, Snapshot{Pools: records(pool)}, DriftReport)
	require.NoError(t, err)
	assert.Equal(t, "exists, but not as asked for: labels[missing]", plan.Steps[0].Reason)
	assert.Equal(t, map[string]string{"zone": "older", "plain": "p"}, plan.Steps[0].Pool.Labels, "the pool is told as it stands")
}

// With other pools in the family, no setting of the default pool has an effect.
func TestDriftOfOtherPools(t *testing.T) {
	t.Parallel()
	asked := []string{"CALICO_IPV6POOL_CIDR=none", "CALICO_IPV4POOL_CIDR=10.1.0.0/16", "--ipv4-pool-nat-outgoing=false"}
	for _, policy := range []OnDrift{DriftReport, DriftUpdate} {
		plan, err := NewPlan(resolved(t, asked...).Desired, Snapshot{Pools: records(stored("mine", "10.1.0.0/16"))}, policy)
		require.NoError(t, err)
		assert.Equal(t, "mine", plan.Steps[0].Name)
		assert.Equal(t, Unchanged, plan.Steps[0].Action)
		const rest = ` has no effect: there is no IPPool "default-ipv4-ippool" but mine; to manage that one, name it with flag --ipv4-pool-name=mine`
		assert.Equal(t, []string{
			`env CALICO_IPV4POOL_CIDR: "10.1.0.0/16"` + rest,
			`flag --ipv4-pool-nat-outgoing: "false"` + rest,
		}, plan.Warnings)
	}
	plan, err := NewPlan(resolved(t, append(asked, "--ipv4-pool-name=mine")...).Desired, Snapshot{Pools: records(stored("mine", "10.1.0.0/16", func(p *v3.IPPool) { p.Spec.NATOutgoing = true }))}, DriftUpdate)
	require.NoError(t, err)
	assert.Equal(t, Updated, plan.Steps[0].Action, "as the hint says")
}

func TestRunFailsOnDrift(t *testing.T) {
	t.Parallel()
	for _, options := range [][]Option{nil, {WithDryRun()}} {
		store := newStore(default4())
		report, err := run(t, store, given(t, append(cidrs, "--on-drift=fail", "--ipv4-pool-nat-outgoing=false")...), options...)
		require.ErrorIs(t, err, ErrDrift)
		require.EqualError(t, err, `flag --ipv4-pool-nat-outgoing: "false" has no effect: IPPool "default-ipv4-ippool" exists with natOutgoing true; --on-drift=update changes it`)
		assert.Equal(t, []string{"default-ipv4-ippool unchanged: exists, but not as asked for: natOutgoing", "default-ipv6-ippool would-create: no IPv6 pool exists"}, outcome(report))
		assert.Zero(t, store.count("commit"), "the IPv6 pool isn't created either")
		assert.Empty(t, report.Warnings, "the error tells")
	}
	store := newStore(default4())
	report, err := run(t, store, given(t, append(cidrs, "--on-drift=fail")...))
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged: exists", created6}, outcome(report))
}

// A run that is refused draws no prefix at random: it would tell of one that is
// never written.
func TestRunThatIsRefusedDrawsNothing(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{
		{"--on-drift=fail", "--ipv4-pool-nat-outgoing=false"},
		{"--preflight=strict"}, // ULAWithoutNAT
	} {
		store := newStore(default4())
		report, err := run(t, store, given(t, lines...), WithRandom(noRandom{t}))
		require.Error(t, err)
		assert.Equal(t, "default-ipv6-ippool would-create: no IPv6 pool exists", outcome(report)[1])
		assert.Empty(t, report.Pools[1].Spec.CIDR)
		assert.Contains(t, report.Pools[1].Settings[1].Source, "drawn when the pool is created")
		assert.Zero(t, store.count("commit"))
	}
}

func TestRunUpdates(t *testing.T) {
	t.Parallel()
	store := newStore(default4())
	settings := given(t, append(cidrs, "--on-drift=update", "--ipv4-pool-nat-outgoing=false")...)
	report, err := run(t, store, settings, WithDryRun())
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool would-update: natOutgoing: true -> false", "default-ipv6-ippool would-create: no IPv6 pool exists"}, outcome(report))
	assert.True(t, report.Pending())

	report, err = run(t, store, settings)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool updated: natOutgoing: true -> false", created6}, outcome(report))
	assert.False(t, report.Pools[0].Spec.NATOutgoing)
	assert.Equal(t, 1, store.count("commit default-ipv4-ippool default-ipv6-ippool"), "both in one commit")
	assert.False(t, store.pools["default-ipv4-ippool"].Spec.NATOutgoing)

	report, err = run(t, store, settings)
	require.NoError(t, err)
	assert.Equal(t, []string{"default-ipv4-ippool unchanged: exists", "default-ipv6-ippool unchanged: exists"}, outcome(report))
	assert.Equal(t, 1, store.count("commit"))
}

// An update alone asks nobody but the datastore, and that for no blocks.
func TestRunUpdateCostsOneReadAndOneWrite(t *testing.T) {
	t.Parallel()
	store := newStore(default4(), stored("default-ipv6-ippool", "fd00:10:244::/64"))
	_, err := run(t, store, given(t, "--on-drift=update", "--ipv4-pool-nat-outgoing=false"))
	require.NoError(t, err)
	assert.Equal(t, []string{"snapshot", "commit default-ipv4-ippool"}, store.calls)
}

// Somebody who writes the pool meanwhile is noticed: what they changed beside
// stays, and what was asked for is still done.
func TestRunUpdatesAgainAfterAConflict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(default4(), stored("default-ipv6-ippool", "fd00:10:244::/64"))
		store.onCommit = []hook{first(func() {
			store.put(default4(func(pool *v3.IPPool) { pool.Spec.DisableBGPExport = true }))
		})}
		report, err := run(t, store, given(t, "--on-drift=update", "--ipv4-pool-nat-outgoing=false"))
		require.NoError(t, err)
		assert.Equal(t, "default-ipv4-ippool updated: natOutgoing: true -> false", outcome(report)[0])
		now := store.pools["default-ipv4-ippool"]
		assert.False(t, now.Spec.NATOutgoing)
		assert.True(t, now.Spec.DisableBGPExport)
	})
}

// Of a datastore without transactions it is told what was updated beside an
// error, and remembered if the next attempt succeeds.
func TestRunTellsOfPartialUpdates(t *testing.T) {
	t.Parallel()
	settings := given(t, "--on-drift=update", "--ipv4-pool-nat-outgoing=false", "--ipv6-pool-nat-outgoing=true")
	half := func(store *fakeStore, cause error) hook {
		return func(context.Context, func() error) error {
			store.put(default4(func(pool *v3.IPPool) { pool.Spec.NATOutgoing = false }))
			return &PartialError{Updated: []string{"default-ipv4-ippool"}, Err: cause}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		store := newStore(default4(), stored("default-ipv6-ippool", "fd00:10:244::/64"))
		store.onCommit = []hook{half(store, errors.New("refused"))}
		_, err := run(t, store, settings)
		require.EqualError(t, err, "refused\nIPPool \"default-ipv4-ippool\" was updated nevertheless, and stays")

		store = newStore(default4(), stored("default-ipv6-ippool", "fd00:10:244::/64"))
		store.onCommit = []hook{half(store, ErrConflict)}
		report, err := run(t, store, settings)
		require.NoError(t, err)
		assert.Equal(t, []string{
			"default-ipv4-ippool updated: natOutgoing: true -> false", "default-ipv6-ippool updated: natOutgoing: false -> true",
		}, outcome(report))
	})
}

// What a cluster says of its pod CIDRs is no wish: who finds after a lost race
// that somebody else's pool stands doesn't say that it has no effect, or fail.
func TestClustersCIDRIsNoWish(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"default-ipv4-ippool", "theirs"} {
		synctest.Test(t, func(t *testing.T) {
			store := newStore()
			store.onCommit = []hook{first(func() { store.put(stored(name, "10.9.0.0/16")) })}
			cluster := &fakeCluster{sources: []PodCIDRSource{says("kubeadm-config", "10.1.0.0/16")}}
			report, err := run(t, store, given(t, "CALICO_IPV6POOL_CIDR=none", "--on-drift=fail"), WithCluster(cluster))
			require.NoError(t, err)
			assert.Equal(t, name+" unchanged: exists", outcome(report)[0])
			assert.Empty(t, report.Warnings)
		})
	}
}

// What was updated before a conflict is told as updated, also where the pool
// differs in what no update changes.
func TestRunTellsOfUpdatesBesideDriftThatStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(default4(), stored("default-ipv6-ippool", "fd00:10:244::/64"))
		store.onCommit = []hook{func(context.Context, func() error) error {
			store.put(default4(func(pool *v3.IPPool) { pool.Spec.IPIPMode = v3.IPIPModeAlways }))
			return &PartialError{Updated: []string{"default-ipv4-ippool"}, Err: ErrConflict}
		}}
		report, err := run(t, store, given(t, "--on-drift=update", "--ipv4-pool-ipip=always", "--ipv4-pool-block-size=24", "--ipv6-pool-nat-outgoing=true"))
		require.NoError(t, err)
		assert.Equal(t, []string{
			"default-ipv4-ippool updated: ipipMode: Never -> Always", "default-ipv6-ippool updated: natOutgoing: false -> true",
		}, outcome(report))
		require.Len(t, report.Pools[0].Drift, 2)
		assert.True(t, report.Pools[0].Drift[0].Updated)
		assert.Equal(t, "blockSize", report.Pools[0].Drift[1].Field)
		require.Len(t, report.Warnings, 2)
		assert.Contains(t, report.Warnings[0], "changing ipipMode from Never to Always disrupts traffic")
		assert.Contains(t, report.Warnings[1], "blockSize")
	})
}

// An update that somebody took back is none.
func TestRunForgetsUpdatesThatWereTakenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(default4(), stored("default-ipv6-ippool", "fd00:10:244::/64"))
		store.onCommit = []hook{func(context.Context, func() error) error {
			store.put(default4(func(pool *v3.IPPool) { pool.Labels = map[string]string{managedByLabel: "argocd"} }))
			return &PartialError{Updated: []string{"default-ipv4-ippool"}, Err: ErrConflict}
		}}
		report, err := run(t, store, given(t, "--on-drift=update", "--ipv4-pool-nat-outgoing=false", "--ipv6-pool-nat-outgoing=true"))
		require.NoError(t, err)
		assert.Equal(t, "default-ipv4-ippool unchanged: exists, but not as asked for: natOutgoing", outcome(report)[0])
	})
}

// A race can show drift when some pools are written already: the report tells of
// those as of the rest.
func TestRunFailsOnDriftAfterAPartialCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		settings := given(t, append(cidrs, "--on-drift=fail", "--ipv6-pool-nat-outgoing=true")...)
		store.onCommit = []hook{func(context.Context, func() error) error {
			store.put(default4(func(pool *v3.IPPool) { pool.UID = "01020304-0506-4708-890a-0b0c0d0e0f10" }))
			store.put(stored("default-ipv6-ippool", "fd00:10:244::/64")) // of somebody else, and without NAT
			return &PartialError{Created: []string{"default-ipv4-ippool"}, Err: ErrConflict}
		}}
		report, err := run(t, store, settings)
		require.ErrorIs(t, err, ErrDrift)
		var partial *PartialError
		require.ErrorAs(t, err, &partial)
		assert.Equal(t, []string{"default-ipv4-ippool"}, partial.Created)
		assert.Equal(t, []string{created4, "default-ipv6-ippool unchanged: exists, but not as asked for: natOutgoing"}, outcome(report))
		assert.False(t, report.Pending())
		assert.NotNil(t, report.Warnings)
	})
}
