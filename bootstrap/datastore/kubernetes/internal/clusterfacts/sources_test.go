package clusterfacts

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadKubeadm(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterName: kubernetes\n"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"plain", "networking:\n  dnsDomain: cluster.local\n  podSubnet: 10.244.0.0/16\n  serviceSubnet: 10.96.0.0/12\n", []string{"10.244.0.0/16"}},
		{"double quotes", "networking:\n  podSubnet: \"10.244.0.0/16\"\n", []string{"10.244.0.0/16"}},
		{"single quotes", "networking:\n  podSubnet: '10.244.0.0/16'\n", []string{"10.244.0.0/16"}},
		{"trailing comment", "networking:\n  podSubnet: 10.244.0.0/16 # pods\n", []string{"10.244.0.0/16"}},
		{"comment after quotes", "networking: # all\n  podSubnet: \"10.244.0.0/16\"   # pods, 10.1.0.0/16 before\n", []string{"10.244.0.0/16"}},
		{"commented out", "networking:\n  # podSubnet: 10.1.0.0/16\n  podSubnet: 10.244.0.0/16\n", []string{"10.244.0.0/16"}},
		{"flow style", "networking: {dnsDomain: cluster.local, podSubnet: 10.244.0.0/16}\n", []string{"10.244.0.0/16"}},
		{"flow style, both", "networking: {podSubnet: \"10.244.0.0/16,fd00:10:244::/56\", dnsDomain: cluster.local}\n", []string{"10.244.0.0/16", "fd00:10:244::/56"}},
		{"JSON", "{\"networking\": {\"podSubnet\": \"10.244.0.0/16\"}}\n", []string{"10.244.0.0/16"}},
		{"both families", "networking:\n  podSubnet: 10.244.0.0/16,fd00:10:244::/56\n", []string{"10.244.0.0/16", "fd00:10:244::/56"}},
		{"a space after the comma", "networking:\n  podSubnet: 10.244.0.0/16, fd00:10:244::/56\n", []string{"10.244.0.0/16", "fd00:10:244::/56"}},
		{"spaces around all", "networking:\n  podSubnet: \"  fd00:10:244::/56 ,\t10.244.0.0/16 , \"\n", []string{"fd00:10:244::/56", "10.244.0.0/16"}},
		{"only IPv6", "networking:\n  podSubnet: fd00:10:244::/56\n", []string{"fd00:10:244::/56"}},
		{"several of a family", "networking:\n  podSubnet: 10.244.0.0/16,10.245.0.0/16,fd00::/56,fd01::/56\n",
			[]string{"10.244.0.0/16", "10.245.0.0/16", "fd00::/56", "fd01::/56"}},
		{"over two lines", "networking:\n  podSubnet: >-\n    10.244.0.0/16,\n    fd00:10:244::/56\n", []string{"10.244.0.0/16", "fd00:10:244::/56"}},
		{"a list", "networking:\n  podSubnet: [10.244.0.0/16, 'fd00:10:244::/56']\n", []string{"10.244.0.0/16", "fd00:10:244::/56"}},
		{"an anchor", "x: &pods 10.244.0.0/16\nnetworking:\n  podSubnet: *pods\n", []string{"10.244.0.0/16"}},
		{"a tag", "networking:\n  podSubnet: !!str 10.244.0.0/16\n", []string{"10.244.0.0/16"}},
		{"Windows line endings", "networking:\r\n  podSubnet: 10.244.0.0/16\r\n", []string{"10.244.0.0/16"}},
		{"another podSubnet as well", "other:\n  podSubnet: 10.1.0.0/16\nnetworking:\n  podSubnet: 10.244.0.0/16\n", []string{"10.244.0.0/16"}},
		{"empty", "networking:\n  podSubnet: \"\"\n", nil},
		{"null", "networking:\n  podSubnet:\n", nil},
		{"none", "networking:\n  dnsDomain: cluster.local\n", nil},
		{"no networking", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := head + tt.text
			if strings.HasPrefix(tt.text, "{") {
				text = tt.text
			}
			got, err := readKubeadm(map[string]string{"ClusterConfiguration": text}, "podSubnet")
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)

			// kube-proxy's clusterCIDR is read by the same rules.
			proxy := strings.ReplaceAll(text, "networking:\n  podSubnet:", "clusterCIDR:")
			if proxy != text && !strings.Contains(proxy, "podSubnet") {
				got, err := readKubeProxy(map[string]string{"config.conf": proxy})
				require.NoError(t, err)
				assert.Equal(t, tt.want, got)
			}
		})
	}
}

func TestReadKubeadmFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		data map[string]string
		want string
	}{
		{"another key", map[string]string{"ClusterStatus": "x"}, "missing key ClusterConfiguration"},
		{"no data", nil, "missing key ClusterConfiguration"},
		{"not YAML", map[string]string{"ClusterConfiguration": "networking: [\n"}, "ClusterConfiguration: networking.podSubnet can't be read"},
		{"a number", map[string]string{"ClusterConfiguration": "networking:\n  podSubnet: 10.244\n"}, "ClusterConfiguration: networking.podSubnet can't be read"},
		{"an object", map[string]string{"ClusterConfiguration": "networking:\n  podSubnet: {a: b}\n"}, "ClusterConfiguration: networking.podSubnet can't be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := readKubeadm(tt.data, "podSubnet")
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestReadKubeProxyFaults(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"clusterCIDR: [", "clusterCIDR: 10.244", "clusterCIDR: {a: b}"} {
		_, err := readKubeProxy(map[string]string{"config.conf": text})
		require.ErrorContains(t, err, "config.conf: clusterCIDR can't be read: ", text)
	}
}

func TestReadKubeProxy(t *testing.T) {
	t.Parallel()
	got, err := readKubeProxy(map[string]string{
		"config.conf":     "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nbindAddress: 0.0.0.0\nclusterCIDR: 10.244.0.0/16,fd00::/56\n",
		"kubeconfig.conf": "clusters: []\n",
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"10.244.0.0/16", "fd00::/56"}, got)
	_, err = readKubeProxy(map[string]string{"kubeconfig.conf": ""})
	require.EqualError(t, err, "missing key config.conf")
}

func TestReadClusterNetwork(t *testing.T) {
	t.Parallel()
	got, err := readClusterNetwork([]byte(`{"kind":"Network","apiVersion":"config.openshift.io/v1","spec":{"clusterNetwork":[{"cidr":"10.128.0.0/14","hostPrefix":23},{"cidr":"fd01::/48","hostPrefix":64}],"networkType":"Calico"}}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"10.128.0.0/14", "fd01::/48"}, got)
	got, err = readClusterNetwork([]byte(`{"kind":"Network","apiVersion":"config.openshift.io/v1","spec":{}}`))
	require.NoError(t, err)
	assert.Empty(t, got)
	_, err = readClusterNetwork([]byte(`{"spec":{"clusterNetwork":"10.128.0.0/14"}}`))
	require.EqualError(t, err, "spec.clusterNetwork can't be read")
}

func TestPrefixesOf(t *testing.T) {
	t.Parallel()
	prefixes, problem := prefixesOf([]string{"10.244.7.0/16", "fd00::/56"})
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00::/56")}, prefixes)
	assert.Equal(t, `"10.244.7.0/16" has host bits, which are ignored: 10.244.0.0/16`, problem)
	_, problem = prefixesOf([]string{"10.244.0.0/16", "fd00::/56"})
	assert.Empty(t, problem)

	prefixes, problem = prefixesOf([]string{"10.244.0.0", "fd00::/56", "pods"})
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("fd00::/56")}, prefixes, "valid CIDRs are returned")
	assert.Contains(t, problem, `"10.244.0.0": `)
	assert.Contains(t, problem, `; "pods": `)
}

// A document is only as deep and as large as it is written: aliases don't expand.
func TestReadYAMLIsBounded(t *testing.T) {
	t.Parallel()
	const networking = "networking: {podSubnet: 10.1.0.0/16}\n"
	bomb := "a: &a " + strings.Repeat("x", 32<<10) + "\nb: [" + strings.Repeat("*a,", 20_000) + "]\n"
	for name, tt := range map[string]struct {
		text string
		want []string
		err  string
	}{
		"aliases":            {bomb + networking, []string{"10.1.0.0/16"}, ""},
		"the CIDRs, too":     {"a: &a 10.1.0.0/16\nnetworking: &n {podSubnet: [*a]}\nb: *n\n", []string{"10.1.0.0/16"}, ""},
		"an alias of self":   {"networking: &n {podSubnet: *n}\n", nil, "must be a string of comma-separated CIDRs"},
		"deeply nested":      {networking + "a: " + strings.Repeat("[", 20_000), nil, "yaml: "},
		"too large":          {networking + strings.Repeat("#", 128<<10), nil, "it is larger than 131072 bytes"},
		"as large as may be": {networking + strings.Repeat("#", 128<<10-len(networking)), []string{"10.1.0.0/16"}, ""},
		"null":               {"networking: {podSubnet: null}", nil, ""},
		"null in a list":     {"networking: {podSubnet: [null, 10.1.0.0/16]}", []string{"10.1.0.0/16"}, ""},
		"no networking":      {"networking: null", nil, ""},
		"another type":       {"networking: [podSubnet]", nil, "podSubnet is not in a mapping"},
		"a number":           {"networking: {podSubnet: 10.1}", nil, "must be a string of comma-separated CIDRs"},
		"empty":              {"", nil, ""},
		"the first of two":   {networking + "---\nnetworking: {podSubnet: 10.2.0.0/16}\n", []string{"10.1.0.0/16"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cidrs, err := readYAML(tt.text, "networking", "podSubnet")
			assert.Equal(t, tt.want, cidrs)
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
			}
		})
	}
}

// Only some of many problems are listed.
func TestManyProblems(t *testing.T) {
	t.Parallel()
	prefixes, problem := prefixesOf(slices.Repeat([]string{"x"}, 100))
	assert.Empty(t, prefixes)
	assert.True(t, strings.HasSuffix(problem, "; and 90 more"), problem)
	assert.Less(t, len(problem), 1000)
}
