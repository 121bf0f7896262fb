package manifest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/golden"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
)

// mistakes are faulty manifests, grouped by the kind of mistake.
var mistakes = []struct{ name, text string }{
	// Documents and kinds.
	{"not YAML", "kind: IPPool\nmetadata: [a\nspec: b\n"},
	{"tabs", "kind: IPPool\nmetadata:\n\tname: a\n"},
	{"half JSON", "{\n\"kind\": \"IPPool\",\n\"spec\" {}\n}\n"},
	{"control characters", "\x00\x01\x02"},
	{"not UTF-8", "[\"\xff\"]"},
	{"a document, then a syntax error", "- {name: A, cidr: 10.0.0.0/8}\n---\n- [\n"},
	{"alias without an anchor", "- name: a\n  cidr: *cidr\n"},
	{"a word", "IPPool\n"},
	{"a number", "--- 26\n"},
	{"no kind", "apiVersion: projectcalico.org/v3\nmetadata: {name: a}\n"},
	{"no kind, but a spec", "metadata: {name: a}\nspec: {cidr: 10.0.0.0/33}\n"},
	{"flat pool at the top level", "name: a\ncidr: 10.0.0.0/8\n"},
	{"other kind", "apiVersion: v1\nkind: ConfigMap\ndata: {}\n"},
	{"other kind in a List", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Node}\n- {apiVersion: projectcalico.org/v3, kind: IPPoolList}\n- {}\n"},
	{"empty kind and version", "apiVersion: ''\nkind: ''\n"},
	{"version of another group", "apiVersion: operator.tigera.io/v1\nkind: IPPool\nmetadata: {name: a}\nspec: {cidr: 10.0.0.0/8}\n"},
	{"version is a number", "apiVersion: 3\nkind: IPPool\nmetadata: {name: a}\nspec: {cidr: 10.0.0.0/8}\n"},
	{"List of Calico's group", "apiVersion: projectcalico.org/v3\nkind: List\nitems: []\n"},
	{"list without items", "apiVersion: projectcalico.org/v3\nkind: IPPoolList\nitem: []\n"},
	{"items is a mapping", "apiVersion: projectcalico.org/v3\nkind: IPPoolList\nitems: {a: {}}\n"},
	{"items that are not pools", "apiVersion: projectcalico.org/v3\nkind: IPPoolList\nmetadata: {name: x}\nitems: [a, [], null]\n"},
	{"calicoctl's first version", "apiVersion: v1\nkind: ipPool\nmetadata:\n  cidr: 10.0.0.0/16\nspec:\n  ipip:\n    enabled: true\n    mode: cross-subnet\n  nat-outgoing: true\n  disabled: false\n"},
	{"calicoctl's first version, in lists", "- {apiVersion: v1, kind: ipPool, metadata: {cidr: 10.0.0.0/16}}\n- {apiVersion: v1, kind: pool, metadata: {cidr: 10.0.0.0/16}}\n---\napiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ipPool}]\n---\napiVersion: v1\nkind: ipPoolList\nitems: []\n"},
	{"another key next to ip_pools", "ip_pools: []\nnetwork: calico\n"},
	{"ip_pools is a word", "ip_pools: none\n"},
	{"ip_pools is empty", "ip_pools:\n"},
	{"a list in ip_pools", "ip_pools:\n- kind: IPPoolList\n  items:\n  - {kind: IPPool, spec: {cidr: x}}\n  - {kind: IPPoolList, items: []}\n- {kind: PoolList}\n"},
	{"flat pool in ip_pools", "ip_pools:\n  name: a\n  cider: 10.0.0.0/16\n"},
	{"duplicate ip_pools", "ip_pools: []\nip_pools: []\n"},

	// Fields.
	{"empty metadata and spec", head},
	{"empty name and CIDR", "- name: ''\n  cidr: ''\n"},
	{"null", "- name:\n  cidr: ~\n  natOutgoing:\n  blockSize: null\n  vxlanMode:\n  allowedUses:\n"},
	{"unknown fields", head + "metadata: {name: a, foo: b, label: {}}\nspec: {cidr: 10.0.0.0/8, natOutGoing: true, nat_outgoing: true, blocksize: 26, CIDR: x, encapsulation: VXLAN, nodeSelectors: all(), bar: 1}\nfoo: bar\n"},
	{"fields in the wrong place", head + "cidr: 10.0.0.0/8\nname: a\nspec: {name: a, labels: {}}\nmetadata: {cidr: 10.0.0.0/8}\n"},
	{"flat fields and spec", "- name: a\n  cidr: 10.0.0.0/8\n  spec: {natOutgoing: true}\n"},
	{"unknown field of a flat pool", "- name: a\n  cidr: 10.0.0.0/8\n  nat: true\n  uid: x\n"},
	{"long field, control characters", "- name: a\n  cidr: 10.0.0.0/8\n  \"" + strings.Repeat("x", 100) + "\": 1\n  \"a\\e[2J\\nb\": 1\n"},
	{"namespace", head + "metadata: {name: a, namespace: kube-system, generateName: a-}\nspec: {cidr: 10.0.0.0/8}\n"},
	{"duplicate keys", head + "kind: IPPool\nmetadata: {name: a, name: b, labels: {x: 'y', x: z}}\nspec:\n  cidr: 10.0.0.0/8\n  cidr: 10.0.0.0/8\n"},
	{"duplicate keys in JSON", "[\n{\"name\": \"a\",\n\"cidr\": \"10.0.0.0/8\",\n\"name\": \"a\"}\n]"},
	{"merge key", "- &a {name: a, cidr: 10.0.0.0/8}\n- <<: *a\n  name: b\n"},
	{"keys that are not strings", "- name: a\n  cidr: 10.0.0.0/8\n  1: a\n  on: a\n  ? [a]\n  : b\n  ~: c\n  labels: {1: 'a'}\n"},

	// Installations.
	{"Installation without pools", operatorHead + "spec: {variant: Calico}\n---\n" + operatorHead + "---\n" + operatorHead + "spec: {calicoNetwork: {bgp: Disabled}}\n"},
	{"misspelt places of an Installation", operatorHead + "spce: {}\n---\n" + operatorHead + "spec: {calico-network: {}}\n---\n" + operatorHead + "spec:\n  calicoNetwork:\n    ippools: []\n---\napiVersion: operator.tigera.io/v1\nkind: installation\nspec: {calicoNetwork: {ipPools: [{cidr: 10.0.0.0/16}]}}\n"},
	{"version of an Installation", "apiVersion: projectcalico.org/v3\nkind: Installation\nspec: {calicoNetwork: {ipPools: [{cidr: 10.0.0.0/16}]}}\n"},
	{"types in an Installation", operatorHead + "spec: []\n---\n" + operatorHead + "spec: {calicoNetwork: a}\n---\n" + operatorHead + "spec: {calicoNetwork: {ipPools: {}}}\n---\n" + operatorHead + "spec: {calicoNetwork: {ipPools: [a]}}\n"},
	{"fields of an Installation's pool", operatorHead + "spec:\n  calicoNetwork:\n    ipPools:\n    - {name: a, natOutgoing: true, encapsulation: vxlan-crosssubnet, blockSize: '26'}\n    - {cidr: 10.1.0.0/16, natOutgoing: No, encapsulation: Never, disabled: true, vxlanMode: Always}\n" +
		"    - {cidr: 10.2.0.0/16, natOutgoing: disabled, encapsulation: Always, disableNewAllocations: 1, foo: 1, assignmentMode: auto, allowedUses: Workload}\n    - {cidr: 10.3.0.0/16, natOutgoing: ''}\n"},
	{"rules in an Installation", operatorHead + "spec:\n  calicoNetwork:\n    ipPools:\n    - cidr: 10.0.0.0/33\n    - cidr: \"fd00::/64\"\n      encapsulation: IPIP\n    - cidr: 10.1.0.1/16\n      nodeSelector: a = b\n    - name: A\n      cidr: 10.2.0.0/28\n"},
	{"Helm values", "installation:\n  enabled: true\n---\ninstallation:\n  calicoNetwork:\n    ipPools:\n    - cidr: {{ .Values.cidr }}\n"},
	{"HelmChartConfig without values", helmHead + "---\n" + helmHead + "spec: {valuesContent: [a]}\n---\n" + helmHead + "spec: {valuesContent: a}\n"},
	{"values of a parent chart", "tigera-operator:\n  installation: {calicoNetwork: {ipPools: []}}\n---\n" + helmHead + "spec:\n  valuesContent: |-\n    calico:\n      installation: {calicoNetwork: {}}\n"},
	{"misspelt values in a HelmChartConfig", helmHead + "spec:\n  valuesContent: |-\n    instalation: {calicoNetwork: {ipPools: []}}\n"},
	{"values in spec.set", helmHead + "spec:\n  set: {a: b, 'installation.calicoNetwork.ipPools[0].cidr': 10.0.0.0/16}\n  valuesContent: |-\n    installation: {calicoNetwork: {ipPools: []}}\n"},
	{"encapsulation in an Installation", operatorHead + "spec:\n  calicoNetwork:\n    ipPools:\n    - {cidr: 10.0.0.0/16, allowedUses: [LoadBalancer], encapsulation: VXLAN}\n    - {cidr: 10.1.0.0/16, allowedUses: [LoadBalancer]}\n"},
	{"typed lists", "apiVersion: v1\nkind: InstallationList\nitems:\n- spec: {}\n---\napiVersion: helm.cattle.io/v1\nkind: HelmChartConfigList\nitems:\n- {kind: HelmChart, spec: {}}\n---\napiVersion: operator.tigera.io/v1\nkind: InstalationList\nitems: []\n"},
	{"values in a HelmChartConfig", helmHead + "spec:\n  valuesContent: |-\n    installation:\n      calicoNetwork:\n        ipPools:\n        - cidr: 10.0.0.0/16\n          natOutgoing: on\n          cidr: 10.0.0.0/16\n"},
	{"broken values in a HelmChartConfig", helmHead + "spec:\n  valuesContent: |-\n    installation:\n    \tcalicoNetwork: {}\n"},
	{"values in a folded text", helmHead + "spec:\n  valuesContent: \"installation:\\n  calicoNetwork:\\n    ipPools:\\n    - natOutgoing: on\\n\"\n"},

	// Values.
	{"types", "- name: 7\n  cidr: [10.0.0.0/8]\n  natOutgoing: \"true\"\n  disabled: 1\n  disableBGPExport: Enabled\n  blockSize: '26'\n" +
		"  nodeSelector: {zone: a}\n  vxlanMode: yes\n  ipipMode: 0\n  allowedUses: Workload\n  assignmentMode: true\n  labels: [a]\n  annotations: {a: 1, b: no, c: [], d: ~, e: 2026-11-22}\n"},
	{"metadata and spec are lists", head + "metadata: []\nspec: [cidr]\n"},
	{"numbers", "- {name: a, cidr: 10.0.0.0/8, blockSize: 026}\n- {name: b, cidr: 11.0.0.0/8, blockSize: 0x1a}\n- {name: c, cidr: 12.0.0.0/8, blockSize: 26.0}\n" +
		"- {name: d, cidr: 13.0.0.0/8, blockSize: 99999999999999999999}\n- {name: e, cidr: 14.0.0.0/8, blockSize: .inf}\n- {name: f, cidr: 15.0.0.0/8, blockSize: many}\n"},
	{"tags", "- {name: !!binary YQ==, cidr: !cidr 10.0.0.0/8, natOutgoing: !!bool maybe, blockSize: !!int x}\n"},
	{"words", "- {name: a, cidr: 10.0.0.0/8, vxlanMode: always, ipipMode: OFF, allowedUses: [workload, Tunnels, Foo, 1, ''], assignmentMode: automatic}\n" +
		"- {name: b, cidr: 11.0.0.0/8, vxlanMode: cross-subnet, ipipMode: \"off\", assignmentMode: ''}\n- {name: c, cidr: 12.0.0.0/8, vxlanMode: Sometimes, ipipMode: Alway, assignmentMode: Auto}\n"},

	// The rules of package ippool.
	{"rules", head + "metadata:\n  name: Upper\nspec:\n  cidr: 10.0.0.1/8\n  blockSize: 33\n  vxlanMode: Always\n  ipipMode: Always\n  nodeSelector: zone = 'a'\n  namespaceSelector: global()\n" +
		"  allowedUses:\n  - Tunnel\n  - Tunnel\n  - LoadBalancer\n"},
	{"rules in a list", "ip_pools:\n- {name: a, cidr: 169.254.0.0/16}\n- name: b\n  cidr: 10.0.0.0/28\n- {name: c, cidr: \"fd00::/64\", ipipMode: Always}\n- {name: d, cidr: pods}\n"},
	{"namespaces without uses", "- name: a\n  cidr: 10.0.0.0/8\n  namespaceSelector: has(team)\n"},
	{"no faults in other fields", "- {name: a, cidr: 10.0.0.0/28, blockSize: '28'}\n- {name: b, cidr: 10.0.0.0/28, disabled: 'true'}\n- {name: c, cidr: 11.0.0.0/8, namespaceSelector: all(), allowedUses: Workload}\n"},
	{"labels and annotations", head + "metadata:\n  name: a\n  labels:\n    a b: c\n    zone: a b\n  annotations:\n    /x: z\nspec:\n  cidr: 10.0.0.0/8\n"},
	{"too many annotations", "- {name: a, cidr: 10.0.0.0/8, annotations: {a: " + strings.Repeat("x", 256*1024) + "}}\n"},
}

const (
	operatorHead = "apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\n"
	helmHead     = "apiVersion: helm.cattle.io/v1\nkind: HelmChartConfig\nmetadata: {name: rke2-calico, namespace: kube-system}\n"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, mistake := range mistakes {
		got.WriteString("# " + mistake.name + "\n")
		entries, warnings, faults := manifest.Decode([]byte(mistake.text))
		require.Empty(t, warnings, mistake.name)
		for _, entry := range entries {
			faults = append(faults, entry.Validate()...)
		}
		require.NotEmpty(t, faults, mistake.name)
		lines := 1 + strings.Count(mistake.text, "\n")
		for _, fault := range faults {
			assert.Positive(t, fault.Line, mistake.name)
			assert.LessOrEqual(t, fault.Line, lines, mistake.name)
			got.WriteString(fault.Error() + "\n")
		}
		got.WriteString("\n")
	}
	golden.Check(t, "faults.golden", got.String())
}
