package manifest_test

import (
	"strings"
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
	for _, data := range []string{
		"# a\u2028b\n" + head + "  nodeSelector: ! all()\n", "# a\u0085b\n" + head + "  nodeSelector: ! all()\n",
		"# a\rb: c\n" + head + "  nodeSelector: ! all()\n", strings.ReplaceAll(head+"  nodeSelector: ! all()\n", "\n", "\r\n"),
		strings.ReplaceAll(head+"  nodeSelector: ! all()\n", "\n", "\r"),
		"\ufeff{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: a}, spec: {cidr: 10.0.0.0/16, nodeSelector: ! all()}}",
		"\ufeff" + head + "  nodeSelector: ! all()\n", head + "  nodeSelector: &a\n    ! all()\n", head + "  nodeSelector: &a # b\n\n    # c\n    ! all()\n",
		"# größer\n{kind: IPPool, apiVersion: projectcalico.org/v3, metadata: {name: a, labels: {ü: ö}}, spec: {cidr: 10.0.0.0/16, nodeSelector: ! all()}}",
		utf16(head + "  nodeSelector: ! all()\n"),
	} {
		_, _, faults := manifest.Decode([]byte(data))
		assert.NotEmpty(t, faults, "%q", data)
	}
	for _, field := range []string{`nodeSelector: "! all()"`, "nodeSelector: '! has(a)'", "nodeSelector: has(a) && ! has(b)", `nodeSelector: "!has(a)"`, "nodeSelector: >-\n    ! has(a)", "nodeSelector: !!str all()"} {
		entries, _, faults := manifest.Decode([]byte(head + "  " + field + "\n"))
		assert.Empty(t, faults, field)
		assert.Len(t, entries, 1)
	}
}

// utf16 returns the text in UTF-16, which YAML allows.
func utf16(text string) string {
	encoded := "\xff\xfe"
	for _, r := range text {
		encoded += string([]byte{byte(r), byte(r >> 8)})
	}
	return encoded
}
