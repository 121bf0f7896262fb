package clusterfacts

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// FuzzClusterConfiguration checks that the CIDRs of any ClusterConfiguration have no host
// bits and are the same after they are written and read again, and that kube-proxy's
// config is read by the same rules.
func FuzzClusterConfiguration(f *testing.F) {
	for _, text := range []string{
		"networking:\n  dnsDomain: cluster.local\n  podSubnet: 10.244.0.0/16,fd00:10:244::/56\n  serviceSubnet: 10.96.0.0/12\n",
		"networking: {podSubnet: ['10.244.7.0/16 , pods', \"fd00::/56\"]}", "{\"networking\": {\"podSubnet\": null}}",
		"networking:\n  podSubnet: >-\n    10.244.0.0/16,\n    fd00:10:244::/56\n", "x: &p 10.0.0.0/8\nnetworking:\n  podSubnet: *p\n",
		"networking: [\n", "networking:\n  podSubnet: 10.244\n", "networking: {podSubnet: {a: b}}", "networking: x", "- networking", "", "---\n---\n",
		"networking:\n  PodSubnet: 10.0.0.0/8\n", "networking:\n  podSubnet: a\n  podSubnet: b\n", "networking:\n  podSubnet: ::ffff:10.0.0.0/104\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		texts, err := readKubeadm(map[string]string{"ClusterConfiguration": text}, "podSubnet")
		if err != nil {
			assert.Empty(t, texts)
			return
		}
		prefixes, problem := prefixesOf(texts)
		assert.Equal(t, len(prefixes) < len(texts) || hasHostBits(texts), problem != "")
		for _, prefix := range prefixes {
			require.Equal(t, prefix.Masked(), prefix)
			require.NotZero(t, ippool.FamilyOf(prefix))
		}
		for _, text := range texts {
			require.Equal(t, strings.TrimSpace(text), text)
			require.NotContains(t, text, ",")
			require.NotEmpty(t, text)
		}

		plain, err := yaml.Marshal(map[string]any{"networking": map[string]any{"podSubnet": strings.Join(texts, ", ")}})
		require.NoError(t, err)
		again, err := readKubeadm(map[string]string{"ClusterConfiguration": string(plain)}, "podSubnet")
		require.NoError(t, err)
		require.Equal(t, slices.Clip(texts), slices.Clip(again))
		proxy, err := yaml.Marshal(map[string]any{"clusterCIDR": texts})
		require.NoError(t, err)
		again, err = readKubeProxy(map[string]string{"config.conf": string(proxy)})
		require.NoError(t, err)
		require.Equal(t, len(texts), len(again))
	})
}

func hasHostBits(texts []string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		prefix, err := netip.ParsePrefix(text)
		return err == nil && prefix != prefix.Masked()
	})
}

// FuzzAnswers reads any answer of an API server as each of the requested lists and
// objects. It checks the kinds of errors, that addresses are valid and unique, and that
// CIDRs have no host bits.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"kind":"NodeList","apiVersion":"v1","metadata":{"continue":"x"},"items":[{"metadata":{"name":"a","labels":{"zone":"x"}},"spec":{"podCIDR":"10.1.0.0/24","podCIDRs":["10.1.0.7/24","x"]},"status":{"addresses":[{"type":"InternalIP","address":"::ffff:192.168.1.10"},{"type":"Hostname","address":"10.9.9.9"}]}}]}`,
		`{"kind":"ServiceCIDRList","apiVersion":"networking.k8s.io/v1","items":[{"metadata":{"name":"kubernetes"},"spec":{"cidrs":["10.96.0.0/12","fd00::/108"]}}]}`,
		`{"kind":"Network","apiVersion":"config.openshift.io/v1","spec":{"clusterNetwork":[{"cidr":"10.128.0.0/14","hostPrefix":23}],"serviceNetwork":["172.30.0.0/16"]}}`,
		`{"kind":"ConfigMap","apiVersion":"v1","data":{"ClusterConfiguration":"networking:\n  podSubnet: 10.244.0.0/16\n"}}`,
		`{"kind":"Status","code":403}`, `{"kind":"NodeList","apiVersion":"v1","items":[null,7,{}]}`, `{"kind":"NodeList","apiVersion":"v1","items":[null,{}]}`, `null`, `[]`, `<html>`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		paths := apitest.Answers{nodesPath: apitest.JSON(200, string(body)), serviceCIDRsPath: apitest.JSON(200, string(body))}
		survey, err := Survey(t.Context(), asking(t, paths))
		if err != nil {
			require.True(t, api.IsEndless(err), "%v", err)
			require.Zero(t, survey)
		}
		for _, node := range survey.Nodes {
			require.NotEmpty(t, node.Name)
			for i, addr := range node.Addresses {
				require.True(t, addr.IsValid() && !addr.Is4In6())
				require.NotContains(t, node.Addresses[:i], addr)
			}
			for _, prefix := range node.PodCIDRs {
				require.Equal(t, prefix.Masked(), prefix)
			}
		}
		for _, located := range survey.ServiceCIDRs {
			require.Equal(t, located.Prefix.Masked(), located.Prefix)
		}
		for _, source := range append(slices.Clone(podCIDRSources), serviceCIDRSources...) {
			texts, err := source.read(body)
			require.False(t, err != nil && len(texts) > 0)
		}
	})
}
