package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// documentsOf returns the objects in YAML documents, each with its kind and metadata.
func documentsOf(t *testing.T, documents string) map[string]metav1.PartialObjectMetadata {
	t.Helper()
	objects := map[string]metav1.PartialObjectMetadata{}
	for _, document := range strings.Split(documents, "---\n") {
		var object metav1.PartialObjectMetadata
		require.NoError(t, yaml.Unmarshal([]byte(document), &object))
		if object.Kind != "" {
			objects[document] = object
		}
	}
	return objects
}

// typedObject decodes the object of a kind that the Job needs, or with the suffix -test that
// of the test, and fails for unknown fields. It returns nil if there is none.
func typedObject[T any](t *testing.T, documents, kind string, suffix ...string) *T {
	t.Helper()
	for document, object := range documentsOf(t, documents) {
		if object.Kind == kind && strings.HasSuffix(object.Name, "-test") == (len(suffix) > 0) {
			typed := new(T)
			require.NoError(t, yaml.UnmarshalStrict([]byte(document), typed))
			return typed
		}
	}
	return nil
}

func jobOf(t *testing.T, documents string) *batchv1.Job {
	t.Helper()
	job := typedObject[batchv1.Job](t, documents, "Job")
	require.NotNil(t, job)
	return job
}

// configMapOf returns the data of the only ConfigMap; nil if there is none.
func configMapOf(t *testing.T, documents string) map[string]string {
	t.Helper()
	if object := typedObject[corev1.ConfigMap](t, documents, "ConfigMap"); object != nil {
		return object.Data
	}
	return nil
}

// TestHelmObjects renders the chart with each file of values. The API server takes every
// object, and the pods as those of an account without privileges.
func TestHelmObjects(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.Apply(t, []byte("{apiVersion: v1, kind: Namespace, metadata: {name: network}}"))
	world.server.Apply(t, []byte("{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}"))
	world.server.ServiceAccount(t, "network", "network")
	world.server.ServiceAccount(t, "network", "pools-calico-bootstrap-test")
	for _, values := range chartValues(t) {
		documents, err := rendered(t, "--values", values)
		require.NoError(t, err, values)
		file := filepath.Join(t.TempDir(), "objects.yaml")
		require.NoError(t, os.WriteFile(file, []byte(documents), 0o600))
		_, err = kubectlResult(t, world.server, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", file)
		assert.NoError(t, err, values)
	}
}

// TestHelmHooks checks that all that a hook's pod needs are hooks as well, that run before
// it, and that without hook.enabled nothing is a hook. Of the test, only the pod is one.
func TestHelmHooks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		enabled string
		hooks   []string
	}{
		{"true", []string{
			"ServiceAccount pre-install,pre-upgrade,pre-rollback -15", "ConfigMap pre-install,pre-upgrade,pre-rollback -15",
			"ClusterRole pre-install,pre-upgrade,pre-rollback -15", "ClusterRoleBinding pre-install,pre-upgrade,pre-rollback -5",
			"Role pre-install,pre-upgrade,pre-rollback -15", "RoleBinding pre-install,pre-upgrade,pre-rollback -5",
			"Job pre-install,pre-upgrade,pre-rollback 5",
		}},
		{"false", []string{"ServiceAccount  ", "ConfigMap  ", "ClusterRole  ", "ClusterRoleBinding  ", "Role  ", "RoleBinding  ", "Job  "}},
	} {
		documents, err := rendered(t, append(withImage, "--set", "hook.weight=5,hook.enabled="+tt.enabled+",pools[0].name=a,pools[0].cidr=10.1.0.0/16")...)
		require.NoError(t, err)
		var hooks []string
		for _, object := range documentsOf(t, documents) {
			if strings.HasSuffix(object.Name, "-test") { // `helm test --logs` takes every hook of a test for a pod
				assert.Equal(t, object.Kind == "Pod", object.Annotations["helm.sh/hook"] == "test")
				continue
			}
			hooks = append(hooks, object.Kind+" "+object.Annotations["helm.sh/hook"]+" "+object.Annotations["helm.sh/hook-weight"])
		}
		assert.ElementsMatch(t, tt.hooks, hooks)
	}
}

