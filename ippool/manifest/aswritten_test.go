package manifest_test

import (
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
)

const quotes = "must be in quotes"

// fieldsAsWritten are lines of a pool, as users write them. Those without a fault are read
// as kubectl reads them; the others have a fault with this text, on the first of the lines
// or, if it begins with a digit, so many lines after it.
var fieldsAsWritten = []struct{ field, fault string }{
	// Selectors.
	{"nodeSelector: all() # every node", ""},
	{"nodeSelector: has(x) || !has(y)", ""},
	{"nodeSelector: (!has(x))", ""},
	{"nodeSelector: \"!has(x)\"", ""},
	{"nodeSelector: a in {'b', 'c'}", ""},
	{"nodeSelector: &all all()", ""},
	{"nodeSelector: has(x) &&\n  has(y)", ""},
	{"nodeSelector: >-\n  has(x)\n  && has(y)", ""},
	{"nodeSelector:\tall()\t# after a tab", ""},
	{"nodeSelector: !!str all()", ""},
	{"nodeSelector: !has(x)", "spec.nodeSelector: \"!has(x)\": has the YAML tag !has(x); must be a string: put the value in quotes"},
	{"nodeSelector: !zone=='a'", "put the value in quotes"},
	{"nodeSelector: !has(x) && has(y)", "nodeSelector: invalid YAML: did not find expected alphabetic or numeric character; a value that begins with & or * must be in quotes"},
	{"nodeSelector: ! has(x)", "put the value in quotes"},
	{"nodeSelector: !(has(x) || has(y))", quotes},
	{"nodeSelector: !{a}", quotes},
	{"nodeSelector: !!binary YWxsKCk=", "has the YAML tag !!binary"},
	{"nodeSelector: !!null all()", "has the YAML tag !!null"},
	{"nodeSelector: ! {a: b}", "has the YAML tag !"},
	{"nodeSelector: *all", "unknown anchor *** referenced; a value that begins with * must be in quotes"},
	{"nodeSelector: *all()", quotes},
	{"nodeSelector: && has(x)", quotes},
	{"nodeSelector: || has(x)", quotes},
	{"nodeSelector: @x", "nodeSelector: invalid YAML: a value that begins with @ must be in quotes"},
	{"nodeSelector: %x", "a value that begins with % must be in quotes"},
	{"nodeSelector: `all()`", "a value that begins with ` must be in quotes"},
	{"nodeSelector: a == 'x: y'", `a value that contains ": " must be in quotes`},
	{"nodeSelector: a == \"it's\" # note", ""},
	{"nodeSelector: a == 'say \"' && b == \"it's\" # note", ""},
	{"nodeSelector: a == 'x\" #y' || has(z)", "ends where a comment begins"},
	{"nodeSelector: a == 'x #y' || has(z)", "ends where a comment begins, in the middle of quotes; put all of the value in quotes"},
	{"nodeSelector: |\n  has(x)", "has a line break; write it on one line, or with >- in place of > or |"},
	{"nodeSelector: has(x)\n\n  && has(y)", "has a line break"},
	{"nodeSelector: \"has(x)\\n\"", "has a line break"},
	{"nodeSelector: yes", "is a boolean; must be a string: put it in quotes"},
	{"nodeSelector: 1_000", "is a number; must be a string: put it in quotes"},
	{"nodeSelector: ~", "has no value; must be a string, or omitted"},
	{"nodeSelector:", "has no value; must be a string, or omitted"},
	{"nodeSelector: \"\\d\"", "use single quotes"},
	{"nodeSelector: all()\nnodeSelector: has(x)", "1duplicate key"},
	{"\u00a0nodeSelector: all()", "unknown field; must be nodeSelector, without characters such as no-break spaces"},

	// Numbers.
	{"blockSize: 27", ""},
	{"blockSize: !!int '27'", ""},
	{"blockSize: 0x1a", "spec.blockSize: \"0x1a\": must be a decimal integer without leading zeros: write 26"},
	{"blockSize: 0o32", "write 26"},
	{"blockSize: 0b11010", "write 26"},
	{"blockSize: 026", "write 26"},
	{"blockSize: +26", "write 26"},
	{"blockSize: 2_6", "write 26"},
	{"blockSize: 1e2", "write 100"},
	{"blockSize: 26.0", "write 26"},
	{"blockSize: 26.5", "such as 26"},
	{"blockSize: .inf", "such as 26"},
	{"blockSize: .NaN", "such as 26"},
	{"blockSize: 99999999999999999999", "such as 26"},
	{"blockSize: '26'", "remove the quotes"},
	{"blockSize: !!str 26", "must be a number, got a string"},
	{"blockSize: /26", "is a string; must be a number"},

	// Booleans.
	{"natOutgoing: yes", ""},
	{"natOutgoing: n", ""},
	{"natOutgoing: On", ""},
	{"natOutgoing: 'yes'", "is a string; must be true or false"},
	{"natOutgoing: 1", "is a number; must be true or false"},
	{"natOutgoing: ! true", "has the YAML tag !"},
	{"natOutgoing: tRUE", "is a string; must be true or false"},
	{"natOutgoing:", "has no value; must be true or false, or omitted"},

	// Words and lists.
	{"allowedUses:\n- Workload", ""},
	{"allowedUses: [Workload,]", ""},
	{"allowedUses: !x [Workload]", "has the YAML tag !x; must be a list"},
	{"allowedUses: ! [Workload]", "has the YAML tag !; must be a list"},
	{"allowedUses: !<!> [Workload]", "has the YAML tag !; must be a list"},
	{"nodeSelector: !<!> all()", "has the YAML tag !"},
	{"allowedUses: - Workload", "begin each item of a list on a line of its own"},
	{"ipipMode: Off", "must be Never"},
	{"ipipMode: Never\u00a0", "must be Never"},
	{"<<: {blockSize: 27}", "merge keys are not supported; write the fields out"},
	{"<<: {blockSize: 27}\n<<: {blockSize: 28}", "merge keys are not supported; write the fields out"},

	// Tabs and templates.
	{"\tnodeSelector: all()", "invalid YAML: a tab in the indentation; indent with spaces"},
	{"nodeSelector: has(x)\n\t&& has(y)", "1invalid YAML: a tab in the indentation; indent with spaces"},
	{"nodeSelector: |\n\thas(x)", "1invalid YAML: a tab in the indentation; indent with spaces"},
	{"nodeSelector: {{ .Values.selector }}", "spec.nodeSelector: is a template, which must be rendered first"},
	{"nodeSelector: \"{{ selector }}\"", "is a template, which must be rendered first"},
	{"nodeSelector: rack == '{{ rack }}'", "is a template, which must be rendered first"},
	{"nodeSelector: ${SELECTOR}", "is a template, which must be rendered first"},
	{"blockSize: {{ size }}", "is a template, which must be rendered first"},
	{"blockSize: __BLOCK_SIZE__", "is a template, which must be rendered first"},
	{"natOutgoing: <no value>", "is a template, which must be rendered first"},
	{"ipipMode: $(IPIP)", "is a template, which must be rendered first"},
}

