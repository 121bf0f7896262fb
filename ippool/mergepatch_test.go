package ippool_test

import (
	"encoding/json"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// patchOf decodes a record, changes it and returns the patch, empty if there is
// none.
func patchOf(t *testing.T, raw string, change change) string {
	t.Helper()
	record, err := ippool.DecodeRecord([]byte(raw))
	require.NoError(t, err)
	change(record.Pool())
	patch, err := record.MergePatch()
	require.NoError(t, err)
	return string(patch)
}

func TestMergePatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change change
		want   string
	}{
		{"nothing", func(*v3.IPPool) {}, ``},
		{"the same value", natOutgoing(true), ``},
		{"NAT off", natOutgoing(false), `{"spec":{"natOutgoing":null}}`},
		{"disabled", func(p *v3.IPPool) { p.Spec.Disabled = true }, `{"spec":{"disabled":true}}`},
		{"CIDR", func(p *v3.IPPool) { p.Spec.CIDR = "10.245.0.0/16" }, `{"spec":{"cidr":"10.245.0.0/16"}}`},
		{"no CIDR", func(p *v3.IPPool) { p.Spec.CIDR = "" }, `{"spec":{"cidr":""}}`},
		{"modes", func(p *v3.IPPool) { p.Spec.IPIPMode, p.Spec.VXLANMode = "", "Always" },
			`{"spec":{"ipipMode":null,"vxlanMode":"Always"}}`},
		{"block size", func(p *v3.IPPool) { p.Spec.BlockSize = 28 }, `{"spec":{"blockSize":28}}`},
		{"nodes", func(p *v3.IPPool) { p.Spec.NodeSelector = "has(c) && has(d)" }, `{"spec":{"nodeSelector":"has(c) \u0026\u0026 has(d)"}}`},
		{"uses", func(p *v3.IPPool) { p.Spec.AllowedUses = p.Spec.AllowedUses[:1] }, `{"spec":{"allowedUses":["Workload"]}}`},
		{"no uses", func(p *v3.IPPool) { p.Spec.AllowedUses = []v3.IPPoolAllowedUse{} }, `{"spec":{"allowedUses":null}}`},
		{"assignment mode", func(p *v3.IPPool) { p.Spec.AssignmentMode = pointer(v3.Manual) }, `{"spec":{"assignmentMode":"Manual"}}`},
		{"no assignment mode", func(p *v3.IPPool) { p.Spec.AssignmentMode = nil }, `{"spec":{"assignmentMode":null}}`},
		{"kind and metadata", func(p *v3.IPPool) {
			p.Kind, p.Name, p.UID, p.ResourceVersion, p.Labels, p.Annotations = "Pool", "b", "v", "8", nil, nil
		}, ``},
		{"spec and labels", func(p *v3.IPPool) { p.Labels["a"], p.Spec.Disabled = "9", true }, `{"spec":{"disabled":true}}`},
		{"every field", func(p *v3.IPPool) { p.Spec = v3.IPPoolSpec{} },
			`{"spec":{"allowedUses":null,"assignmentMode":null,"blockSize":null,"cidr":"","ipipMode":null,"natOutgoing":null,"nodeSelector":null,"vxlanMode":null}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, patchOf(t, richRecord, test.change))
		})
	}
}

func TestMergePatchOfOddRecords(t *testing.T) {
	t.Parallel()
	cidr := func(p *v3.IPPool) { p.Spec.CIDR = "a" }
	for _, test := range []struct {
		name, raw string
		change    change
		want      string
	}{
		{"empty object", `{}`, cidr, `{"spec":{"cidr":"a"}}`},
		{"null spec", `{"spec":null}`, cidr, `{"spec":{"cidr":"a"}}`},
		{"explicit false, unchanged", `{"spec":{"natOutgoing":false,"blockSize":0,"allowedUses":[]}}`, cidr, `{"spec":{"cidr":"a"}}`},
		{"explicit false, changed", `{"spec":{"natOutgoing":false}}`, natOutgoing(true), `{"spec":{"natOutgoing":true}}`},
		{"explicit null", `{"spec":{"natOutgoing":null}}`, natOutgoing(true), `{"spec":{"natOutgoing":true}}`},
		{"names in another case", `{"Spec":{"CIDR":"b","NatOutgoing":true}}`,
			func(p *v3.IPPool) { p.Spec.CIDR, p.Spec.NATOutgoing = "a", false }, `{"Spec":{"CIDR":"a","NatOutgoing":null}}`},
		{"duplicate unknown name", `{"spec":{"cidr":"b","x":1,"x":2}}`, cidr, `{"spec":{"cidr":"a"}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, patchOf(t, test.raw, test.change))
		})
	}
}

