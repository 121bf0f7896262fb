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
		assert.Equal(t, tt.want, Distance(tt.a, tt.b), "%q %q", tt.a, tt.b)
	}
}

func FuzzDistance(f *testing.F) {
	f.Add("NATOUTGOING", "NATOUTGONG", "NAT")
	f.Add("", "A", "AB")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if len(a)+len(b)+len(c) > 300 {
			t.Skip("names are short, and the time grows with the product")
		}
		ab := Distance(a, b)
		assert.Equal(t, ab, Distance(b, a))
		assert.Equal(t, a == b, ab == 0)
		assert.LessOrEqual(t, ab, max(len(a), len(b)))
		assert.LessOrEqual(t, Distance(a, c), ab+Distance(b, c))
	})
}
