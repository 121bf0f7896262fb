package plan_test

import (
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// migrateFrom is the remedy for a default pool whose datastore has no known client. without
// is what the run with the file must not have.
func migrateFrom(cidr, without string) string {
	return "not updatable in place; to migrate: 1. create a pool with another name and CIDR (poolsFile); " +
		"2. disable this pool: add it to that file with disabled: true, and run with onDrift=update" + without + "; " +
		"3. recreate the pods with addresses in " + cidr + "; 4. remove this pool from the file, and delete it"
}

// Each setting, equal to the stored value and different: the drift, and what an update
// changes.
func TestDriftFieldByField(t *testing.T) {
	t.Parallel()
	spec := func(change func(*v3.IPPoolSpec)) func(*v3.IPPool) {
		return func(pool *v3.IPPool) { change(&pool.Spec) }
	}
	tests := []struct {
		name    string
		given   string
		stored  func(*v3.IPPool)     // nil: as after a first run
		want    string               // field, stored, desired; empty: no drift
		updated func(*v3.IPPoolSpec) // nil: an update changes nothing
		remedy  string               // empty: --on-drift=update
	}{
		{name: "the same CIDR", given: "CALICO_IPV4POOL_CIDR=10.244.0.0/16"},
		{name: "the same CIDR, host bits", given: "CALICO_IPV4POOL_CIDR=10.244.3.7/16"},
		{name: "the same CIDR, stored with host bits", given: "CALICO_IPV4POOL_CIDR=10.244.0.0/16", stored: spec(func(s *v3.IPPoolSpec) { s.CIDR = "10.244.3.7/16" })},
		{name: "another CIDR", given: "CALICO_IPV4POOL_CIDR=10.245.0.0/16", want: "cidr 10.244.0.0/16 10.245.0.0/16", remedy: migrateFrom("10.244.0.0/16", " and without env CALICO_IPV4POOL_CIDR")},
		{name: "the same block size", given: "CALICO_IPV4POOL_BLOCK_SIZE=026"},
		{name: "the default block size, none stored", given: "CALICO_IPV4POOL_BLOCK_SIZE=26", stored: spec(func(s *v3.IPPoolSpec) { s.BlockSize = 0 })},
		{name: "another block size", given: "CALICO_IPV4POOL_BLOCK_SIZE=24", want: "blockSize 26 24", remedy: migrateFrom("10.244.0.0/16", "")},
		{name: "the same NAT", given: "--ipv4-pool-nat-outgoing=yes"},
		{
			name: "another NAT", given: "--ipv4-pool-nat-outgoing=false", want: "natOutgoing true false",
			updated: func(s *v3.IPPoolSpec) { s.NATOutgoing = false },
		},
		{
			name: "NAT on", given: "--ipv4-pool-nat-outgoing=true", stored: spec(func(s *v3.IPPoolSpec) { s.NATOutgoing = false }),
			want: "natOutgoing false true", updated: func(s *v3.IPPoolSpec) { s.NATOutgoing = true },
		},
		{name: "IPIP off, none stored", given: "CALICO_IPV4POOL_IPIP=off", stored: spec(func(s *v3.IPPoolSpec) { s.IPIPMode = "" })},
		{
			name: "IPIP", given: "CALICO_IPV4POOL_IPIP=cross-subnet", want: "ipipMode Never CrossSubnet",
			updated: func(s *v3.IPPoolSpec) { s.IPIPMode = v3.IPIPModeCrossSubnet },
		},
		{
			name: "VXLAN", given: "CALICO_IPV4POOL_VXLAN=always", want: "vxlanMode Never Always",
			updated: func(s *v3.IPPoolSpec) { s.VXLANMode = v3.VXLANModeAlways },
		},
		{
			name: "BGP", given: "CALICO_IPV4POOL_DISABLE_BGP_EXPORT=true", want: "disableBGPExport false true",
			updated: func(s *v3.IPPoolSpec) { s.DisableBGPExport = true },
		},
		{name: "all(), none stored", given: "CALICO_IPV4POOL_NODE_SELECTOR=all()", stored: spec(func(s *v3.IPPoolSpec) { s.NodeSelector = "" })},
		{
			name: "the same selector, formatted differently", given: "CALICO_IPV4POOL_NODE_SELECTOR=zone=='a'&&has(rack)",
			stored: spec(func(s *v3.IPPoolSpec) { s.NodeSelector = `zone == "a" && has( rack )` }),
		},
		{
			name: "another selector", given: "CALICO_IPV4POOL_NODE_SELECTOR=zone == 'b'", want: "nodeSelector all() zone == 'b'",
			updated: func(s *v3.IPPoolSpec) { s.NodeSelector = "zone == 'b'" },
		},
		{
			name: "a selector that can't be parsed", given: "CALICO_IPV4POOL_NODE_SELECTOR=all()", stored: spec(func(s *v3.IPPoolSpec) { s.NodeSelector = "zone ==" }),
			want: "nodeSelector zone == all()", updated: func(s *v3.IPPoolSpec) { s.NodeSelector = "all()" },
		},
		{name: "a default is no drift", given: "CALICO_IPV4POOL_CIDR=10.244.0.0/16", stored: spec(func(s *v3.IPPoolSpec) { *s = v3.IPPoolSpec{CIDR: s.CIDR, VXLANMode: "Always", BlockSize: 20} })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pool := poolstest.Default4()
			if tt.stored != nil {
				tt.stored(&pool)
			}
			desired := settingstest.Resolved(t, tt.given, "CALICO_IPV6POOL_CIDR=none").Desired
			snapshot := func() datastore.Snapshot { return datastore.Snapshot{Pools: poolstest.Records(pool)} }

			made, err := plan.Compute(desired, snapshot(), plan.DriftReport)
			require.NoError(t, err)
			step := made.Steps[0]
			assert.Equal(t, plan.Unchanged, step.Action)
			assert.Equal(t, &pool.Spec, &step.Pool.Spec)
			assert.Empty(t, made.Changes())
			if tt.want == "" {
				assert.Empty(t, step.Drift)
				assert.Empty(t, made.Warnings)
			} else {
				require.Len(t, step.Drift, 1)
				d := step.Drift[0]
				assert.Equal(t, tt.want, fmt.Sprint(d.Field, " ", d.Stored, " ", d.Desired))
				name, _, _ := strings.Cut(tt.given, "=")
				assert.Equal(t, settingstest.OriginOf(name), d.Source)
				remedy := tt.remedy
				if remedy == "" {
					remedy = "onDrift=update changes it"
				}
				for i, step := range d.Steps {
					d.Remedy += fmt.Sprintf("%s %d. %s", []string{":", ";"}[min(i, 1)], i+1, step)
				}
				assert.Equal(t, remedy, d.Remedy)
				assert.Equal(t, []string{fmt.Sprintf(`%s: "%v" has no effect: IPPool "default-ipv4-ippool" exists with %s %v; %s`,
					d.Source, d.Desired, d.Field, d.Stored, remedy)}, made.Warnings, "source, desired, stored, remedy")
			}

			made, err = plan.Compute(desired, snapshot(), plan.DriftUpdate)
			require.NoError(t, err)
			step = made.Steps[0]
			if tt.updated == nil {
				assert.Equal(t, plan.Unchanged, step.Action)
				assert.Empty(t, made.Changes())
				return
			}
			want := pool.DeepCopy()
			tt.updated(&want.Spec)
			assert.Equal(t, plan.Updated, step.Action)
			assert.Equal(t, want, step.Pool)
			require.Len(t, made.Changes(), 1)
			assert.Equal(t, *want, *made.Changes()[0].Update.Pool())
			assert.True(t, step.Drift[0].Updated)
			assert.Empty(t, step.Drift[0].Remedy)

			again, err := plan.Compute(desired, datastore.Snapshot{Pools: []*ippool.Record{made.Changes()[0].Update}}, plan.DriftUpdate)
			require.NoError(t, err)
			assert.Equal(t, plan.Unchanged, again.Steps[0].Action, "a second run has nothing to do")
			assert.Empty(t, again.Steps[0].Drift)
		})
	}
}