// manifestForms are the forms of a manifest with one pool: what comes before its fields,
// and their indentation.
var manifestForms = []struct{ name, before, indentation, path string }{
	{"object", head + "metadata: {name: a}\nspec:\n  cidr: 10.0.0.0/16\n", "  ", "spec."},
	{"documents", "# a\n---\n---\n" + head + "metadata: {name: a}\nspec:\n  cidr: 10.0.0.0/16\n", "  ", "spec."},
	{"IPPoolList", "apiVersion: projectcalico.org/v3\nkind: IPPoolList\nitems:\n- metadata: {name: a}\n  spec:\n    cidr: 10.0.0.0/16\n", "    ", "items[0].spec."},
	{"List", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: crd.projectcalico.org/v1\n  kind: IPPool\n  metadata: {name: a}\n  spec:\n    cidr: 10.0.0.0/16\n", "    ", "items[0].spec."},
	{"flat list", "- name: a\n  cidr: 10.0.0.0/16\n", "  ", "[0]."},
	{"ip_pools", "ip_pools:\n- name: a\n  cidr: 10.0.0.0/16\n", "  ", "ip_pools[0]."},
}

// Each line of a pool is read as kubectl reads it, or it is a fault on its line that says
// what to write, in every form of a manifest.
func TestReadAsWritten(t *testing.T) {
	t.Parallel()
	for _, tt := range fieldsAsWritten {
		var like v3.IPPool
		for _, form := range manifestForms {
			data := form.before + form.indentation + strings.ReplaceAll(tt.field, "\n", "\n"+form.indentation) + "\n"
			data = strings.ReplaceAll(strings.ReplaceAll(data, "\n"+form.indentation+"\t", "\n\t"), "\n"+form.indentation+"\n", "\n\n")
			for _, data := range []string{data, "\ufeff" + strings.ReplaceAll(data, "\n", "\r\n")} {
				entries, _, faults := manifest.Decode([]byte(data))
				for _, entry := range entries {
					faults = append(faults, entry.Validate()...)
				}
				if tt.fault == "" {
					require.Empty(t, faults, "%s: %s", form.name, tt.field)
					require.Len(t, entries, 1, "%s: %s", form.name, tt.field)
					if form.name == "object" {
						require.NoError(t, yaml.UnmarshalStrict([]byte(data), &like))
					}
					assert.Equal(t, like.Spec, entries[0].Pool.Spec, "%s: %s", form.name, tt.field)
					continue
				}
				require.NotEmpty(t, faults, "%s: %s", form.name, tt.field)
				line, want := 1+strings.Count(form.before, "\n"), tt.fault
				if want[0] == '1' {
					line, want = line+1, want[1:]
				}
				want = strings.ReplaceAll(want, "spec.", form.path)
				assert.Contains(t, faults[0].Error(), want, "%s: %s", form.name, tt.field)
				assert.Equal(t, line, faults[0].Line, "%s: %q", form.name, data)
			}
		}
	}
}

// The text encodings of Windows are called by their names.
func TestEncodings(t *testing.T) {
	t.Parallel()
	const text = "- name: a\n  cidr: 10.0.0.0/16\n"
	for data, want := range map[string]string{
		utf16(text):               "line 1: is UTF-16; must be UTF-8",
		utf16(text)[2:]:           "line 1: is UTF-16; must be UTF-8",
		text + "  # gr\xf6\xdfer": "line 3: is not UTF-8",
	} {
		_, _, faults := manifest.Decode([]byte(data))
		require.Len(t, faults, 1)
		assert.Equal(t, want, faults[0].Error())
	}
}

// Templates are named where they aren't values, and allowed in annotations.
func TestTemplates(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"{{- if .Values.pools }}\n- name: a\n{{- end }}\n":         "line 1: is a template, which must be rendered first",
		"- name: a\n{% for x in y %}\n  cidr: x\n":                 "line 2: is a template, which must be rendered first",
		"- name: a\n  cidr: 10.0.0.0/16\n  labels: {{ labels }}\n": "line 3: [0].labels: is a template, which must be rendered first",
		"- name: {{ name }}\n  cidr: 10.0.0.0/16\n":                "line 1: [0].name: is a template, which must be rendered first",
		"- {{ pool }}\n":                    "line 1: [0]: is a template, which must be rendered first",
		"{{ pools }}\n":                     "line 1: is a template, which must be rendered first",
		"ip_pools: {{ pools | to_json }}\n": "line 1: ip_pools: is a template, which must be rendered first",
		"- name: a\n  cidr: 10.0.0.0/16\n  allowedUses: [{{ use }}]\n": "line 3: [0].allowedUses[0]: is a template, which must be rendered first",
	} {
		_, _, faults := manifest.Decode([]byte(data))
		require.NotEmpty(t, faults, data)
		assert.Contains(t, faults[0].Error(), want, data)
	}
	entries := decodes(t, "- name: a\n  cidr: 10.0.0.0/16\n  annotations: {a: '{{ x }}', b: \"c\\n\", c: '${x}'}\n")
	assert.Len(t, entries[0].Pool.Annotations, 3)
}
