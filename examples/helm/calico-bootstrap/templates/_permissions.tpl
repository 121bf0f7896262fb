{{/*
What a run with these values reads besides pools and blocks, as YAML, given the chart's
context and a suffix: the program's own conditions, by address family. The run of the test
has no preflight. A ConfigMap of others may have pools of both families.
*/}}
{{- define "calico-bootstrap.permissions" -}}
{{- $v := (index . 0).Values -}}
{{- $s := $v.settings -}}
{{- $checks := not (or (index . 1) (has (toString $s.preflight) (list "off" "false"))) -}}
{{- $created := false -}}
{{- $unknown := false -}}
{{- $sources := false -}}
{{- $services := not (empty $s.noNatTo) -}}
{{- $felix := false -}}
{{- range $family, $mark := dict "4" "." "6" ":" -}}
{{- $cidr := get $s (printf "ipv%sPoolCidr" $family) | toString | lower -}}
{{- $supported := or (eq $family "4") (ne (toString $s.ipv6Support) "false") -}}
{{- $fromFile := and $supported (not (empty $v.poolsConfigMap)) -}}
{{- $masquerades := and $fromFile (eq $family "6") -}}
{{- range $v.pools -}}
{{- if and $supported (contains $mark .cidr) -}}
{{- $fromFile = true -}}
{{- if and .natOutgoing (eq $family "6") -}}
{{- $masquerades = true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if contains $mark (kindIs "slice" $s.noNatTo | ternary (join "," $s.noNatTo) (toString $s.noNatTo)) -}}
{{- $fromFile = true -}}
{{- end -}}
{{- $byDefault := and $supported (ne (toString $s.noDefaultPools) "true") (ne $cidr "none") (or $cidr (not (or $v.pools $v.poolsConfigMap))) -}}
{{- $given := contains $mark (kindIs "slice" $s.clusterCidr | ternary (join "," $s.clusterCidr) (toString $s.clusterCidr)) -}}
{{- $created = or $created $byDefault $fromFile -}}
{{- if and $byDefault (not $cidr) -}}
{{- $unknown = true -}}
{{- $services = or $services (not $given) -}}
{{- end -}}
{{- $chosen := and $byDefault (not $cidr) -}}
{{- $sources = or $sources (and (not $given) (or $chosen (and $checks (or $byDefault $fromFile)))) -}}
{{- $felix = or $felix $masquerades (and $byDefault (eq $family "6") (eq (toString $s.ipv6PoolNatOutgoing) "true")) -}}
{{- end -}}
sources: {{ not (empty $sources) }}
installation: {{ not (empty (or $unknown (and $checks $created))) }}
services: {{ not (empty (or $services (and $checks $created))) }}
felix: {{ not (empty $felix) }}
bgp: {{ not (empty $s.noNatTo) }}
{{- end -}}
