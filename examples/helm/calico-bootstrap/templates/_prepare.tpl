{{/*
Every template begins with this: it completes the values, given the chart's context, and fails
for values that contradict each other. A top-level value that is null or missing gets its
default: with --reuse-values, the values of an older chart are missing. So do the fields of the
objects in $closed. Null is valid for the fields in $nullable, which get no default.
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
{{- $user := "must have no user and password, which the release would store" -}}
{{- $refer := "refer to a Secret by settings.etcdPassword or settings.k8sApiToken" -}}
{{- $anyUser := "://.*@|[^\\s/@:]+:[^\\s/@]+@" -}}
{{- range $setting, $places := include "calico-bootstrap.servers" . | fromYaml -}}
{{- $places = splitList "," $places -}}
{{- if contains "@" (toString (get $.Values.settings $setting)) -}}
{{- fail (printf "settings.%s: %s; %s" $setting $user $refer) -}}
{{- end -}}
{{- range $.Values.extraEnv -}}
{{- if and (has .name $places) (contains "@" (default "" .value)) -}}
{{- fail (printf "extraEnv: %s %s; %s" .name $user $refer) -}}
{{- end -}}
{{- end -}}
{{- if regexMatch (printf "%s[= ]\\S*@" (last $places)) (join " " $.Values.extraArgs) -}}
{{- fail (printf "extraArgs: %s %s; %s" (last $places) $user $refer) -}}
{{- end -}}
{{- end -}}
{{- range $i, $arg := .Values.extraArgs -}}
{{- if regexMatch $anyUser $arg -}}
{{- fail (printf "extraArgs[%d]: %s" $i $user) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if regexMatch $anyUser (default "" .value) -}}
{{- fail (printf "extraEnv: %s %s; set valueFrom.secretKeyRef" .name $user) -}}
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
{{- $timeout := toString $settings.timeout -}}
{{- if kindIs "invalid" $settings.timeout -}}
{{- $timeout = "" -}}
{{- else if not (kindIs "string" $settings.timeout) -}}
{{- $timeout = int64 $settings.timeout | toString -}}
{{- end -}}
{{- if regexMatch "^[0-9]*[1-9][0-9]*$" $timeout -}}
{{- fail (printf "settings.timeout: %s has no unit: must be a duration such as %ss, or 0: no limit" $timeout $timeout) -}}
{{- end -}}
{{- $limit := default (ternary "0" "60s" $wait) $timeout -}}
{{- $epoch := toDate "2006" "2000" -}}
{{- $end := dateModify $limit $epoch -}}
{{- if and (regexMatch "[1-9]" $limit) (eq (toString $end) (toString $epoch)) -}}
{{- fail (printf "settings.timeout: %s: must be a duration such as 4m, from 1ns to 2562047h" $timeout) -}}
{{- end -}}
{{- if and $wait (regexMatch "[1-9]" $timeout) -}}
{{- fail (printf "settings.waitForDatastore: must be false with settings.timeout (%s), which limits the wait; to wait without a limit, set settings.timeout=0 and job.activeDeadlineSeconds=null" $timeout) -}}
{{- end -}}
{{- with .Values.job.activeDeadlineSeconds -}}
{{- $seconds := sub (unixEpoch $end) (unixEpoch $epoch) -}}
{{- if or (not (regexMatch "[1-9]" $limit)) (ge $seconds (int64 .)) -}}
{{- fail (printf "job.activeDeadlineSeconds: must be more than settings.timeout (%s), so that the program reports what it waits for, or null: no limit" (default (ternary "no limit" "60s" $wait) $timeout)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
