package ippool_test

import (
	"encoding/json"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

// FuzzParseCIDR checks that ParseCIDR agrees with netip except for mapped CIDRs,
// and that every CIDR has one canonical form.
func FuzzParseCIDR(f *testing.F) {
	for _, text := range []string{
		"10.244.0.0/16", "10.244.5.7/16", "0.0.0.0/0", "255.255.255.255/32", "fd00:10:244::/64", "FD00:0::1/122", "::/0",
		"::ffff:10.0.0.0/104", "::ffff:10.0.0.1/8", "::1:ffff:0:0/90", "::1.2.3.4/128", "10.0.0.0", "fd00::1", "fe80::1%eth0",
		"fe80::%eth0/64", "::ffff:10.0.0.1", "10.0.0.0/016", "10.0.0.0/33", " 10.0.0.0/8", "10.0.0.0/8\x00", "", "/", "٤/8",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, netipErr := netip.ParsePrefix(text)
		prefix, err := ippool.ParseCIDR(text)
		canonical, canonicalErr := ippool.Canonical(text)
		assert.Equal(t, err, canonicalErr)
		if err != nil {
			assert.Zero(t, prefix)
			assert.Empty(t, canonical)
			if netipErr == nil {
				assert.True(t, want.Addr().Is4In6(), "rejected a valid CIDR")
				assert.ErrorIs(t, err, ippool.ErrMapped)
			}
			assert.NotContains(t, err.Error(), "\n")
			assert.True(t, utf8.ValidString(err.Error()))
			return
		}
		require.NoError(t, netipErr)
		assert.Equal(t, want, prefix)
		assert.Equal(t, strings.ContainsRune(text, ':'), ippool.FamilyOf(prefix) == ippool.IPv6)

		masked := prefix.Masked()
		assert.True(t, masked.Contains(prefix.Addr()))
		assert.True(t, ippool.Contains(masked, prefix))
		assert.True(t, ippool.Contains(prefix, masked))

		again, err := ippool.ParseCIDR(canonical)
		require.NoError(t, err)
		assert.Equal(t, masked, again)
		twice, err := ippool.Canonical(canonical)
		require.NoError(t, err)
		assert.Equal(t, canonical, twice, "not idempotent")
	})
}

// FuzzRecord checks that a decoded record encodes to the same bytes, and that a
// record with a changed field has the change and all unknown fields.
func FuzzRecord(f *testing.F) {
	for _, name := range slices.Sorted(maps.Keys(oddRecords)) {
		f.Add([]byte(oddRecords[name]))
	}
	f.Add([]byte(richRecord))
	paths, err := filepath.Glob(filepath.Join("testdata", "records", "*.json"))
	require.NoError(f, err)
	require.NotEmpty(f, paths)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		record, err := ippool.DecodeRecord(data)
		if err != nil {
			return
		}
		encoded, err := record.Encode()
		require.NoError(t, err)
		require.Equal(t, string(data), string(encoded))

		record.Pool().Spec.NATOutgoing = !record.Pool().Spec.NATOutgoing
		encoded, err = record.Encode()
		if err != nil {
			require.True(t, hasDuplicateName(t, data), "%s: %v", data, err)
			return
		}
		again, err := ippool.DecodeRecord(encoded)
		require.NoError(t, err)
		assertSamePool(t, record.Pool(), again.Pool())
		if !hasDuplicateName(t, data) {
			assert.Equal(t, withoutNATOutgoing(t, data), withoutNATOutgoing(t, encoded))
		}

		again.Pool().Spec.NATOutgoing = !again.Pool().Spec.NATOutgoing
		back, err := again.Encode()
		require.NoError(t, err)
		assert.Equal(t, withoutNATOutgoing(t, encoded), withoutNATOutgoing(t, back))
	})
}

// withoutNATOutgoing returns the record without that field. It removes an empty
// spec, because a change may add one.
func withoutNATOutgoing(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var record map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber() // compare numbers as they are written
	require.NoError(t, decoder.Decode(&record))
	for name, value := range record {
		if !strings.EqualFold(name, "spec") {
			continue
		}
		spec, _ := value.(map[string]any)
		for name, value := range spec {
			if strings.EqualFold(name, "natOutgoing") || strings.EqualFold(name, "cidr") && value == "" {
				delete(spec, name)
			}
		}
		if len(spec) == 0 {
			delete(record, name)
		}
	}
	return record
}

