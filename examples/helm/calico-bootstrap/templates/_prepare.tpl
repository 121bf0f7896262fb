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

{{- define "calico-bootstrap.check" -}}
{{- if eq (toString .Values.enabled) "false" -}}
{{- fail "enabled: must be true, or the condition of the dependency in the parent chart: it does not turn off a chart that is rendered" -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) .Values.rbac.create (include "calico-bootstrap.inCluster" .) -}}
{{- fail "serviceAccount.name: is required with serviceAccount.create=false and rbac.create=true, as every pod without an account of its own would get the roles" -}}
{{- end -}}
{{- end -}}
