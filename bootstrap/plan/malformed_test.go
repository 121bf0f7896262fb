package plan_test

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
)

var inEtcd = datastore.CLI{Program: datastore.Calicoctl, Resource: "ippool"}

const (
	repairDefault = "; repair or delete it: etcdctl get '/calico/resources/v3/projectcalico.org/ippools/default-ipv4-ippool', " +
		"etcdctl del '/calico/resources/v3/projectcalico.org/ippools/default-ipv4-ippool'"
	notBoolean = "spec.natOutgoing: is a string; must be a boolean"
)

// malformed returns a snapshot of etcd with that record of the default IPv4 pool.
func malformed(spec string) datastore.Snapshot {
	snapshot := existing("default-ipv4-ippool", `{"metadata":{"name":"default-ipv4-ippool"},"spec":`+spec+`}`)
	snapshot.CLI = inEtcd
	return snapshot
}

// The fields of a malformed pool that can be read are compared, the others are not, and
// nothing is updated.
func TestMalformedPoolIsCompared(t *testing.T) {
	t.Parallel()
	const spec = `{"cidr":"10.1.0.0/16","natOutgoing":"false","ipipMode":"Always","blockSize":"26"}`
	tests := []struct {
		name   string
		given  []string
		reason string
		drift  []string
	}{
		{"nothing set", nil, "exists; malformed: not compared: natOutgoing, blockSize", nil},
		{"equal", []string{"CALICO_IPV4POOL_CIDR=10.1.0.0/16", "CALICO_IPV4POOL_IPIP=Always"}, "exists; malformed: not compared: natOutgoing, blockSize", nil},
		{"unreadable", []string{"CALICO_IPV4POOL_NAT_OUTGOING=true", "CALICO_IPV4POOL_BLOCK_SIZE=27"}, "exists; malformed: not compared: natOutgoing, blockSize", nil},
		{"another CIDR", []string{"CALICO_IPV4POOL_CIDR=10.2.0.0/16"}, "exists; malformed: not compared: natOutgoing, blockSize; differs from desired: cidr", []string{"cidr"}},
		{"another mode", []string{"CALICO_IPV4POOL_IPIP=Never"}, "exists; malformed: not compared: natOutgoing, blockSize; differs from desired: ipipMode", []string{"ipipMode"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			desired := settingstest.Resolved(t, append(tt.given, noIPv6)...).Desired
			for _, onDrift := range plan.OnDrifts() {
				made, err := plan.Compute(desired, malformed(spec), onDrift)
				require.NoError(t, err)
				step := made.Steps[0]
				assert.Equal(t, plan.Unchanged, step.Action)
				assert.Equal(t, tt.reason, step.Reason)
				assert.Equal(t, v3.IPIPModeAlways, step.Pool.Spec.IPIPMode, "it was read")
				assert.Empty(t, made.Changes())
				var fields []string
				for _, difference := range step.Drift {
					fields = append(fields, difference.Field)
					assert.Equal(t, "its record is malformed: repair or delete it", difference.Remedy)
				}
				assert.Equal(t, tt.drift, fields)
				assert.Equal(t, `IPPool "default-ipv4-ippool" is malformed and is not modified; by its CIDR 10.1.0.0/16 it counts as an IPv4 pool: `+
					notBoolean+"; spec.blockSize: is a string; must be an integer"+repairDefault, made.Warnings[0])
				require.Len(t, made.Incomparable(), 1)
				require.ErrorIs(t, made.Incomparable()[0], plan.ErrDrift)
				settingstest.AssertLines(t, made.Incomparable()[0].Error())
			}
		})
	}

	// A malformed pool that no setting names can be anything.
	made, err := plan.Compute(settingstest.Resolved(t, noIPv6, "CALICO_IPV4POOL_NAME=mine").Desired, malformed(spec), plan.DriftFail)
	require.NoError(t, err)
	assert.Empty(t, made.Incomparable())
	assert.True(t, made.Steps[0].Malformed.Unreadable("natOutgoing"), "but its values are unknown")
	assert.False(t, made.Steps[0].Malformed.Unreadable("cidr"))
}

