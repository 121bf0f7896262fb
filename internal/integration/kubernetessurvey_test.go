package integration

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	listNodes        = "GET /api/v1/nodes"
	listServiceCIDRs = "GET /apis/networking.k8s.io/v1/servicecidrs"

	// ownServices is the range of the API server's --service-cluster-ip-range.
	ownServices = "10.0.0.0/24 ServiceCIDR kubernetes"

	nodesRule    = "add to a ClusterRole the rule - {apiGroups: [''], resources: [nodes], verbs: [list]}"
	servicesRule = "add to a ClusterRole the rule - {apiGroups: [networking.k8s.io], resources: [servicecidrs], verbs: [list]}"
)

// putNodes stores nodes until the test ends.
func putNodes(t *testing.T, server *kubetest.Server, nodes ...kubetest.Node) {
	t.Helper()
	t.Cleanup(func() { server.DeleteNodes(t) })
	server.PutNodes(t, nodes...)
}

func surveyOf(t *testing.T, config *rest.Config) facts.Survey {
	t.Helper()
	survey, err := openKubernetes(t, kubernetes.Config{REST: config}).Survey(t.Context())
	require.NoError(t, err)
	slices.SortFunc(survey.Nodes, func(a, b facts.Node) int { return strings.Compare(a.Name, b.Name) })
	return survey
}

func rangesOf(survey facts.Survey) []string {
	var all []string
	for _, located := range survey.ServiceCIDRs {
		all = append(all, located.Prefix.String()+" "+located.Source.String())
	}
	return all
}

func TestKubernetesSurvey(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	putNodes(t, server,
		kubetest.Node{
			Name: "dual", Labels: map[string]string{"zone": "a"}, PodCIDRs: []string{"10.1.0.0/24", "fd00:1::/64"},
			Addresses: []kubetest.NodeAddress{
				{Type: "InternalIP", Address: "192.168.1.10"}, {Type: "InternalIP", Address: "fd00:5::10"},
				{Type: "ExternalIP", Address: "203.0.113.1"}, {Type: "Hostname", Address: "10.7.7.7"},
			},
		},
		kubetest.Node{Name: "without", Addresses: []kubetest.NodeAddress{{Type: "InternalIP", Address: "192.168.1.11"}}},
	)
	addrs := func(texts ...string) (all []netip.Addr) {
		for _, text := range texts {
			all = append(all, netip.MustParseAddr(text))
		}
		return all
	}
	config := server.AdminConfig()

	t.Run("the cluster's own range", func(t *testing.T) {
		survey := surveyOf(t, config)
		assert.Equal(t, []facts.Node{
			{
				Name: "dual", Labels: map[string]string{"zone": "a"}, Addresses: addrs("192.168.1.10", "fd00:5::10", "203.0.113.1"),
				PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24"), netip.MustParsePrefix("fd00:1::/64")},
			},
			{Name: "without", Addresses: addrs("192.168.1.11")},
		}, survey.Nodes)
		assert.Equal(t, []string{ownServices}, rangesOf(survey))
		assert.Empty(t, survey.Problems)
	})
	t.Run("an additional range", func(t *testing.T) {
		server.PutServiceCIDR(t, "more", "10.200.0.0/16", "fd00:96::/108")
		t.Cleanup(func() { server.DeleteServiceCIDR(t, "more") })
		putKubeadmConfig(t, server, "10.1.0.0/16")
		assert.Equal(t, []string{ownServices, "10.200.0.0/16 ServiceCIDR more", "fd00:96::/108 ServiceCIDR more"}, rangesOf(surveyOf(t, config)))
	})
	t.Run("two requests", func(t *testing.T) {
		var sent requests
		surveyOf(t, sent.record(config))
		assert.ElementsMatch(t, []string{listNodes, listServiceCIDRs}, lines(sent.take()))
	})
	t.Run("concurrent with Blocks and PodCIDRs", func(t *testing.T) {
		store := openKubernetes(t, kubernetes.Config{REST: newSteadyWorld(t).config})
		families := []ippool.Family{ippool.IPv4, ippool.IPv6}
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() { _, err := store.Survey(t.Context()); assert.NoError(t, err) })
			wait.Go(func() { _, err := store.Blocks(t.Context(), families); assert.NoError(t, err) })
			wait.Go(func() { _, err := store.PodCIDRs(t.Context(), families); assert.NoError(t, err) })
			wait.Wait()
		}
	})
}

func TestKubernetesNodesAreReadInPages(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	const many = 1200
	var nodes []kubetest.Node
	for i := range many {
		nodes = append(nodes, kubetest.Node{
			Name:      fmt.Sprintf("node-%04d", i),
			Addresses: []kubetest.NodeAddress{{Type: "InternalIP", Address: fmt.Sprintf("10.9.%d.%d", i/250, i%250+1)}},
		})
	}
	putNodes(t, server, nodes...)
	var sent requests
	survey := surveyOf(t, sent.record(server.AdminConfig()))
	require.Len(t, survey.Nodes, many)
	for i, node := range survey.Nodes {
		require.Equal(t, nodes[i].Name, node.Name)
		require.Len(t, node.Addresses, 1)
		require.Equal(t, nodes[i].Addresses[0].Address, node.Addresses[0].String())
	}
	all := slices.DeleteFunc(lines(sent.take()), func(line string) bool { return line == listServiceCIDRs })
	assert.Equal(t, []string{listNodes, listNodes, listNodes}, all)
}

