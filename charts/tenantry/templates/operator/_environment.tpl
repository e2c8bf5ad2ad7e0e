{{- define "tenantry.operatorEnvironment" -}}
{{- $database := .Values.database -}}
{{ include "tenantry.secretVariable" (dict "name" "TENANTRY_CATALOG_URL" "secret" $database.existingSecret "key" $database.keys.operator) }}
{{ include "tenantry.secretVariable" (dict "name" "TENANTRY_PROVISION_URL" "secret" $database.existingSecret "key" $database.keys.provision) }}
- name: TENANTRY_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: TENANTRY_POD
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- include "tenantry.operatorSettings" . }}
{{- with .Values.storage.existingSecret }}
{{ include "tenantry.secretVariable" (dict "name" "TENANTRY_STORAGE_ACCESS_KEY" "secret" . "key" $.Values.storage.keys.accessKey) }}
{{ include "tenantry.secretVariable" (dict "name" "TENANTRY_STORAGE_SECRET_KEY" "secret" . "key" $.Values.storage.keys.secretKey) }}
{{- end }}
{{- end -}}

{{/* What needs no Secret, in one table. What is empty is said too: a golden file then shows every setting there is. */}}
{{- define "tenantry.operatorSettings" -}}
{{- $storage := .Values.storage -}}
{{- $policy := .Values.networkPolicy -}}
{{- $pullSecrets := list -}}
{{- range .Values.imagePullSecrets }}{{ $pullSecrets = append $pullSecrets .name }}{{ end -}}
{{- range $setting := list
  (list "INSTALLATION" (include "tenantry.installation" .))
  (list "WATCH_NAMESPACES" (join "," .Values.operator.watchNamespaces))
  (list "WORKSPACE_ADMIN_ROLE" (printf "%s:workspace-admin" (include "tenantry.clusterName" .)))
  (list "BACKEND_IMAGE" (include "tenantry.image" (dict "root" . "image" .Values.backend.image)))
  (list "BACKEND_IMAGE_PULL_POLICY" .Values.backend.image.pullPolicy)
  (list "IMAGE_PULL_SECRETS" (join "," $pullSecrets))
  (list "PUBLIC_URL" .Values.publicUrl)
  (list "LISTEN" "0.0.0.0:8081")
  (list "STORAGE_DRIVER" $storage.driver)
  (list "STORAGE_ENDPOINT" $storage.endpoint)
  (list "STORAGE_REGION" $storage.region)
  (list "STORAGE_BUCKET" $storage.bucket)
  (list "STORAGE_IAM_ENDPOINT" $storage.iamEndpoint)
  (list "STORAGE_CA_FILE" (empty $storage.caSecret | ternary "" "/etc/tenantry/storage/ca.crt"))
  (list "ARCHIVE_BUCKET" $storage.archiveBucket)
  (list "DATABASE_PEERS" (toJson $policy.database.peers))
  (list "DATABASE_PORTS" (include "tenantry.portList" $policy.database.ports))
  (list "STORAGE_PEERS" (toJson $policy.storage.peers))
  (list "STORAGE_PORTS" (include "tenantry.portList" $policy.storage.ports))
  (list "DNS_PEERS" (toJson $policy.dns.peers))
  (list "DNS_PORTS" (include "tenantry.portList" $policy.dns.ports))
  (list "KUBERNETES_QPS" (int64 .Values.operator.kubernetesQps))
  (list "ROTATION_DAYS" (int64 .Values.operator.rotationDays))
  (list "DELETION_GRACE" (int64 .Values.operator.deletionGraceSeconds))
}}
- name: TENANTRY_{{ first $setting }}
  value: {{ last $setting | toString | quote }}
{{- end }}
{{- end -}}
