package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	nativeGroup       = "component-projectcalico.org-v3"
	withInitContainer = "internal/integration/testdata/calico-node"
	initContainer     = "init-container"
)

// kustomizationOf writes a user's kustomization of this repository with the components of
// examples/kubernetes in this order. A resource without a slash is one of these, too.
func kustomizationOf(t *testing.T, resource string, components ...string) string {
	t.Helper()
	folder := withExamples(t)
	const examples = "examples/kubernetes/"
	if !strings.Contains(resource, "/") {
		resource = examples + resource
	}
	listed := []string{}
	for _, component := range components {
		listed = append(listed, "calico-bootstrap/"+examples+component)
	}
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
		"resources": []string{"calico-bootstrap/" + resource}, "components": listed,
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), text, 0o644))
	return folder
}

// testPermission applies the Job without and with a component that adds a permission, in
// both API groups and in each order with the component for the newer group. It runs the
// program with one more variable, and calls the functions with the results.
func testPermission(t *testing.T, component, resource, object, variable string, without, with func(*testing.T, *kubernetesWorld, result)) {
	t.Helper()
	for _, tt := range []struct {
		group      schema.GroupVersion
		folder     string // without the component
		components []string
	}{
		{ippool.CRDV1, "base", []string{component}},
		{v3.SchemeGroupVersion, "projectcalico.org-v3", []string{nativeGroup, component}},
		{v3.SchemeGroupVersion, "projectcalico.org-v3", []string{component, nativeGroup}},
	} {
		t.Run(strings.Join(tt.components, ","), func(t *testing.T) {
			world := newKubernetesWorld(t, tt.group)
			world.server.InstallNATCRDs(t, tt.group, false)
			world.server.Apply(t, []byte("apiVersion: "+tt.group.String()+"\n"+object))
			container := jobIn(t, applyManifests(t, world.server, manifests+tt.folder)).Spec.Template.Spec.Containers[0]
			const user = "system:serviceaccount:kube-system:calico-bootstrap"
			token := world.server.Token(t, "kube-system", "calico-bootstrap", time.Hour)
			world.server.AwaitAccess(t, user, kubetest.Rule(tt.group.Group, "ippools", "create"))
			env := append(containerEnv(t, container), "KUBECONFIG="+world.server.TokenKubeconfig(t, token), variable)
			env = append(env, preflightOn...)

			plan := call(t, env, "plan")
			r := call(t, env, container.Args...)
			assert.Contains(t, plan.stdout, "the rule - {apiGroups: ["+tt.group.Group+"], resources: ["+resource+"], verbs: [list]}")
			without(t, world, r)

			world.empty(t)
			applied := kubectl(t, world.server, "apply", "-k", kustomizationOf(t, "base", tt.components...))
			assert.Contains(t, applied, "job.batch/calico-bootstrap unchanged")
			world.server.AwaitAccess(t, user, kubetest.Rule(tt.group.Group, resource, "list"))
			world.server.ResetAudit(t, user)
			with(t, world, call(t, env, container.Args...))
			assertAllowed(t, world.server, user)
		})
	}
}

func jobIn(t *testing.T, objects applied) *batchv1.Job {
	t.Helper()
	return object[batchv1.Job](t, objects, "Job")
}

// TestFelixComponent creates an IPv6 pool with natOutgoing, which would end Felix. With the
// component, the run is refused and writes nothing; without it, a plan has a note with the missing rule.
func TestFelixComponent(t *testing.T) {
	t.Parallel()
	testPermission(t, "felix", "felixconfigurations", "kind: FelixConfiguration\nmetadata: {name: default}\nspec: {natOutgoingAddress: 192.0.2.10}\n", "CALICO_IPV6POOL_NAT_OUTGOING=true",
		func(t *testing.T, world *kubernetesWorld, r result) {
			t.Helper()
			require.Zero(t, r.code, r.stderr)
			assert.Len(t, world.Pools(t), 2)
		},
		func(t *testing.T, world *kubernetesWorld, r result) {
			t.Helper()
			assert.Equal(t, 1, r.code, r.stderr)
			assert.Contains(t, r.stderr, "NATAddressWithIPv6: natOutgoingAddress is 192.0.2.10 (FelixConfiguration default)")
			assert.Empty(t, world.Pools(t))
		})
}

// TestNoNATToComponent creates the pools of a range that has Services. With the component,
// these are left out; without it, a plan has a note with the missing rule.
func TestNoNATToComponent(t *testing.T) {
	t.Parallel()
	pools := func(want string) func(*testing.T, *kubernetesWorld, result) {
		return func(t *testing.T, world *kubernetesWorld, r result) {
			t.Helper()
			require.Zero(t, r.code, r.stderr)
			var names []string
			for _, pool := range world.Pools(t) {
				if strings.HasPrefix(pool.Name, "no-nat-to-") {
					names = append(names, pool.Name)
				}
			}
			assert.Equal(t, []string{want}, names)
		}
	}
	testPermission(t, "no-nat-to", "bgpconfigurations", "kind: BGPConfiguration\nmetadata: {name: default}\nspec: "+advertisedSpec+"\n", "CALICO_IPPOOLS_NO_NAT_TO=172.16.0.0/12",
		pools("no-nat-to-172-16-0-0-12"), pools("no-nat-to-172-28-0-0-14"))
}

