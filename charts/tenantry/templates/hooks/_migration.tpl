{{- define "tenantry.migrationCatalog" -}}
{{- $database := .Values.database -}}
{{ include "tenantry.hookContainer" (dict "root" . "name" "catalog" "command" (list "python" "-m" "tenantry_catalog.migrate")) }}
  env:
    {{- include "tenantry.secretVariable" (dict "name" "TENANTRY_CATALOG_OWNER_URL" "secret" $database.existingSecret "key" $database.keys.owner) | nindent 4 }}
    {{- include "tenantry.secretVariable" (dict "name" "TENANTRY_CATALOG_OPERATOR_URL" "secret" $database.existingSecret "key" $database.keys.operator) | nindent 4 }}
    {{- include "tenantry.secretVariable" (dict "name" "TENANTRY_CATALOG_API_URL" "secret" $database.existingSecret "key" $database.keys.api) | nindent 4 }}
  volumeMounts:
    {{- include "tenantry.mounts" . | nindent 4 }}
{{- end -}}

{{- define "tenantry.migrationRules" -}}
# create: the first time. A name cannot limit this verb.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [create]
# get: whether they are served yet. patch: brings them to this version by server-side apply.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames: [projects.tenantry.dev, workspaces.tenantry.dev]
  verbs: [get, patch]
{{- end -}}
