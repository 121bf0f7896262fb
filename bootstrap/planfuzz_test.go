package bootstrap

import (
	"strings"
	"testing"
	"unicode"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// FuzzNewPlan plans over two records of any content: nothing that it is given is
// changed, what it creates is valid and overlaps nothing, a family that has pools
// gets no other, every word of it fits on a line, and what it did is not done
// again.
func FuzzNewPlan(f *testing.F) {
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
		settings := given(t, lines...)
		if flags&8 != 0 {
			settings.PoolManifests = []PoolManifest{{Path: "a.yaml", Data: []byte(flat("filed", "10.1.0.0/16") + flat("six", "fd00:2::/64"))}}
		}
		config, err := settings.Resolve()
		if err != nil {
			return
		}
		onDrift := onDriftWords[int(flags>>6)%len(onDriftWords)]
		before, existing := stands(name1, record1, name2, record2), stands(name1, record1, name2, record2)
		plan, err := NewPlan(config.Desired, existing, onDrift)
		require.Equal(t, before, existing, "the snapshot was changed")
		again, _ := settings.Resolve()
		require.Equal(t, again.Desired, config.Desired, "what is desired was changed")
		assertLines(t, plan.Warnings...)
		if err != nil {
			require.ErrorIs(t, err, ErrIncompatible)
			assertLines(t, strings.Split(err.Error(), "\n")...)
			require.Empty(t, plan.changes())
			return
		}
		for _, step := range plan.Steps {
			assertLines(t, step.Reason)
			for _, difference := range step.Drift {
				assertLines(t, difference.String(), difference.Remedy)
			}
		}
		checkChanges(t, plan, existing, onDrift)

		after, err := NewPlan(config.Desired, carriedOut(t, existing, plan), onDrift)
		require.NoError(t, err)
		assert.Empty(t, after.changes(), "what was done would be done again")
	})
}

// stands is a snapshot of these records, as etcd's is made.
func stands(nameValue ...string) Snapshot {
	var snapshot Snapshot
	for i := 0; i < len(nameValue); i += 2 {
		name, value := nameValue[i], []byte(nameValue[i+1])
		if i > 0 && name == nameValue[0] {
			break // a key is there once
		}
		record, err := ippool.DecodeRecord(value)
		if err != nil {
			snapshot.Unreadable = append(snapshot.Unreadable, Unreadable{Name: name, Err: err, CIDR: ippool.RecordCIDR(value)})
			continue
		}
		record.Pool.Name = name
		snapshot.Pools = append(snapshot.Pools, record)
	}
	return snapshot
}

func assertLines(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for _, r := range text {
			require.True(t, unicode.IsGraphic(r), "%q in %q", r, text)
		}
	}
}

// checkChanges holds what a plan writes to what stands.
func checkChanges(t *testing.T, plan Plan, existing Snapshot, onDrift OnDrift) {
	t.Helper()
	var standing, created []*v3.IPPool
	has := map[ippool.Family]bool{}
	names := map[string]bool{}
	add := func(pool *v3.IPPool) {
		names[pool.Name] = true
		if family, err := familyOfStored(pool.Spec.CIDR); err == nil {
			standing, has[family] = append(standing, pool), true
		}
	}
	for _, record := range existing.Pools {
		add(&record.Pool)
	}
	for _, record := range existing.Unreadable {
		pool := ippool.New(record.Name)
		pool.Spec.CIDR = record.CIDR
		add(pool)
	}
	for _, step := range plan.Steps {
		if step.Action != Created {
			continue
		}
		require.False(t, names[step.Name], "%s is there", step.Name)
		require.False(t, step.Default && has[step.Family] && !step.besideFiles, "the family has pools")
		if step.Pool.Spec.CIDR != "" {
			require.Empty(t, ippool.Validate(step.Pool))
			created = append(created, step.Pool)
		}
	}
	all := append(standing, created...)
	for _, overlap := range ippool.Overlaps(all) {
		require.Less(t, overlap.Later, len(standing), "a pool that is created overlaps")
	}
	for _, change := range plan.changes() {
		if change.Update != nil {
			require.Equal(t, DriftUpdate, onDrift)
			_, err := change.Update.Encode()
			require.NoError(t, err)
		}
	}
}

// carriedOut is the snapshot after the plan was. What has no CIDR yet gets one.
func carriedOut(t *testing.T, existing Snapshot, plan Plan) Snapshot {
	t.Helper()
	after := Snapshot{Unreadable: existing.Unreadable}
	updated := map[string]*ippool.Record{}
	for _, change := range plan.changes() {
		if change.Update != nil {
			updated[change.Name()] = change.Update
			continue
		}
		pool := change.Create.DeepCopy()
		if pool.Spec.CIDR == "" {
			pool.Spec.CIDR = defaultRange(plan.Steps[plan.step(pool.Name)].Family).String()
		}
		after.Pools = append(after.Pools, ippool.NewRecord(pool))
	}
	for _, record := range existing.Pools {
		if update := updated[record.Pool.Name]; update != nil {
			encoded, err := update.Encode()
			require.NoError(t, err)
			record, err = ippool.DecodeRecord(encoded)
			require.NoError(t, err, string(encoded))
		}
		after.Pools = append(after.Pools, record)
	}
	return after
}
