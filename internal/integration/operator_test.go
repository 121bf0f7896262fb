package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// getInstallation is the request for the operator's Installation.
const getInstallation = "GET /apis/operator.tigera.io/v1/installations/default"

// TestOperator has an Installation decide about the default pools, with our small
// definition of it and with the operator's.
func TestOperator(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	t.Run("own definition", func(t *testing.T) {
		world.server.InstallOperatorCRD(t)
		testOperator(t, world)
	})
	t.Run("the operator's definition", func(t *testing.T) {
		world.server.InstallTigeraCRD(t)
		testOperator(t, world)
	})
}

func testOperator(t *testing.T, world *kubernetesWorld) {
	t.Helper()
	var sent requests
	config := sent.record(world.config)
	run := func(t *testing.T, given settings.Settings) bootstrap.Report {
		t.Helper()
		report, err := bootstrap.New(openKubernetes(t, kubernetes.Config{REST: config}), bootstrap.WithHost(suite.Host{})).Run(t.Context(), given)
		require.NoError(t, err)
		return report
	}
	onlyIPv4 := cidrsOf("10.1.0.0/16", "none")
	var chosen settings.Settings
	chosen.IPv6.CIDR = settings.Given("none", origin.Caller("test"))
	handedOver := chosen
	handedOver.ClusterCIDR = settings.Given("10.1.0.0/16", origin.Caller("test"))
	const asIs = "Installation default names no pools, so the operator creates its default pools; set spec.calicoNetwork.ipPools there, or set ipv4.pool.cidr to create this pool as well"
	for name, tt := range map[string]struct {
		spec    string // empty: no Installation
		given   settings.Settings
		want    string // action and reason of the IPv4 pool
		finding bool
	}{
		"no Installation":        {"", chosen, "created: no IPv4 pool existed", false},
		"no spec":                {"{}", chosen, "skipped: " + asIs, false},
		"no pools":               {"{calicoNetwork: {bgp: Enabled}}", chosen, "skipped: " + asIs, false},
		"pools":                  {"{calicoNetwork: {ipPools: [{cidr: 10.2.0.0/16}]}}", chosen, "skipped: Installation default names the pools that the operator creates: 10.2.0.0/16; set", false},
		"an empty list":          {"{calicoNetwork: {ipPools: []}}", chosen, "created: no IPv4 pool existed", false},
		"another IPAM":           {"{cni: {type: Calico, ipam: {type: HostLocal}}}", chosen, "created: no IPv4 pool existed", false},
		"Calico's IPAM":          {"{cni: {type: Calico, ipam: {type: Calico}}}", chosen, "skipped: " + asIs, false},
		"handed over":            {"{calicoNetwork: {ipPools: [{cidr: 10.2.0.0/16}]}}", handedOver, "skipped: Installation default names the pools that the operator creates: 10.2.0.0/16; set", false},
		"handed over, no pools":  {"{calicoNetwork: {ipPools: []}}", handedOver, "created: no IPv4 pool existed", false},
		"the CIDR is named":      {"{calicoNetwork: {ipPools: [{cidr: 10.2.0.0/16}]}}", onlyIPv4, "created: no IPv4 pool existed", true},
		"the CIDR is named, EKS": {"{kubernetesProvider: EKS}", onlyIPv4, "created: no IPv4 pool existed", false},
	} {
		t.Run(name, func(t *testing.T) {
			world.empty(t)
			if tt.spec != "" {
				world.server.PutInstallation(t, tt.spec)
			}
			sent.take()
			report := run(t, tt.given)
			assert.Contains(t, fmt.Sprintf("%s: %s", report.Pools[0].Action, report.Pools[0].Reason), tt.want)
			found := 0
			for _, finding := range report.Findings {
				if finding.Code == preflight.OperatorManagesPools {
					found++
				}
			}
			assert.Equal(t, tt.finding, found == 1, "%v", report.Findings)
			assert.Empty(t, report.Warnings)
			all := lines(sent.take())
			assert.Contains(t, all, operatorGroup)
			assert.Contains(t, all, getInstallation)
			if strings.HasPrefix(tt.want, "created") {
				run(t, tt.given)
				assert.Equal(t, []string{listPools}, lines(sent.take()), "a steady run asks for nothing else")
			} else {
				assert.Empty(t, world.poolsOf(t))
			}
		})
	}
}

// TestOperatorIsForbidden has a user without the permission to read the Installation: the
// run warns and continues; with Strict it is refused. The rule of the message is enough.
func TestOperatorIsForbidden(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	server, group := world.server, world.group.Group
	server.InstallOperatorCRD(t)
	server.PutInstallation(t, "{}")
	rules := []rbacv1.PolicyRule{
		kubetest.Rule(group, "ippools", "list", "create"), kubetest.Rule(group, "ipamblocks", "list"), kubetest.Rule("", "configmaps", "get"),
		kubetest.Rule("config.openshift.io", "networks", "get"), kubetest.Rule("", "nodes", "list"), kubetest.Rule("networking.k8s.io", "servicecidrs", "list"),
	}
	const warning = "it is unknown whether the Tigera operator creates pools: Installation default: "
	const rule = "add to a ClusterRole the rule - {apiGroups: [operator.tigera.io], resources: [installations], resourceNames: [default], verbs: [get]}"
	configOf := func(user string, rules ...rbacv1.PolicyRule) kubernetes.Config {
		namespace := server.Namespace(t)
		server.Allow(t, server.ServiceAccount(t, namespace, user), rules...)
		return kubernetes.Config{REST: bearer(server, server.Token(t, namespace, user, time.Hour))}
	}
	denied := configOf("denied", rules...)

	var strict settings.Settings
	strict.Strict = settings.Given("true", origin.Caller("test"))
	_, _, err := onKubernetes(t, denied, strict)
	require.ErrorIs(t, err, bootstrap.ErrStrict)
	require.ErrorContains(t, err, warning)
	assert.Empty(t, world.poolsOf(t))

	report, _, err := onKubernetes(t, denied, settings.Settings{})
	require.NoError(t, err)
	require.Len(t, report.Warnings, 1)
	assert.Contains(t, report.Warnings[0], warning)
	assert.Contains(t, report.Warnings[0], rule)
	assert.Len(t, world.poolsOf(t), 2)

	world.empty(t)
	get := kubetest.Rule("operator.tigera.io", "installations", "get")
	get.ResourceNames = []string{"default"}
	report, _, err = onKubernetes(t, configOf("allowed", append(rules, get)...), settings.Settings{})
	require.NoError(t, err)
	assert.Empty(t, report.Warnings)
	assert.Empty(t, world.poolsOf(t))
}
