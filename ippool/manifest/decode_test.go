package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
)

const head = "apiVersion: projectcalico.org/v3\nkind: IPPool\n"

// decodes decodes a manifest without faults.
func decodes(t *testing.T, text string) []manifest.Entry {
	t.Helper()
	entries, warnings, faults := manifest.Decode([]byte(text))
	require.Empty(t, faults)
	require.Empty(t, warnings)
	for _, entry := range entries {
		require.Empty(t, entry.Validate())
	}
	return entries
}

// shown returns the line, name and CIDR of each pool.
func shown(entries []manifest.Entry) string {
	var lines []string
	for _, entry := range entries {
		lines = append(lines, fmt.Sprintf("%d %s %s", entry.Line, entry.Pool.Name, entry.Pool.Spec.CIDR))
	}
	return strings.Join(lines, "; ")
}

func TestDecodeForms(t *testing.T) {
	t.Parallel()
	const (
		v3   = "metadata:\n  name: a\nspec:\n  cidr: 10.0.0.0/16\n"
		flow = `{apiVersion: crd.projectcalico.org/v1, kind: IPPool, metadata: {name: b}, spec: {cidr: 10.1.0.0/16}}`
	)
	tests := []struct {
		name, text, want string
	}{
		{"empty", "", ""},
		{"a comment", "# none yet\n", ""},
		{"empty documents", "---\n---\n# none\n---\n", ""},
		{"null", "null\n", ""},
		{"an IPPool", head + v3, "1 a 10.0.0.0/16"},
		{"documents", "# Source: x\n---\n" + head + v3 + "---\n" + flow + "\n---\n", "3 a 10.0.0.0/16; 10 b 10.1.0.0/16"},
		{"byte order mark, Windows lines", "\ufeff" + strings.ReplaceAll(head+v3, "\n", "\r\n"), "1 a 10.0.0.0/16"},
		{"IPPoolList", "kind: IPPoolList\napiVersion: projectcalico.org/v3\nmetadata: {resourceVersion: '', continue: ''}\nitems:\n- " + flow +
			"\n- metadata: {name: c}\n  spec: {cidr: fd00::/64}\n", "5 b 10.1.0.0/16; 6 c fd00::/64"},
		{"empty IPPoolList", "kind: IPPoolList\napiVersion: crd.projectcalico.org/v1\nitems: []\n", ""},
		{"List", "apiVersion: v1\nitems:\n- " + flow + "\nkind: List\nmetadata:\n  resourceVersion: \"\"\n", "3 b 10.1.0.0/16"},
		{"plain list", "- " + flow + "\n- name: c\n  cidr: 10.2.0.0/16\n- metadata: {name: d}\n  spec:\n    cidr: 10.3.0.0/16\n",
			"1 b 10.1.0.0/16; 2 c 10.2.0.0/16; 4 d 10.3.0.0/16"},
		{"ip_pools", "ip_pools:\n  - name: c\n    cidr: 10.2.0.0/16\n    natOutgoing: true\n  - " + flow + "\n", "2 c 10.2.0.0/16; 5 b 10.1.0.0/16"},
		{"ip_pools with a list object", "ip_pools:\n  kind: IPPoolList\n  apiVersion: projectcalico.org/v3\n  items:\n  - " + flow, "5 b 10.1.0.0/16"},
		{"ip_pools with a pool", "ip_pools:\n  " + flow, "2 b 10.1.0.0/16"},
		{"ip_pools with a flat pool", "ip_pools:\n  name: a\n  cidr: 10.0.0.0/16\n", "1 a 10.0.0.0/16"},
		{"ip_pools with lists in it", "ip_pools:\n- name: a\n  cidr: 10.0.0.0/16\n- kind: IPPoolList\n  apiVersion: projectcalico.org/v3\n  items:\n  - " + flow +
			"\n- {kind: List, apiVersion: v1, items: []}\n- name: c\n  cidr: 10.2.0.0/16\n", "2 a 10.0.0.0/16; 7 b 10.1.0.0/16; 9 c 10.2.0.0/16"},
		{"empty ip_pools", "ip_pools: []\n", ""},
		{"aliases", "- name: a\n  cidr: 10.0.0.0/16\n  nodeSelector: &zone zone == 'a'\n  labels: &l {x: 'y'}\n- name: b\n  cidr: 10.1.0.0/16\n  nodeSelector: *zone\n  labels: *l\n",
			"1 a 10.0.0.0/16; 5 b 10.1.0.0/16"},
		{"JSON with tabs", "{\n\t\"apiVersion\":\t\"projectcalico.org/v3\",\n\t\"kind\":\"IPPool\",\n\t\"metadata\": {\"name\":\n\t\t\"a\"},\n\t\"spec\":{\"cidr\":\"10.0.0.0\\/16\"}\n}\n",
			"1 a 10.0.0.0/16"},
		{"JSON documents", "\ufeff\n" + `[{"name":"a","cidr":"10.0.0.0/16"}]` + "\n\n" + `[{"name":"b","cidr":"10.1.0.0/16","natOutgoing":true}]`,
			"2 a 10.0.0.0/16; 4 b 10.1.0.0/16"},
		{"JSON that is not YAML", `[{"name":"a","cidr":"10.0.0.0/16","annotations":{"x":"\ud83d\ude00"}}]`, "1 a 10.0.0.0/16"},
		{"flow YAML that is not JSON", "[{name: a, cidr: 10.0.0.0/16,},]", "1 a 10.0.0.0/16"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, shown(decodes(t, tt.text)))
		})
	}
}

