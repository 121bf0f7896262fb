package ippool_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// FuzzRecordChange changes any fields of any record. It checks that the encoded
// record and the merge patch have exactly that change, and all unknown fields.
func FuzzRecordChange(f *testing.F) {
	for i, name := range slices.Sorted(maps.Keys(oddRecords)) {
		f.Add([]byte(oddRecords[name]), uint16(1<<(i%11)), "10.1.0.0/16")
		f.Add([]byte(oddRecords[name]), uint16(0xffff), "")
	}
	f.Add([]byte(richRecord), uint16(0x1fff), "has(a) && b == '<'")
	f.Add([]byte(`{"spec":{"Cidr":"a","x":{"cidr":1}},"Spec":null}`), uint16(3), "b")
	f.Fuzz(func(t *testing.T, data []byte, fields uint16, text string) {
		record, err := ippool.DecodeRecord(data)
		if err != nil {
			return
		}
		require.Equal(t, record.Pool().Spec.CIDR, ippool.RecordCIDR(data))
		if !utf8.ValidString(text) {
			t.Skip("JSON can't represent it")
		}
		changed := record.Clone()
		changeFields(&changed.Pool().Spec, fields, text)
		pool := changed.Pool().DeepCopy()
		encoded, err := changed.Encode()
		duplicate := hasDuplicateName(t, data)
		if err != nil {
			require.True(t, duplicate, "%s: %v", data, err)
			return
		}
		require.Equal(t, string(data), string(record.Raw()))
		require.Equal(t, pool, changed.Pool(), "encoding changed the pool")
		again, err := ippool.DecodeRecord(encoded)
		require.NoError(t, err)
		// A nil list and an empty one are encoded the same.
		if len(pool.Spec.AllowedUses) == 0 {
			pool.Spec.AllowedUses, again.Pool().Spec.AllowedUses = nil, nil
		}
		assertSamePool(t, pool, again.Pool())

		patch, err := changed.MergePatch()
		if duplicate {
			return // a map has only one of the two
		}
		require.NoError(t, err)
		assert.Equal(t, unknownIn(t, data), unknownIn(t, encoded))
		if patch == nil {
			assert.Equal(t, string(data), string(encoded))
			return
		}
		patched := merged(t, data, patch)
		assert.Equal(t, unknownIn(t, data), unknownIn(t, patched))
		again, err = ippool.DecodeRecord(patched)
		require.NoError(t, err)
		if len(pool.Spec.AllowedUses) == 0 {
			again.Pool().Spec.AllowedUses = nil
		}
		assertSamePool(t, pool, again.Pool())
	})
}

// changeFields changes the fields of a spec whose bits are set.
func changeFields(spec *v3.IPPoolSpec, fields uint16, text string) {
	for i, change := range []func(){
		func() { spec.CIDR = text },
		func() { spec.VXLANMode = v3.VXLANMode(text) },
		func() { spec.IPIPMode = v3.IPIPMode(text) },
		func() { spec.NATOutgoing = !spec.NATOutgoing },
		func() { spec.Disabled = !spec.Disabled },
		func() { spec.DisableBGPExport = !spec.DisableBGPExport },
		func() { spec.BlockSize = len(text) },
		func() { spec.NodeSelector = text },
		func() { spec.NamespaceSelector = text },
		func() { spec.AllowedUses = append(spec.AllowedUses, v3.IPPoolAllowedUse(text)) },
		func() { spec.AllowedUses = nil },
		func() { spec.AssignmentMode = pointer(v3.AssignmentMode(text)) },
		func() { spec.AssignmentMode = nil },
	} {
		if fields&(1<<i) != 0 {
			change()
		}
	}
}

// unknownIn returns the record without the known fields of the spec, and without
// the spec if it has no others.
func unknownIn(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var known []string
	spec := reflect.TypeFor[v3.IPPoolSpec]()
	for i := range spec.NumField() {
		name, _, _ := strings.Cut(spec.Field(i).Tag.Get("json"), ",")
		known = append(known, name)
	}
	var record map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber() // compare numbers as they are written
	require.NoError(t, decoder.Decode(&record))
	for name, value := range record {
		if !strings.EqualFold(name, "spec") {
			continue
		}
		spec, _ := value.(map[string]any)
		maps.DeleteFunc(spec, func(field string, _ any) bool {
			return slices.ContainsFunc(known, func(name string) bool { return strings.EqualFold(name, field) })
		})
		if len(spec) == 0 {
			delete(record, name)
		}
	}
	return record
}
