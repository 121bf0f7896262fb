package clusterfacts

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
)

const (
	nodesPath        = "/api/v1/nodes"
	serviceCIDRsPath = "/apis/networking.k8s.io/v1/servicecidrs"
	kubeadmPath      = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
	openShiftPath    = "/apis/config.openshift.io/v1/networks/cluster"

	noNodes = `{"kind":"NodeList","apiVersion":"v1","items":[]}`
)

// asking returns a client that gets these answers, by path. Other paths are not found.
func asking(t *testing.T, answers apitest.Answers) *api.Client {
	t.Helper()
	client, err := api.New(&rest.Config{Host: "https://127.0.0.1:1", BearerToken: "hunter2", Transport: apitest.ByPath(answers)}, "", 0, nil)
	require.NoError(t, err)
	return client
}

func TestSurveyNodes(t *testing.T) {
	t.Parallel()
	const body = `{"kind":"NodeList","apiVersion":"v1","items":[
{"metadata":{"name":"a","labels":{"zone":"x"}},"spec":{"podCIDR":"10.1.0.0/24","podCIDRs":["10.1.0.0/24","fd00:1::/64"]},
 "status":{"images":[{"names":["i"]}],"addresses":[{"type":"InternalIP","address":"192.168.1.10"},{"type":"ExternalIP","address":"2001:db8::A"},{"type":"Hostname","address":"10.9.9.9"},{"type":"InternalDNS","address":"a.example.org"}]}},
{"metadata":{"name":"old"},"spec":{"podCIDR":"10.1.1.7/24"},"status":{"addresses":[{"type":"InternalIP","address":"::ffff:192.168.1.11"},{"type":"ExternalIP","address":"192.168.1.11"}]}},
{"metadata":{"name":"odd"},"spec":{"podCIDRs":["pods","fd00:2::/64"]},"status":{"addresses":[{"type":"InternalIP","address":""},{"type":"InternalIP","address":"10.0.0.300"}]}},
{"metadata":{"name":"bare"}}]}`
	survey, err := Survey(t.Context(), asking(t, apitest.Answers{nodesPath: apitest.JSON(200, body)}))
	require.NoError(t, err)
	assert.Equal(t, []facts.Node{
		{
			Name: "a", Labels: map[string]string{"zone": "x"},
			Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.10"), netip.MustParseAddr("2001:db8::a")},
			PodCIDRs:  []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24"), netip.MustParsePrefix("fd00:1::/64")},
		},
		{Name: "old", Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.11")}, PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.1.1.0/24")}},
		{Name: "odd", PodCIDRs: []netip.Prefix{netip.MustParsePrefix("fd00:2::/64")}},
		{Name: "bare"},
	}, survey.Nodes)
	assert.Equal(t, []string{
		"checks against Services are skipped: no Service CIDR is known (servicecidrs.networking.k8s.io: not found, kubeadm-config: not found, networks.config.openshift.io: not found)",
	}, survey.Problems)
}

