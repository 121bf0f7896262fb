package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
)

// node does in a namespace what the Job controller and a kubelet do, of which the cluster has
// none: it runs the program as the pods of Jobs, and of `helm test`, say.
type node struct {
	server    *kubetest.Server
	namespace string
	group     schema.GroupVersion // of the pools
	runs      []podRun            // since the last call of helm
}

// podRun is a pod that was run.
type podRun struct {
	of string // kind and name
	result
}

var (
	jobs    = batchv1.SchemeGroupVersion.WithResource("jobs")
	pods    = corev1.SchemeGroupVersion.WithResource("pods")
	secrets = corev1.SchemeGroupVersion.WithResource("secrets")
	configs = corev1.SchemeGroupVersion.WithResource("configmaps")
)

// helm runs helm in the namespace, and the pods that it waits for meanwhile.
func (n *node) helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	n.runs = nil
	cmd := helmCommand(t, append(args, "--namespace", n.namespace)...)
	cmd.Env = append(cmd.Env, "KUBECONFIG="+n.server.Kubeconfig(t))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			return out.String(), err
		case <-time.After(pollInterval):
			n.work(t)
		}
	}
}

// work runs the pods that did not run yet.
func (n *node) work(t *testing.T) {
	t.Helper()
	n.runJobs(t)
	n.runPods(t)
}

// objects returns the client of a resource in the namespace.
func (n *node) objects(resource schema.GroupVersionResource) dynamic.ResourceInterface {
	return n.server.Dynamic().Resource(resource).Namespace(n.namespace)
}

func listed[T any](t *testing.T, n *node, resource schema.GroupVersionResource) []T {
	t.Helper()
	list, err := n.objects(resource).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	var all []T
	for _, item := range list.Items {
		typed := new(T)
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, typed))
		all = append(all, *typed)
	}
	return all
}

func (n *node) updateStatus(t *testing.T, resource schema.GroupVersionResource, kind string, object any) {
	t.Helper()
	members, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	require.NoError(t, err)
	u := &unstructured.Unstructured{Object: members}
	u.SetGroupVersionKind(resource.GroupVersion().WithKind(kind))
	_, err = n.objects(resource).UpdateStatus(t.Context(), u, metav1.UpdateOptions{})
	require.NoError(t, err)
}

func (n *node) runJobs(t *testing.T) {
	t.Helper()
	for _, job := range listed[batchv1.Job](t, n, jobs) {
		if len(job.Status.Conditions) > 0 || job.DeletionTimestamp != nil {
			continue
		}
		r := n.run(t, "Job "+job.Name, job.Spec.Template.Spec)
		now := metav1.Now()
		conditions := []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete}
		reason := "CompletionsReached"
		if r.code != 0 {
			conditions = []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobFailed}
			reason = batchv1.JobReasonBackoffLimitExceeded
			if slices.Contains(job.Spec.PodFailurePolicy.Rules[0].OnExitCodes.Values, int32(r.code)) {
				reason = batchv1.JobReasonPodFailurePolicy
			}
			job.Status.Failed = 1
			n.keepFailedPod(t, job, r)
		} else {
			job.Status.Succeeded, job.Status.CompletionTime = 1, &now
		}
		job.Status.StartTime = &now
		for _, condition := range conditions {
			job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
				Type: condition, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: now, LastProbeTime: now,
			})
		}
		n.updateStatus(t, jobs, "Job", &job)
	}
}

// keepFailedPod creates the pod of a Job that failed, with the end of its log as the message
// of its container.
func (n *node) keepFailedPod(t *testing.T, job batchv1.Job, r result) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		GenerateName: job.Name + "-", Labels: job.Spec.Template.Labels,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(&job, batchv1.SchemeGroupVersion.WithKind("Job"))},
	}, Spec: job.Spec.Template.Spec}
	members, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
	require.NoError(t, err)
	u := &unstructured.Unstructured{Object: members}
	u.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	created, err := n.objects(pods).Create(t.Context(), u, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(created.Object, pod))
	require.Equal(t, corev1.TerminationMessageFallbackToLogsOnError, pod.Spec.Containers[0].TerminationMessagePolicy)
	pod.Status.Phase = corev1.PodFailed
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: pod.Spec.Containers[0].Name, Image: pod.Spec.Containers[0].Image,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: int32(r.code), Message: r.stderr}},
	}}
	n.updateStatus(t, pods, "Pod", pod)
}

