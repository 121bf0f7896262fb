package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const manifests = "../../examples/kubernetes/"

// kubectl runs kubectl as the server's administrator.
func kubectl(t *testing.T, server *kubetest.Server, args ...string) string {
	t.Helper()
	stdout, err := kubectlResult(t, server, args...)
	require.NoError(t, err)
	return stdout
}

// kubectlResult runs kubectl and returns its output or error.
func kubectlResult(t *testing.T, server *kubetest.Server, args ...string) (string, error) {
	t.Helper()
	binary, err := kubetest.Kubectl(t.Context())
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = []string{"KUBECONFIG=" + server.Kubeconfig(t), "HOME=" + t.TempDir()}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// applied has the stored objects of a kustomization, by kind.
type applied map[string]json.RawMessage

func applyManifests(t *testing.T, server *kubetest.Server, folder string) applied {
	t.Helper()
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	out := kubectl(t, server, "apply", "-k", folder, "-o", "json")
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	t.Cleanup(func() {
		kubectlAfter(t, server, "delete", "-k", folder, "--wait=false")
	})
	objects := applied{}
	for _, item := range list.Items {
		var kind metav1.TypeMeta
		require.NoError(t, json.Unmarshal(item, &kind))
		objects[kind.Kind] = item
	}
	return objects
}

// kubectlAfter is kubectl for cleanups, when the test's context is canceled.
func kubectlAfter(t *testing.T, server *kubetest.Server, args ...string) {
	t.Helper()
	binary, err := kubetest.Kubectl(context.Background())
	if !assert.NoError(t, err) {
		return
	}
	cmd := exec.Command(binary, append(args, "--kubeconfig", server.Kubeconfig(t))...)
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, string(out))
}

func object[T any](t *testing.T, objects applied, kind string) *T {
	t.Helper()
	require.Contains(t, objects, kind)
	typed := new(T)
	require.NoError(t, json.Unmarshal(objects[kind], typed))
	return typed
}

