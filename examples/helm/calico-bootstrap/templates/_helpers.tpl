{{/*
The name in labels and in the names of objects, which have no capital letters: an alias of
a dependency may have them.
*/}}
{{- define "calico-bootstrap.name" -}}
{{- regexReplaceAll "[^a-z0-9]+" (default .Chart.Name .Values.nameOverride | lower) "-" | trunc 63 | trimAll "-" -}}
{{- end -}}

{{/*
The name of the objects in a namespace. The name of a Job is a label of its pods, so it has
at most 63 characters, with what is added to this one.
*/}}
{{- define "calico-bootstrap.fullname" -}}
{{- $name := include "calico-bootstrap.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- regexReplaceAll "[-.]+$" (default $full .Values.fullnameOverride | trunc 52) "" -}}
{{- end -}}

{{/*
The name of the Job, given the chart's context. A Job is immutable: unless Helm deletes it
first, one with another spec, or with other pools, is another Job.
*/}}
{{- define "calico-bootstrap.jobName" -}}
{{- $name := include "calico-bootstrap.fullname" . -}}
{{- if .Values.hook.enabled -}}
{{- $name -}}
{{- else -}}
{{- list (include "calico-bootstrap.jobSpec" .) .Values.pools .Values.job.annotations | toJson | sha256sum | trunc 8 | printf "%s-%s" $name -}}
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

{{/* The label helm.sh/chart. It begins with the chart's name, also with nameOverride. */}}
{{- define "calico-bootstrap.chartLabel" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trimAll "_-" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "calico-bootstrap.labels" -}}
helm.sh/chart: {{ include "calico-bootstrap.chartLabel" . }}
{{ include "calico-bootstrap.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "calico-bootstrap.selectorLabels" -}}
app.kubernetes.io/name: {{ include "calico-bootstrap.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
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

{{/* The image. The appVersion v0.0.0 is that of no release, so nobody has built its image. */}}
{{- define "calico-bootstrap.image" -}}
{{- $repository := required "image.repository is required: no registry has the image, so build it with `make image` and name yours" .Values.image.repository -}}
{{- $name := regexReplaceAll "(:[^:/@]*)?(@.*)?$" $repository "" -}}
{{- if ne $name $repository -}}
{{- fail (printf "image.repository: %s: must have no tag and no digest: set image.repository=%s, and image.tag or image.digest" $repository $name) -}}
{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- $tag := default (ternary "" .Chart.AppVersion (eq .Chart.AppVersion "v0.0.0")) .Values.image.tag -}}
{{- printf "%s:%s" $repository (required "image.tag or image.digest is required: the chart has no version of a release, so set the tag of your image, such as v1" $tag) -}}
{{- end -}}
{{- end -}}

{{/*
The apiVersion, kind and metadata of an object, given the chart's context and a dictionary:
apiVersion, kind, namespace (none: not in a namespace), name, hook (the annotations of a hook;
empty: an object of the release), and the labels and annotations of the values, over which
those of the chart take precedence.
*/}}
{{- define "calico-bootstrap.object" -}}
{{- $root := index . 0 -}}
{{- with index . 1 -}}
{{- $hook := default dict .hook -}}
{{- if $hook -}}
{{- include "calico-bootstrap.checkHook" (list $root .) -}}
{{- end -}}
apiVersion: {{ .apiVersion }}
kind: {{ .kind }}
metadata:
  name: {{ .name | quote }}
  {{- with .namespace }}
  namespace: {{ . | quote }}
  {{- end }}
  labels:
    {{- merge (include "calico-bootstrap.labels" $root | fromYaml) (default dict .labels) | toYaml | nindent 4 }}
  {{- with merge (dict) $hook (default dict .annotations) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{/*
Fails if the object of a hook exists and does not belong to this release: Helm would delete it
before it creates the hook. `helm template` has no access to the cluster, and checks nothing.
*/}}
{{- define "calico-bootstrap.checkHook" -}}
{{- $root := index . 0 -}}
{{- with index . 1 -}}
{{- $existing := lookup .apiVersion .kind (default "" .namespace) .name -}}
{{- if $existing -}}
{{- $labels := dig "metadata" "labels" dict $existing -}}
{{- if not (and (eq (get $labels "app.kubernetes.io/instance") $root.Release.Name) (eq (get $labels "app.kubernetes.io/managed-by") $root.Release.Service) (hasPrefix (printf "%s-" $root.Chart.Name | trimPrefix "_") (get $labels "helm.sh/chart"))) -}}
{{- fail (printf "%s %s exists and does not belong to the chart %s of release %s, whose hook would delete it: set fullnameOverride, or serviceAccount.name, to another name" .kind (list .namespace .name | compact | join "/") $root.Chart.Name $root.Release.Name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The annotations of an object that a pod needs, as YAML, given the chart's context, the suffix,
and how much earlier than the Job it is created. What the Job needs is a hook as well, since
hooks run before the objects of a release exist. Helm deletes it when the Job has succeeded,
and since 3.19 also when the Job has failed.
*/}}
{{- define "calico-bootstrap.hookAnnotations" -}}
{{- $root := index . 0 -}}
{{- if and $root.Values.hook.enabled (not (index . 1)) -}}
helm.sh/hook: pre-install,pre-upgrade,pre-rollback
helm.sh/hook-weight: {{ sub (int64 $root.Values.hook.weight) (index . 2) | quote }}
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