func TestUpdateOfSeveralFields(t *testing.T) {
	t.Parallel()
	pool := poolstest.Default4(func(pool *v3.IPPool) { pool.Spec.IPIPMode = v3.IPIPModeAlways })
	desired := settingstest.Resolved(t, "CALICO_IPV6POOL_CIDR=none", "--ipv4-pool-ipip=never", "--ipv4-pool-vxlan=crosssubnet",
		"--ipv4-pool-nat-outgoing=false", "--ipv4-pool-cidr=10.1.0.0/16").Desired
	made, err := plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(pool)}, plan.DriftUpdate)
	require.NoError(t, err)
	assert.Equal(t, "vxlanMode: Never -> CrossSubnet, ipipMode: Always -> Never, natOutgoing: true -> false", made.Steps[0].Reason)
	assert.Equal(t, []string{
		`IPPool "default-ipv4-ippool": changing vxlanMode from Never to CrossSubnet and ipipMode from Always to Never disrupts traffic between nodes until all nodes use the new mode`,
		`flag --ipv4-pool-cidr: "10.1.0.0/16" has no effect: IPPool "default-ipv4-ippool" exists with cidr 10.244.0.0/16; ` + migrateFrom("10.244.0.0/16", " and without flag --ipv4-pool-cidr"),
	}, made.Warnings)
}

