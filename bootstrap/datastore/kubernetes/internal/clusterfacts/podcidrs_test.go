package clusterfacts

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const kubeProxyPath = "/api/v1/namespaces/kube-system/configmaps/kube-proxy"

// The sources are read in order, until there is a CIDR of each address family.
func TestPodCIDRs(t *testing.T) {
	t.Parallel()
	kubeadm := func(podSubnet string) apitest.Answer {
		return apitest.JSON(200, `{"kind":"ConfigMap","apiVersion":"v1","data":{"ClusterConfiguration":"networking: {podSubnet: '`+podSubnet+`'}"}}`)
	}
	openShift := apitest.JSON(200, `{"kind":"Network","apiVersion":"config.openshift.io/v1","spec":{"clusterNetwork":[{"cidr":"fd00:1::/56"}]}}`)
	kubeProxy := apitest.JSON(200, `{"kind":"ConfigMap","apiVersion":"v1","data":{"config.conf":"clusterCIDR: 10.3.0.0/16"}}`)
	ofKubeadm, ofOpenShift, ofKubeProxy := origin.Cluster("kubeadm-config"), origin.Cluster("networks.config.openshift.io"), origin.Cluster("kube-proxy")
	uncertain := func(source facts.PodCIDRSource) facts.PodCIDRSource {
		source.Uncertain = true
		return source
	}
	absent := func(name origin.Origin) facts.PodCIDRSource {
		return facts.PodCIDRSource{Name: name, Problem: "not found", Absent: true}
	}
	both := []ippool.Family{ippool.IPv4, ippool.IPv6}
	tests := []struct {
		name     string
		families []ippool.Family
		answers  apitest.Answers
		want     []facts.PodCIDRSource
	}{
		{"no family", nil, apitest.Answers{kubeadmPath: kubeadm("10.1.0.0/16")}, nil},
		{"all from the first source", both, apitest.Answers{kubeadmPath: kubeadm("10.1.0.0/16,fd00::/56"), openShiftPath: openShift},
			[]facts.PodCIDRSource{factstest.Source(ofKubeadm, "10.1.0.0/16", "fd00::/56")}},
		{"the rest from the second source", both, apitest.Answers{kubeadmPath: kubeadm("10.1.0.0/16"), openShiftPath: openShift, kubeProxyPath: kubeProxy},
			[]facts.PodCIDRSource{factstest.Source(ofKubeadm, "10.1.0.0/16"), factstest.Source(ofOpenShift, "fd00:1::/56")}},
		{"one family", []ippool.Family{ippool.IPv4}, apitest.Answers{openShiftPath: openShift, kubeProxyPath: kubeProxy},
			[]facts.PodCIDRSource{absent(ofKubeadm), factstest.Source(ofOpenShift, "fd00:1::/56"), uncertain(factstest.Source(ofKubeProxy, "10.3.0.0/16"))}},
		{"none", both, nil, []facts.PodCIDRSource{absent(ofKubeadm), absent(ofOpenShift), absent(ofKubeProxy)}},
		{"no CIDR, forbidden, malformed", both, apitest.Answers{
			"/readyz": apitest.JSON(200, "ok"), kubeadmPath: kubeadm(""), kubeProxyPath: apitest.JSON(200, "7"),
			openShiftPath: apitest.Failure(403, "Forbidden", `User "x" cannot get resource "networks"`),
		}, []facts.PodCIDRSource{
			{Name: ofKubeadm, Problem: "none configured", Absent: true},
			{Name: ofOpenShift, Problem: `Kubernetes https://127.0.0.1:1: reading OpenShift's network config: permission denied: User "x" cannot get resource "networks": ` +
				"add to a ClusterRole the rule - {apiGroups: [config.openshift.io], resources: [networks], resourceNames: [cluster], verbs: [get]}"},
			{Name: ofKubeProxy, Problem: "the response is not a ConfigMap of v1"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			families := slices.Clone(tt.families)
			sources, err := PodCIDRs(t.Context(), asking(t, tt.answers), families)
			require.NoError(t, err)
			assert.Equal(t, tt.want, sources)
			assert.Equal(t, tt.families, families)
		})
	}
}

// A source has what else its object says: Service CIDRs, kube-proxy's detectLocalMode.
func TestPodCIDRsWithServices(t *testing.T) {
	t.Parallel()
	kubeadm := apitest.JSON(200, `{"kind":"ConfigMap","apiVersion":"v1","data":{"ClusterConfiguration":"networking: {serviceSubnet: '10.96.0.0/12,fd00:96::/108'}"}}`)
	openShift := apitest.JSON(200, `{"kind":"Network","apiVersion":"config.openshift.io/v1","spec":{"serviceNetwork":["172.30.0.0/16","x"]}}`)
	sources, err := PodCIDRs(t.Context(), asking(t, apitest.Answers{kubeadmPath: kubeadm, openShiftPath: openShift}), []ippool.Family{ippool.IPv4})
	require.NoError(t, err)
	require.Len(t, sources, 3)
	assert.Equal(t, factstest.At(origin.Cluster("kubeadm-config"), "10.96.0.0/12", "fd00:96::/108"), sources[0].Services)
	assert.Equal(t, factstest.At(origin.Cluster("networks.config.openshift.io"), "172.30.0.0/16"), sources[1].Services)

	for config, want := range map[string]string{
		"":                                        "",
		`\ndetectLocalMode: \"\"`:                 "",
		`\ndetectLocalMode: ClusterCIDR`:          "",
		`\ndetectLocalMode: null`:                 "",
		`\ndetectLocalMode: [x]`:                  "",
		`\ndetectLocalMode: InterfaceNamePrefix`:  "InterfaceNamePrefix",
		`\ndetectLocalMode: \"NodeCIDR\" # other`: "NodeCIDR",
	} {
		kubeProxy := apitest.JSON(200, `{"kind":"ConfigMap","apiVersion":"v1","data":{"config.conf":"clusterCIDR: 127.0.0.0/16,fd00::/56`+config+`"}}`)
		sources, err := PodCIDRs(t.Context(), asking(t, apitest.Answers{kubeProxyPath: kubeProxy}), []ippool.Family{ippool.IPv4})
		require.NoError(t, err)
		want := facts.PodCIDRSource{
			Name: origin.Cluster("kube-proxy"), Prefixes: factstest.Prefixes("127.0.0.0/16", "fd00::/56"), Uncertain: true, DetectLocalMode: want,
			Services: factstest.At(origin.Cluster("address of the API server"), "127.0.0.1/32"),
		}
		assert.Equal(t, want, sources[2], config)
	}
}

// If the API server is unreachable, the run must not continue with the default range.
func TestPodCIDRsFail(t *testing.T) {
	t.Parallel()
	for _, path := range []string{kubeadmPath, openShiftPath, kubeProxyPath} {
		sources, err := PodCIDRs(t.Context(), asking(t, apitest.Answers{path: {Code: 503}}), []ippool.Family{ippool.IPv4})
		require.ErrorIs(t, err, datastore.ErrUnreachable, path)
		assert.Nil(t, sources)
	}
}
