{{- define "tenantry.removalRules" -}}
# get: until they are gone. delete: is what the hook is for, and it is only there with crds.keep=false.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames: [projects.tenantry.dev, workspaces.tenantry.dev]
  verbs: [get, delete]
{{- end -}}
