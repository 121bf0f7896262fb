package manifest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
)

// A tag in front of a value is an error: YAML drops the "!" of an unquoted selector.
func TestDecodeTags(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: a}\nspec:\n  cidr: 10.0.0.0/16\n"
	for field, want := range map[string]string{
		"nodeSelector: ! all()":                       `spec.nodeSelector: "! all()": has the YAML tag !; must be a string: put the value in quotes if ! belongs to it`,
		"nodeSelector: ! has(tenant)":                 `spec.nodeSelector: "! has(tenant)": has the YAML tag !; must be a string`,
		"nodeSelector:   !   has(tenant)":             `has the YAML tag !`,
		"nodeSelector: !not has(tenant)":              `spec.nodeSelector: "!not has(tenant)": has the YAML tag !not`,
		"nodeSelector: &a ! all()":                    `has the YAML tag !`,
		"nodeSelector: ! 'all()'":                     `has the YAML tag !`,
		"nodeSelector: !\n    all()":                  `has the YAML tag !`,
		"namespaceSelector: ! all()":                  `spec.namespaceSelector: "! all()": has the YAML tag !`,
		"natOutgoing: ! true":                         `spec.natOutgoing: "! true": has the YAML tag !`,
		"blockSize: ! 26":                             `spec.blockSize: "! 26": has the YAML tag !`,
		"ipipMode: ! Always":                          `spec.ipipMode: "! Always": has the YAML tag !`,
		"allowedUses: [! Workload]":                   `spec.allowedUses[0]: "! Workload": has the YAML tag !`,
		"ipipMode: Never\n  ? ! vxlanMode\n  : Never": "",
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			_, _, faults := manifest.Decode([]byte(head + "  " + field + "\n"))
			if want == "" {
				return
			}
			require.NotEmpty(t, faults)
			assert.Contains(t, faults[0].Error(), want)
		})
	}
	for _, field := range []string{`nodeSelector: "! all()"`, "nodeSelector: '! has(a)'", "nodeSelector: has(a) && ! has(b)", `nodeSelector: "!has(a)"`, "nodeSelector: >-\n    ! has(a)", "nodeSelector: !!str all()"} {
		entries, _, faults := manifest.Decode([]byte(head + "  " + field + "\n"))
		assert.Empty(t, faults, field)
		assert.Len(t, entries, 1)
	}
}
