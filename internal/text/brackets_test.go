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