func TestSurveyServiceCIDRs(t *testing.T) {
	t.Parallel()
	const two = `{"kind":"ServiceCIDRList","apiVersion":"networking.k8s.io/v1","items":[{"metadata":{"name":"kubernetes"},"spec":{"cidrs":["10.96.0.0/12","fd00:96::/108"]}},{"metadata":{"name":"more"},"spec":{"cidrs":["10.200.0.0/16"]}}]}`
	kubeadm := func(serviceSubnet string) apitest.Answer {
		return apitest.JSON(200, `{"kind":"ConfigMap","apiVersion":"v1","data":{"ClusterConfiguration":"networking:\n  podSubnet: [\"10.1\n  serviceSubnet: `+serviceSubnet+`\n"}}`)
	}
	kubeadm96 := apitest.JSON(200, `{"kind":"ConfigMap","apiVersion":"v1","data":{"ClusterConfiguration":"networking:\n  podSubnet: {}\n  serviceSubnet: 10.96.0.0/12, fd00:96::/108\n"}}`)
	openShift := apitest.JSON(200, `{"kind":"Network","apiVersion":"config.openshift.io/v1","spec":{"serviceNetwork":["172.30.0.0/16"]}}`)
	forbidden := apitest.Failure(403, "Forbidden", `User "x" cannot list resource "servicecidrs"`)
	const missing = "no Service CIDR from servicecidrs.networking.k8s.io: Kubernetes https://127.0.0.1:1: reading ServiceCIDRs: permission denied: " +
		`User "x" cannot list resource "servicecidrs": add to a ClusterRole the rule - {apiGroups: [networking.k8s.io], resources: [servicecidrs], verbs: [list]}`
	tests := []struct {
		name     string
		answers  apitest.Answers
		want     []string
		problems []string // the beginning of each
	}{
		{"from the API", apitest.Answers{serviceCIDRsPath: apitest.JSON(200, two), kubeadmPath: kubeadm96},
			[]string{"10.96.0.0/12 ServiceCIDR kubernetes", "fd00:96::/108 ServiceCIDR kubernetes", "10.200.0.0/16 ServiceCIDR more"}, nil},
		{"kubeadm's", apitest.Answers{kubeadmPath: kubeadm96, openShiftPath: openShift},
			[]string{"10.96.0.0/12 kubeadm-config", "fd00:96::/108 kubeadm-config"}, nil},
		{"none from the API", apitest.Answers{serviceCIDRsPath: apitest.JSON(200, `{"kind":"ServiceCIDRList","apiVersion":"networking.k8s.io/v1","items":[]}`), kubeadmPath: kubeadm96},
			[]string{"10.96.0.0/12 kubeadm-config", "fd00:96::/108 kubeadm-config"}, nil},
		{"forbidden, kubeadm's", apitest.Answers{serviceCIDRsPath: forbidden, kubeadmPath: kubeadm96},
			[]string{"10.96.0.0/12 kubeadm-config", "fd00:96::/108 kubeadm-config"}, []string{missing}},
		{"OpenShift's", apitest.Answers{openShiftPath: openShift}, []string{"172.30.0.0/16 networks.config.openshift.io"}, nil},
		{"all forbidden", apitest.Answers{serviceCIDRsPath: forbidden, kubeadmPath: forbidden, openShiftPath: forbidden}, nil, []string{
			missing, "no Service CIDR from kubeadm-config: Kubernetes https://127.0.0.1:1: reading ConfigMap kube-system/kubeadm-config: permission denied: ",
			"no Service CIDR from networks.config.openshift.io: ", "checks against Services are skipped: no Service CIDR is known",
		}},
		{"not a list", apitest.Answers{serviceCIDRsPath: apitest.JSON(200, `{"kind":"Status"}`), openShiftPath: openShift}, []string{"172.30.0.0/16 networks.config.openshift.io"},
			[]string{"no Service CIDR from servicecidrs.networking.k8s.io: Kubernetes https://127.0.0.1:1: reading ServiceCIDRs: the response is not a list of the Kubernetes API"}},
		{"expired", apitest.Answers{serviceCIDRsPath: apitest.Failure(410, "Expired", "too old"), openShiftPath: openShift}, []string{"172.30.0.0/16 networks.config.openshift.io"},
			[]string{"no Service CIDR from servicecidrs.networking.k8s.io: Kubernetes https://127.0.0.1:1: reading ServiceCIDRs: too old"}},
		{"host bits, and not a CIDR", apitest.Answers{serviceCIDRsPath: apitest.JSON(200, strings.Replace(two, "10.96.0.0/12", `10.96.0.1/12","x`, 1))},
			[]string{"10.96.0.0/12 ServiceCIDR kubernetes", "fd00:96::/108 ServiceCIDR kubernetes", "10.200.0.0/16 ServiceCIDR more"},
			[]string{`Service CIDRs of servicecidrs.networking.k8s.io: "10.96.0.1/12" has host bits, which are ignored: 10.96.0.0/12; "x": `}},
		{"kubeadm's, expired", apitest.Answers{kubeadmPath: apitest.Failure(410, "Expired", "too old"), openShiftPath: openShift}, []string{"172.30.0.0/16 networks.config.openshift.io"},
			[]string{"no Service CIDR from kubeadm-config: Kubernetes https://127.0.0.1:1: reading ConfigMap kube-system/kubeadm-config: too old"}},
		{"not YAML", apitest.Answers{kubeadmPath: kubeadm("[")}, nil, []string{
			"no Service CIDR from kubeadm-config: ClusterConfiguration: networking.serviceSubnet can't be read: ",
			"checks against Services are skipped: no Service CIDR is known (servicecidrs.networking.k8s.io: not found, networks.config.openshift.io: not found)",
		}},
		{"none in either", apitest.Answers{kubeadmPath: apitest.JSON(200, `{"kind":"ConfigMap","apiVersion":"v1","data":{"ClusterConfiguration":"networking: {}\n"}}`), openShiftPath: apitest.JSON(200, `{"kind":"Network","apiVersion":"config.openshift.io/v1","spec":{}}`)}, nil, []string{
			"checks against Services are skipped: no Service CIDR is known (servicecidrs.networking.k8s.io: not found, kubeadm-config: none configured, networks.config.openshift.io: none configured)",
		}},
		{"OpenShift's, unreadable", apitest.Answers{openShiftPath: apitest.JSON(200, `{"kind":"Network","apiVersion":"config.openshift.io/v1","spec":{"serviceNetwork":"172.30.0.0/16"}}`)}, nil, []string{
			"no Service CIDR from networks.config.openshift.io: spec.serviceNetwork can't be read", "checks against Services are skipped: ",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.answers[nodesPath] = apitest.JSON(200, noNodes)
			tt.answers["/readyz"] = apitest.JSON(200, "ok")
			survey, err := Survey(t.Context(), asking(t, tt.answers))
			require.NoError(t, err)
			var got []string
			for _, located := range survey.ServiceCIDRs {
				got = append(got, located.Prefix.String()+" "+located.Source.String())
			}
			assert.Equal(t, tt.want, got)
			require.Len(t, survey.Problems, len(tt.problems), "%q", survey.Problems)
			for i, problem := range tt.problems {
				assert.True(t, strings.HasPrefix(survey.Problems[i], problem), "%q", survey.Problems[i])
				assert.NotContains(t, survey.Problems[i], "\n")
			}
		})
	}
}

