package integration

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// requestLog records the requests of a run for Calico's resources.
type requestLog struct {
	mu  sync.Mutex
	all []string
}

func (l *requestLog) of(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if path, ours := strings.CutPrefix(r.URL.Path, "/apis/"); ours {
				l.mu.Lock()
				l.all = append(l.all, r.Method+" "+path)
				l.mu.Unlock()
			}
			return next.RoundTrip(r)
		})
	})
	return config
}

// TestKubernetesGroups serves both API groups, one or none. It checks which group has
// the pools and which requests find that out.
func TestKubernetesGroups(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	const crdV1, apiV3 = "crd.projectcalico.org/v1", "projectcalico.org/v3"
	// IPv6 only, with its CIDR, creates one pool.
	s := func() settings.Settings {
		s := dual(lasting("700ms"))
		s.IPv4.CIDR, s.Preflight = settings.Given("none", origin.Caller("test")), settings.Given("off", origin.Caller("test"))
		return s
	}
	create := func(group string) []string {
		return []string{"GET " + group + "/ippools", "GET " + group + "/ipamblocks", "POST " + group + "/ippools"}
	}
	for _, tt := range []struct {
		name      string
		served    []schema.GroupVersion
		requested schema.GroupVersion
		requests  []string // of a run without existing pools
		kind      error
		message   string
	}{
		{"none", nil, schema.GroupVersion{}, nil, datastore.ErrNotInstalled, crdV1 + " has no ippools, " + apiV3 + " has no ippools: install Calico's CRDs"},
		{"none, v1 requested", nil, ippool.CRDV1, nil, datastore.ErrNotInstalled, "not installed: " + crdV1 + " has no ippools: install Calico's CRDs"},
		{"none, v3 requested", nil, v3.SchemeGroupVersion, nil, datastore.ErrNotInstalled, "not installed: " + apiV3 + " has no ippools: install Calico's CRDs"},
		{"v3", []schema.GroupVersion{v3.SchemeGroupVersion}, schema.GroupVersion{}, append([]string{"GET " + crdV1 + "/ippools"}, create(apiV3)...), nil, ""},
		{"v3, v3 requested", nil, v3.SchemeGroupVersion, create(apiV3), nil, ""},
		{"v3, v1 requested", nil, ippool.CRDV1, nil, datastore.ErrNotInstalled, "set calicoAPIGroup"},
		{"both", []schema.GroupVersion{ippool.CRDV1}, schema.GroupVersion{}, create(crdV1), nil, ""},
		{"both, v1 requested", nil, ippool.CRDV1, create(crdV1), nil, ""},
		{"both, v3 requested", nil, v3.SchemeGroupVersion, create(apiV3), nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "none" {
				server.RemoveCRDs(t)
			}
			for _, group := range tt.served { // in addition to the rows above
				server.InstallCRDs(t, group)
			}
			server.Empty(t, ippool.CRDV1)
			server.Empty(t, v3.SchemeGroupVersion)
			var sent requestLog
			begin := time.Now()
			report, causes, err := onKubernetes(t, kubernetes.Config{REST: sent.of(server.AdminConfig()), APIGroup: tt.requested}, s())
			if tt.kind != nil {
				require.ErrorIs(t, err, tt.kind)
				require.ErrorIs(t, err, bootstrap.ErrTimedOut)
				assert.ErrorContains(t, err, tt.message)
				assert.Len(t, causes, 1)
				for _, request := range sent.all {
					if tt.requested == ippool.CRDV1 {
						assert.Equal(t, "GET "+crdV1+"/ippools", request, "no other group is read")
					}
				}
				return
			}
			require.NoError(t, err)
			assert.Less(t, time.Since(begin), soon)
			assert.Empty(t, causes)
			assert.Len(t, report.Pools, 2)
			assert.ElementsMatch(t, tt.requests, sent.all)

			// The next run finds the pool with one or two lists.
			sent.all = nil
			_, _, err = onKubernetes(t, kubernetes.Config{REST: sent.of(server.AdminConfig()), APIGroup: tt.requested}, s())
			require.NoError(t, err)
			assert.Equal(t, tt.requests[:len(tt.requests)-2], sent.all)
		})
	}
}

// TestKubernetesGroupForbidden uses an account whose role allows the second group
// only.
func TestKubernetesGroupForbidden(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	server.InstallCRDs(t, v3.SchemeGroupVersion)
	server.Empty(t, v3.SchemeGroupVersion)
	namespace := server.Namespace(t)
	user := server.ServiceAccount(t, namespace, "v3")
	server.Allow(t, user, kubetest.Rule("projectcalico.org", "ippools", "list", "create"), kubetest.Rule("projectcalico.org", "ipamblocks", "list"),
		kubetest.Rule("", "configmaps", "get"), kubetest.Rule("config.openshift.io", "networks", "get"))
	config := bearer(server, server.Token(t, namespace, "v3", time.Hour))

	begin := time.Now()
	_, _, err := onKubernetes(t, kubernetes.Config{REST: config}, dual(patient()))
	require.ErrorIs(t, err, datastore.ErrForbidden)
	assertPermanent(t, begin, err, "if this cluster has its pools in projectcalico.org/v3, set calicoAPIGroup to that")

	_, _, err = onKubernetes(t, kubernetes.Config{REST: config, APIGroup: v3.SchemeGroupVersion}, dual(patient()))
	require.NoError(t, err)
	assert.Equal(t, bothPools, (&kubernetesWorld{server: server, group: v3.SchemeGroupVersion}).poolsOf(t))

	// The pools are in the other group, whose list the role forbids.
	server.RemoveCRDs(t)
	server.InstallCRDs(t, ippool.CRDV1)
	_, _, err = onKubernetes(t, kubernetes.Config{REST: config, APIGroup: v3.SchemeGroupVersion}, dual(lasting("3s")))
	require.ErrorIs(t, err, datastore.ErrNotInstalled)
	assert.ErrorContains(t, err, "if this cluster has its pools in crd.projectcalico.org/v1, set calicoAPIGroup to that")
}
