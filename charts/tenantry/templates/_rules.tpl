{{/*
What the operator may do where workspaces are: cluster-wide, or in each of operator.watchNamespaces. Every verb has its reason.
An object is created by server-side apply, which the API server judges as patch, and as create when there is none yet.
*/}}
{{- define "tenantry.workspaceRules" -}}
# get, list, watch: Projects are what it follows. patch: its finalizer and its own annotations.
- apiGroups: [tenantry.dev]
  resources: [projects]
  verbs: [get, list, watch, patch]
# patch: conditions, phase and URL.
- apiGroups: [tenantry.dev]
  resources: [projects/status]
  verbs: [patch]
# get, list, watch: what differs from the plan is seen at once. create, patch: it is put right by apply.
# delete: what the plan no longer has, such as a quota that was taken out of the spec.
- apiGroups: [""]
  resources: [resourcequotas, limitranges, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
# As above: get, list, watch for a policy that somebody edited or removed; create, patch to put it back;
# delete for a policy that the plan no longer has.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# get, list, watch: the settings of backends, and the keys that projects with the driver `given` name. It lists by its own
# label, but RBAC knows no labels: who holds this token can read every Secret in these namespaces.
# create, patch: passwords and keys, made once and rotated. delete: those of a project that is gone.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
# get, list, watch: backends and what became of them. create, patch: applies them. delete: fenced or gone projects.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
# get, patch: how many replicas, when a backend is woken or put to sleep, with no other field touched.
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [get, patch]
# get, list, watch: whether drains are held up as planned. create, patch: where a project has several replicas.
# delete: where it no longer has.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# get, list, watch: why a backend does not start (image, memory, quota), to say so in a condition.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# get, list, watch: access of a workspace's administrators, as it stands. create, patch: as it is declared.
# delete: of who is no longer one.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [get, list, watch, create, patch, delete]
# bind: lets it hand out this one role, which holds more than it has itself, and no other.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: [{{ include "tenantry.clusterName" . }}:workspace-admin]
  verbs: [bind]
# create: tells of transitions. patch: counts those that repeat.
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* What it may do in its own namespace. */}}
{{- define "tenantry.ownRules" -}}
# create: the first to lead makes the Lease. A name cannot limit this verb.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
# get: who leads. update, patch: renews, gives up, takes over.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ printf "tenantry-%s" (include "tenantry.installation" .) }}]
  verbs: [get, update, patch]
# get, list, watch: the generated credentials of all projects, which must outlive their namespaces.
# create, patch: makes and rotates them. delete: of what deletionPolicy Delete removed.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
# create: the migration of a backend's schema runs as a Job, with the backend's image. get, list, watch: how it went.
# delete: when it is done.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
# get, list, watch: why such a Job does not start.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# create, patch: tells of what befalls the installation as a whole.
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
