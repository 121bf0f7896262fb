package integration

import (
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// advertisedSpec has ranges of Services that BGP advertises, and one that names none.
const advertisedSpec = `{"serviceClusterIPs":[{"cidr":"172.16.0.0/14"}],"serviceExternalIPs":[{"cidr":"172.20.0.0/14"}],"serviceLoadBalancerIPs":[{"cidr":"172.24.0.0/14"},{"cidr":"0.0.0.0/0"}]}`

// noNATTo creates an IPv4 pool and those of the ranges, without a preflight.
func noNATTo(ranges string) settings.Settings {
	by := origin.Caller("test")
	s := withoutPreflight
	s.IPv4.CIDR, s.IPv6.CIDR = settings.Given("10.244.0.0/16", by), settings.Given("none", by)
	if ranges != "" {
		s.NoNATTo = settings.Given(ranges, by)
	}
	return s
}

// testNoNAT creates the pools of a range, runs again, and drops the range.
func testNoNAT(t *testing.T, open func(*testing.T) datastore.Datastore, want ...string) (notes []string) {
	t.Helper()
	run := func(ranges string) bootstrap.Report {
		report, err := bootstrap.New(open(t), bootstrap.WithHost(suite.Host{})).Run(t.Context(), noNATTo(ranges))
		require.NoError(t, err)
		return report
	}
	named := func(report bootstrap.Report, action plan.Action) (names []string) {
		for _, pool := range report.Pools {
			if pool.Action == action && strings.HasPrefix(pool.Name, "no-nat-to-") {
				names = append(names, pool.Name)
			}
		}
		return names
	}
	first := run("172.16.0.0/12")
	assert.Equal(t, want, named(first, plan.Created))
	assert.Equal(t, want, named(run("172.16.0.0/12"), plan.Unchanged))
	dropped := run("")
	require.Len(t, dropped.Warnings, 1, "one for the range")
	for _, name := range want {
		assert.Contains(t, dropped.Warnings[0], name)
	}
	return first.Notes
}

// A BGPConfiguration as calicoctl stores it in etcd: its ranges are left out.
func TestEtcdNoNATLeavesAdvertisedServicesOut(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	world.put(t, resourceKeys+"bgpconfigurations/default", `{"kind":"BGPConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":`+advertisedSpec+`}`)
	notes := testNoNAT(t, func(t *testing.T) datastore.Datastore { t.Helper(); return world.Open(t) }, "no-nat-to-172-28-0-0-14")
	assert.Contains(t, strings.Join(notes, "\n"), `"0.0.0.0/0" is ignored: it is every address`)

	env := []string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0]}
	for destination, code := range map[string]string{"172.16.0.1": "ServiceCIDR", "172.20.0.1": "ServiceIP", "172.24.0.1": "ServiceIP"} {
		verdict := natOf(t, env, "10.244.0.7", destination)
		assert.Equal(t, "depends", verdict.Masqueraded, destination)
		assert.Equal(t, code, verdict.codes(), destination)
	}

	other := newEtcdWorld(t)
	testNoNAT(t, func(t *testing.T) datastore.Datastore { t.Helper(); return other.Open(t) }, "no-nat-to-172-16-0-0-12")
}

// The same on the Kubernetes API: one list of a run that creates pools for a range, and none
// of another. A missing resource or permission is a note, and the run creates the pools.
func testKubernetesNoNAT(t *testing.T, world *kubernetesWorld) {
	t.Helper()
	var sent requests
	config := sent.record(world.config)
	open := func(t *testing.T) datastore.Datastore {
		t.Helper()
		return openKubernetes(t, kubernetes.Config{REST: config, APIGroup: world.group})
	}
	listBGP := "GET /apis/" + world.group.String() + "/bgpconfigurations"
	reads := func() (count int) {
		for _, line := range lines(sent.take()) {
			if line == listBGP {
				count++
			}
		}
		return count
	}
	notes := testNoNAT(t, open, "no-nat-to-172-16-0-0-12")
	assert.Contains(t, strings.Join(notes, "\n"), "the API server has no bgpconfigurations: no range of Services that BGP advertises is known")
	assert.Equal(t, 1, reads(), "of three runs")

	world.empty(t)
	world.server.InstallNATCRDs(t, world.group, false)
	world.server.Apply(t, []byte(`{"kind":"BGPConfiguration","apiVersion":"`+world.group.String()+`","metadata":{"name":"default"},"spec":`+advertisedSpec+`}`))
	notes = testNoNAT(t, open, "no-nat-to-172-28-0-0-14")
	assert.Contains(t, strings.Join(notes, "\n"), `"0.0.0.0/0" is ignored: it is every address`)
	assert.Equal(t, 1, reads(), "of three runs")

	world.empty(t)
	user := "no-bgp-" + world.group.Group
	world.server.Allow(t, user, kubetest.Rule(world.group.Group, "ippools", "list", "create"), kubetest.Rule(world.group.Group, "ipamblocks", "list"))
	limited := rest.CopyConfig(world.config)
	limited.CertData, limited.KeyData = world.server.ClientCert(t, user)
	config = sent.record(limited)
	notes = testNoNAT(t, open, "no-nat-to-172-16-0-0-12")
	assert.Contains(t, strings.Join(notes, "\n"), "resources: [bgpconfigurations], verbs: [list]")
}

func TestKubernetesNoNAT(t *testing.T) {
	t.Parallel()
	testKubernetesNoNAT(t, newKubernetesWorld(t, ippool.CRDV1))
}

// With the CRDs that Calico publishes, in both groups.
func TestNoNATOfCalicoCRDs(t *testing.T) {
	t.Parallel()
	for _, group := range []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion} {
		t.Run(group.Group, func(t *testing.T) { testKubernetesNoNAT(t, newCalicoWorld(t, group)) })
	}
}
