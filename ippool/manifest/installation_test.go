package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
)

// networkOf is the part of an Installation with the pools, as it is in every form.
const networkOf = `registry: example.com
calicoNetwork:
  bgp: Disabled
  ipPools:
  - name: pods
    cidr: 10.244.0.0/16
    encapsulation: VXLANCrossSubnet
    natOutgoing: Disabled
    disableNewAllocations: true
    allowedUses: [Workload]
  - cidr: 10.245.0.0/16
    blockSize: 28
    nodeSelector: has(rack)
    disableBGPExport: true
    assignmentMode: Manual
  - cidr: fd00:10:244::/64
`

func indented(text string, by int) string {
	return strings.Repeat(" ", by) + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+strings.Repeat(" ", by)) + "\n"
}

// The same pools in every form that an installer takes, each with its line.
func TestDecodeInstallers(t *testing.T) {
	t.Parallel()
	values := "installation:\n" + indented(networkOf, 2)
	chart := func(kind, block string) string {
		return "apiVersion: helm.cattle.io/v1\nkind: " + kind + "\nmetadata:\n  name: rke2-calico\nspec:\n  valuesContent: " + block + "\n" + indented(values, 4)
	}
	whole := operatorHead + "spec:\n" + indented(networkOf, 2) + "status: {computed: {calicoNetwork: {ipPools: []}}}\n"
	for name, text := range map[string]string{
		"Installation":                   whole,
		"before other kinds":             whole + "---\napiVersion: operator.tigera.io/v1\nkind: APIServer\nmetadata: {name: default}\nspec: {}\n",
		"after other kinds":              "apiVersion: operator.tigera.io/v1\nkind: Goldmane\n---\n" + whole,
		"List":                           "apiVersion: v1\nkind: List\nitems:\n- apiVersion: operator.tigera.io/v1\n  kind: Whisker\n-\n" + indented(whole, 2),
		"Helm values":                    "tigeraOperator: {version: v1}\n" + values,
		"HelmChartConfig":                chart("HelmChartConfig", "|-"),
		"HelmChart":                      chart("HelmChart", "|2"),
		"with a comment and empty lines": strings.Replace(chart("HelmChartConfig", "|  # values"), "    installation:", "\n\n    # of the operator\n    installation:", 1),
		"CRLF":                           strings.ReplaceAll(chart("HelmChartConfig", "|-"), "\n", "\r\n"),
		"InstallationList":               "apiVersion: operator.tigera.io/v1\nkind: InstallationList\nmetadata: {resourceVersion: '1'}\nitems:\n-\n" + indented(whole, 2),
		"HelmChartConfigList":            "apiVersion: helm.cattle.io/v1\nkind: HelmChartConfigList\nitems:\n-\n" + indented(strings.Replace(chart("HelmChartConfig", "|"), "kind: HelmChartConfig\n", "", 1), 2),
		"HelmChartList in a list":        "-\n" + indented("apiVersion: helm.cattle.io/v1\nkind: HelmChartList\nitems:\n-\n"+indented(chart("HelmChart", "|"), 2), 2),
		"HelmChartConfig in a List":      "apiVersion: v1\nkind: List\nitems:\n-\n" + indented(chart("HelmChartConfig", "|"), 2),
	} {
		before, _, _ := strings.Cut(text, "- name: pods")
		first := 1 + strings.Count(before, "\n")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entries := decodes(t, text)
			assert.Equal(t, fmt.Sprintf("%d pods 10.244.0.0/16; %d 10.245.0.0-16 10.245.0.0/16; %d fd00.0010.0244.0000.0000.0000.0000.0000-64 fd00:10:244::/64",
				first, first+6, first+11), shown(entries))
			manual := v3.Manual
			for i, want := range []v3.IPPoolSpec{
				{CIDR: "10.244.0.0/16", IPIPMode: "Never", VXLANMode: "CrossSubnet", Disabled: true, AllowedUses: []v3.IPPoolAllowedUse{"Workload"}},
				{CIDR: "10.245.0.0/16", IPIPMode: "Always", VXLANMode: "Never", NATOutgoing: true, BlockSize: 28, NodeSelector: "has(rack)", DisableBGPExport: true, AssignmentMode: &manual},
				{CIDR: "fd00:10:244::/64", IPIPMode: "Never", VXLANMode: "Never"},
			} {
				assert.Equal(t, want, entries[i].Pool.Spec)
			}
			lines := func(e manifest.Entry, fields ...string) (lines []int) {
				for _, field := range fields {
					lines = append(lines, e.Lines[field]-first)
				}
				return lines
			}
			assert.Equal(t, []int{0, 1, 2, 2, 3, 4, 5}, lines(entries[0], "name", "cidr", "ipipMode", "vxlanMode", "natOutgoing", "disabled", "allowedUses"))
			assert.Equal(t, []int{6, 6, 6, 6, 7}, lines(entries[1], "cidr", "ipipMode", "vxlanMode", "natOutgoing", "blockSize"))
			fault := entries[0].At("spec.disabled", "", "x")
			assert.True(t, strings.HasSuffix(fault.Path, "calicoNetwork.ipPools[0].disableNewAllocations"), fault.Path)
			assert.Equal(t, first+4, fault.Line)
		})
	}
}

