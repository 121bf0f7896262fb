{{/* The name in labels. */}}
{{- define "calico-bootstrap.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
The name of the objects in a namespace. The name of a Job is a label of its pods, so it has
at most 63 characters, with what is added to this one.
*/}}
{{- define "calico-bootstrap.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/*
The name of the Job, given the chart's context and the spec of its pod. A Job is immutable:
unless Helm deletes it first, one with other values is another Job.
*/}}
{{- define "calico-bootstrap.jobName" -}}
{{- $root := index . 0 -}}
{{- $name := include "calico-bootstrap.fullname" $root -}}
{{- with $root.Values -}}
{{- if .hook.enabled -}}
{{- $name -}}
{{- else -}}
{{- printf "%s-%s" $name (list (index $ 1) .pools .podAnnotations .podLabels .job | toJson | sha256sum | trunc 8) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The name of the objects that are in no namespace, or in kube-system, given the chart's
context and a suffix: unique, since a release in another namespace may have the same full
name.
*/}}
{{- define "calico-bootstrap.clusterName" -}}
{{- $root := index . 0 -}}
{{- printf "%s:%s%s" $root.Release.Namespace (include "calico-bootstrap.fullname" $root) (index . 1) -}}
{{- end -}}

{{- define "calico-bootstrap.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "calico-bootstrap.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "calico-bootstrap.selectorLabels" -}}
app.kubernetes.io/name: {{ include "calico-bootstrap.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/*
The suffixes of the objects that a pod needs: the Job's has none, and that of `helm test` has
objects of its own, which only read. The hooks of the Job exist while it runs, and could not
be hooks of the test as well: `helm test --logs` takes every hook of a test for a pod.
*/}}
{{- define "calico-bootstrap.suffixes" -}}
{{- ternary (list "" "-test") (list "") .Values.test.enabled | toJson -}}
{{- end -}}

{{/* The ServiceAccount, given the chart's context and a suffix. */}}
{{- define "calico-bootstrap.serviceAccountName" -}}
{{- $root := index . 0 -}}
{{- with $root.Values.serviceAccount -}}
{{- if .create -}}
{{- printf "%s%s" (default (include "calico-bootstrap.fullname" $root) .name) (index $ 1) -}}
{{- else -}}
{{- default "default" .name -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "calico-bootstrap.image" -}}
{{- $repository := required "image.repository is required: no registry has the image, so build it with `make image` and name yours" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/*
The annotations of an object that a pod needs, given the chart's context, the suffix, and how
much earlier than the Job it is created. What the Job needs is a hook as well, since hooks run
before the objects of a release exist. It is deleted when the Job has succeeded or failed.
*/}}
{{- define "calico-bootstrap.hookAnnotations" -}}
{{- $root := index . 0 -}}
{{- if and $root.Values.hook.enabled (not (index . 1)) -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ sub (int $root.Values.hook.weight) (index . 2) | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
{{- end -}}

{{/* The datastore, as the program selects it. */}}
{{- define "calico-bootstrap.datastore" -}}
{{- with .Values.settings -}}
{{- default (ternary "etcdv3" "kubernetes" (not (empty (coalesce .etcdEndpoints .etcdDiscoverySrv)))) .datastoreType -}}
{{- end -}}
{{- end -}}

{{/* "true" if the datastore is the API server of the pod's own cluster, else empty. */}}
{{- define "calico-bootstrap.inCluster" -}}
{{- if and (eq (include "calico-bootstrap.datastore" .) "kubernetes") (not .Values.settings.kubeconfig) (not .Values.settings.k8sApiEndpoint) -}}
true
{{- end -}}
{{- end -}}
