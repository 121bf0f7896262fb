package manifest_test

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
)

// FuzzDecode holds any data to this: what has faults names lines of the data,
// and what has none is, written out as an IPPool, read as the same pool again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("ip_pools:\n- &a {name: a, cidr: 10.0.0.0/8}\n- *a\n"))
	f.Add([]byte("[{\"name\": \"a\",\t\"cidr\": \"10.0.0.0/8\", \"blockSize\": 26}]\n{}"))
	for _, mistake := range mistakes {
		if len(mistake.text) < 1000 {
			f.Add([]byte(mistake.text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, warnings, faults := manifest.Decode(data)
		lines := 1
		for _, r := range string(data) {
			// What YAML takes for the end of a line.
			if r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029' {
				lines++
			}
		}
		for _, fault := range append(append([]manifest.Fault{}, faults...), warnings...) {
			assert.Positive(t, fault.Line)
			// UTF-16 has its own idea of where bytes are.
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
			pool := entry.Pool.DeepCopy()
			ippool.Default(pool)
			if len(ippool.Validate(pool)) > 0 {
				assert.NotEmpty(t, invalid, "fewer faults than ippool.Validate finds")
			}
			text, err := yaml.Marshal(entry.Pool)
			require.NoError(t, err)
			again, warnings, faults := manifest.Decode(text)
			require.Empty(t, faults, "%s", text)
			require.Empty(t, warnings, "%s", text)
			require.Len(t, again, 1)
			require.Equal(t, entry.Pool, again[0].Pool)
		}
	})
}
