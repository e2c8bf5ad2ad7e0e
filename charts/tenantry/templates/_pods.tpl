{{/*
A pod as the restricted Pod Security level wants it. No user id: the image names one that is not root, and OpenShift gives
each namespace its own.
*/}}
{{- define "tenantry.podSecurity" -}}
runAsNonRoot: true
{{- with .fsGroup }}
fsGroup: {{ . | int64 }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "tenantry.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- end -}}

{{/* On which nodes pods may run: .Values.operator, or what else has a nodeSelector and tolerations. */}}
{{- define "tenantry.nodes" }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where a component's pods run: dict "root" $ "component" "operator" "values" .Values.operator. */}}
{{- define "tenantry.scheduling" -}}
affinity:
  {{- if .values.affinity }}
  {{- toYaml .values.affinity | nindent 2 }}
  {{- else }}
  # A node that goes takes one of them.
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "tenantry.selector" . | nindent 14 }}
  {{- end }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  {{- $these := dict "labelSelector" (dict "matchLabels" (include "tenantry.selector" $ | fromYaml)) }}
  - {{- toYaml (hasKey . "labelSelector" | ternary . (merge $these .)) | nindent 4 }}
  {{- end }}
{{- end }}
{{- include "tenantry.nodes" .values }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* One variable from a Secret: dict "name" "TENANTRY_CATALOG_URL" "secret" "…" "key" "…". */}}
{{- define "tenantry.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end -}}

{{/* PostgreSQL's authority, and a place for temporary files: the rest of the file system cannot be written. */}}
{{- define "tenantry.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.database.caSecret }}
- name: postgres-ca
  mountPath: /etc/tenantry/postgres
  readOnly: true
{{- end }}
{{- end -}}

{{- define "tenantry.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 256Mi
{{- with .Values.database.caSecret }}
- name: postgres-ca
  secret:
    secretName: {{ . }}
    items:
      - key: {{ $.Values.database.caKey }}
        path: ca.crt
{{- end }}
{{- end -}}