// The error about a pool of a file has the fields of the malformed record of its name.
func TestNameOfAMalformedRecord(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		`{"cidr":"10.3.0.0/16","natOutgoing":"false"}`: `the name "default-ipv4-ippool" (file pools.yaml:1) is taken by a malformed record: ` + notBoolean,
		`{"cidr":"10.3.0.0/16","disabled":"no"}`:       "a malformed record: spec.disabled: is a string; must be a boolean",
		`{"cidr":7}`:                                   "a malformed record: spec.cidr: is a number; must be a string",
		`[]`:                                           "a malformed record: spec: is a list; must be an object",
	} {
		_, err := plan.Compute(filed(t, settingstest.Flat("default-ipv4-ippool", "10.3.0.0/16")), malformed(spec), plan.DriftReport)
		require.ErrorIs(t, err, plan.ErrIncompatible, spec)
		assert.ErrorContains(t, err, want+": "+repairDefault[2:]+", or choose another name")
	}
	for spec, value := range map[string]string{`{}`: `""`, `{"cidr":"10.1.0.0"}`: `"10.1.0.0"`, `{"cidr":"x"}`: `"x"`, `{"cidr":"10.1.0.0/40"}`: `"10.1.0.0/40"`} {
		_, err := plan.Compute(settingstest.Resolved(t, noIPv6).Desired, malformed(spec), plan.DriftReport)
		require.ErrorIs(t, err, plan.ErrIncompatible, spec)
		assert.ErrorContains(t, err, "is taken by a malformed record: invalid CIDR: "+value+" is ")
		assert.ErrorContains(t, err, repairDefault[2:])
	}
}

// Stored pools that overlap, and records of other objects, are faults.
func TestStoredFaultsOfRecords(t *testing.T) {
	t.Parallel()
	snapshot := existing(
		"default-ipv4-ippool", `{"kind":"BGPPeer","metadata":{"name":"other"},"spec":{"cidr":"10.0.0.0/8","ipipMode":"Off"}}`,
		"inside", `{"metadata":{"name":"inside"},"spec":{"cidr":"10.1.0.0/16","natOutgoing":"x"}}`,
		"twice", `{"metadata":{"name":"twice"},"spec":{"cidr":"10.1.0.0/16"}}`)
	edit := "; correct the stored pool: calicoctl get ippool default-ipv4-ippool -o yaml >pool.yaml, and after the change calicoctl replace -f pool.yaml"
	record := "; repair or delete the record" + repairDefault[len("; repair or delete it"):]
	const migrate = "; ranges must not overlap; not updatable in place; migrate to another pool, and delete this one: calicoctl delete ippool "
	snapshot.CLI = inEtcd
	for given, want := range map[string][]string{noIPv6: {
		`existing IPPool "default-ipv4-ippool": spec.ipipMode: Unsupported value: "Off": supported values: "Never", "Always", "CrossSubnet"` + edit,
		`existing IPPool "default-ipv4-ippool": kind: Invalid value: "BGPPeer": must be IPPool` + record,
		`existing IPPool "default-ipv4-ippool": metadata.name: Invalid value: "other": must be "default-ipv4-ippool", the name in the key of the record` + record,
		`existing IPPool "inside": spec.cidr: Invalid value: "10.1.0.0/16": overlaps 10.0.0.0/8 of IPPool "default-ipv4-ippool"` + migrate + "inside",
	}, "NO_DEFAULT_POOLS=true": nil} {
		made, err := plan.Compute(settingstest.Resolved(t, given).Desired, snapshot, plan.DriftReport)
		require.NoError(t, err)
		var texts []string
		for _, fault := range made.StoredFaults(snapshot, false) {
			texts = append(texts, fault.Error())
		}
		assert.Equal(t, want, texts)
		all := made.StoredFaults(snapshot, true)
		require.Len(t, all, 5)
		assert.Equal(t, `existing IPPool "twice": spec.cidr: Invalid value: "10.1.0.0/16": overlaps 10.1.0.0/16 of IPPool "inside"`+migrate+"twice", all[4].Error())
	}
}
