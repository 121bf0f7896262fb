package manifest_test

import (
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
)

func v1Pool(spec string) string {
	return "apiVersion: v1\nkind: ipPool\nmetadata:\n  cidr: 10.1.0.0/16\nspec:\n" + indented(spec, 2)
}

// The conversion is that of "calicoctl convert".
func TestDecodeV1(t *testing.T) {
	t.Parallel()
	const renamedIPIP = "line 6: spec.ipip: is spec.ipipMode in projectcalico.org/v3"
	for _, tt := range []struct {
		spec     string
		want     v3.IPPoolSpec
		warnings []string // other than of the CIDR
	}{
		{"disabled: false", v3.IPPoolSpec{}, nil},
		{"disabled: true", v3.IPPoolSpec{Disabled: true}, nil},
		{"nat-outgoing: true", v3.IPPoolSpec{NATOutgoing: true}, []string{"line 6: spec.nat-outgoing: is spec.natOutgoing in projectcalico.org/v3"}},
		{"ipip: {enabled: true}", v3.IPPoolSpec{IPIPMode: "Always"}, []string{renamedIPIP}},
		{"ipip: {enabled: true, mode: always}", v3.IPPoolSpec{IPIPMode: "Always"}, []string{renamedIPIP}},
		{"ipip:\n  enabled: true\n  mode: Cross-Subnet", v3.IPPoolSpec{IPIPMode: "CrossSubnet"}, []string{renamedIPIP}},
		{"ipip: {enabled: false}", v3.IPPoolSpec{IPIPMode: "Never"}, []string{renamedIPIP}},
		{"ipip:\n  mode: always", v3.IPPoolSpec{IPIPMode: "Never"},
			[]string{renamedIPIP, `line 7: spec.ipip.mode: "always": has no effect without enabled: true, and is lost; ipipMode is Never`}},
	} {
		entries, warnings, faults := manifest.DecodeV1([]byte(v1Pool(tt.spec)))
		require.Empty(t, faults, tt.spec)
		require.Len(t, entries, 1)
		tt.want.CIDR = "10.1.0.0/16"
		assert.Equal(t, "10-1-0-0-16", entries[0].Pool.Name)
		assert.Equal(t, tt.want, entries[0].Pool.Spec, tt.spec)
		assert.Empty(t, entries[0].Validate())
		var got []string
		for _, warning := range warnings[2:] {
			got = append(got, warning.Error())
		}
		assert.Equal(t, "line 4: metadata.cidr: is spec.cidr in projectcalico.org/v3", warnings[0].Error())
		assert.Equal(t, `line 4: metadata.name: is not set, as in every pool of v1; the name is "10-1-0-0-16"`, warnings[1].Error())
		assert.Equal(t, tt.warnings, got, tt.spec)
	}
}

// Lists, documents, the first kind, other kinds. A field is named once.
func TestDecodeV1Forms(t *testing.T) {
	t.Parallel()
	const pools = "- {apiVersion: v1, kind: ipPool, metadata: {cidr: 10.1.0.0/16}}\n- {apiVersion: v1, kind: IPPOOL, metadata: {cidr: 'fd00:10:244::/64'}}\n- {apiVersion: v1, kind: pool, metadata: {name: old, cidr: 10.2.0.0/16}}\n- {apiVersion: v1, kind: bgpPeer, metadata: {scope: global}}\n"
	for _, text := range []string{pools, "apiVersion: v1\nkind: ipPoolList\nitems:\n" + pools, "apiVersion: v1\nkind: List\nitems:\n" + pools, strings.ReplaceAll("\n"+pools, "\n- ", "\n---\n")} {
		entries, warnings, faults := manifest.DecodeV1([]byte(text))
		require.Empty(t, faults, text)
		var names []string
		for _, entry := range entries {
			names = append(names, entry.Pool.Name)
			assert.Empty(t, entry.Validate())
		}
		assert.Equal(t, []string{"10-1-0-0-16", "fd00-10-244---64", "old"}, names)
		require.Len(t, warnings, 4, text)
		assert.Contains(t, warnings[3].Error(), `kind: "bgpPeer": is not a pool; not converted`)
	}
	for text, want := range map[string]string{
		"a": "line 1: is a string; must be an ipPool of calicoctl 1, with apiVersion: v1 and metadata.cidr",
		head + "metadata: {name: a}\nspec: {cidr: 10.0.0.0/16}":                                    "line 1: must be an ipPool of calicoctl 1, with apiVersion: v1 and metadata.cidr",
		"apiVersion: v1\nkind: ipPoolList\n":                                                       "line 1: items: is missing; must be a list of pools",
		"apiVersion: v1\nkind: ipPool\nspec: {cidr: 10.1.0.0/16}\n":                                "line 3: spec.cidr: unknown field; must be metadata.cidr",
		v1Pool("natOutgoing: true"):                                                                "line 6: spec.natOutgoing: unknown field; must be nat-outgoing",
		v1Pool("ipip: true"):                                                                       `line 6: spec.ipip: "true": is a boolean; must be a mapping`,
		v1Pool("ipip: {enabled: true, mode: sometimes}"):                                           `line 6: spec.ipip.mode: "sometimes": must be always or cross-subnet`,
		"apiVersion: v1\nkind: ipPool\nmetadata: {}\n":                                             "line 1: metadata.cidr: is missing; set the range of the pool, such as 10.244.0.0/16",
		"apiVersion: v1\nkind: ipPool\nmetadata:\n  cidr: 10.1.0.1/16\n":                           `line 4: metadata.cidr: "10.1.0.1/16": has host bits: the range is 10.1.0.0/16`,
		"apiVersion: v1\nkind: ipPool\nmetadata: {cidr: 'fd00::/64'}\nspec: {ipip: {enabled: on}}": `line 4: spec.ipip: IP-in-IP does not carry IPv6; must be enabled: false`,
	} {
		entries, _, faults := manifest.DecodeV1([]byte(text))
		for _, entry := range entries {
			faults = append(faults, entry.Validate()...)
		}
		require.Len(t, faults, 1, text)
		assert.Equal(t, want, faults[0].Error(), text)
	}
}
