package plan_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// FuzzCompute plans with two records of any content. It checks that Compute and Settle do
// not modify their arguments, that created pools are valid and overlap nothing, that a
// chosen CIDR overlaps neither networks of the host nor Services, that a family with pools
// gets no default pool, that every text fits on a line, and that a second plan changes
// nothing.
func FuzzCompute(f *testing.F) {
	const (
		pool4    = `{"metadata":{"name":"default-ipv4-ippool"},"spec":{"cidr":"10.244.0.0/16","vxlanMode":"Never","ipipMode":"Always","natOutgoing":true,"blockSize":26,"nodeSelector":"all()"}}`
		pool6    = `{"spec":{"cidr":"FD00:0::1/064","x":1,"allowedUses":["LoadBalancer"]}}`
		operator = `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"tigera-operator"}},"spec":{"cidr":"10.0.0.0/8","ipipMode":"a\nb","vxlanMode":"\u001b[2J"}}`
		owned    = `{"metadata":{"ownerReferences":[{"kind":"K\n","name":"n\n"}],"annotations":{"projectcalico.org/metadata":"{\"labels\":{\"app.kubernetes.io/managed-by\":\"Helm\"}}"}},"spec":{"cidr":"192.168.0.0/16"}}`
		twice    = `{"spec":{"cidr":"10.1.0.0/16","natOutgoing":true,"NATOutgoing":false}}`
		broken   = `{"spec":{"cidr":"10.1.0.0/16","blockSize":"26"}}`
	)
	for i, record := range []string{pool4, pool6, operator, owned, twice, broken, "{", `{"spec":{"cidr":"x\ny"}}`} {
		f.Add("default-ipv4-ippool", record, "other", pool6, "10.244.0.0/16", "has(a)", uint8(i*31))
		f.Add("a", record, "default-ipv6-ippool", operator, "", "", uint8(i*17))
		f.Add("filed", record, "a\nb", owned, "10.1.0.0/16", "zone == 'a'", uint8(i*13|8))
	}
	f.Add("a\nb", pool4, "other", pool6, "10.244.0.0/16", "has(a)", uint8(2))
	for _, record := range []string{pool4, owned, twice, `{"spec":{"cidr":"10.244.0.0/16","vxlanMode":"a\nb","nodeSelector":"\n"}}`} {
		for _, flags := range []uint8{64, 64 | 1, 64 | 2, 64 | 16, 128 | 3, 2} {
			f.Add("default-ipv4-ippool", record, "a", record, "10.244.0.0/16", "zone == '\x1b[2J'", flags)
		}
	}
	f.Fuzz(func(t *testing.T, name1, record1, name2, record2, cidr, nodes string, flags uint8) {
		lines := []string{"CALICO_IPV4POOL_CIDR=" + cidr, "CALICO_IPV4POOL_NODE_SELECTOR=" + nodes}
		for i, line := range []string{
			"CALICO_IPV4POOL_VXLAN=Always", "CALICO_IPV4POOL_NAT_OUTGOING=false", "CALICO_IPV6POOL_CIDR=fd00:1::/64",
			"--pools-file=/etc/pools", "CALICO_IPV4POOL_NAME=a", "CALICO_IPV6POOL_CIDR=none",
		} {
			if flags&(1<<i) != 0 {
				lines = append(lines, line)
			}
		}
		given := settingstest.Given(t, lines...)
		if flags&8 != 0 {
			given.PoolManifests = []settings.PoolManifest{{Path: "a.yaml", Data: []byte(settingstest.Flat("filed", "10.1.0.0/16") + settingstest.Flat("six", "fd00:2::/64"))}}
		}
		config, err := given.Resolve()
		if err != nil {
			return
		}
		policies := plan.OnDrifts()
		onDrift := policies[int(flags>>6)%len(policies)]
		before, existing := existing(name1, record1, name2, record2), existing(name1, record1, name2, record2)
		made, err := plan.Compute(config.Desired, existing, onDrift)
		require.Equal(t, before, existing, "the snapshot was changed")
		again, _ := given.Resolve()
		require.Equal(t, again.Desired, config.Desired, "the desired pools were changed")
		if rejected(t, made, err) {
			return
		}
		same, err := plan.Compute(config.Desired, existing, onDrift)
		require.NoError(t, err)
		require.Equal(t, same, made)

		unsettled := made
		made, err = unsettled.Settle(busy(), netip.MustParsePrefix("fdfd::/48"))
		require.Equal(t, same, unsettled, "the plan was changed")
		require.Equal(t, before, existing, "the snapshot was changed")
		require.Equal(t, again.Desired, config.Desired, "the desired pools were changed")
		if rejected(t, made, err) {
			return
		}
		for i, step := range made.Steps {
			unknown := unsettled.Steps[i].Unknown
			require.Equal(t, step.Action == plan.Created && unsettled.Steps[i].Pool.Spec.CIDR == "", len(unknown) > 0)
			require.Empty(t, step.Unknown)
			if len(unknown) > 0 {
				require.False(t, slices.ContainsFunc(inUse, netip.MustParsePrefix(step.Pool.Spec.CIDR).Overlaps), step.Pool.Spec.CIDR)
			}
			settingstest.AssertLines(t, step.Reason, step.PlannedReason(), step.Disruption())
			for _, difference := range step.Drift {
				settingstest.AssertLines(t, difference.String(), difference.Remedy)
			}
		}
		checkChanges(t, made, existing, onDrift)

		after, err := plan.Compute(config.Desired, applied(t, existing, made), onDrift)
		require.NoError(t, err)
		assert.Empty(t, after.Changes(), "a second plan changes nothing")
	})
}

