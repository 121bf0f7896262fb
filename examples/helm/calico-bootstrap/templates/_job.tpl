{{/* The spec of the Job, given the chart's context. */}}
{{- define "calico-bootstrap.jobSpec" -}}
{{- with .Values.job }}
backoffLimit: {{ int64 .backoffLimit }}
{{- if .activeDeadlineSeconds }}
activeDeadlineSeconds: {{ int64 .activeDeadlineSeconds }}
{{- end }}
{{- if not (kindIs "invalid" .ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ int64 .ttlSecondsAfterFinished }}
{{- end }}
{{- end }}
podFailurePolicy:
  rules:
    # Another pod would fail as well: the settings are invalid, or the run was refused.
    - action: FailJob
      onExitCodes:
        containerName: calico-bootstrap
        operator: In
        values: [2, 3]
    # A drained node is no failure.
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
template:
  metadata:
    labels:
      {{- merge (include "calico-bootstrap.selectorLabels" . | fromYaml) .Values.podLabels | toYaml | nindent 6 }}
    {{- with .Values.podAnnotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    {{- include "calico-bootstrap.podSpec" (list . "" (list "apply") dict) | nindent 4 }}
{{- end -}}
