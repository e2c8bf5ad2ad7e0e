{{/* In our own namespace. */}}
{{- define "tenantry.uninstallOwnRules" -}}
# get: whether the operator is gone. Nothing is taken away before.
- apiGroups: [apps]
  resources: [deployments]
  resourceNames: [{{ include "tenantry.fullname" . }}-operator]
  verbs: [get]
# get: whether one of its pods still acts.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "tenantry.lease" . }}]
  verbs: [get]
{{- end -}}

{{- define "tenantry.uninstallCommand" -}}
{{- $command := .Values.crds.keep | ternary "release" "remove" -}}
{{- $operator := list "--namespace" .Release.Namespace "--deployment" (printf "%s-operator" (include "tenantry.fullname" .)) -}}
{{- concat (list "python" "-m" "tenantry_operator.runtime.kubernetes.crds" $command) $operator (list "--lease" (include "tenantry.lease" .)) | toJson -}}
{{- end -}}

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