// The names, the encapsulations and NAT that the operator chooses for pools.
func TestOperatorsDefaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ network, want string }{
		{"calicoNetwork: {ipPools: [{cidr: 10.0.0.0/16}]}", "default-ipv4-ippool Always Never true"},
		{"calicoNetwork: {ipPools: [{cidr: 'fd00::/64'}]}", "default-ipv6-ippool Never Never false"},
		{"calicoNetwork: {ipPools: [{cidr: 'fd00::/64'}, {cidr: 10.0.0.0/16}]}", "default-ipv6-ippool Never Never false; default-ipv4-ippool Always Never true"},
		{"calicoNetwork: {ipPools: [{cidr: 10.0.0.0/16}, {cidr: 10.1.0.0/16, name: b}]}", "10.0.0.0-16 Always Never true; b Always Never true"},
		{"calicoNetwork: {ipPools: [{cidr: 'fd00::/64', natOutgoing: Enabled, encapsulation: VXLAN}]}", "default-ipv6-ippool Never Always true"},
		{"cni: {type: Calico}\n  kubernetesProvider: EKS\n  calicoNetwork: {ipPools: [{cidr: 10.0.0.0/16}]}", "default-ipv4-ippool Always Never true"},
		{"cni: {type: AmazonVPC}\n  calicoNetwork: {ipPools: [{cidr: 10.0.0.0/16}]}", "default-ipv4-ippool Never Never true"},
		{"kubernetesProvider: AKS\n  calicoNetwork: {ipPools: [{cidr: 10.0.0.0/16}]}", "default-ipv4-ippool Never Never true"},
		{"kubernetesProvider: OpenShift\n  calicoNetwork: {ipPools: [{cidr: 10.0.0.0/16, encapsulation: None}]}", "default-ipv4-ippool Never Never true"},
		{"calicoNetwork: {ipPools: []}", ""},
	} {
		var got []string
		for _, entry := range decodes(t, operatorHead+"spec:\n  "+tt.network+"\n") {
			spec := entry.Pool.Spec
			got = append(got, fmt.Sprint(entry.Pool.Name, " ", spec.IPIPMode, " ", spec.VXLANMode, " ", spec.NATOutgoing))
		}
		assert.Equal(t, tt.want, strings.Join(got, "; "), tt.network)
	}
}

// An operator deletes pools with its label that its Installation doesn't list, so the label
// is not copied to another cluster.
func TestOperatorsLabelIsIgnored(t *testing.T) {
	t.Parallel()
	entries, warnings, faults := manifest.Decode([]byte(head + "metadata:\n  name: a\n  labels: {app.kubernetes.io/managed-by: tigera-operator, team: x}\nspec: {cidr: 10.0.0.0/16}\n" +
		"---\n" + head + "metadata:\n  name: b\n  labels: {app.kubernetes.io/managed-by: Helm}\nspec: {cidr: 10.1.0.0/16}\n"))
	require.Empty(t, faults)
	require.Len(t, warnings, 1)
	assert.Equal(t, "line 5: metadata.labels[app.kubernetes.io/managed-by]: is set by the server; ignored", warnings[0].Error())
	assert.Equal(t, map[string]string{"team": "x"}, entries[0].Pool.Labels)
	assert.Equal(t, map[string]string{"app.kubernetes.io/managed-by": "Helm"}, entries[1].Pool.Labels)
}

// Values in a text are as limited as those outside, however they are escaped.
func TestLargeValuesContent(t *testing.T) {
	t.Parallel()
	_, _, faults := manifest.Decode([]byte(helmHead + "spec:\n  valuesContent: \"[" + strings.Repeat(`a\x2c`, 300_001) + "]\"\n"))
	require.Len(t, faults, 1)
	assert.Contains(t, faults[0].Error(), "line 5: spec.valuesContent: more than 300000 keys and items")
}

// Charts without pools are ignored, with a warning; so is an Installation that the chart
// doesn't create.
func TestOtherCharts(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"valuesContent: |\n    backend: vxlan\n":                                                         "line 6: spec.valuesContent: values of another chart than tigera-operator; no pools are read from them",
		"chart: rke2-coredns\n  set: {a: b}\n":                                                           "line 4: spec.valuesContent: is missing, so that there are no pools; the values of the chart tigera-operator or rke2-calico have them",
		"valuesContent: |\n    installation: {enabled: false, calicoNetwork: {ipPools: []}}\n    a: b\n": `line 6: spec.valuesContent.installation.enabled: "false": the chart creates no Installation and so no pools; the pools here are created nevertheless`,
	} {
		entries, warnings, faults := manifest.Decode([]byte(helmHead + "spec:\n  " + spec + "---\n" + head + "metadata: {name: a}\nspec: {cidr: 10.0.0.0/16}\n"))
		assert.Empty(t, faults, spec)
		assert.Len(t, entries, 1)
		require.Len(t, warnings, 1, spec)
		assert.Equal(t, want, warnings[0].Error())
		assert.False(t, warnings[0].ServerField)
	}
}
