{{/*
What the operator may do where workspaces are: cluster-wide, or in each of operator.watchNamespaces. Every verb has its reason.
An object is made by server-side apply, which the API server judges as patch, and as create where there is none yet.
*/}}
{{- define "tenantry.workspaceRules" -}}
# list, watch: Projects are what it follows. patch: its finalizer.
- apiGroups: [tenantry.dev]
  resources: [projects]
  verbs: [list, watch, patch]
# patch: conditions, phase and URL.
- apiGroups: [tenantry.dev]
  resources: [projects/status]
  verbs: [patch]
# list, watch: what differs from the plan is seen at once. create, patch: it is put right by apply.
# delete: what the plan no longer has, such as a quota that was taken out of the spec.
- apiGroups: [""]
  resources: [resourcequotas, limitranges, serviceaccounts, services]
  verbs: [list, watch, create, patch, delete]
# list, watch: a policy that somebody edits or removes is an open wall. create, patch: puts it back.
# delete: what the plan no longer has.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch, create, patch, delete]
# list, watch: the settings of backends. It lists by its own label, but RBAC knows no labels: who holds this token can read
# every Secret in these namespaces. get: the key that a Project of the driver `given` names. create, patch: settings with
# their passwords and keys. delete: those of a project that is gone.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
# list, watch: backends, and what became of them. create, patch: applies them. delete: of a project that is gone.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch, delete]
# patch: how many replicas, when a backend is woken or put to sleep, with no other field touched.
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
# list: why a backend does not start (image, memory, quota), to say so in a condition.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
# list, watch: access of a workspace's administrators, as it stands. create, patch: as it is declared.
# delete: when there is none any more.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [list, watch, create, patch, delete]
# bind: lets it hand out this one role, which holds more than it has itself, and no other.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: ["{{ include "tenantry.clusterName" . }}:workspace-admin"]
  verbs: [bind]
# create: tells of a Project's transitions.
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* What it may do in its own namespace. */}}
{{- define "tenantry.ownRules" -}}
# create: the first to lead makes the Lease. A name cannot limit this verb.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
# get: who leads. update: renews, gives up, takes over, and fails if somebody was faster.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "tenantry.lease" . }}]
  verbs: [get, update]
# list: the generated credentials of all projects, once, when it starts; they must outlive the projects' namespaces.
# create, patch: makes and rotates them. delete: of what deletionPolicy Delete removed.
- apiGroups: [""]
  resources: [secrets]
  verbs: [list, create, patch, delete]
# create: the schema of a version of MLflow is made by a Job, with the backend's image. get: whether it is done.
# delete: when it is.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, create, delete]
# list: the last words of such a Job's pod.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
# create: tells of a Workspace's transitions; it has no namespace that they could be kept in.
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}