// inUse are ranges that a chosen range must not overlap.
var inUse = factstest.Prefixes("192.168.1.0/24", "172.16.0.0/16", "172.18.0.0/15")

// busy returns facts of a host and a cluster that use these ranges.
func busy() facts.Facts {
	return facts.Facts{
		Networks: factstest.Locate(origin.Host("interface eth0"), inUse[0]),
		Routes:   factstest.Locate(origin.Host("route dev eth0"), inUse[2]),
		Survey:   facts.Survey{ServiceCIDRs: factstest.Locate(origin.Cluster("s"), inUse[1])},
	}
}

// rejected reports whether there is an error. It checks the forms of error and plan.
func rejected(t *testing.T, made plan.Plan, err error) bool {
	t.Helper()
	settingstest.AssertLines(t, made.Warnings...)
	if err == nil {
		return false
	}
	require.ErrorIs(t, err, plan.ErrIncompatible)
	settingstest.AssertLines(t, strings.Split(err.Error(), "\n")...)
	require.Equal(t, plan.Plan{}, made)
	return true
}

// existing returns a snapshot of these records, as etcd does.
func existing(nameValue ...string) datastore.Snapshot {
	var snapshot datastore.Snapshot
	for i := 0; i < len(nameValue); i += 2 {
		name, value := nameValue[i], []byte(nameValue[i+1])
		if i > 0 && name == nameValue[0] {
			break // keys are unique
		}
		record, err := ippool.DecodeRecord(value)
		if err != nil {
			snapshot.Unreadable = append(snapshot.Unreadable, datastore.Unreadable{Name: name, Err: err, CIDR: ippool.RecordCIDR(value)})
			continue
		}
		record.Pool().Name = name
		snapshot.Pools = append(snapshot.Pools, record)
	}
	return snapshot
}

// checkChanges checks the changes of a plan against the existing pools.
func checkChanges(t *testing.T, made plan.Plan, existing datastore.Snapshot, onDrift plan.OnDrift) {
	t.Helper()
	var stored, created []*v3.IPPool
	has := map[ippool.Family]bool{}
	names := map[string]bool{}
	add := func(pool *v3.IPPool) {
		names[pool.Name] = true
		if family, err := plan.FamilyOf(pool.Spec.CIDR); err == nil {
			stored, has[family] = append(stored, pool), true
		}
	}
	for _, record := range existing.Pools {
		add(record.Pool())
	}
	for _, record := range existing.Unreadable {
		pool := ippool.New(record.Name)
		pool.Spec.CIDR = record.CIDR
		add(pool)
	}
	for _, step := range made.Steps {
		if step.Action != plan.Created {
			continue
		}
		require.False(t, names[step.Name], "%s exists", step.Name)
		require.False(t, step.Default && has[step.Family] && !step.BesideFiles, "the family has pools")
		require.Empty(t, ippool.Validate(step.Pool))
		created = append(created, step.Pool)
	}
	all := append(stored, created...)
	for _, overlap := range ippool.Overlaps(all) {
		require.Less(t, overlap.Later, len(stored), "a pool that is created overlaps")
	}
	for _, change := range made.Changes() {
		if change.Update != nil {
			require.Equal(t, plan.DriftUpdate, onDrift)
			_, err := change.Update.Encode()
			require.NoError(t, err)
		}
	}
}

// applied returns the snapshot after the plan was applied.
func applied(t *testing.T, existing datastore.Snapshot, made plan.Plan) datastore.Snapshot {
	t.Helper()
	after := datastore.Snapshot{Unreadable: existing.Unreadable}
	updated := map[string]*ippool.Record{}
	for _, change := range made.Changes() {
		if change.Update != nil {
			updated[change.Name()] = change.Update
			continue
		}
		after.Pools = append(after.Pools, ippool.NewRecord(change.Create))
	}
	for _, record := range existing.Pools {
		if update := updated[record.Pool().Name]; update != nil {
			encoded, err := update.Encode()
			require.NoError(t, err)
			record, err = ippool.DecodeRecord(encoded)
			require.NoError(t, err, string(encoded))
		}
		after.Pools = append(after.Pools, record)
	}
	return after
}
