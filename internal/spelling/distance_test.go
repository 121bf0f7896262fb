package spelling

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "nat", 3}, {"nat", "nat", 0}, {"nat", "net", 1}, {"natoutgoing", "natoutgong", 1},
		{"vlan", "vxlan", 1}, {"cidr", "ipip", 4}, {"ab", "ba", 2}, {"blocksize", "size", 5},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, Distance(tt.a, tt.b, 10), "%q %q", tt.a, tt.b)
	}
}

func TestSwapped(t *testing.T) {
	t.Parallel()
	assert.True(t, Swapped("ab", "ba"))
	assert.True(t, Swapped("ETCDENDPIONTS", "ETCDENDPOINTS"))
	assert.True(t, Swapped("cdri", "cdir"))
	for _, other := range [][2]string{{"", ""}, {"a", "a"}, {"ab", "ab"}, {"ab", "b"}, {"abc", "cba"}, {"abcd", "badc"}, {"ab", "bc"}, {"aab", "aac"}} {
		assert.False(t, Swapped(other[0], other[1]), other)
	}
}

// FuzzDistance checks the properties of a metric, and compares with the definition.
func FuzzDistance(f *testing.F) {
	f.Add("NATOUTGOING", "NATOUTGONG", "NAT")
	f.Add("", "A", "AB")
	f.Add("IPIP", "CIDR", "VXLAN")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if len(a)+len(b)+len(c) > 300 {
			t.Skip("names are short, and the time grows with the product")
		}
		ab := Distance(a, b, 300)
		assert.Equal(t, ab, Distance(b, a, 300))
		assert.Equal(t, a == b, ab == 0)
		assert.LessOrEqual(t, ab, max(len(a), len(b)))
		assert.LessOrEqual(t, Distance(a, c, 300), ab+Distance(b, c, 300))
		assert.Equal(t, defined(a, b), ab)
		for limit := range 4 {
			assert.Equal(t, min(ab, limit+1), min(Distance(a, b, limit), limit+1), limit)
		}
	})
}

// defined computes the distance from those of all prefixes of a and b.
func defined(a, b string) int {
	all := make([][]int, len(a)+1)
	for i := range all {
		all[i] = make([]int, len(b)+1)
		for j := range all[i] {
			switch {
			case i == 0 || j == 0:
				all[i][j] = i + j
			case a[i-1] == b[j-1]:
				all[i][j] = all[i-1][j-1]
			default:
				all[i][j] = 1 + min(all[i-1][j-1], all[i-1][j], all[i][j-1])
			}
		}
	}
	return all[len(a)][len(b)]
}
