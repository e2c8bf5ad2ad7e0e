{{/* One image's address: dict "root" $ "image" .Values.operator.image. A mirror takes the registry's place, a digest the tag's. */}}
{{- define "tenantry.image" -}}
{{- $registry := .root.Values.global.imageRegistry | default .image.registry | trimSuffix "/" -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{ .image.repository }}
{{- with .image.digest }}@{{ . }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}
