package main

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// A label or annotation may hold any character.
func TestYAMLOfAnyCharacter(t *testing.T) {
	var text []rune
	for r := rune(0); r <= 0x10000; r++ {
		if utf8.ValidRune(r) {
			text = append(text, r)
		}
	}
	want := map[string]string{"everything": string(text)}
	data, err := toYAML(want)
	require.NoError(t, err)
	var got map[string]string
	require.NoError(t, yaml.Unmarshal(data, &got))
	assert.Equal(t, want, got)
}
