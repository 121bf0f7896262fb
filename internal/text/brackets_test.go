package text

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUnbracket(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://[10.233.0.1]:443": "https://10.233.0.1:443", "https://[kubernetes.default]:6443": "https://kubernetes.default:6443",
		"[10.0.0.1]:2379,https://[10.0.0.2]:2379":      "10.0.0.1:2379,https://10.0.0.2:2379",
		"https://[fd00::1]:443,https://[10.0.0.1]:443": "https://[fd00::1]:443,https://10.0.0.1:443",
	} {
		got, found := Unbracket(given)
		assert.True(t, found)
		assert.Equal(t, want, got)
	}
	for _, same := range []string{"", "https://10.0.0.1:443", "https://[fd00::1]:443", "https://[]:443", "https://[10.0.0.1:443", "https://u:[p@x]:1", "]["} {
		got, found := Unbracket(same)
		assert.False(t, found, same)
		assert.Equal(t, same, got)
	}
}

func TestBracket(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"2019::100:6666": "[2019::100]:6666", "fd00::1:2379": "[fd00::1]:2379", "::1:443": "[::1]:443", "2001:db8:0:0:0:0:0:1:443": "[2001:db8:0:0:0:0:0:1]:443",
		"fd00::1": "[fd00::1]", "fd00:1:2:3:4:5:6:7": "[fd00:1:2:3:4:5:6:7]", "fd00::1:abcd": "[fd00::1:abcd]", "::ffff:10.0.0.1:443": "[::ffff:10.0.0.1]:443",
	} {
		got, ok := Bracket(given)
		assert.True(t, ok, given)
		assert.Equal(t, want, got)
	}
	for _, other := range []string{"", ":", "10.0.0.1", "10.0.0.1:443", "a:1", "[fd00::1]:443", "[fd00::1]", "fe80::1%eth0:443", "user:hunter2:1", "a:1:2"} {
		_, ok := Bracket(other)
		assert.False(t, ok, other)
	}
}