// An update that makes a pool invalid is rejected before anything is written. A pool
// that was invalid before can be updated.
func TestUpdateIsValidated(t *testing.T) {
	t.Parallel()
	pool := poolstest.Default4(func(pool *v3.IPPool) { pool.Spec.IPIPMode = v3.IPIPModeAlways })
	desired := settingstest.Resolved(t, "CALICO_IPV6POOL_CIDR=fd00::/64", "--ipv4-pool-vxlan=always").Desired
	made, err := plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(pool)}, plan.DriftUpdate)
	require.ErrorIs(t, err, plan.ErrIncompatible)
	require.ErrorContains(t, err, `IPPool "default-ipv4-ippool" can't be updated as requested (vxlanMode Always: flag --ipv4-pool-vxlan): spec.vxlanMode: Forbidden: "Always" conflicts with ipipMode "Always"`)
	assert.Empty(t, made.Steps)

	// With --on-drift=report, the remedy has the reason why an update would fail.
	made, err = plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(pool)}, plan.DriftReport)
	require.NoError(t, err)
	assert.Equal(t, []string{`flag --ipv4-pool-vxlan: "Always" has no effect: IPPool "default-ipv4-ippool" exists with vxlanMode Never; ` +
		`onDrift=update would fail: spec.vxlanMode: Forbidden: "Always" conflicts with ipipMode "Always": only one encapsulation can be enabled; ` +
		`ipipMode Always is stored: set ipv4.pool.ipipMode=Never as well`}, made.Warnings)

	lb := poolstest.Default4(poolstest.ForLoadBalancers)
	_, err = plan.Compute(settingstest.Resolved(t, "--ipv4-pool-node-selector=has(x)").Desired, datastore.Snapshot{Pools: poolstest.Records(lb)}, plan.DriftUpdate)
	require.ErrorContains(t, err, "must be all() for a LoadBalancer pool")

	old := poolstest.Default4(func(pool *v3.IPPool) { pool.Spec.CIDR, pool.Spec.NodeSelector = "10.244.1.1/16", "zone ==" })
	made, err = plan.Compute(settingstest.Resolved(t, "--ipv4-pool-nat-outgoing=false").Desired, datastore.Snapshot{Pools: poolstest.Records(old)}, plan.DriftUpdate)
	require.NoError(t, err)
	assert.Equal(t, plan.Updated, made.Steps[0].Action)
}