func TestSurveyFailures(t *testing.T) {
	t.Parallel()
	services := apitest.JSON(200, `{"kind":"ServiceCIDRList","apiVersion":"networking.k8s.io/v1","items":[{"metadata":{"name":"kubernetes"},"spec":{"cidrs":["10.96.0.0/12"]}}]}`)
	tests := []struct {
		name    string
		nodes   apitest.Answer
		want    error  // of Survey; nil: a problem
		problem string // its prefix
	}{
		{"forbidden", apitest.Failure(403, "Forbidden", `User "x" cannot list resource "nodes"`), nil,
			"checks against nodes are skipped: Kubernetes https://127.0.0.1:1: reading nodes: permission denied: " +
				`User "x" cannot list resource "nodes": add to a ClusterRole the rule - {apiGroups: [''], resources: [nodes], verbs: [list]}`},
		{"not found", apitest.Failure(404, "NotFound", "no"), nil, "checks against nodes are skipped: the API server has no nodes"},
		{"expired", apitest.Failure(410, "Expired", "the token is too old"), nil, "checks against nodes are skipped: Kubernetes https://127.0.0.1:1: reading nodes: the token is too old"},
		{"not a list", apitest.JSON(200, `{"kind":"PodList","items":[]}`), nil, "checks against nodes are skipped: Kubernetes https://127.0.0.1:1: reading nodes: the response is not a list"},
		{"unauthorized", apitest.Failure(401, "Unauthorized", "Unauthorized"), datastore.ErrUnauthorized, ""},
		{"unavailable", apitest.JSON(503, ""), datastore.ErrUnreachable, ""},
		{"slow down", apitest.Failure(429, "TooManyRequests", "slow down"), datastore.ErrUnreachable, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			survey, err := Survey(t.Context(), asking(t, apitest.Answers{nodesPath: tt.nodes, serviceCIDRsPath: services, "/readyz": apitest.JSON(200, "ok")}))
			require.Equal(t, tt.want != nil, err != nil, "%v", err)
			assert.True(t, errors.Is(err, tt.want), "%v", err)
			if err != nil {
				assert.Zero(t, survey)
				return
			}
			assert.Empty(t, survey.Nodes)
			assert.Len(t, survey.ServiceCIDRs, 1)
			require.Len(t, survey.Problems, 1)
			assert.True(t, strings.HasPrefix(survey.Problems[0], tt.problem), "%q", survey.Problems[0])
		})
	}
}

// If the API server is unreachable, the survey fails, whichever request that is.
func TestSurveyServiceCIDRsFail(t *testing.T) {
	t.Parallel()
	for _, path := range []string{serviceCIDRsPath, kubeadmPath, openShiftPath} {
		survey, err := Survey(t.Context(), asking(t, apitest.Answers{nodesPath: apitest.JSON(200, noNodes), path: apitest.JSON(503, "")}))
		require.ErrorIs(t, err, datastore.ErrUnreachable, path)
		assert.Zero(t, survey)
	}
}

// Nodes are read in pages, with continue tokens.
func TestSurveyNodesInPages(t *testing.T) {
	t.Parallel()
	var queries []string
	client, err := api.New(&rest.Config{Host: "https://127.0.0.1:1", Transport: apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
		queries = append(queries, request.URL.RawQuery)
		page := `{"kind":"NodeList","apiVersion":"v1","metadata":{"continue":"next"},"items":[{"metadata":{"name":"a"}}]}`
		if len(queries) == 2 {
			page = `{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"b"}}]}`
		}
		return apitest.JSON(200, page).To(request), nil
	})}, "", 0, nil)
	require.NoError(t, err)
	nodes, problems, err := readAllNodes(t.Context(), client)
	require.NoError(t, err)
	assert.Empty(t, problems)
	assert.Equal(t, []facts.Node{{Name: "a"}, {Name: "b"}}, nodes)
	assert.Equal(t, []string{"limit=500", "continue=next&limit=500"}, queries)
}

// A cancelled survey returns the error of the context, and no problems.
func TestSurveyCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	survey, err := Survey(ctx, asking(t, nil))
	require.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, survey)
}
