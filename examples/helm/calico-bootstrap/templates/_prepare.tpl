{{/*
Every template begins with this: it completes the values, given the chart's context, and fails
for values that contradict each other. A top-level value that is null, or that the chart of
a release with --reuse-values did not have, gets its default; so does a field of it, unless
null means something there, or others name its keys.
*/}}
{{- define "calico-bootstrap.prepare" -}}
{{- $values := .Values -}}
{{- $closed := list "image" "hook" "test" "job" "etcdSecret" "settings" "serviceAccount" "rbac" -}}
{{- $nullable := list "timeout" "activeDeadlineSeconds" "ttlSecondsAfterFinished" -}}
{{- range $name, $default := include "calico-bootstrap.defaults" . | fromYaml -}}
{{- if kindIs "invalid" (index $values $name) -}}
{{- $_ := set $values $name $default -}}
{{- else if has $name $closed -}}
{{- $fields := index $values $name -}}
{{- range $field, $value := $default -}}
{{- if and (kindIs "invalid" (index $fields $field)) (not (has $field $nullable)) -}}
{{- $_ := set $fields $field $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "calico-bootstrap.check" . -}}
{{- end -}}

{{/* Fails for values that contradict each other, or that would store a secret in the release. */}}
{{- define "calico-bootstrap.check" -}}
{{- if eq (toString .Values.enabled) "false" -}}
{{- fail "enabled: must be true, or the condition of the dependency in the parent chart: it does not turn off a chart that is rendered" -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) .Values.rbac.create (include "calico-bootstrap.inCluster" .) -}}
{{- fail "serviceAccount.name: is required with serviceAccount.create=false and rbac.create=true, as every pod without an account of its own would get the roles" -}}
{{- end -}}
{{- $settings := .Values.settings -}}
{{- $datastore := include "calico-bootstrap.datastore" . -}}
{{- if and .Values.etcdSecret.name (eq $datastore "kubernetes") -}}
{{- fail "etcdSecret.name: must be empty with the datastore kubernetes; set settings.etcdEndpoints or settings.etcdDiscoverySrv for etcd" -}}
{{- end -}}
{{- range $setting, $value := $settings -}}
{{- $etcd := hasPrefix "etcd" $setting -}}
{{- $kubernetes := or (hasPrefix "k8s" $setting) (has $setting (list "kubeconfig" "calicoApiGroup")) -}}
{{- if and $value (or (and $etcd (eq $datastore "kubernetes")) (and $kubernetes (eq $datastore "etcdv3"))) -}}
{{- fail (printf "settings.%s: must be empty with the datastore %s, which does not use it" $setting $datastore) -}}
{{- end -}}
{{- end -}}
{{- if and $settings.kubeconfig $settings.k8sApiEndpoint -}}
{{- fail "settings.k8sApiEndpoint: must be empty with settings.kubeconfig, which has the endpoint" -}}
{{- end -}}
{{- include "calico-bootstrap.checkTimeLimits" . -}}
{{- include "calico-bootstrap.checkSecrets" . -}}
{{- end -}}

{{/* Fails for secrets that the release would store, and does not print them. */}}
{{- define "calico-bootstrap.checkSecrets" -}}
{{- range list "etcdEndpoints" "etcdDiscoverySrv" "k8sApiEndpoint" -}}
{{- if contains "@" (toString (get $.Values.settings .)) -}}
{{- fail (printf "settings.%s: must have no user and password, which the release would store; refer to a Secret by settings.etcdPassword or settings.k8sApiToken" .) -}}
{{- end -}}
{{- end -}}
{{- range $setting, $places := include "calico-bootstrap.secrets" . | fromYaml -}}
{{- range $place := splitList "," $places -}}
{{- range $.Values.extraEnv -}}
{{- if and (eq .name $place) .value -}}
{{- fail (printf "extraEnv: %s must not be a value, which the release would store; set settings.%s={name: SECRET, key: KEY}" $place $setting) -}}
{{- end -}}
{{- end -}}
{{- range $.Values.extraArgs -}}
{{- if eq (splitList "=" . | first) $place -}}
{{- fail (printf "extraArgs: %s must not be an argument, which the release would store; set settings.%s={name: SECRET, key: KEY}" $place $setting) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Fails if the Job would end before the program does, which then could not report the cause. A
fixed time makes a number of seconds of a duration.
*/}}
{{- define "calico-bootstrap.checkTimeLimits" -}}
{{- $settings := .Values.settings -}}
{{- $wait := eq (toString $settings.waitForDatastore) "true" -}}
{{- $timeout := kindIs "invalid" $settings.timeout | ternary "" (toString $settings.timeout) -}}
{{- if and $wait (regexMatch "[1-9]" $timeout) -}}
{{- fail (printf "settings.waitForDatastore: must be false with settings.timeout (%s), which limits the wait; to wait without a limit, set settings.timeout=0 and job.activeDeadlineSeconds=null" $timeout) -}}
{{- end -}}
{{- with .Values.job.activeDeadlineSeconds -}}
{{- $limit := default (ternary "0" "60s" $wait) $timeout -}}
{{- $epoch := toDate "2006" "2000" -}}
{{- $seconds := sub (mustDateModify $limit $epoch | unixEpoch) (unixEpoch $epoch) -}}
{{- if or (not (regexMatch "[1-9]" $limit)) (ge $seconds (int64 .)) -}}
{{- fail (printf "job.activeDeadlineSeconds: must be more than settings.timeout (%s), so that the program reports what it waits for, or null: no limit" (default "no limit" $timeout)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
