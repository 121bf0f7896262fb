package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// stored returns a record with the spec, as another program may have stored it.
func stored(t *testing.T, name, spec string) *ippool.Record {
	t.Helper()
	record, err := ippool.DecodeRecord([]byte(`{"kind":"IPPool","metadata":{"name":"` + name + `"},"spec":` + spec + `}`))
	require.NoError(t, err)
	return record
}

func TestStoredFaults(t *testing.T) {
	t.Parallel()
	const (
		fix   = "; correct the stored pool"
		modes = `supported values: "Never", "Always", "CrossSubnet"` + fix
	)
	existing := datastore.Snapshot{Pools: []*ippool.Record{
		stored(t, "a-nonsense", `{"cidr":"nonsense","ipipMode":"On"}`),
		stored(t, "b-v1", `{"cidr":"10.9.0.0/16","ipip":{"enabled":true},"nat-outgoing":true}`),
		stored(t, "c-\u202e", `{"cidr":"10.8.1.0/16","vxlanMode":"a\nb"}`),
		stored(t, "default-ipv4-ippool", `{"cidr":"10.244.0.0/16","ipipMode":"Off","natOutgoing":true}`),
		stored(t, "valid", `{"cidr":"10.7.0.0/16"}`),
	}}
	tests := []struct {
		name  string
		lines []string
		all   bool
		want  []string
	}{
		{"of the pools with a step", nil, false, []string{`existing IPPool "default-ipv4-ippool": spec.ipipMode: Unsupported value: "Off": ` + modes}},
		{"of all pools", nil, true, []string{
			`existing IPPool "a-nonsense": spec.ipipMode: Unsupported value: "On": ` + modes,
			`existing IPPool "b-v1": spec.ipip: Forbidden: a field of Calico's v1 API, which Calico v3 ignores; set ipipMode` + fix,
			`existing IPPool "b-v1": spec.nat-outgoing: Forbidden: a field of Calico's v1 API, which Calico v3 ignores; set natOutgoing` + fix,
			`existing IPPool "c-\u202e": metadata.name: Invalid value: "c-\u202e": has '\u202e'; must be a DNS subdomain name such as rack-a: up to 253 lower-case letters, digits, "-" and ".", with a letter or a digit at its ends and beside each "."; repair or delete the record`,
			`existing IPPool "c-\u202e": spec.cidr: Invalid value: "10.8.1.0/16": has host bits: the range is 10.8.0.0/16; not updatable in place; migrate to another pool, and delete this one`,
			`existing IPPool "c-\u202e": spec.vxlanMode: Unsupported value: "a\nb": ` + modes,
			`existing IPPool "default-ipv4-ippool": spec.ipipMode: Unsupported value: "Off": ` + modes,
		}},
		{"of a field that is updated", []string{"--on-drift=update", "--ipv4-pool-ipip=always"}, false, nil},
		{"of another field than the updated one", []string{"--on-drift=update", "--ipv4-pool-nat-outgoing=false"}, false,
			[]string{`existing IPPool "default-ipv4-ippool": spec.ipipMode: Unsupported value: "Off": ` + modes}},
		{"of a family that is skipped", []string{"--ipv4-pool-cidr=none"}, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made, err := plan.Compute(settingstest.Resolved(t, tt.lines...).Desired, existing, settingstest.Resolved(t, tt.lines...).OnDrift)
			require.NoError(t, err)
			var texts []string
			for _, fault := range made.StoredFaults(existing, tt.all) {
				texts = append(texts, fault.Error())
			}
			assert.Equal(t, tt.want, texts)
		})
	}
}
