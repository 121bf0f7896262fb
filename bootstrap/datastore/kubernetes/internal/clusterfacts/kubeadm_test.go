package clusterfacts

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// calicoNodes returns the CIDRs that calico-node finds in the texts of the keys, in any
// order: the pattern of node/pkg/lifecycle/startup, its split, and its parser.
func calicoNodes(data map[string]string) []string {
	pattern := regexp.MustCompile(`podSubnet: (.*)`)
	for _, content := range data {
		line := pattern.FindStringSubmatch(content)
		if line == nil {
			continue
		}
		var found []string
		for cidr := range strings.SplitSeq(line[1], ",") {
			if _, err := ippool.ParseCIDR(cidr); err == nil {
				found = append(found, cidr)
			}
		}
		return found
	}
	return nil
}

// mergesOfMerges returns mappings l0, l1 and so on, each of which merges the one before it
// several times.
func mergesOfMerges(mappings, times int) string {
	text := "l0: &l0 {a: b}\n"
	for i := 1; i < mappings; i++ {
		before := fmt.Sprintf("*l%d", i-1)
		text += fmt.Sprintf("l%d: &l%d {<<: [%s]}\n", i, i, strings.TrimSuffix(strings.Repeat(before+", ", times), ", "))
	}
	return text
}

// Each form in which calico-node finds pod CIDRs is read, or a problem names it.
func TestFormsOfKubeadmConfig(t *testing.T) {
	t.Parallel()
	const (
		usual   = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking:\n  dnsDomain: cluster.local\n  podSubnet: 10.1.0.0/16\n"
		initial = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: {name: a}\n"
		current = "ClusterConfiguration"
		older   = "MasterConfiguration"
		ignored = ` is ignored because it is not in networking; calico-node searches the text, and uses it`
	)
	pods := []string{"10.1.0.0/16"}
	in := func(key, content string) map[string]string { return map[string]string{key: content} }
	uses := func(at string) string {
		return `; calico-node searches the text, and uses podSubnet "10.1.0.0/16" (` + at + ")"
	}
	for name, tt := range map[string]struct {
		data map[string]string
		want []string
		err  string // the beginning
		node bool   // calico-node finds the same, or what the error names
	}{
		"usual":                        {in(current, usual), pods, "", true},
		"--- at the end":               {in(current, usual+"---\n"), pods, "", true},
		"--- and a comment at the end": {in(current, usual+"---\n# end\n"), pods, "", true},
		"--- at the beginning":         {in(current, "---\n"+usual), pods, "", true},
		"empty documents around":       {in(current, "---\n---\n"+usual+"---\n---\n"), pods, "", true},
		"... at the end":               {in(current, usual+"...\n"), pods, "", true},
		"a directive":                  {in(current, "%YAML 1.2\n---\n"+usual), nil, "ClusterConfiguration: networking.podSubnet can't be read: yaml: found incompatible YAML document", true},
		"the second document":          {in(current, initial+"---\n"+usual), pods, "", true},
		"the third document":           {in(current, initial+"---\nnetworking: {podSubnet: ''}\n---\n"+usual), pods, "", false},
		"two with a podSubnet":         {in(current, usual+"---\nnetworking: {podSubnet: 10.2.0.0/16}\n"), pods, "", true},
		"a later broken document":      {in(current, usual+"---\nx: [\n"), pods, "", true},
		"an earlier broken document":   {in(current, "x: [\n---\n"+usual), nil, "ClusterConfiguration: networking.podSubnet can't be read: yaml: line ", true},
		"the older key":                {in(older, "apiVersion: kubeadm.k8s.io/v1alpha2\nkind: MasterConfiguration\napi: {}\nnetworking:\n  podSubnet: 10.1.0.0/16\n"), pods, "", true},
		"both keys":                    {map[string]string{current: usual, older: "networking: {podSubnet: 10.2.0.0/16}"}, pods, "", false},
		"both keys, one without":       {map[string]string{current: "networking: {}\n", older: usual}, pods, "", true},
		"ClusterStatus beside it":      {map[string]string{current: usual, "ClusterStatus": "apiEndpoints: {}\n"}, pods, "", true},
		"an anchor":                    {in(current, "x: &p 10.1.0.0/16\nnetworking: {podSubnet: *p}\n"), pods, "", false},
		"an anchor of networking":      {in(current, "x: &n\n  podSubnet: 10.1.0.0/16\nnetworking: *n\n"), pods, "", true},
		"a merged mapping":             {in(current, "x: &n\n  podSubnet: 10.1.0.0/16\nnetworking:\n  <<: *n\n  dnsDomain: x\n"), pods, "", true},
		"merged mappings":              {in(current, "x: &n {dnsDomain: x}\ny: &m {<<: *n, podSubnet: 10.1.0.0/16}\nnetworking: {<<: [*n, *m]}\n"), pods, "", false},
		"a value over a merged one":    {in(current, "x: &n {podSubnet: 10.2.0.0/16}\nnetworking: {podSubnet: 10.1.0.0/16, <<: *n}\n"), pods, "", false},
		"a merge of itself":            {in(current, "networking: &n {<<: *n, dnsDomain: x}\n"), nil, "", true},
		"merges of merges":             {in(current, mergesOfMerges(40, 40)+"networking: {<<: *l39}\n"), nil, "", true},
		"merges of merges, then one":   {in(current, mergesOfMerges(40, 40)+"x: &n\n  podSubnet: 10.1.0.0/16\nnetworking: {<<: [*l39, *n]}\n"), pods, "", true},
		"deep merges":                  {in(current, "l0: &l0 {podSubnet: 10.1.0.0/16}\n"+mergesOfMerges(40, 1)[len("l0: &l0 {a: b}\n"):]+"networking: {<<: *l39}\n"), pods, "", false},
		"a shared list of merges":      {in(current, "l: &l [&n {<<: *l}, {podSubnet: 10.1.0.0/16}]\nnetworking: {<<: *l}\n"), pods, "", false},
		"... and another document":     {in(current, initial+"...\n"+usual), nil, "find expected <document start>" + uses("ClusterConfiguration: line 9"), true},
		"a quoted key":                 {in(current, "\"networking\":\n  'podSubnet': 10.1.0.0/16\n"), pods, "", false},
		"Windows line endings":         {in(current, strings.ReplaceAll(usual, "\n", "\r\n")), pods, "", false},
		"a byte order mark":            {in(current, "\ufeff"+usual), pods, "", true},
		"a tab":                        {in(current, "networking:\n\tpodSubnet: 10.1.0.0/16\n"), nil, "ClusterConfiguration: networking.podSubnet can't be read: yaml: line 2: found character that cannot start any token" + uses("ClusterConfiguration: line 2"), true},
		"a tab, the older key":         {in(older, "networking:\n  dnsDomain: x\n\tpodSubnet: 10.1.0.0/16\n"), nil, "MasterConfiguration: networking.podSubnet can't be read: yaml: line ", true},
		"wrong indentation":            {in(current, "networking:\n    dnsDomain: x\n  podSubnet: 10.1.0.0/16\n"), nil, "ClusterConfiguration: networking.podSubnet can't be read: yaml: line ", true},
		"networking is a list":         {in(current, "networking:\n- podSubnet: 10.1.0.0/16\n"), nil, "ClusterConfiguration: networking.podSubnet can't be read: line 2: podSubnet is not in a mapping", true},
		"podSubnet is a mapping":       {in(current, "networking:\n  podSubnet: {cidr: 10.1.0.0/16}\n"), nil, "ClusterConfiguration: networking.podSubnet can't be read: line 2: must be a string", true},
		"the top level":                {in(current, "kind: ClusterConfiguration\npodSubnet: 10.1.0.0/16\n"), nil, `ClusterConfiguration: line 2: podSubnet "10.1.0.0/16"` + ignored, true},
		"another mapping":              {in(older, "network:\n  podSubnet: 10.1.0.0/16\n"), nil, `MasterConfiguration: line 2: podSubnet "10.1.0.0/16"` + ignored, true},
		"a block of text":              {in(current, "config: |\n  networking:\n    podSubnet: 10.1.0.0/16,fd00::/56\n"), nil, `ClusterConfiguration: line 3: podSubnet "10.1.0.0/16,fd00::/56"` + ignored, true},
		"a comment":                    {in(current, "networking:\n  # podSubnet: 10.1.0.0/16\n"), nil, `ClusterConfiguration: line 2: podSubnet "10.1.0.0/16"` + ignored, true},
		"a comment without a CIDR":     {in(current, "networking:\n  # podSubnet: none yet\n"), nil, "", true},
		"another key":                  {in("kubeadm.yaml", usual), nil, `kubeadm.yaml: line 5: podSubnet "10.1.0.0/16"` + ignored, true},
		"another key, without":         {in("kubeadm.yaml", "x: y\n"), nil, "missing key ClusterConfiguration", true},
		"empty":                        {in(current, ""), nil, "", true},
		"only ---":                     {in(current, "---\n"), nil, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readKubeadm(tt.data, "podSubnet")
			assert.Equal(t, tt.want, got)
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
				assert.NotContains(t, err.Error(), "\n")
			}
			found := calicoNodes(tt.data)
			switch {
			case tt.node && tt.err == "":
				assert.Equal(t, found, got)
			case tt.node:
				assert.Contains(t, err.Error(), strings.Join(found, ","))
			}
			if len(found) > 0 {
				assert.True(t, len(got) > 0 || err != nil, "what calico-node finds is used or reported")
			}
		})
	}
}

// kube-proxy's config is read by the same rules.
func TestDocumentsOfKubeProxy(t *testing.T) {
	t.Parallel()
	data := map[string]string{"config.conf": "kind: KubeletConfiguration\n---\nx: &p 10.1.0.0/16\nclusterCIDR: *p\ndetectLocalMode: NodeCIDR\n---\n"}
	got, err := readKubeProxy(data)
	require.NoError(t, err)
	assert.Equal(t, []string{"10.1.0.0/16"}, got)
	assert.Equal(t, "NodeCIDR", readDetectLocalMode(data))
	_, err = readKubeProxy(map[string]string{"config.conf": "clusterCIDR:\n\t10.1.0.0/16\n"})
	require.ErrorContains(t, err, "config.conf: clusterCIDR can't be read: yaml: line 2: ")
}
