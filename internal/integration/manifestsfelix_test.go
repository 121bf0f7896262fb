package integration

import (
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestFelixComponent applies the Job with and without the component that lets it read
// FelixConfigurations, where an IPv6 pool with natOutgoing would end Felix. With it, the run is
// refused and writes nothing; without it, a note has the missing rule.
func TestFelixComponent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		folder string
		group  schema.GroupVersion
	}{{"base", ippool.CRDV1}, {"projectcalico.org-v3", v3.SchemeGroupVersion}} {
		t.Run(tt.folder, func(t *testing.T) {
			world := newKubernetesWorld(t, tt.group)
			world.server.InstallNATCRDs(t, tt.group, false)
			world.server.Apply(t, []byte("apiVersion: "+tt.group.String()+"\nkind: FelixConfiguration\nmetadata: {name: default}\nspec: {natOutgoingAddress: 192.0.2.10}\n"))
			objects := applyManifests(t, world.server, manifests+tt.folder)
			container := object[batchv1.Job](t, objects, "Job").Spec.Template.Spec.Containers[0]
			const user = "system:serviceaccount:kube-system:calico-bootstrap"
			token := world.server.Token(t, "kube-system", "calico-bootstrap", time.Hour)
			waitForAccess(t, world.server, user, "create", tt.group.Group, "ippools")
			env := append(containerEnv(t, container), "KUBECONFIG="+world.server.TokenKubeconfig(t, token), "CALICO_IPV6POOL_NAT_OUTGOING=true")
			env = append(env, preflightOn...)

			without := call(t, env, container.Args...)
			require.Zero(t, without.code, without.stderr)
			assert.Contains(t, without.stderr, "the rule - {apiGroups: ["+tt.group.Group+"], resources: [felixconfigurations], verbs: [list]}")
			assert.Len(t, world.Pools(t), 2)

			world.empty(t)
			kubectl(t, world.server, "apply", "-k", "testdata/felix/"+tt.folder)
			waitForAccess(t, world.server, user, "list", tt.group.Group, "felixconfigurations")
			world.server.ResetAudit(t, user)
			with := call(t, env, container.Args...)
			assert.Equal(t, 1, with.code, with.stderr)
			assert.Contains(t, with.stderr, "NATAddressWithIPv6: natOutgoingAddress is 192.0.2.10 (FelixConfiguration default)")
			assert.Empty(t, world.Pools(t))
			assertAllowed(t, world.server, user)
		})
	}
}

// TestFelixComponentOnInitContainer checks that the component adds one rule to the role of the
// init container, too, and to that of the Job.
func TestFelixComponentOnInitContainer(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	for with, without := range map[string]string{"init-container": "testdata/calico-node", "base": manifests + "base"} {
		rules := rulesIn(t, kubectl(t, server, "kustomize", without), "ClusterRole")
		felix := kubetest.Rule(ippool.CRDV1.Group, "felixconfigurations", "list")
		felix.APIGroups = append(felix.APIGroups, v3.GroupName)
		extended := kubectl(t, server, "kustomize", "testdata/felix/"+with)
		assert.Equal(t, append(rules, felix), rulesIn(t, extended, "ClusterRole"), with)
		assert.Equal(t, 1, strings.Count(extended, "felixconfigurations"), with)
	}
}