const whole = head + `metadata:
  name: whole
  labels:
    zone: "a"
    team: core
  annotations:
    example.com/note: |
      two
      lines
  creationTimestamp: null
spec:
  assignmentMode: Manual
  allowedUses:
  - Workload
  namespaceSelector: >-
    team ==
    'core'
  nodeSelector: has(zone)
  blockSize: 28
  disableBGPExport: on
  disabled: True
  natOutgoing: yes
  ipipMode: CrossSubnet
  vxlanMode: Never
  cidr: 10.244.0.0/16
`

func TestDecodeEveryField(t *testing.T) {
	t.Parallel()
	entries := decodes(t, whole)
	require.Len(t, entries, 1)
	manual := v3.Manual
	want := ippool.New("whole")
	want.Labels = map[string]string{"zone": "a", "team": "core"}
	want.Annotations = map[string]string{"example.com/note": "two\nlines\n"}
	want.Spec = v3.IPPoolSpec{
		CIDR: "10.244.0.0/16", VXLANMode: v3.VXLANModeNever, IPIPMode: v3.IPIPModeCrossSubnet,
		NATOutgoing: true, Disabled: true, DisableBGPExport: true, BlockSize: 28,
		NodeSelector: "has(zone)", NamespaceSelector: "team == 'core'",
		AllowedUses: []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseWorkload}, AssignmentMode: &manual,
	}
	assert.Equal(t, want, entries[0].Pool)
	assert.Equal(t, map[string]int{
		"name": 4, "labels[zone]": 6, "labels[team]": 7, "annotations[example.com/note]": 9, "assignmentMode": 14, "allowedUses": 15,
		"allowedUses[0]": 16, "namespaceSelector": 17, "nodeSelector": 20, "blockSize": 21, "disableBGPExport": 22, "disabled": 23,
		"natOutgoing": 24, "ipipMode": 25, "vxlanMode": 26, "cidr": 27,
	}, entries[0].Lines)

	data, err := yaml.YAMLToJSON([]byte(whole))
	require.NoError(t, err)
	asJSON := strings.ReplaceAll(string(data), ",", ",\n\t")
	same := decodes(t, asJSON)
	assert.Equal(t, want, same[0].Pool)
	for field, line := range same[0].Lines {
		name := field[strings.LastIndexByte(field, '[')+1:]
		text := strings.Split(asJSON, "\n")[line-1]
		if field != "allowedUses[0]" {
			assert.Contains(t, text, `"`+strings.TrimSuffix(name, "]")+`":`, field)
		}
	}
}

// An empty field is the same as an unset one, as in an API server.
func TestDecodeEmpty(t *testing.T) {
	t.Parallel()
	entries := decodes(t, "- {name: a, cidr: 10.0.0.0/16, vxlanMode: '', ipipMode: \"\", nodeSelector: '', allowedUses: [], blockSize: 0, labels: {}, annotations: }\n"+
		"- {name: a, cidr: 10.0.0.0/16}")
	assert.Equal(t, entries[1].Pool, entries[0].Pool)
}

func TestDecodeIgnoresServerFields(t *testing.T) {
	t.Parallel()
	const exported = head + `metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: "{}"
    projectcalico.org/metadata: '{}'
    mine: kept
  creationTimestamp: "2026-11-22T17:45:23Z"
  generation: 1
  managedFields:
  - {manager: x}
  finalizers: [x]
  name: a
  resourceVersion: "1"
  selfLink: x
  uid: 47132df4-a8f8-4771-b096-ccd5d2ab0391
spec:
  cidr: 10.0.0.0/16
status: {}
`
	entries, warnings, faults := manifest.Decode([]byte(exported))
	require.Empty(t, faults)
	require.Len(t, entries, 1)
	want := ippool.New("a")
	want.Annotations = map[string]string{"mine": "kept"}
	want.Spec.CIDR = "10.0.0.0/16"
	assert.Equal(t, want, entries[0].Pool)
	var paths []string
	for _, warning := range warnings {
		assert.Equal(t, "is set by the server; ignored", warning.Problem)
		paths = append(paths, fmt.Sprintf("%d %s", warning.Line, warning.Path))
	}
	assert.Equal(t, []string{
		"5 metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]", "6 metadata.annotations[projectcalico.org/metadata]",
		"8 metadata.creationTimestamp", "9 metadata.generation", "10 metadata.managedFields", "12 metadata.finalizers",
		"14 metadata.resourceVersion", "15 metadata.selfLink", "16 metadata.uid", "19 status",
	}, paths)
}

