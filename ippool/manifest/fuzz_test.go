package manifest_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/internal/realinputtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
)

// FuzzDecode checks that faults name lines of the data, and that an entry without
// faults, encoded as an IPPool, decodes to the same pool.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("ip_pools:\n- &a {name: a, cidr: 10.0.0.0/8}\n- *a\n"))
	f.Add([]byte("[{\"name\":\"a\",\"cidr\":\"\x7f\",\"blockSize\":6}]"))
	f.Add([]byte("[{\"name\": \"a\",\t\"cidr\": \"10.0.0.0/8\", \"blockSize\": 26}]\n{}"))
	for _, mistake := range mistakes {
		if len(mistake.text) < 1000 {
			f.Add([]byte(mistake.text))
		}
	}
	for _, field := range fieldsAsWritten {
		f.Add([]byte(head + "metadata: {name: a}\nspec:\n  cidr: 10.0.0.0/16\n  " + field.field + "\n"))
	}
	for _, file := range realinputtest.Files(f, "pools.yaml") {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, warnings, faults := manifest.Decode(data)
		lines := 1
		for _, r := range string(data) {
			// The line breaks of YAML.
			if r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029' {
				lines++
			}
		}
		for _, fault := range append(append([]manifest.Fault{}, faults...), warnings...) {
			assert.Positive(t, fault.Line)
			// Lines are not comparable in UTF-16.
			if utf8.Valid(data) {
				assert.LessOrEqual(t, fault.Line, lines+1)
			}
			assert.NotEmpty(t, fault.Problem)
			for _, r := range fault.Path {
				assert.True(t, unicode.IsGraphic(r), "%q", fault.Path)
			}
		}
		for _, entry := range entries {
			assert.Positive(t, entry.Line)
			invalid := entry.Validate()
			if len(faults) > 0 {
				continue
			}
			if entry.Pool.Name == "" { // of an Installation
				assert.NotEmpty(t, invalid, "the operator's name is that of the CIDR")
				continue
			}
			pool := entry.Pool.DeepCopy()
			ippool.Default(pool)
			if len(ippool.Validate(pool)) > 0 {
				assert.NotEmpty(t, invalid, "fewer faults than ippool.Validate")
			}
			text, err := yaml.Marshal(entry.Pool)
			if err != nil { // it can't represent some control characters
				text, err = json.Marshal(entry.Pool)
			}
			require.NoError(t, err)
			again, warnings, faults := manifest.Decode(text)
			require.Empty(t, faults, "%s", text)
			require.Empty(t, warnings, "%s", text)
			require.Len(t, again, 1)
			require.Equal(t, entry.Pool, again[0].Pool)
		}
		if len(faults) == 0 {
			checkLikeKubectl(t, data, entries)
		}
	})
}

// checkLikeKubectl decodes the data as kubectl does. If kubectl finds an IPPool or
// a list of them, Decode must return the same pools.
func checkLikeKubectl(t *testing.T, data []byte, entries []manifest.Entry) {
	var (
		one  v3.IPPool
		list v3.IPPoolList
	)
	if yaml.Unmarshal(data, &one) != nil || !strings.HasPrefix(one.Kind, "IPPool") || len(entries) == 0 {
		return // or the first of several documents is another object, or empty
	}
	if one.Kind == "IPPoolList" {
		require.NoError(t, yaml.Unmarshal(data, &list))
	} else {
		list.Items = []v3.IPPool{one}
	}
	for i, want := range list.Items {
		got := entries[i].Pool
		assert.Equal(t, want.Name, got.Name)
		assert.Equal(t, want.Labels, got.Labels)
		assert.Equal(t, want.Annotations, got.Annotations)
		assert.Equal(t, want.Spec, got.Spec)
	}
}
