package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/typed"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// kustomizations combines what examples/kubernetes has, in testdata/kustomize. The cluster
// is one of kubeadm, whose pod CIDRs the Role in kube-system allows to read.
var kustomizations = []struct {
	folder    string
	group     schema.GroupVersion
	namespace string
	pools     string // that the program creates
}{
	{"pools", ippool.CRDV1, "kube-system", "rack-a 10.244.0.0/17"},
	{"pools-projectcalico.org-v3", v3.SchemeGroupVersion, "kube-system", "rack-a 10.244.0.0/17"},
	{"another-namespace", ippool.CRDV1, "calico-bootstrap", "default-ipv4-ippool 10.244.0.0/16, default-ipv6-ippool fd00:10:244::/56"},
	{"another-namespace-twice", ippool.CRDV1, "networking", "default-ipv4-ippool 10.244.0.0/16, default-ipv6-ippool fd00:10:244::/56"},
	{"another-namespace-all", v3.SchemeGroupVersion, "calico-bootstrap", "rack-a 10.244.0.0/17"},
	{"init-container-projectcalico.org-v3", v3.SchemeGroupVersion, "kube-system", "default-ipv4-ippool 10.244.0.0/16, default-ipv6-ippool fd00:10:244::/56"},
	{"init-container-pools", ippool.CRDV1, "kube-system", "rack-a 10.244.0.0/17"},
	{"init-container-another-namespace", v3.SchemeGroupVersion, "networking", "rack-a 10.244.0.0/17"},
}

// TestKustomizations applies each combination and runs the program as its pod would, with
// the token of its ServiceAccount, its environment and its mounted files. Its permissions
// suffice, and those on ConfigMaps stay in kube-system.
func TestKustomizations(t *testing.T) {
	t.Parallel()
	for _, tt := range kustomizations {
		t.Run(tt.folder, func(t *testing.T) {
			world := newKubernetesWorld(t, tt.group)
			putKubeadmConfig(t, world.server, "10.244.0.0/16,fd00:10:244::/56")
			world.server.Apply(t, []byte("{apiVersion: v1, kind: Namespace, metadata: {name: "+tt.namespace+"}}"))
			objects := applyManifests(t, world.server, "testdata/kustomize/"+tt.folder)

			pod, namespace := podOf(t, objects)
			assert.Equal(t, tt.namespace, namespace)
			assert.Equal(t, "kube-system", object[rbacv1.Role](t, objects, "Role").Namespace)
			binding := object[rbacv1.RoleBinding](t, objects, "RoleBinding")
			assert.Equal(t, "kube-system", binding.Namespace)
			account := []rbacv1.Subject{{Kind: "ServiceAccount", Name: pod.ServiceAccountName, Namespace: tt.namespace}}
			assert.Equal(t, account, binding.Subjects)
			assert.Equal(t, account, object[rbacv1.ClusterRoleBinding](t, objects, "ClusterRoleBinding").Subjects)

			user := "system:serviceaccount:" + namespace + ":" + pod.ServiceAccountName
			world.server.AwaitAccess(t, user, kubetest.Rule(tt.group.Group, "ippools", "create"))
			world.server.AwaitAccess(t, user, kubetest.Rule("networking.k8s.io", "servicecidrs", "list"))
			container := slices.Concat(pod.InitContainers, pod.Containers)[0]
			require.Equal(t, "calico-bootstrap", container.Name)
			token := world.server.Token(t, namespace, pod.ServiceAccountName, time.Hour)
			env := append(mounted(t, objects, pod, container), "KUBECONFIG="+world.server.TokenKubeconfig(t, token))
			env = append(env, preflightOn...)

			world.server.ResetAudit(t, user)
			r := call(t, env, container.Args...)
			require.Zero(t, r.code, r.stderr)
			if strings.HasPrefix(tt.pools, "rack-a") {
				assert.NotContains(t, r.stderr, "level=WARN")
			}
			var pools []string
			for _, pool := range world.Pools(t) {
				pools = append(pools, pool.Name+" "+pool.Spec.CIDR)
			}
			assert.Equal(t, tt.pools, strings.Join(pools, ", "))
			r = call(t, env, container.Args...)
			require.Zero(t, r.code, r.stderr)
			assert.NotContains(t, r.stdout, "created")
			assertAllowed(t, world.server, user)
		})
	}
}

