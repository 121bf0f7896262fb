package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	poolsOfBoth = "pools[0].name=a,pools[0].cidr=10.1.0.0/16,pools[1].name=b,pools[1].cidr=fd00:1::/64"
	ipv4Pool    = "pools[0].name=a,pools[0].cidr=10.1.0.0/16,pools[0].natOutgoing=true,pools[0].nodeSelector=all()"
	ipv6Pool    = "pools[0].name=b,pools[0].cidr=fd00:1::/64,pools[0].natOutgoing=true,pools[0].nodeSelector=all()"
)

// TestHelmRoles runs the Job of the chart with many values as an account that may do
// everything: on a new cluster of which kube-proxy alone knows the pod CIDRs, and again after
// the pools were modified. The rules of the chart are its requests, no more and no less, and
// so are those of the test.
func TestHelmRoles(t *testing.T) {
	t.Parallel()
	tests := []struct{ set string }{
		{""},
		{"settings.onDrift=update,settings.ipv4PoolNodeSelector=all()"},
		{"settings.ipv6Support=false"},
		{"settings.ipv4PoolCidr=10.244.0.0/16,settings.ipv6PoolCidr=none"},
		{"settings.ipv4PoolCidr=10.244.0.0/16,settings.ipv6PoolCidr=None,settings.preflight=off"},
		{"settings.preflight=off"},
		{"settings.clusterCidr={10.244.0.0/16,fd00:10:244::/64}"},
		{`settings.clusterCidr=10.244.0.0/16\,fd00:10:244::/64,settings.preflight=off`},
		{"settings.clusterCidr=10.244.0.0/16,settings.ipv6PoolCidr=none"},
		{"settings.clusterCidr=10.244.0.0/16,settings.preflight=off"},
		{"settings.ipv6PoolNatOutgoing=true"},
		{"settings.ipv6PoolNatOutgoing=true,settings.ipv6PoolCidr=fd00:10:244::/64,settings.ipv4PoolCidr=none,settings.preflight=off"},
		{"settings.ipv6PoolNatOutgoing=true,settings.ipv6Support=false"},
		{"settings.noNatTo={172.16.0.0/12},settings.ipv4PoolCidr=10.244.0.0/16,settings.ipv6PoolCidr=none,settings.preflight=off"},
		{poolsOfBoth},
		{poolsOfBoth + ",settings.preflight=off"},
		{ipv4Pool + ",settings.clusterCidr=10.1.0.0/16"},
		{ipv4Pool + ",settings.noDefaultPools=true,settings.preflight=off,settings.onDrift=update"},
		{ipv6Pool},
		{ipv6Pool + ",settings.preflight=off,settings.onDrift=update"},
		{ipv4Pool + ",settings.ipv6PoolCidr=fd00:10:244::/64,settings.ipv6PoolNatOutgoing=true,settings.preflight=off"},
	}
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.InstallOperatorCRD(t) // without it, its permission is not needed
	world.server.InstallNATCRDs(t, world.group, false)
	world.server.DeleteConfigMap(t, "kube-system", "kubeadm-config")
	world.server.PutConfigMap(t, "kube-system", "kube-proxy", map[string]string{"config.conf": "clusterCIDR: 10.244.0.0/16,fd00:10:244::/56"})
	t.Cleanup(func() { world.server.DeleteConfigMap(t, "kube-system", "kube-proxy") })
	account := newOmnipotent(t, world)
	for _, tt := range tests {
		t.Run(tt.set, func(t *testing.T) { account.compareRoles(t, tt.set) })
	}

	native := newKubernetesWorld(t, v3.SchemeGroupVersion)
	native.server.InstallOperatorCRD(t)
	native.server.InstallNATCRDs(t, native.group, false)
	account.world = native
	t.Run(native.group.Group, func(t *testing.T) {
		account.compareRoles(t, "settings.onDrift=update,settings.ipv6PoolNodeSelector=all(),settings.ipv6PoolNatOutgoing=true")
	})
}

// omnipotent is an account that may do everything.
type omnipotent struct {
	world      *kubernetesWorld
	user       string
	kubeconfig string
	namespace  string
}

