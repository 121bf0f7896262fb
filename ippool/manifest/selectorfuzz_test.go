package manifest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

// FuzzSelectorSurvives checks that a selector has the same meaning in a manifest, however
// it is written there, in the record in etcd, in an object of the Kubernetes API, and back
// in a manifest; or that the manifest has a fault.
func FuzzSelectorSurvives(f *testing.F) {
	for _, text := range []string{
		"all()", "! all()", "!has(tenant)", "has(x) || !has(y)", "all() # every node", "! (has(x))", "a == 'b #c'", `a == "b: c"`, "a in {'b', 'c'}",
		`"a" == 'b'`, "*all", "&all all()", "|", "%x", "@x", "`x`", "yes", "0x1a", "1_000", ".inf", "~", "2026-01-01", "!!str all()", "{{ x }}", "a == '{{x}}'", "\tall()\t", "a == 'ü'", "a == '\\'",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		wanted, err := selector.Parse(text)
		if err != nil || !utf8.ValidString(text) || strings.ContainsAny(text, "\n\r\u0085\u2028\u2029") {
			t.Skip("no selector, or one whose lines YAML joins")
		}
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		for style, written := range map[string]string{
			"plain": text, "single quotes": "'" + strings.ReplaceAll(text, "'", "''") + "'", "double quotes": string(quoted), "folded": ">-\n    " + text,
		} {
			entries, _, faults := manifest.Decode([]byte("- name: a\n  cidr: 10.0.0.0/16\n  nodeSelector: " + written + "\n"))
			if len(faults) > 0 {
				continue
			}
			require.Len(t, entries, 1)
			survives(t, wanted, entries[0].Pool, style)
		}
	})
}

// survives checks the selector of a pool, and that of each of its other forms.
func survives(t *testing.T, wanted *selector.Selector, pool *v3.IPPool, form string) {
	t.Helper()
	same := func(got, form string) {
		parsed, err := selector.Parse(got)
		require.NoError(t, err, form)
		assert.Equal(t, wanted.String(), parsed.String(), form)
	}
	same(pool.Spec.NodeSelector, form)
	pool = pool.DeepCopy()
	ippool.Default(pool)
	data, err := ippool.NewRecord(pool).Encode()
	require.NoError(t, err)
	record, err := ippool.DecodeRecord(data)
	require.NoError(t, err)
	same(record.Pool().Spec.NodeSelector, form+", record")

	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(record.Pool())
	require.NoError(t, err)
	data, err = json.Marshal(object)
	require.NoError(t, err)
	var back v3.IPPool
	require.NoError(t, json.Unmarshal(data, &back))
	same(back.Spec.NodeSelector, form+", API object")

	data, err = yaml.Marshal(map[string]any{"ip_pools": []any{map[string]any{"name": "a", "cidr": "10.0.0.0/16", "nodeSelector": back.Spec.NodeSelector}}})
	require.NoError(t, err)
	entries, _, faults := manifest.Decode(data)
	require.Empty(t, faults, fmt.Sprintf("%s, manifest: %s", form, data))
	same(entries[0].Pool.Spec.NodeSelector, form+", manifest")
}
