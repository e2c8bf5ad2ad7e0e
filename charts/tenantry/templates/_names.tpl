{{/* What this release's namespaced objects start with. At most 40 characters, so that longer names fit into 63. */}}
{{- define "tenantry.fullname" -}}
{{- $name := .Values.fullnameOverride | default .Release.Name -}}
{{- if gt (len $name) 40 -}}
{{- printf "%s-%s" ($name | trunc 31 | trimSuffix "-") ($name | sha256sum | trunc 8) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{/*
What cluster-scoped objects start with. A colon is no character of namespaces or releases, so no two releases of a cluster
can come to the same name.
*/}}
{{- define "tenantry.clusterName" -}}
tenantry:{{ .Release.Namespace }}:{{ .Release.Name }}
{{- end -}}

{{/*
What sets this installation apart from others of the cluster, in labels and in the Lease's name. No namespace holds a dot:
what stands before the first one is the namespace.
*/}}
{{- define "tenantry.installation" -}}
{{- $long := printf "%s.%s" .Release.Namespace .Release.Name -}}
{{- $name := .Values.installation | default (eq .Release.Namespace .Release.Name | ternary .Release.Name $long) -}}
{{- if gt (len $name) 63 -}}
{{- fail (printf "installation: %q is longer than the 63 characters of a label; set a shorter one" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* The Lease of whichever operator acts. */}}
{{- define "tenantry.lease" -}}
tenantry-{{ include "tenantry.installation" . }}
{{- end -}}

{{/* Labels that select a component's pods. They never change: a workload's selector cannot. */}}
{{- define "tenantry.selector" -}}
app.kubernetes.io/name: tenantry
app.kubernetes.io/instance: {{ include "tenantry.installation" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* What marks the Services that monitors of this installation look at. */}}
{{- define "tenantry.scraped" -}}
tenantry.dev/scraped-for: {{ include "tenantry.installation" . }}
{{- end -}}

{{/* Labels of every object of a component: dict "root" $ "component" "operator". */}}
{{- define "tenantry.labels" -}}
{{ include "tenantry.selector" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of pods: nothing that changes with the chart's version, or every upgrade would restart them. */}}
{{- define "tenantry.podLabels" -}}
{{- merge (include "tenantry.selector" . | fromYaml) (.extra | default dict) | toYaml -}}
{{- end -}}

{{/* The host that people type, without the port. */}}
{{- define "tenantry.host" -}}
{{ (urlParse .Values.publicUrl).hostname }}
{{- end -}}