// TestBothInAnotherNamespace renders the Job, the init container and the permissions of `nat`
// with one transformer: Roles and RoleBindings stay in kube-system, and are for the
// ServiceAccounts where they are.
func TestBothInAnotherNamespace(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	bound := map[string]int{}
	for document := range strings.SplitSeq(kubectl(t, server, "kustomize", "testdata/kustomize/both-another-namespace"), "\n---\n") {
		var object struct {
			Kind     string
			Metadata metav1.ObjectMeta
			Subjects []rbacv1.Subject
		}
		require.NoError(t, yaml.Unmarshal([]byte(document), &object))
		namespace := "networking"
		switch object.Kind {
		case "Role", "RoleBinding":
			namespace = "kube-system"
		case "ClusterRole", "ClusterRoleBinding":
			namespace = ""
		}
		assert.Equal(t, namespace, object.Metadata.Namespace, "%s %s", object.Kind, object.Metadata.Name)
		for _, subject := range object.Subjects {
			if subject.Kind == rbacv1.ServiceAccountKind {
				assert.Equal(t, "networking", subject.Namespace, "%s %s", object.Kind, object.Metadata.Name)
			}
			bound[object.Kind+" "+subject.Name]++
		}
	}
	assert.Equal(t, map[string]int{
		"RoleBinding calico-bootstrap": 1, "RoleBinding calico-node": 1, "RoleBinding jane": 1, "ClusterRoleBinding calico-bootstrap": 1, "ClusterRoleBinding calico-node": 1,
	}, bound)
}

// podOf returns the pod of the Job or the DaemonSet, and its namespace.
func podOf(t *testing.T, objects applied) (corev1.PodSpec, string) {
	t.Helper()
	var workload struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     struct {
			Template corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	for _, kind := range []string{"Job", "DaemonSet"} {
		if data, found := objects[kind]; found {
			require.NoError(t, json.Unmarshal(data, &workload))
		}
	}
	account := object[corev1.ServiceAccount](t, objects, "ServiceAccount")
	assert.Equal(t, workload.Metadata.Namespace, account.Namespace)
	assert.Equal(t, workload.Spec.Template.Spec.ServiceAccountName, account.Name)
	return workload.Spec.Template.Spec, workload.Metadata.Namespace
}

// mounted returns the environment of the container with the paths of its ConfigMaps, which
// it writes as the kubelet does.
func mounted(t *testing.T, objects applied, pod corev1.PodSpec, container corev1.Container) []string {
	t.Helper()
	env := containerEnv(t, container)
	for _, mount := range container.VolumeMounts {
		assert.True(t, mount.ReadOnly, mount.Name)
		i := slices.IndexFunc(pod.Volumes, func(volume corev1.Volume) bool { return volume.Name == mount.Name })
		require.GreaterOrEqual(t, i, 0, mount.Name)
		config := object[corev1.ConfigMap](t, objects, "ConfigMap")
		assert.Equal(t, pod.Volumes[i].ConfigMap.Name, config.Name)
		assert.Equal(t, object[corev1.ServiceAccount](t, objects, "ServiceAccount").Namespace, config.Namespace)
		folder := t.TempDir()
		data := filepath.Join(folder, "..2026_11_22_17_45_23.1")
		require.NoError(t, os.Mkdir(data, 0o755))
		require.NoError(t, os.Symlink(filepath.Base(data), filepath.Join(folder, "..data")))
		for name, content := range config.Data {
			require.NoError(t, os.WriteFile(filepath.Join(data, name), []byte(content), 0o444))
			require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(folder, name)))
		}
		for j := range env {
			env[j] = strings.Replace(env[j], "="+mount.MountPath, "="+folder, 1)
		}
	}
	return env
}