// hasDuplicateName reports whether any object in the JSON has two names that are
// equal, ignoring case.
func hasDuplicateName(t *testing.T, data []byte) bool {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	var walk func() bool
	walk = func() bool {
		token, err := decoder.Token()
		require.NoError(t, err)
		var names []string
		duplicate := false
		switch token {
		case json.Delim('{'):
			for decoder.More() {
				name, err := decoder.Token()
				require.NoError(t, err)
				for _, other := range names {
					duplicate = duplicate || strings.EqualFold(other, name.(string))
				}
				names = append(names, name.(string))
				duplicate = walk() || duplicate
			}
		case json.Delim('['):
			for decoder.More() {
				duplicate = walk() || duplicate
			}
		default:
			return false
		}
		_, err = decoder.Token()
		require.NoError(t, err)
		return duplicate
	}
	decoder.UseNumber()
	return walk()
}

// FuzzValidate checks that Validate accepts a spec if and only if the
// CustomResourceDefinitions accept it and its selectors parse, which the CRDs don't
// check.
func FuzzValidate(f *testing.F) {
	for _, cidr := range []string{"10.0.0.0/16", "10.0.0.1/16", "10.0.0.0/27", "fd00::/64", "fd00::/123", "169.254.3.0/26", "fe00::/8", "::ffff:0:0/96", "x"} {
		f.Add(cidr, "", "", 0, "", "", "", uint8(0))
		f.Add(cidr, "Always", "", 26, "all()", "", "Workload,Tunnel", uint8(1))
		f.Add(cidr, "Never", "CrossSubnet", 122, "has(rack)", "has(team)", "Workload", uint8(2))
		f.Add(cidr, "Always", "Always", 20, "a == 'global('", "all()", "Tunnel", uint8(7))
		f.Add(cidr, "Never", "", 128, "", "", "LoadBalancer", uint8(4))
		f.Add(cidr, "a\nb", "\xff", 26, "", "", "\n", uint8(8))
		f.Add(cidr, "CrossSubnet", "Never", 33, "global()", "x", "LoadBalancer,Workload,LoadBalancer,y", uint8(3))
	}
	f.Fuzz(func(t *testing.T, cidr, ipip, vxlan string, size int, nodes, namespaces, uses string, flags uint8) {
		pool := aPool(cidr)
		spec := &pool.Spec
		spec.IPIPMode, spec.VXLANMode = v3.IPIPMode(ipip), v3.VXLANMode(vxlan)
		spec.BlockSize, spec.NodeSelector, spec.NamespaceSelector = size, nodes, namespaces
		spec.Disabled, spec.DisableBGPExport = flags&1 > 0, flags&2 > 0
		if flags&4 > 0 {
			spec.AssignmentMode = pointer(v3.Manual)
		}
		if flags&8 > 0 {
			spec.AssignmentMode = pointer(v3.AssignmentMode(ipip))
		}
		if uses != "" {
			for use := range strings.SplitSeq(uses, ",") {
				spec.AllowedUses = append(spec.AllowedUses, v3.IPPoolAllowedUse(use))
			}
		}
		before := pool.DeepCopy()
		faults := ippool.Validate(pool)
		assert.Equal(t, before, pool, "Validate changed the pool")
		want := crdTakes(spec) && selectorTaken(nodes) && selectorTaken(namespaces)
		require.Equal(t, want, len(faults) == 0, "%+v: %v", spec, faults)
		for _, fault := range faults {
			assert.True(t, strings.HasPrefix(fault.Field, "spec."), fault.Field)
			assert.NotContains(t, fault.Error(), "\n")
			assert.True(t, utf8.ValidString(fault.Error()), "%q", fault.Error())
		}

		assert.Len(t, ippool.ValidateSet([]*v3.IPPool{pool}), len(faults))
		if len(spec.AllowedUses) < 2 { // a stored pool that combines LoadBalancer with other uses has more faults
			assert.Len(t, ippool.ValidateUpdate(pool, pool), len(faults), "an update without changes has other faults")
		}
		if !want {
			return
		}
		if namespaces == "" { // Default names the use Tunnel
			full := pool.DeepCopy()
			ippool.Default(full)
			assert.Nil(t, ippool.Validate(full))
			assert.Nil(t, ippool.ValidateUpdate(full, pool))
		}
		encoded, err := ippool.NewRecord(pool).Encode()
		require.NoError(t, err)
		record, err := ippool.DecodeRecord(encoded)
		require.NoError(t, err)
		assert.Equal(t, pool.Spec, record.Pool().Spec)
	})
}

func selectorTaken(text string) bool {
	_, err := selector.Parse(text)
	return err == nil && utf8.ValidString(text)
}