func TestKubernetesSurveyForbidden(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	server.InstallOpenShiftCRD(t)
	putNodes(t, server, kubetest.Node{Name: "a"})
	rules := map[string]rbacv1.PolicyRule{
		"nodes":        kubetest.Rule("", "nodes", "list"),
		"servicecidrs": kubetest.Rule("networking.k8s.io", "servicecidrs", "list"),
		"configmaps":   kubetest.Rule("", "configmaps", "get"),
		"networks":     kubetest.Rule("config.openshift.io", "networks", "get"),
	}
	with := func(t *testing.T, given ...string) *rest.Config {
		t.Helper()
		namespace := server.Namespace(t)
		user := server.ServiceAccount(t, namespace, "some")
		for _, name := range given {
			server.Allow(t, user, rules[name])
		}
		return bearer(server, server.Token(t, namespace, "some", time.Hour))
	}
	const noNodes = "checks against nodes are skipped: "
	t.Run("nodes", func(t *testing.T) {
		survey := surveyOf(t, with(t, "servicecidrs"))
		assert.Empty(t, survey.Nodes)
		assert.Equal(t, []string{ownServices}, rangesOf(survey))
		require.Len(t, survey.Problems, 1)
		assert.Contains(t, survey.Problems[0], noNodes)
		assert.True(t, strings.HasSuffix(survey.Problems[0], nodesRule), survey.Problems[0])
	})
	t.Run("Service CIDRs, known from kubeadm", func(t *testing.T) {
		putKubeadmConfig(t, server, "10.1.0.0/16")
		survey := surveyOf(t, with(t, "nodes", "configmaps"))
		assert.Len(t, survey.Nodes, 1)
		assert.Equal(t, []string{"10.96.0.0/12 kubeadm-config"}, rangesOf(survey))
		require.Len(t, survey.Problems, 1)
		assert.True(t, strings.HasSuffix(survey.Problems[0], servicesRule), survey.Problems[0])
	})
	t.Run("Service CIDRs, known from OpenShift", func(t *testing.T) {
		server.PutOpenShiftServices(t, "172.30.0.0/16", "fd02::/112")
		t.Cleanup(func() { server.DeleteOpenShiftNetwork(t) })
		const source = " networks.config.openshift.io"
		survey := surveyOf(t, with(t, "nodes", "configmaps", "networks"))
		assert.Equal(t, []string{"172.30.0.0/16" + source, "fd02::/112" + source}, rangesOf(survey))
		assert.Len(t, survey.Problems, 1)
	})
	t.Run("all", func(t *testing.T) {
		survey := surveyOf(t, with(t))
		assert.Empty(t, survey.Nodes)
		assert.Empty(t, survey.ServiceCIDRs)
		require.Len(t, survey.Problems, 5, "%q", survey.Problems)
		for i, rule := range []string{nodesRule, servicesRule, "resourceNames: [kubeadm-config], verbs: [get]}", "resourceNames: [cluster], verbs: [get]}"} {
			assert.True(t, strings.HasSuffix(survey.Problems[i], rule), survey.Problems[i])
		}
		assert.Equal(t, "checks against Services are skipped: no Service CIDR is known", survey.Problems[4])
	})
}

// TestKubernetesSurveyWithoutServiceCIDRs simulates an API server before 1.33, which
// has no ServiceCIDRs.
func TestKubernetesSurveyWithoutServiceCIDRs(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	old := func(t *testing.T) *rest.Config {
		proxy := faultproxy.NewHTTP(t, server.AdminConfig())
		proxy.Inject(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/servicecidrs") }, faultproxy.Always,
			faultproxy.Answer(http.StatusNotFound, http.Header{"Content-Type": {"text/plain"}}, "404 page not found\n"))
		return proxy.Config()
	}
	t.Run("kubeadm", func(t *testing.T) {
		putKubeadmConfig(t, server, "10.1.0.0/16")
		survey := surveyOf(t, old(t))
		assert.Equal(t, []string{"10.96.0.0/12 kubeadm-config"}, rangesOf(survey))
		assert.Empty(t, survey.Problems)
	})
	t.Run("OpenShift", func(t *testing.T) {
		server.InstallOpenShiftCRD(t)
		server.PutOpenShiftServices(t, "172.30.0.0/16")
		t.Cleanup(func() { server.DeleteOpenShiftNetwork(t) })
		survey := surveyOf(t, old(t))
		assert.Equal(t, []string{"172.30.0.0/16 networks.config.openshift.io"}, rangesOf(survey))
		assert.Empty(t, survey.Problems)
	})
	t.Run("neither", func(t *testing.T) {
		survey := surveyOf(t, old(t))
		assert.Empty(t, survey.ServiceCIDRs)
		require.Len(t, survey.Problems, 1)
		assert.Contains(t, survey.Problems[0], "checks against Services are skipped: no Service CIDR is known (servicecidrs.networking.k8s.io: not found, kubeadm-config: not found,")
	})
}

// TestKubernetesSurveyIsUnreachable checks that Survey returns retryable errors, so
// that a run retries.
func TestKubernetesSurveyIsUnreachable(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	for name, which := range map[string]string{"nodes": "/nodes", "Service CIDRs": "/servicecidrs"} {
		t.Run(name, func(t *testing.T) {
			proxy := faultproxy.NewHTTP(t, server.AdminConfig())
			proxy.Inject(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, which) }, 1, faultproxy.Cut)
			store := openKubernetes(t, kubernetes.Config{REST: proxy.Config()})
			survey, err := store.Survey(t.Context())
			require.ErrorIs(t, err, datastore.ErrUnreachable)
			assert.Zero(t, survey)
			_, err = store.Survey(t.Context())
			require.NoError(t, err)
		})
	}
	_, err := openKubernetes(t, kubernetes.Config{REST: bearer(server, "hunter2")}).Survey(t.Context())
	require.ErrorIs(t, err, datastore.ErrUnauthorized)
}
