package selector_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

func TestSelectsNothing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "all()": false, "!all()": true, "!(!all())": false, "! ( all() )": true,
		"zone in {}": true, "zone not in {}": false, "!zone not in {}": true,
		"has(a) && !all()": true, "!all() && has(a)": true, "has(a) || !all()": false, "!all() || zone in {}": true,
		"!(has(a) || all())": true, "!(all() && all())": true, "!(has(a) && all())": false,
		"has(a) && !has(a)": false, "has(a)": false, "!has(a)": false, "zone == 'a'": false,
	} {
		parsed, err := selector.Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, parsed.SelectsNothing(), text)
		if want {
			for _, labels := range []map[string]string{nil, {"a": ""}, {"a": "x", "zone": "a"}} {
				assert.False(t, parsed.Matches(labels), text)
			}
		}
	}
	assert.False(t, (*selector.Selector)(nil).SelectsNothing())
}