func TestMergePatchErrors(t *testing.T) {
	t.Parallel()
	_, err := ippool.NewRecord(calicoPool()).MergePatch()
	require.EqualError(t, err, "a new record has nothing to patch")
	for _, raw := range []string{
		`{"spec":{"natOutgoing":true},"spec":{"cidr":"10.0.0.0/16"}}`,
		`{"spec":{"natOutgoing":false,"NatOutgoing":true}}`,
	} {
		record, err := ippool.DecodeRecord([]byte(raw))
		require.NoError(t, err)
		record.Pool().Spec.NATOutgoing = false
		patch, err := record.MergePatch()
		require.ErrorContains(t, err, "duplicate key")
		assert.Nil(t, patch)
	}
}

// Applying the patch gives the same pool as Encode.
func TestMergePatchAgreesWithEncode(t *testing.T) {
	t.Parallel()
	for name, raw := range oddRecords {
		if strings.Contains(name, "duplicate") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record, err := ippool.DecodeRecord([]byte(raw))
			require.NoError(t, err)
			record.Pool().Spec.NATOutgoing = !record.Pool().Spec.NATOutgoing
			record.Pool().Spec.NodeSelector += "has(x)"
			record.Pool().Spec.AllowedUses = nil
			patch, err := record.MergePatch()
			require.NoError(t, err)
			patched, err := ippool.DecodeRecord(merged(t, []byte(raw), patch))
			require.NoError(t, err)
			encoded, err := record.Encode()
			require.NoError(t, err)
			want, err := ippool.DecodeRecord(encoded)
			require.NoError(t, err)
			assertSamePool(t, want.Pool(), patched.Pool())
		})
	}
}

func TestRecordClone(t *testing.T) {
	t.Parallel()
	record, err := ippool.DecodeRecord([]byte(richRecord))
	require.NoError(t, err)
	clone := record.Clone()
	assert.Equal(t, record, clone)
	clone.Pool().Spec.AllowedUses[0], clone.Pool().Labels["a"] = "LoadBalancer", "9"
	encoded, err := record.Encode()
	require.NoError(t, err)
	assert.Equal(t, richRecord, string(encoded), "changes of the clone don't change the record")
	encoded, err = clone.Encode()
	require.NoError(t, err)
	assert.NotEqual(t, richRecord, string(encoded))
	assert.Contains(t, string(encoded), `"future":{"deep"`, "a clone has the stored value")

	fresh := ippool.NewRecord(calicoPool())
	assert.Equal(t, fresh, fresh.Clone())
}

func TestRecordRaw(t *testing.T) {
	t.Parallel()
	record, err := ippool.DecodeRecord([]byte(richRecord))
	require.NoError(t, err)
	record.Pool().Spec.Disabled = true
	assert.Equal(t, richRecord, string(record.Raw()))
	assert.Equal(t, richRecord, string(record.Clone().Raw()))
	assert.Nil(t, ippool.NewRecord(calicoPool()).Raw())
}

// merged applies a merge patch as RFC 7386 defines it. It keeps values as raw JSON,
// because Go types can't represent some of the numbers in records.
func merged(t *testing.T, target, patch []byte) []byte {
	t.Helper()
	var fields map[string]json.RawMessage
	if json.Unmarshal(patch, &fields) != nil {
		return patch
	}
	var out map[string]json.RawMessage
	if json.Unmarshal(target, &out) != nil || out == nil {
		out = map[string]json.RawMessage{}
	}
	for name, value := range fields {
		if string(value) == "null" {
			delete(out, name)
			continue
		}
		out[name] = merged(t, out[name], value)
	}
	data, err := json.Marshal(out)
	require.NoError(t, err)
	return data
}
