{{/* One rule of egress: dict "peers" [] "ports" [5432] "protocols" ["TCP"]. Without peers, everywhere. */}}
{{- define "tenantry.egress" -}}
- ports:
  {{- range $port := .ports }}
    {{- range $.protocols | default (list "TCP") }}
    - port: {{ $port | int }}
      protocol: {{ . }}
    {{- end }}
  {{- end }}
  {{- with .peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Numbers with commas between: large ones are floats to Helm. */}}
{{- define "tenantry.portList" -}}
{{- range $index, $it := . }}{{ if $index }},{{ end }}{{ int64 $it }}{{ end -}}
{{- end -}}

{{- define "tenantry.egressDns" -}}
{{ include "tenantry.egress" (merge (dict "protocols" (list "UDP" "TCP")) .Values.networkPolicy.dns) }}
{{- end -}}

{{/* The port of a URL. */}}
{{- define "tenantry.port" -}}
{{- $url := urlParse . -}}
{{- $named := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $named | default (eq $url.scheme "http" | ternary "80" "443") -}}
{{- end -}}

{{/* The ports of S3 and its IAM API, as JSON: those that are named, else those of the addresses. */}}
{{- define "tenantry.storagePorts" -}}
{{- $addresses := list (.Values.storage.endpoint | default "https://aws") -}}
{{- with .Values.storage.iamEndpoint }}{{ $addresses = append $addresses . }}{{ end -}}
{{- $ports := list -}}
{{- range $addresses }}{{ $ports = append $ports (include "tenantry.port" . | int) }}{{ end -}}
{{- .Values.networkPolicy.storage.ports | default (uniq $ports) | toJson -}}
{{- end -}}

{{/* Backends: pods that the operator made, in the namespaces of this installation's workspaces. */}}
{{- define "tenantry.egressBackends" -}}
- ports:
    - port: 8080
      protocol: TCP
  to:
    - namespaceSelector:
        matchLabels:
          tenantry.dev/installation: {{ include "tenantry.installation" . }}
      podSelector:
        matchLabels:
          app.kubernetes.io/managed-by: tenantry-operator
          app.kubernetes.io/component: backend
{{- end -}}
