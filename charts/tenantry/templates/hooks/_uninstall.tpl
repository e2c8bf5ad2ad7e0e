{{- define "tenantry.uninstallRules" -}}
# list: what has a finalizer of ours. patch: takes it off.
- apiGroups: [tenantry.dev]
  resources: [projects, workspaces]
  verbs: [list, patch]
{{- if not .Values.crds.keep }}
# delete: what crds.keep=false asks for.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames: [projects.tenantry.dev, workspaces.tenantry.dev]
  verbs: [delete]
{{- end }}
{{- end -}}