// An update that can't be encoded is rejected before anything is written.
func TestUpdateThatCanNotBeEncoded(t *testing.T) {
	t.Parallel()
	record, err := ippool.DecodeRecord([]byte(`{"metadata":{"name":"default-ipv4-ippool"},"spec":{"cidr":"10.0.0.0/16","natOutgoing":true},"Spec":{"natOutgoing":true}}`))
	require.NoError(t, err)
	_, err = plan.Compute(settingstest.Resolved(t, "--ipv4-pool-nat-outgoing=false").Desired, datastore.Snapshot{Pools: []*ippool.Record{record}}, plan.DriftUpdate)
	require.ErrorIs(t, err, plan.ErrIncompatible)
	require.ErrorContains(t, err, "duplicate key")
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
	const installation = "it is managed by the Tigera operator, which would revert the change: change spec.calicoNetwork.ipPools of the Installation"
	tests := []struct {
		name string
		pool v3.IPPool
		want string
	}{
		{"operator's label", poolstest.Default4(labelled("tigera-operator")), installation},
		{"operator's reference", poolstest.Default4(owned("operator.tigera.io/v1", "Installation")), installation},
		{"another reference", poolstest.Default4(owned("example.com/v1", "Fleet")), `it is managed by Fleet "x" (an owner reference): change it there`},
		{"Helm", poolstest.Default4(labelled("Helm")), "it is managed by Helm (label app.kubernetes.io/managed-by): change it in the values of the release"},
		{"Helm's release", poolstest.Default4(labelled("Helm"), func(pool *v3.IPPool) {
			pool.Annotations = map[string]string{"meta.helm.sh/release-name": "net"}
		}), `it is managed by Helm (label app.kubernetes.io/managed-by): change it in the values of the release "net"`},
		{"operator's label, in Calico's annotation", poolstest.Default4(keptByCalico(`{"labels":{"app.kubernetes.io/managed-by":"tigera-operator"},"creationTimestamp":null}`)), installation},
		{"another reference, in Calico's annotation", poolstest.Default4(keptByCalico(`{"ownerReferences":[{"apiVersion":"example.com/v1","kind":"Fleet","name":"x","uid":"1"}]}`)),
			`it is managed by Fleet "x" (an owner reference): change it there`},
		{"Helm's release, in Calico's annotation", poolstest.Default4(keptByCalico(`{"labels":{"app.kubernetes.io/managed-by":"Helm"},"annotations":{"meta.helm.sh/release-name":"net"}}`)),
			`it is managed by Helm (label app.kubernetes.io/managed-by): change it in the values of the release "net"`},
		{"another label, and a malformed annotation", poolstest.Default4(keptByCalico(`{"labels":`), func(pool *v3.IPPool) {
			pool.Labels = map[string]string{"app.kubernetes.io/managed-by": "argocd"}
		}), `it is managed by "argocd" (label app.kubernetes.io/managed-by): change it there`},
		{"another label", poolstest.Default4(labelled("argocd")), `it is managed by "argocd" (label app.kubernetes.io/managed-by): change it there`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, plan.Manager(&tt.pool))
			for _, policy := range []plan.OnDrift{plan.DriftReport, plan.DriftUpdate} {
				made, err := plan.Compute(settingstest.Resolved(t, "CALICO_IPV6POOL_CIDR=none", "--ipv4-pool-nat-outgoing=false").Desired, datastore.Snapshot{Pools: poolstest.Records(tt.pool)}, policy)
				require.NoError(t, err)
				assert.Equal(t, plan.Unchanged, made.Steps[0].Action)
				assert.Empty(t, made.Changes())
				assert.Equal(t, []string{
					`flag --ipv4-pool-nat-outgoing: "false" has no effect: IPPool "default-ipv4-ippool" exists with natOutgoing true; ` + tt.want,
				}, made.Warnings)
			}
		})
	}
}

// keptByCalico sets the annotation in which Calico's client keeps the metadata of a pool
// in its own CRDs.
func keptByCalico(metadata string) func(*v3.IPPool) {
	return func(pool *v3.IPPool) {
		pool.Annotations = map[string]string{"projectcalico.org/metadata": metadata}
	}
}

// Labels and annotations that calicoctl stored are no drift, whether they are in the
// metadata or in Calico's annotation.
func TestDriftOfMetadataThatCalicoKeeps(t *testing.T) {
	t.Parallel()
	desired := plan.Desired{Pools: []plan.DesiredPool{{Family: ippool.IPv4, Pool: ippool.New("a"), Values: []plan.Value{
		{"labels[zone]", "a", origin.Line("a.yaml", 3)}, {"annotations[note]", "n", origin.Line("a.yaml", 4)}, {"labels[plain]", "p", origin.Line("a.yaml", 5)},
		{"labels[missing]", "m", origin.Line("a.yaml", 6)},
	}}}}
	pool := poolstest.Stored("a", "10.1.0.0/16", keptByCalico(`{"labels":{"zone":"a"},"annotations":{"note":"n"}}`))
	pool.Labels = map[string]string{"zone": "older", "plain": "p"}
	made, err := plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(pool)}, plan.DriftReport)
	require.NoError(t, err)
	assert.Equal(t, "exists; differs from desired: labels[missing]", made.Steps[0].Reason)
	assert.Equal(t, map[string]string{"zone": "older", "plain": "p"}, made.Steps[0].Pool.Labels, "the plan has the stored labels")
}

