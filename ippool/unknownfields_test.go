package ippool_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// faultsOf returns the faults of a record with the spec.
func faultsOf(t *testing.T, spec string) []string {
	t.Helper()
	record, err := ippool.DecodeRecord([]byte(`{"kind":"IPPool","metadata":{"name":"a"},"spec":` + spec + `}`))
	require.NoError(t, err)
	var texts []string
	for _, fault := range record.Validate() {
		texts = append(texts, fault.Error())
	}
	return texts
}

func TestRecordValidate(t *testing.T) {
	t.Parallel()
	const (
		modes   = `supported values: "Never", "Always", "CrossSubnet"`
		ofV1    = "a field of Calico's v1 API, which Calico v3 ignores; set "
		ignored = "unknown field, which Calico ignores"
	)
	for spec, want := range map[string][]string{
		`{"cidr":"10.0.0.0/16","vxlanMode":"Never","ipipMode":"Always","natOutgoing":true,"disabled":true,"disableBGPExport":true,"blockSize":26,"nodeSelector":"all()","namespaceSelector":"","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}`: nil,
		`{"cidr":"10.0.0.0/16"}`:                               nil,
		`{"CIDR":"10.0.0.0/16","natoutgoing":true}`:            nil,
		`{"cidr":"10.0.0.0/16","ipip":null,"more":null}`:       nil,
		`{"cidr":"10.0.0.0/16","ipipMode":"Off"}`:              {`spec.ipipMode: Unsupported value: "Off": ` + modes},
		`{"cidr":"10.0.0.0/16","ipipMode":"always"}`:           {`spec.ipipMode: Unsupported value: "always": ` + modes},
		`{"cidr":"10.0.0.0/16","vxlanMode":"cross-subnet"}`:    {`spec.vxlanMode: Unsupported value: "cross-subnet": ` + modes},
		`{"cidr":"10.0.0.0/16","assignmentMode":"automatic"}`:  {`spec.assignmentMode: Unsupported value: "automatic": supported values: "Automatic", "Manual"`},
		`{"cidr":"10.0.0.0/16","allowedUses":["Pods"]}`:        {`spec.allowedUses[0]: Unsupported value: "Pods": supported values: "Workload", "Tunnel", "LoadBalancer"`},
		`{"cidr":"10.0.0.0/16","blockSize":33}`:                {`spec.blockSize: Invalid value: 33: must be between 20 and 32 for IPv4`},
		`{"cidr":"10.0.0.0/16","blockSize":-1}`:                {`spec.blockSize: Invalid value: -1: must be between 20 and 32 for IPv4`},
		`{"cidr":"fd00::/64","blockSize":26}`:                  {`spec.blockSize: Invalid value: 26: must be between 116 and 128 for IPv6`},
		`{"cidr":"10.0.5.7/16"}`:                               {`spec.cidr: Invalid value: "10.0.5.7/16": has host bits: the range is 10.0.0.0/16`},
		`{"cidr":"10.0.0.0/16","ipip":{"enabled":true}}`:       {`spec.ipip: Forbidden: ` + ofV1 + "ipipMode"},
		`{"cidr":"10.0.0.0/16","nat-outgoing":true,"ipip":{}}`: {`spec.ipip: Forbidden: ` + ofV1 + "ipipMode", `spec.nat-outgoing: Forbidden: ` + ofV1 + "natOutgoing"},
		`{"cidr":"10.0.0.0/16","IPIP":{},"Nat-Outgoing":true}`: {`spec.IPIP: Forbidden: ` + ofV1 + "ipipMode", `spec.Nat-Outgoing: Forbidden: ` + ofV1 + "natOutgoing"},
		`{"cidr":"10.0.0.0/16","natOutgoin":true}`:             {`spec.natOutgoin: Forbidden: ` + ignored + " unless a newer version has it"},
		`{"cidr":"10.0.0.0/16","block_size":26}`:               {`spec.block_size: Forbidden: ` + ignored + "; did you mean blockSize"},
		`{"cidr":"10.0.0.0/16","ipip-mode":"x","future":{}}`:   {`spec.future: Forbidden: ` + ignored + " unless a newer version has it", `spec.ipip-mode: Forbidden: ` + ignored + "; did you mean ipipMode"},
	} {
		assert.Equal(t, want, faultsOf(t, spec), spec)
	}
	selector := faultsOf(t, `{"cidr":"10.0.0.0/16","nodeSelector":"rack = 1"}`)
	require.Len(t, selector, 1)
	assert.Contains(t, selector[0], `spec.nodeSelector: Invalid value: "rack = 1": `)
	assert.Empty(t, ippool.NewRecord(aPool("10.0.0.0/16")).Validate(), "a new record")
}