// Calico's client keeps labels and annotations in an annotation. For users of calicoctl,
// they are those of the pool.
func TestDecodeKeptMetadata(t *testing.T) {
	t.Parallel()
	const exported = head + `metadata:
  annotations:
    mine: kept
    both: object
    projectcalico.org/metadata: '{"uid":"x","creationTimestamp":null,"labels":{"zone":"a","app.kubernetes.io/managed-by":"tigera-operator"},"annotations":{"both":"calico"}}'
  labels: {team: x}
  name: a
spec:
  cidr: 10.0.0.0/16
`
	entries, warnings, faults := manifest.Decode([]byte(exported))
	require.Empty(t, faults)
	require.Len(t, warnings, 1)
	require.Len(t, entries, 1)
	assert.Equal(t, map[string]string{"zone": "a", "team": "x"}, entries[0].Pool.Labels)
	assert.Equal(t, map[string]string{"mine": "kept", "both": "calico"}, entries[0].Pool.Annotations)
	assert.Equal(t, 7, entries[0].Lines["labels[zone]"])
	for _, malformed := range []string{"", "{", "[]", `{"labels": 1}`, `{"labels": {"a": 1}}`, "null"} {
		entries, _, faults := manifest.Decode([]byte(head + "metadata:\n  name: a\n  annotations: {projectcalico.org/metadata: '" + malformed + "'}\nspec: {cidr: 10.0.0.0/16}\n"))
		require.Empty(t, faults)
		assert.Empty(t, entries[0].Validate(), malformed)
	}
}

// A few lines of aliases can expand to more nodes than fit in memory.
func TestDecodeAliasBombs(t *testing.T) {
	t.Parallel()
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x]\n")
	for i := range 60 {
		fmt.Fprintf(&laughs, "a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	var wide strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&wide, "k%d: v,", i)
	}
	many := "- &a {name: a, cidr: 10.0.0.0/16, labels: {" + wide.String() + "}}\n" + strings.Repeat("- *a\n", 5000)
	tests := []struct{ name, text, want string }{
		{"a wide mapping, many times", "- &a {" + wide.String() + "}\n" + strings.Repeat("- *a\n", 100_000), "line 1: more than 1000 errors; the rest are not reported"},

		{"a billion nodes", laughs.String(), "kind: is missing"},
		{"a billion pools", laughs.String() + "ip_pools: *a60\n", "is a list; must be an IPPool"},
		{"a list that contains itself", "&a\n- *a\n- *a\n", "line 2: [0]: is a list; must be an IPPool"},
		{"ip_pools that contains itself", "&a\nip_pools: *a\n", "ip_pools.kind: is missing"},
		{"a pool that contains itself", "- &a\n  name: *a\n  cidr: *a\n  labels: *a\n  allowedUses: *a\n", "labels[labels]: is a mapping; must be a string"},
		{"a key that contains itself", "? &a [*a]\n: 1\n", "a key that is a list"},
		{"items that contain themselves", "kind: IPPoolList\napiVersion: projectcalico.org/v3\nitems: &a [*a]\n", "items[0]: is a list; must be an IPPool"},
		{"many pools in a few bytes", many, "line 1: aliases add more than 100000 nodes; write the values without aliases"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, faults := manifest.Decode([]byte(tt.text))
			require.NotEmpty(t, faults)
			texts := make([]string, len(faults))
			for i, fault := range faults {
				texts[i] = fault.Error()
			}
			if all := strings.Join(texts, "\n"); !strings.Contains(all, tt.want) {
				assert.Fail(t, "no "+tt.want, "%.1000s", all)
			}
		})
	}
}

// Data without aliases has no limit.
func TestDecodeManyPools(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "- name: pool-%d\n  cidr: 10.%d.%d.0/24\n", i, i/256, i%256)
	}
	entries := decodes(t, text.String())
	require.Len(t, entries, 20_000)
	assert.Equal(t, 39_999, entries[19_999].Line)
	assert.Equal(t, map[string]int{"name": 39_999, "cidr": 40_000}, entries[19_999].Lines)
}