// A changed file of pools gives the ConfigMap another name. So a Job that exists is not
// applied again silently without them: the API server refuses it.
func TestKustomizeChangedPools(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	folder := copyKustomization(t, "pools")
	objects := applyManifests(t, world.server, folder)
	before := object[corev1.ConfigMap](t, objects, "ConfigMap").Name
	_, err := kubectlResult(t, world.server, "apply", "-k", folder)
	require.NoError(t, err, "the same again")

	path := filepath.Join(folder, "pools.yaml")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(content), "10.244.0.0", "10.244.128.0", 1)), 0o644))
	_, err = kubectlResult(t, world.server, "apply", "-k", folder)
	require.ErrorContains(t, err, "field is immutable")
	kubectl(t, world.server, "-n", "kube-system", "delete", "job", "calico-bootstrap")
	assert.NotContains(t, kubectl(t, world.server, "apply", "-k", folder), before, "the ConfigMap has another name")
	kubectl(t, world.server, "-n", "kube-system", "delete", "configmap", before)
}

// copyKustomization copies a folder of testdata/kustomize beside a clone of this repository.
func copyKustomization(t *testing.T, name string) string {
	t.Helper()
	folder := withExamples(t)
	require.NoError(t, os.CopyFS(folder, os.DirFS(filepath.Join("testdata/kustomize", name))))
	path := filepath.Join(folder, "kustomization.yaml")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(content), "../../../../../examples", "calico-bootstrap/examples")), 0o644))
	return folder
}

// withExamples returns a new folder with a clone of this repository as calico-bootstrap.
func withExamples(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	repository, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(repository, filepath.Join(folder, "calico-bootstrap")))
	return folder
}

// TestKustomizeDocument runs the commands of docs/KUBERNETES.md beside a clone of this
// repository.
func TestKustomizeDocument(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.Apply(t, []byte("{apiVersion: v1, kind: Namespace, metadata: {name: networking}}"))
	folder := withExamples(t)
	t.Cleanup(func() { kubectlAfter(t, world.server, "delete", "-k", folder, "--wait=false") })
	typed.Session{
		Document: "../../docs/KUBERNETES.md", Name: "kustomize", Folder: folder, Update: *update,
		Env:  []string{"PATH=" + withKubectl(t) + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "KUBECONFIG=" + world.server.Kubeconfig(t)},
		Tidy: func(printed string) string { return printed },
	}.Type(t)
	role := kubectl(t, world.server, "-n", "kube-system", "get", "rolebinding", "calico-bootstrap", "-o", "jsonpath={.subjects[0].namespace}")
	assert.Equal(t, "networking", role)
}

// TestInitContainerDocument runs the commands of docs/KUBERNETES.md for the init container
// beside a clone of this repository and a part of Calico's manifests, and then the program as
// the init container.
func TestInitContainerDocument(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	folder := withExamples(t)
	calico, err := os.ReadFile("testdata/calico-node-alone/calico-node.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "calico.yaml"), calico, 0o644))
	t.Cleanup(func() { kubectlAfter(t, world.server, "delete", "-k", folder, "--wait=false") })
	typed.Session{
		Document: "../../docs/KUBERNETES.md", Name: "init-container", Folder: folder, Update: *update,
		Env:  []string{"PATH=" + withKubectl(t) + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "KUBECONFIG=" + world.server.Kubeconfig(t)},
		Tidy: func(printed string) string { return printed },
	}.Type(t)

	var daemonSet appsv1.DaemonSet
	require.NoError(t, json.Unmarshal([]byte(kubectl(t, world.server, "-n", "kube-system", "get", "daemonset", "calico-node", "-o", "json")), &daemonSet))
	container := daemonSet.Spec.Template.Spec.InitContainers[0]
	const user = "system:serviceaccount:kube-system:calico-node"
	world.server.AwaitAccess(t, user, kubetest.Rule(ippool.CRDV1.Group, "ippools", "create"))
	token := world.server.Token(t, "kube-system", "calico-node", time.Hour)
	r := call(t, append(containerEnv(t, container), "KUBECONFIG="+world.server.TokenKubeconfig(t, token)), container.Args...)
	require.Zero(t, r.code, r.stderr)
	pools := world.Pools(t)
	require.Len(t, pools, 1, "no IPv6 pool")
	assert.Equal(t, "10.244.0.0/16", pools[0].Spec.CIDR)
	assert.Equal(t, v3.IPIPModeAlways, pools[0].Spec.IPIPMode)
	assert.False(t, pools[0].Spec.NATOutgoing)
}