// containerEnv returns the environment of a container, without its kubeconfig. Only the
// address of the API server comes from a ConfigMap: whoever may write a ConfigMap must
// not be able to configure the pools.
func containerEnv(t *testing.T, container corev1.Container) []string {
	t.Helper()
	require.Empty(t, container.EnvFrom)
	var env, fromConfigMap []string
	for _, variable := range container.Env {
		if variable.ValueFrom == nil {
			env = append(env, variable.Name+"="+variable.Value)
			continue
		}
		key := variable.ValueFrom.ConfigMapKeyRef
		require.NotNil(t, key, variable.Name)
		require.Equal(t, []any{"kubernetes-services-endpoint", variable.Name, true}, []any{key.Name, key.Key, *key.Optional})
		fromConfigMap = append(fromConfigMap, variable.Name)
	}
	require.Equal(t, []string{"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}, fromConfigMap)
	return env
}

// TestManifests applies the manifests and runs the program as their Job would, with
// the arguments, the environment and the ServiceAccount's token.
func TestManifests(t *testing.T) {
	t.Parallel()
	tests := []struct {
		folder string
		group  schema.GroupVersion
	}{
		{"base", ippool.CRDV1},
		{"projectcalico.org-v3", v3.SchemeGroupVersion},
	}
	for _, tt := range tests {
		t.Run(tt.folder, func(t *testing.T) {
			world := newKubernetesWorld(t, tt.group)
			objects := applyManifests(t, world.server, manifests+tt.folder)
			job := object[batchv1.Job](t, objects, "Job")
			pod := job.Spec.Template.Spec
			require.Len(t, pod.Containers, 1)
			assertRestricted(t, pod.SecurityContext, pod.Containers[0])
			assert.True(t, pod.HostNetwork, "the pod network does not exist yet")
			assert.Equal(t, corev1.DNSClusterFirst, pod.DNSPolicy)

			account := object[corev1.ServiceAccount](t, objects, "ServiceAccount")
			assert.Equal(t, account.Name, pod.ServiceAccountName)
			user := "system:serviceaccount:" + account.Namespace + ":" + account.Name
			token := world.server.Token(t, account.Namespace, account.Name, time.Hour)
			env := append(containerEnv(t, pod.Containers[0]), "KUBECONFIG="+world.server.TokenKubeconfig(t, token))
			env = append(env, preflightOn...)
			world.server.AwaitAccess(t, user, kubetest.Rule(tt.group.Group, "ippools", "create"))

			world.server.ResetAudit(t, user)
			r := call(t, env, pod.Containers[0].Args...)
			require.Zero(t, r.code, r.stderr)
			assert.Len(t, world.Pools(t), 2)
			r = call(t, env, pod.Containers[0].Args...)
			require.Zero(t, r.code, r.stderr)
			assert.Contains(t, r.stdout, "unchanged")
			assertAllowed(t, world.server, user)
		})
	}
}

// TestOnDriftUpdate applies the component that enables updates: it adds the setting
// and one permission.
func TestOnDriftUpdate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		folder string
		group  schema.GroupVersion
	}{{"base", ippool.CRDV1}, {"projectcalico.org-v3", v3.SchemeGroupVersion}} {
		t.Run(tt.folder, func(t *testing.T) {
			world := newKubernetesWorld(t, tt.group)
			base := rulesIn(t, kubectl(t, world.server, "kustomize", manifests+tt.folder), "ClusterRole")
			objects := applyManifests(t, world.server, "testdata/on-drift-update/"+tt.folder)
			rules := object[rbacv1.ClusterRole](t, objects, "ClusterRole").Rules
			assert.Equal(t, kubetest.Rule(tt.group.Group, "ippools", "list", "create", "patch"), rules[0])
			assert.Equal(t, base[1:], rules[1:])

			job := object[batchv1.Job](t, objects, "Job")
			container := job.Spec.Template.Spec.Containers[0]
			env := containerEnv(t, container)
			assert.Contains(t, env, "CALICO_IPPOOLS_ON_DRIFT=update")
			assert.Contains(t, env, "CALICO_API_GROUP="+tt.group.String())
			user := "system:serviceaccount:kube-system:calico-bootstrap"
			token := world.server.Token(t, "kube-system", "calico-bootstrap", time.Hour)
			world.server.AwaitAccess(t, user, kubetest.Rule(tt.group.Group, "ippools", "patch"))

			// The permission is sufficient for an update.
			world.Write(t, poolOf("a", spec{CIDR: "10.1.0.0/16"}))
			store := openKubernetes(t, kubernetes.Config{REST: bearer(world.server, token), APIGroup: tt.group})
			record, snapshot := recordOf(t, store, "a")
			record.Pool().Spec.NATOutgoing = true
			_, err := store.Commit(t.Context(), snapshot, []datastore.Change{{Update: record}})
			require.NoError(t, err)
			assert.True(t, world.Pools(t)[0].Spec.NATOutgoing)
		})
	}
}

// assertRestricted checks a container against the restricted profile of the Pod
// Security Standards, except for the host network, and for a read-only root file
// system.
func assertRestricted(t *testing.T, pod *corev1.PodSecurityContext, container corev1.Container) {
	t.Helper()
	c := container.SecurityContext
	require.NotNil(t, c)
	nonRoot, seccomp := c.RunAsNonRoot, c.SeccompProfile
	if pod != nil && nonRoot == nil {
		nonRoot, seccomp = pod.RunAsNonRoot, pod.SeccompProfile
	}
	require.NotNil(t, nonRoot)
	assert.True(t, *nonRoot)
	require.NotNil(t, seccomp)
	assert.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, seccomp.Type)
	require.NotNil(t, c.ReadOnlyRootFilesystem)
	assert.True(t, *c.ReadOnlyRootFilesystem)
	require.NotNil(t, c.AllowPrivilegeEscalation)
	assert.False(t, *c.AllowPrivilegeEscalation)
	require.NotNil(t, c.Capabilities)
	assert.Equal(t, []corev1.Capability{"ALL"}, c.Capabilities.Drop)
	assert.Empty(t, c.Capabilities.Add)
	assert.Nil(t, c.Privileged)
}