// TestPermissionComponents adds both, with each order of the components that change the
// role: the rules are the same, those of one API group.
func TestPermissionComponents(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	for _, tt := range []struct {
		resource   string
		components []string // before the others
	}{{"base", nil}, {withInitContainer, nil}, {"internal/integration/testdata/calico-node-alone", []string{initContainer}}} {
		alone := rulesIn(t, kubectl(t, server, "kustomize", kustomizationOf(t, tt.resource, tt.components...)), "ClusterRole")
		for _, native := range []bool{false, true} {
			group, others := ippool.CRDV1.Group, []string{"felix", "no-nat-to"}
			if native {
				group, others = v3.GroupName, append(others, nativeGroup)
			}
			want := slices.Clone(alone)
			for i := range 2 {
				want[i].APIGroups = []string{group}
			}
			want = append(want, kubetest.Rule(group, "felixconfigurations", "list"), kubetest.Rule(group, "bgpconfigurations", "list"))
			for _, order := range orders(others) {
				components := slices.Concat(tt.components, order)
				text := kubectl(t, server, "kustomize", kustomizationOf(t, tt.resource, components...))
				assert.ElementsMatch(t, want, rulesIn(t, text, "ClusterRole"), components)
				assert.Contains(t, text, "value: "+group+"/v", components)
				assert.NotContains(t, text, "kind: ConfigMap\n")
			}
		}
	}
}

// orders returns all permutations.
func orders(names []string) [][]string {
	if len(names) < 2 {
		return [][]string{names}
	}
	var all [][]string
	for i, name := range names {
		for _, rest := range orders(slices.Concat(names[:i], names[i+1:])) {
			all = append(all, append([]string{name}, rest...))
		}
	}
	return all
}

// TestComponentsBeforeInitContainer checks that kustomize ends with an error where a component
// would have no effect on the init container, or would make one without an image: before
// init-container, and without it. A Job with a kustomization of its own is apart from the
// DaemonSet. The component for the other API group twice is an error.
func TestComponentsBeforeInitContainer(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	const alone = "internal/integration/testdata/calico-node-alone"
	for _, component := range []string{nativeGroup, "felix", "no-nat-to", "pools"} {
		for _, components := range [][]string{{component}, {component, initContainer}} {
			_, err := kubectlResult(t, server, "kustomize", kustomizationOf(t, alone, components...))
			assert.ErrorContains(t, err, "initContainers", components)
		}
		folder := kustomizationOf(t, "base", component)
		job, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
		require.NoError(t, err)
		for name, content := range map[string]string{
			"job/":  strings.ReplaceAll(string(job), "- calico-bootstrap/", "- ../calico-bootstrap/"),
			"both/": "resources: [../job, ../calico-bootstrap/" + alone + "]\n",
		} {
			require.NoError(t, os.Mkdir(filepath.Join(folder, name), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(folder, name, "kustomization.yaml"), []byte(content), 0o644))
		}
		assert.Contains(t, kubectl(t, server, "kustomize", filepath.Join(folder, "both")), "kind: Job\n")
	}

	for _, workload := range []string{alone, withInitContainer} {
		_, err := kubectlResult(t, server, "kustomize", kustomizationOf(t, workload, "on-drift-update"))
		assert.ErrorContains(t, err, "Job.[noVer].[noGrp]/calico-bootstrap", workload)
	}

	_, err := kubectlResult(t, server, "kustomize", kustomizationOf(t, "projectcalico.org-v3", nativeGroup))
	assert.ErrorContains(t, err, "already registered id: ConfigMap.v1.[noGrp]/calico-bootstrap-api-group")
}

// TestNATPermissions checks that the role for `calico-bootstrap nat` is for one API group.
func TestNATPermissions(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	groups := func(components ...string) (calico []string) {
		for _, rule := range rulesIn(t, kubectl(t, server, "kustomize", kustomizationOf(t, "nat", components...)), "ClusterRole") {
			for _, group := range rule.APIGroups {
				if strings.Contains(group, "projectcalico.org") {
					calico = append(calico, group)
				}
			}
		}
		return calico
	}
	assert.Equal(t, []string{ippool.CRDV1.Group, ippool.CRDV1.Group}, groups())
	assert.Equal(t, []string{v3.GroupName, v3.GroupName}, groups(nativeGroup))
}
