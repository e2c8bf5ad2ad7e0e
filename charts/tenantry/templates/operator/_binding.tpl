{{/* Gives the operator a Role: dict "root" $ "name" "…" "namespace" "…". */}}
{{- define "tenantry.binding" }}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "tenantry.labels" (dict "root" .root "component" "operator") | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "tenantry.fullname" .root }}-operator
    namespace: {{ .root.Release.Namespace }}
{{- end -}}