// TestHelmPods checks the pods of the Job and of the test.
func TestHelmPods(t *testing.T) {
	t.Parallel()
	for _, values := range chartValues(t) {
		name := strings.TrimSuffix(filepath.Base(values), "-values.yaml")
		documents, err := rendered(t, "--values", values)
		require.NoError(t, err, values)
		job := jobOf(t, documents).Spec.Template.Spec
		test := typedObject[corev1.Pod](t, documents, "Pod", "-test").Spec
		for _, pod := range []*corev1.PodSpec{&job, &test} {
			container := pod.Containers[0]
			kubernetes := name != "etcd" && name != "everything"
			assert.Equal(t, kubernetes, *pod.AutomountServiceAccountToken, name)
			if name == "everything" {
				continue
			}
			assertRestricted(t, pod.SecurityContext, container)
			assert.Equal(t, name != "openshift", pod.HostNetwork)
			assert.Equal(t, name == "openshift", pod.SecurityContext.RunAsUser == nil && pod.SecurityContext.RunAsGroup == nil && pod.SecurityContext.FSGroup == nil)
			for _, mount := range container.VolumeMounts {
				assert.True(t, mount.ReadOnly)
			}
			for _, volume := range pod.Volumes {
				if volume.Secret != nil { // readable by fsGroup
					assert.Equal(t, int32(0o440), *volume.Secret.DefaultMode)
				}
			}
		}
		assert.Equal(t, []int32{2, 3}, jobOf(t, documents).Spec.PodFailurePolicy.Rules[0].OnExitCodes.Values, "another pod would fail as well")
		assert.Equal(t, "apply", job.Containers[0].Args[0])
		assert.Equal(t, []string{"plan", "--exit-code"}, test.Containers[0].Args[:2])
		assert.Equal(t, job.Containers[0].Image, test.Containers[0].Image)
		assert.Len(t, test.Volumes, len(job.Volumes))
		switch account := typedObject[corev1.ServiceAccount](t, documents, "ServiceAccount"); name {
		case "everything":
			assert.Nil(t, account)
			assert.Equal(t, "registry.example.com/calico-bootstrap@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", job.Containers[0].Image)
			assert.Equal(t, []string{"apply", "--pools-file=/etc/calico-bootstrap/pools", "--log-level=debug"}, job.Containers[0].Args)
			assert.Equal(t, "calico-pools", jobOf(t, documents).Name)
			assert.Nil(t, jobOf(t, documents).Spec.ActiveDeadlineSeconds)
			assert.Zero(t, *jobOf(t, documents).Spec.TTLSecondsAfterFinished)
			fallthrough
		case "etcd":
			assert.Nil(t, typedObject[rbacv1.ClusterRole](t, documents, "ClusterRole"), "a run with etcd, or another API server, needs no role")
		default:
			assert.NotNil(t, typedObject[rbacv1.ClusterRole](t, documents, "ClusterRole"))
			assert.False(t, *account.AutomountServiceAccountToken)
		}
	}
}

// TestHelmOnOpenShift creates the pod in a namespace of the API server that enforces the
// profile restricted, the rules of which the SCC restricted-v2 has.
func TestHelmOnOpenShift(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	namespace := world.server.Namespace(t)
	kubectl(t, world.server, "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
	world.server.ServiceAccount(t, namespace, "pools-calico-bootstrap-test")
	create := func(set string) error {
		documents, err := rendered(t, append(withImage, "--namespace", namespace, "--show-only", "templates/tests/pools.yaml", "--set", set+","+etcdEndpoint+"etcdSecret.name=etcd,pools[0].name=a,pools[0].cidr=10.1.0.0/16")...)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "pod.yaml")
		require.NoError(t, os.WriteFile(file, []byte(documents), 0o600))
		_, err = kubectlResult(t, world.server, "create", "--dry-run=server", "-f", file)
		return err
	}
	require.NoError(t, create("openshift=true"))
	require.ErrorContains(t, create("openshift=false"), "host namespaces (hostNetwork=true)", "the profile is enforced")
}
