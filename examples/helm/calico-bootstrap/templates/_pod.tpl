{{/*
The environment variables of the settings, as YAML, by the setting's name: the values with
the overrides, which are the second argument, and what etcdSecret implies.
*/}}
{{- define "calico-bootstrap.env" -}}
{{- $root := index . 0 -}}
{{- $settings := mergeOverwrite (deepCopy $root.Values.settings) (index . 1) -}}
{{- $_ := set $settings "datastoreType" (include "calico-bootstrap.datastore" $root) -}}
{{- with $root.Values.etcdSecret -}}
{{- if .name -}}
{{- range $setting, $key := dict "etcdCaCertFile" .caKey "etcdCertFile" .certKey "etcdKeyFile" .keyKey -}}
{{- if $key -}}
{{- if get $settings $setting -}}
{{- fail (printf "settings.%s: must be empty with etcdSecret.name, which sets it as well" $setting) -}}
{{- end -}}
{{- $_ := set $settings $setting (printf "/etc/calico-bootstrap/etcd/%s" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $off := include "calico-bootstrap.off" $root | fromYamlArray -}}
{{- range $setting, $variable := include "calico-bootstrap.variables" $root | fromYaml -}}
{{- $value := get $settings $setting -}}
{{- if kindIs "map" $value -}}
{{- if $value.name }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $value.name | quote }}
      key: {{ $value.key | quote }}
{{- end -}}
{{- else -}}
{{- if kindIs "slice" $value -}}
{{- $value = join "," $value -}}
{{- else if and (has $setting $off) (eq (toString $value) "false") -}}
{{- $value = "off" -}}
{{- else if and (kindIs "float64" $value) (eq (toString (floor $value)) (toString $value)) -}}
{{- $value = int64 $value -}}
{{- end -}}
{{- if ne (toString $value) "" }}
- name: {{ $variable }}
  value: {{ toString $value | quote }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (include "calico-bootstrap.inCluster" $root) $root.Values.apiServerConfigMap }}
{{- range list "KUBERNETES_SERVICE_HOST" "KUBERNETES_SERVICE_PORT" }}
- name: {{ . }}
  valueFrom:
    configMapKeyRef:
      name: {{ $root.Values.apiServerConfigMap | quote }}
      key: {{ . }}
      optional: true
{{- end }}
{{- end }}
{{- with $root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The same. It fails for a duplicate variable. */}}
{{- define "calico-bootstrap.uniqueEnv" -}}
{{- $env := include "calico-bootstrap.env" . -}}
{{- $names := dict -}}
{{- range fromYamlArray $env -}}
{{- if hasKey $names .name -}}
{{- $other := ternary "set apiServerConfigMap to empty" "the setting that sets it" (hasPrefix "KUBERNETES_SERVICE_" .name) -}}
{{- fail (printf "extraEnv: %s is set twice; remove it, or %s" .name $other) -}}
{{- end -}}
{{- $_ := set $names .name true -}}
{{- end -}}
{{- $env -}}
{{- end -}}

{{/* The ConfigMap with the pools, given the chart's context and a suffix; empty: none. */}}
{{- define "calico-bootstrap.poolsConfigMap" -}}
{{- $root := index . 0 -}}
{{- with $root.Values -}}
{{- if and .pools .poolsConfigMap -}}
{{- fail "poolsConfigMap: must be empty with pools" -}}
{{- end -}}
{{- if .pools -}}
{{- printf "%s-pools%s" (include "calico-bootstrap.fullname" $root) (index $ 1) -}}
{{- else -}}
{{- .poolsConfigMap -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The spec of a pod, given the chart's context, the suffix of the objects that it needs, the
arguments of the program, and settings that override the values.
*/}}
{{- define "calico-bootstrap.podSpec" -}}
{{- $root := index . 0 -}}
{{- $suffix := index . 1 -}}
{{- $args := index . 2 -}}
{{- $env := include "calico-bootstrap.uniqueEnv" (list $root (index . 3)) -}}
{{- with $root.Values -}}
{{- $pools := include "calico-bootstrap.poolsConfigMap" (list $root $suffix) -}}
serviceAccountName: {{ include "calico-bootstrap.serviceAccountName" (list $root $suffix) | quote }}
automountServiceAccountToken: {{ eq (include "calico-bootstrap.inCluster" $root) "true" }}
restartPolicy: Never
{{- with .image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
hostNetwork: {{ ternary (not .openshift) .hostNetwork (eq (toString .hostNetwork) "") }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- ternary (omit .podSecurityContext "runAsUser" "runAsGroup" "fsGroup") .podSecurityContext .openshift | toYaml | nindent 2 }}
containers:
  - name: calico-bootstrap
    image: {{ include "calico-bootstrap.image" $root | quote }}
    imagePullPolicy: {{ .image.pullPolicy }}
    args:
      {{- range concat $args (ternary (list "--pools-file=/etc/calico-bootstrap/pools") list (ne $pools "")) .extraArgs }}
      - {{ . | quote }}
      {{- end }}
    env:
      {{- $env | trim | nindent 6 }}
    # The error of a failed run, in the pod's status.
    terminationMessagePolicy: FallbackToLogsOnError
    {{- with .resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    securityContext:
      {{- toYaml .securityContext | nindent 6 }}
    {{- if or $pools .etcdSecret.name .extraVolumeMounts }}
    volumeMounts:
      {{- if $pools }}
      - name: pools
        mountPath: /etc/calico-bootstrap/pools
        readOnly: true
      {{- end }}
      {{- if .etcdSecret.name }}
      - name: etcd
        mountPath: /etc/calico-bootstrap/etcd
        readOnly: true
      {{- end }}
      {{- with .extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- end }}
{{- if or $pools .etcdSecret.name .extraVolumes }}
volumes:
  {{- if $pools }}
  - name: pools
    configMap:
      name: {{ $pools | quote }}
  {{- end }}
  {{- if .etcdSecret.name }}
  - name: etcd
    secret:
      secretName: {{ .etcdSecret.name | quote }}
      # The key is for the group of fsGroup, and for nobody else.
      defaultMode: 0440
  {{- end }}
  {{- with .extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}
{{- end -}}
