{{/* Annotations of a hook's object: dict "when" "pre-install,pre-upgrade" "weight" "0". It goes when the hook has succeeded. */}}
{{- define "tenantry.hook" -}}
helm.sh/hook: {{ .when }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/*
What a hook's Job needs before anything of the chart is there: an account, its rights, and a way out where the namespace
denies all. dict "root" $ "component" "migration" "when" "…" "name" "…" "rules" "…" (of the cluster) "ownRules" "…" (of our
namespace); each may be left out.
*/}}
{{- define "tenantry.hookAccess" }}
{{- $labels := include "tenantry.labels" . }}
{{- $hook := include "tenantry.hook" (dict "when" .when "weight" "-10") }}
{{- $clusterName := printf "%s:%s" (include "tenantry.clusterName" .root) .component }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
  annotations:
    {{- $hook | nindent 4 }}
automountServiceAccountToken: false
{{- if .rules }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $clusterName }}
  labels:
    {{- $labels | nindent 4 }}
  annotations:
    {{- $hook | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $clusterName }}
  labels:
    {{- $labels | nindent 4 }}
  annotations:
    {{- $hook | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $clusterName }}
subjects:
  - kind: ServiceAccount
    name: {{ .name }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
{{- if .ownRules }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
  annotations:
    {{- $hook | nindent 4 }}
rules:
  {{- .ownRules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
  annotations:
    {{- $hook | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .name }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
  annotations:
    {{- $hook | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "tenantry.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  egress:
    {{- include "tenantry.egressDns" .root | nindent 4 }}
    {{- include "tenantry.egress" .root.Values.networkPolicy.apiServer | nindent 4 }}
    {{- include "tenantry.egress" .root.Values.networkPolicy.database | nindent 4 }}
{{- end }}
{{- end -}}

{{/* The part of a hook's pod before its volumes: dict "root" $ "component" "migration" "name" "…" "token" true. */}}
{{- define "tenantry.hookPod" -}}
serviceAccountName: {{ .name }}
automountServiceAccountToken: {{ .token }}
enableServiceLinks: false
restartPolicy: Never
securityContext:
  {{- include "tenantry.podSecurity" (dict) | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "tenantry.nodes" .root.Values.operator }}
{{- end -}}

{{/* A container of a hook: dict "root" $ "name" "catalog" "command" (list …). Its variables and mounts follow. */}}
{{- define "tenantry.hookContainer" -}}
- name: {{ .name }}
  image: {{ include "tenantry.image" (dict "root" .root "image" .root.Values.operator.image) }}
  imagePullPolicy: {{ .root.Values.operator.image.pullPolicy }}
  command: {{ .command | toJson }}
  resources:
    {{- toYaml .root.Values.migration.resources | nindent 4 }}
  securityContext:
    {{- include "tenantry.containerSecurity" . | nindent 4 }}
{{- end -}}