func newOmnipotent(t *testing.T, world *kubernetesWorld) *omnipotent {
	t.Helper()
	namespace := world.server.Namespace(t)
	user := world.server.ServiceAccount(t, namespace, "omnipotent")
	world.server.Allow(t, user, kubetest.Rule("*", "*", "*"))
	token := world.server.Token(t, namespace, "omnipotent", time.Hour)
	return &omnipotent{world, user, world.server.TokenKubeconfig(t, token), namespace}
}

func (o *omnipotent) compareRoles(t *testing.T, set string) {
	t.Helper()
	o.world.empty(t)
	args := append(withImage, "--namespace", o.namespace, "--set", "settings.calicoApiGroup="+o.world.group.String())
	if set != "" {
		args = append(args, "--set", set)
	}
	documents, err := rendered(t, args...)
	require.NoError(t, err)
	n := &node{server: o.world.server, namespace: o.namespace, group: o.world.group}
	if files := configMapOf(t, documents); files != nil {
		n.server.PutConfigMap(t, n.namespace, "pools-calico-bootstrap-pools", files)
		n.server.PutConfigMap(t, n.namespace, "pools-calico-bootstrap-pools-test", files)
	}
	connection := "KUBECONFIG=" + o.kubeconfig
	n.server.ResetAudit(t, o.user)
	env, arguments := n.container(t, typedObject[corev1.Pod](t, documents, "Pod", "-test").Spec)
	r := call(t, append(env, connection), arguments...)
	require.Equal(t, 3, r.code, "no pool exists: %s", r.stderr)
	assert.ElementsMatch(t, rulesOf(t, documents, "-test"), o.requests(t))

	n.server.ResetAudit(t, o.user)
	env, arguments = n.container(t, jobOf(t, documents).Spec.Template.Spec)
	r = call(t, append(env, connection), arguments...)
	require.Zero(t, r.code, r.stderr)
	pools := o.world.Pools(t)
	require.NotEmpty(t, pools)
	for _, pool := range pools {
		_, err := o.world.resource("ippools").Patch(t.Context(), pool.Name, types.MergePatchType, []byte(`{"spec":{"nodeSelector":"modified == 'true'"}}`), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	r = call(t, append(env, connection), arguments...)
	require.Zero(t, r.code, r.stderr)
	assert.ElementsMatch(t, rulesOf(t, documents), o.requests(t))
}

// rulesOf returns what the roles of the Job, or those with the suffix, allow.
func rulesOf(t *testing.T, documents string, suffix ...string) []string {
	t.Helper()
	var rules []string
	for _, kind := range []string{"ClusterRole", "Role"} {
		if role := typedObject[rbacv1.ClusterRole](t, documents, kind, suffix...); role != nil {
			for _, right := range rightsOf(role.Rules, kind) {
				rules = append(rules, fmt.Sprintf("%s %s.%s %v", right.rule.Verbs[0], right.rule.Resources[0], right.rule.APIGroups[0], right.rule.ResourceNames))
			}
		}
	}
	return rules
}

// requests returns the requests since the last reset, in the form of rulesOf.
func (o *omnipotent) requests(t *testing.T) []string {
	t.Helper()
	var requests []string
	for _, entry := range o.world.server.Audit(t, o.user) {
		if entry.Resource == "" {
			continue // versions of API groups, which everyone may read
		}
		names := []string{}
		if entry.Name != "" && entry.Verb == "get" {
			names = append(names, entry.Name)
		}
		requests = append(requests, fmt.Sprintf("%s %s.%s %v", entry.Verb, entry.Resource, entry.Group, names))
	}
	slices.Sort(requests)
	return slices.Compact(requests)
}

// TestHelmRolesOfBothGroups checks that without settings.calicoApiGroup the rules are those
// of both groups, since the program looks for the one that is served.
func TestHelmRolesOfBothGroups(t *testing.T) {
	t.Parallel()
	documents, err := rendered(t, withImage...)
	require.NoError(t, err)
	rules := typedObject[rbacv1.ClusterRole](t, documents, "ClusterRole").Rules
	for _, rule := range rules[:2] {
		assert.Equal(t, []string{ippool.CRDV1.Group, v3.SchemeGroupVersion.Group}, rule.APIGroups)
	}
}
