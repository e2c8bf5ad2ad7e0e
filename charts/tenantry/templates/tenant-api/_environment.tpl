{{- define "tenantry.apiEnvironment" -}}
{{- $database := .Values.database -}}
{{ include "tenantry.secretVariable" (dict "name" "TENANTRY_CATALOG_URL" "secret" $database.existingSecret "key" $database.keys.api) }}
{{- range $setting := list
  (list "PUBLIC_URL" .Values.publicUrl)
  (list "LISTEN" "0.0.0.0:8080")
  (list "METRICS_LISTEN" "0.0.0.0:8081")
  (list "RECORD_DIRECTORY" "/var/lib/tenantry/record")
  (list "CHECKPOINT_DIRECTORY" "/var/lib/tenantry/checkpoints")
  (list "SIGNING_KEY_FILE" "/etc/tenantry/audit/signing.key")
  (list "LOG_ORIGIN" .Values.audit.logOrigin)
  (list "OIDC_ISSUER" .Values.oidc.issuer)
  (list "OIDC_CLIENT_ID" .Values.oidc.clientId)
  (list "WORKLOAD_AUDIENCE" (.Values.workloadIdentity.audience | default .Values.publicUrl))
  (list "WAKE_TIMEOUT" .Values.tenantApi.wakeTimeout)
  (list "STOP_DELAY" 5)
}}
- name: TENANTRY_{{ first $setting }}
  value: {{ last $setting | toString | quote }}
{{- end }}
{{- with .Values.oidc.existingSecret }}
{{ include "tenantry.secretVariable" (dict "name" "TENANTRY_OIDC_CLIENT_SECRET" "secret" . "key" $.Values.oidc.clientSecretKey) }}
{{- end }}
{{- if .Values.oidc.caSecret }}
# Only for the identity provider: PostgreSQL's authority stands in its address, and nobody else is asked by TLS.
- name: SSL_CERT_FILE
  value: /etc/tenantry/oidc/ca.crt
{{- end }}
{{- end -}}