// rulesIn returns the rules of the Role or ClusterRole in YAML documents.
func rulesIn(t *testing.T, documents, kind string) []rbacv1.PolicyRule {
	t.Helper()
	for _, document := range strings.Split(documents, "\n---\n") {
		var role struct {
			Kind  string              `json:"kind"`
			Rules []rbacv1.PolicyRule `json:"rules"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(document), &role))
		if role.Kind == kind {
			return role.Rules
		}
	}
	require.Fail(t, "no "+kind)
	return nil
}

// assertAllowed asserts that the user sent requests and that no request was forbidden.
func assertAllowed(t *testing.T, server *kubetest.Server, user string) {
	t.Helper()
	entries := server.Audit(t, user)
	assert.NotEmpty(t, entries)
	for _, entry := range entries {
		assert.NotEqual(t, http.StatusForbidden, entry.Code, "the role does not allow %s", entry)
	}
}

// TestRolesAreMinimal removes each permission of the manifests in turn: the program
// must fail or warn without it, and print the missing rule.
func TestRolesAreMinimal(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.InstallOperatorCRD(t) // without it, its permission is not needed
	objects := applyManifests(t, world.server, manifests+"base")
	rights := rightsOf(object[rbacv1.ClusterRole](t, objects, "ClusterRole").Rules, "a ClusterRole")
	rights = append(rights, rightsOf(object[rbacv1.Role](t, objects, "Role").Rules, "a Role in namespace kube-system")...)
	require.NotEmpty(t, rights)
	container := object[batchv1.Job](t, objects, "Job").Spec.Template.Spec.Containers[0]

	for i, missing := range rights {
		t.Run(missing.String(), func(t *testing.T) {
			world.empty(t)
			name := fmt.Sprintf("without-%d", i)
			user := world.server.ServiceAccount(t, "kube-system", name)
			var rest []rbacv1.PolicyRule
			for j, right := range rights {
				if j != i {
					rest = append(rest, right.rule)
				}
			}
			world.server.Allow(t, user, rest...)
			kubeconfig := world.server.TokenKubeconfig(t, world.server.Token(t, "kube-system", name, time.Hour))
			env := append(containerEnv(t, container), "KUBECONFIG="+kubeconfig)
			if missing.surveyed() {
				survey := surveyOf(t, bearer(world.server, world.server.Token(t, "kube-system", name, time.Hour)))
				assert.Contains(t, strings.Join(survey.Problems, "\n"), "add to "+missing.String())
				r := call(t, env, container.Args...)
				assert.Zero(t, r.code, r.stderr)
				assert.Len(t, world.Pools(t), 2, "a check without its data is skipped")
				return
			}
			r := call(t, env, container.Args...)
			assert.Contains(t, r.stderr, "add to "+missing.String())
			if missing.needed() {
				assert.Equal(t, 1, r.code)
				assert.Contains(t, r.stderr, "permission denied")
				assert.Contains(t, r.stderr, fmt.Sprintf("cannot %s resource", missing.rule.Verbs[0]))
				assert.Empty(t, r.stdout)
				assert.Empty(t, world.Pools(t))
				return
			}
			assert.Zero(t, r.code, r.stderr)
			assert.Len(t, world.Pools(t), 2, "a source that can't be read is skipped")
			world.empty(t)
			plan := call(t, env, "plan")
			assert.Contains(t, plan.stdout, missing.String(), "a plan shows the missing rule")
		})
	}
}

// right is a rule with one verb and one resource.
type right struct {
	kind string
	rule rbacv1.PolicyRule
}

// String returns the rule as hints print it.
func (r right) String() string {
	names := ""
	if len(r.rule.ResourceNames) > 0 {
		names = fmt.Sprintf("resourceNames: [%s], ", r.rule.ResourceNames[0])
	}
	group := r.rule.APIGroups[0]
	if group == "" {
		group = "''"
	}
	return fmt.Sprintf("%s the rule - {apiGroups: [%s], resources: [%s], %sverbs: [%s]}",
		r.kind, group, r.rule.Resources[0], names, r.rule.Verbs[0])
}

// needed reports whether the program fails without it.
func (r right) needed() bool { return len(r.rule.ResourceNames) == 0 }

// surveyed reports whether only the preflight needs it.
func (r right) surveyed() bool {
	return slices.Contains([]string{"nodes", "servicecidrs"}, r.rule.Resources[0])
}

func rightsOf(rules []rbacv1.PolicyRule, kind string) []right {
	var rights []right
	for _, rule := range rules {
		names := [][]string{nil}
		if len(rule.ResourceNames) > 0 {
			names = nil
		}
		for _, name := range rule.ResourceNames {
			names = append(names, []string{name})
		}
		for _, verb := range rule.Verbs {
			for _, name := range names {
				one := kubetest.Rule(rule.APIGroups[0], rule.Resources[0], verb)
				one.ResourceNames = name
				rights = append(rights, right{kind, one})
			}
		}
	}
	return rights
}

// TestPastedRuleIsYAML pastes the rule of a hint into a Role.
func TestPastedRuleIsYAML(t *testing.T) {
	t.Parallel()
	rule := kubetest.Rule("", "configmaps", "get")
	rule.ResourceNames = []string{"kube-proxy"}
	_, text, found := strings.Cut(right{"a Role", rule}.String(), "the rule ")
	require.True(t, found)
	var role rbacv1.Role
	require.NoError(t, yaml.UnmarshalStrict([]byte("rules:\n"+text+"\n"), &role))
	assert.Equal(t, []rbacv1.PolicyRule{rule}, role.Rules)
}

// TestInitContainer applies the component to a DaemonSet like calico-node's.
func TestInitContainer(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	objects := applyManifests(t, world.server, "testdata/calico-node")
	pod := object[appsv1.DaemonSet](t, objects, "DaemonSet").Spec.Template.Spec
	require.Len(t, pod.InitContainers, 2)
	base := kubectl(t, world.server, "kustomize", manifests+"base")
	for kind, rules := range map[string][]rbacv1.PolicyRule{
		"ClusterRole": object[rbacv1.ClusterRole](t, objects, "ClusterRole").Rules,
		"Role":        object[rbacv1.Role](t, objects, "Role").Rules,
	} {
		assert.Equal(t, rulesIn(t, base, kind), rules, "the component's rules are those of the base")
	}
	container := pod.InitContainers[0]
	assert.Equal(t, "calico-bootstrap", container.Name, "it is the first init container")
	assert.Equal(t, corev1.TerminationMessageFallbackToLogsOnError, container.TerminationMessagePolicy)
	assertRestricted(t, nil, container)
	assert.Equal(t, "install-cni", pod.InitContainers[1].Name)
	require.Len(t, pod.Containers, 1)
	assert.Equal(t, "calico-node", pod.Containers[0].Name)

	user := "system:serviceaccount:kube-system:" + pod.ServiceAccountName
	token := world.server.Token(t, "kube-system", pod.ServiceAccountName, time.Hour)
	world.server.AwaitAccess(t, user, kubetest.Rule("crd.projectcalico.org", "ippools", "create"))
	r := call(t, append(containerEnv(t, container), "KUBECONFIG="+world.server.TokenKubeconfig(t, token)), container.Args...)
	require.Zero(t, r.code, r.stderr)
	assert.Len(t, world.Pools(t), 2)
	assertAllowed(t, world.server, user)
}