func (n *node) runPods(t *testing.T) {
	t.Helper()
	for _, pod := range listed[corev1.Pod](t, n, pods) {
		if pod.Status.Phase != corev1.PodPending || pod.DeletionTimestamp != nil {
			continue
		}
		pod.Status.Phase = corev1.PodSucceeded
		if n.run(t, "Pod "+pod.Name, pod.Spec).code != 0 {
			pod.Status.Phase = corev1.PodFailed
		}
		n.updateStatus(t, pods, "Pod", &pod)
	}
}

// run runs the program as the only container of a pod.
func (n *node) run(t *testing.T, of string, pod corev1.PodSpec) result {
	t.Helper()
	require.Len(t, pod.Containers, 1)
	env, args := n.container(t, pod)
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		user := "system:serviceaccount:" + n.namespace + ":" + pod.ServiceAccountName
		n.server.AwaitAccess(t, user, kubetest.Rule(n.group.Group, "ippools", "list"))
		token := n.server.Token(t, n.namespace, pod.ServiceAccountName, time.Hour)
		env = append(env, "KUBECONFIG="+n.server.TokenKubeconfig(t, token))
	}
	run := podRun{of, call(t, env, args...)}
	n.runs = append(n.runs, run)
	return run.result
}

// container returns the environment and the arguments of the only container. Its volumes are
// in folders of the test, and their names replace those of the mounts.
func (n *node) container(t *testing.T, pod corev1.PodSpec) (env, args []string) {
	t.Helper()
	container := pod.Containers[0]
	require.Empty(t, container.Command)
	require.Empty(t, container.EnvFrom)
	var places []string
	for _, mount := range container.VolumeMounts {
		if mount.MountPath == "/var/run/secrets/kubernetes.io/serviceaccount" {
			continue // the token
		}
		folder := t.TempDir()
		i := slices.IndexFunc(pod.Volumes, func(volume corev1.Volume) bool { return volume.Name == mount.Name })
		require.GreaterOrEqual(t, i, 0, mount.Name)
		resource, name := configs, ""
		if source := pod.Volumes[i].ConfigMap; source != nil {
			name = source.Name
		} else {
			resource, name = secrets, pod.Volumes[i].Secret.SecretName
		}
		for key, content := range n.data(t, resource, name) {
			require.NoError(t, os.WriteFile(filepath.Join(folder, key), []byte(content), 0o400))
		}
		places = append(places, mount.MountPath, folder)
	}
	mounted := strings.NewReplacer(places...)
	env = slices.Clone(preflightOn)
	for _, variable := range container.Env {
		value := variable.Value
		if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil {
			value = n.data(t, secrets, from.SecretKeyRef.Name)[from.SecretKeyRef.Key]
			require.NotEmpty(t, value)
		} else if from != nil {
			require.True(t, *from.ConfigMapKeyRef.Optional)
			continue // of clusters without kube-proxy
		}
		env = append(env, variable.Name+"="+mounted.Replace(value))
	}
	for _, arg := range container.Args {
		args = append(args, mounted.Replace(arg))
	}
	return env, args
}

// data returns the content of a ConfigMap or a Secret.
func (n *node) data(t *testing.T, resource schema.GroupVersionResource, name string) map[string]string {
	t.Helper()
	object, err := n.objects(resource).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	if resource == configs {
		data, _, err := unstructured.NestedStringMap(object.Object, "data")
		require.NoError(t, err)
		return data
	}
	var secret corev1.Secret
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &secret))
	data := map[string]string{}
	for key, content := range secret.Data {
		data[key] = string(content)
	}
	return data
}

// left returns the objects of the chart in the cluster, by kind and name, without its Jobs
// and pods, and without those of the test, whose number it returns.
func (n *node) left(t *testing.T) (objects []string, tests int) {
	t.Helper()
	out := kubectl(t, n.server, "get", "serviceaccounts,configmaps,clusterroles,clusterrolebindings,roles,rolebindings", "--all-namespaces",
		"--selector", "app.kubernetes.io/name=calico-bootstrap,helm.sh/chart", "-o", "json")
	var list metav1.PartialObjectMetadataList
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	for _, item := range list.Items {
		of, _, shared := strings.Cut(item.Name, ":") // in kube-system, or in no namespace
		switch ours := shared && of == n.namespace || !shared && item.Namespace == n.namespace; {
		case ours && strings.HasSuffix(item.Name, "-test"):
			tests++
		case ours:
			objects = append(objects, item.Kind+" "+item.Name)
		}
	}
	return objects, tests
}

// removedAfter removes what the releases of the namespace leave in others.
func (n *node) removedAfter(t *testing.T) *node {
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, kind := range []string{"clusterroles", "clusterrolebindings"} {
			objects := n.server.Dynamic().Resource(schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: kind})
			assert.NoError(t, objects.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "helm.sh/chart"}))
		}
	})
	return n
}