// A caller's origin is not a default, whatever its text.
func TestDriftOfACallersDefault(t *testing.T) {
	t.Parallel()
	const callers = "default of cluster.yaml"
	var given settings.Settings
	given.IPv4.CIDR = settings.Given("10.244.0.0/16", origin.Caller(callers))
	given.IPv4.NATOutgoing = settings.Given("false", origin.Caller(callers))
	given.IPv6.CIDR = settings.Given("none", origin.Caller("default"))
	config, err := given.Resolve()
	require.NoError(t, err)

	made := computed(t, config.Desired, poolstest.Default4())
	assert.Equal(t, "exists; differs from desired: natOutgoing", made.Steps[0].Reason)
	assert.Equal(t, []string{
		callers + `: "false" has no effect: IPPool "default-ipv4-ippool" exists with natOutgoing true; onDrift=update changes it`,
	}, made.Warnings)
	require.Len(t, made.Differences(), 1)
	assert.Equal(t, origin.Caller(callers), made.Differences()[0].Source)

	made, err = plan.Compute(config.Desired, datastore.Snapshot{Pools: poolstest.Records(poolstest.Default4())}, plan.DriftUpdate)
	require.NoError(t, err)
	assert.Equal(t, plan.Updated, made.Steps[0].Action)

	// Defaults are no drift, with a reason or without.
	for _, source := range []origin.Origin{origin.Default, origin.DefaultBecause("random ULA")} {
		for i := range config.Desired.Pools[0].Values {
			config.Desired.Pools[0].Values[i].Source = source
		}
		made = computed(t, config.Desired, poolstest.Default4())
		assert.Empty(t, made.Differences())
		assert.Empty(t, made.Warnings)
	}
}

func TestDriftError(t *testing.T) {
	t.Parallel()
	desired := settingstest.Resolved(t, noIPv6, "CALICO_IPV4POOL_CIDR=10.1.0.0/16", "--ipv4-pool-nat-outgoing=false").Desired
	made, err := plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(poolstest.Default4())}, plan.DriftFail)
	require.NoError(t, err)
	assert.Empty(t, made.Warnings, "the error has it")
	err = &plan.DriftError{Differences: made.Differences()}
	require.EqualError(t, err, `env CALICO_IPV4POOL_CIDR: "10.1.0.0/16" has no effect: IPPool "default-ipv4-ippool" exists with cidr 10.244.0.0/16; `+migrateFrom("10.244.0.0/16", " and without env CALICO_IPV4POOL_CIDR")+
		"\n"+`flag --ipv4-pool-nat-outgoing: "false" has no effect: IPPool "default-ipv4-ippool" exists with natOutgoing true; onDrift=update changes it`)
	require.ErrorIs(t, err, plan.ErrDrift)
	require.NotErrorIs(t, err, plan.ErrIncompatible)

	made, err = plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(poolstest.Default4())}, plan.DriftUpdate)
	require.NoError(t, err)
	assert.Equal(t, `flag --ipv4-pool-nat-outgoing: "false": IPPool "default-ipv4-ippool" is changed: natOutgoing from true`, made.Differences()[1].String())
}

// With other pools in the family, no setting of the default pool has an effect.
func TestDriftOfOtherPools(t *testing.T) {
	t.Parallel()
	given := []string{"CALICO_IPV6POOL_CIDR=none", "CALICO_IPV4POOL_CIDR=10.1.0.0/16", "--ipv4-pool-nat-outgoing=false"}
	for _, policy := range []plan.OnDrift{plan.DriftReport, plan.DriftUpdate} {
		made, err := plan.Compute(settingstest.Resolved(t, given...).Desired, datastore.Snapshot{Pools: poolstest.Records(poolstest.Stored("mine", "10.1.0.0/16"))}, policy)
		require.NoError(t, err)
		assert.Equal(t, "mine", made.Steps[0].Name)
		assert.Equal(t, plan.Unchanged, made.Steps[0].Action)
		const rest = ` has no effect: IPPool "default-ipv4-ippool" does not exist; existing: mine; to manage it, set ipv4.pool.name=mine`
		assert.Equal(t, []string{
			`env CALICO_IPV4POOL_CIDR: "10.1.0.0/16"` + rest,
			`flag --ipv4-pool-nat-outgoing: "false"` + rest,
		}, made.Warnings)
	}
	for _, name := range []string{"Mine", "a\x1b[31m\nb", "x=y z"} {
		made, err := plan.Compute(settingstest.Resolved(t, given...).Desired, datastore.Snapshot{Pools: poolstest.Records(poolstest.Stored(name, "10.1.0.0/16"))}, plan.DriftReport)
		require.NoError(t, err)
		assert.Contains(t, made.Warnings[0], ", whose name is invalid: no setting can manage it")
		assert.NotContains(t, made.Warnings[0], "ipv4.pool.name", "a hint doesn't offer an invalid name")
	}
	made, err := plan.Compute(settingstest.Resolved(t, append(given, "--ipv4-pool-name=mine")...).Desired, datastore.Snapshot{Pools: poolstest.Records(poolstest.Stored("mine", "10.1.0.0/16", func(p *v3.IPPool) { p.Spec.NATOutgoing = true }))}, plan.DriftUpdate)
	require.NoError(t, err)
	assert.Equal(t, plan.Updated, made.Steps[0].Action, "as the hint says")
}
