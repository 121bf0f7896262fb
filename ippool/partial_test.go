package ippool_test

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// The error of a record with fields of another type has each of them, and what can be
// decoded.
func TestPartialError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, record string
		want         string
		spec         v3.IPPoolSpec
	}{
		{"booleans and a number in quotes", `{"spec":{"cidr":"10.1.0.0/16","natOutgoing":"false","ipipMode":"Always","disabled":"true","blockSize":"26"}}`,
			"spec.natOutgoing: is a string; must be a boolean; spec.disabled: is a string; must be a boolean; spec.blockSize: is a string; must be an integer",
			v3.IPPoolSpec{CIDR: "10.1.0.0/16", IPIPMode: "Always"}},
		{"numbers", `{"spec":{"natOutgoing":1,"blockSize":26.5,"cidr":10}}`,
			"spec.natOutgoing: is a number; must be a boolean; spec.blockSize: is 26.5; must be an integer; spec.cidr: is a number; must be a string", v3.IPPoolSpec{}},
		{"lists and objects", `{"spec":{"allowedUses":"Workload","nodeSelector":["a"],"assignmentMode":{"a":1},"blockSize":26}}`,
			"spec.allowedUses: is a string; must be a list; spec.nodeSelector: is a list; must be a string; spec.assignmentMode: is an object; must be a string", v3.IPPoolSpec{BlockSize: 26}},
		{"values inside", `{"metadata":{"labels":{"a":1}},"spec":{"allowedUses":["Tunnel",true],"disabled":true}}`,
			"metadata.labels: has a value that is a number; must be a string; spec.allowedUses: has a value that is a boolean; must be a string", v3.IPPoolSpec{Disabled: true}},
		{"names in another case, twice", `{"Spec":{"NATOutgoing":"x","natOutgoing":"y","Cidr":"10.2.0.0/16"}}`,
			"spec.natOutgoing: is a string; must be a boolean", v3.IPPoolSpec{CIDR: "10.2.0.0/16"}},
		{"no object", `{"kind":5,"metadata":[],"spec":"x"}`,
			"kind: is a number; must be a string; metadata: is a list; must be an object; spec: is a string; must be an object", v3.IPPoolSpec{}},
		{"no field of a pool", `{"metadata":{"name":3,"creationTimestamp":7},"spec":{"future":{"a":[]},"vxlanMode":"Never"}}`,
			"metadata.name: is a number; must be a string; metadata.creationTimestamp: is a number; must be a string", v3.IPPoolSpec{VXLANMode: "Never"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ippool.DecodeRecord([]byte(tt.record))
			var partial *ippool.PartialError
			require.ErrorAs(t, err, &partial)
			assert.Equal(t, tt.want, err.Error())
			assert.Equal(t, tt.spec, partial.Spec)
			assert.Equal(t, ippool.RecordCIDR([]byte(tt.record)), partial.Spec.CIDR)
		})
	}
}

// A stored kind or name of another object is a fault.
func TestRecordOfAnotherObject(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string][]string{
		`"kind":"IPPool","metadata":{"name":"a"}`: nil,
		`"metadata":{}`: nil,
		`"kind":"BGPPeer","metadata":{"name":"a"}`: {`kind: Invalid value: "BGPPeer": must be IPPool`},
		`"kind":"ippool"`:                          {`kind: Invalid value: "ippool": must be IPPool`},
		`"kind":"IPPool","metadata":{"name":"other"}`: {
			`metadata.name: Invalid value: "other": must be "a", the name in the key of the record`},
		`"kind":"IPPoolList","metadata":{"name":"A"}`: {
			`kind: Invalid value: "IPPoolList": must be IPPool`, `metadata.name: Invalid value: "A": must be "a", the name in the key of the record`},
	} {
		record, err := ippool.DecodeRecord([]byte(`{` + stored + `,"spec":{"cidr":"10.0.0.0/16"}}`))
		require.NoError(t, err)
		record.Pool().Name = "a" // as the key
		var texts []string
		for _, fault := range record.Validate() {
			texts = append(texts, fault.Error())
		}
		assert.Equal(t, want, texts, stored)
	}
}
