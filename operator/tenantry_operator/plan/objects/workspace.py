"""What a workspace becomes on a cluster: a namespace where nothing is open, and nobody takes more than was agreed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tenantry_crds.meta import GROUP, Effect, Role
from tenantry_operator.facts import Site, WorkspacePlan
from tenantry_operator.plan.objects.metadata import Manifest, manifest, namespace

__all__ = ["NAME", "workspace_objects"]

# Of everything in a workspace's namespace that belongs to no project.
NAME: Final = "tenantry"

# https://kubernetes.io/docs/concepts/security/pod-security-standards/
_POD_SECURITY: Final = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/audit": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}


def workspace_objects(plan: WorkspacePlan, site: Site) -> tuple[Manifest, ...]:
    """Return the namespace first: the others live in it."""
    return tuple(_objects(plan, site))


def _objects(plan: WorkspacePlan, site: Site) -> Iterator[Manifest]:
    if site.owns_namespaces:
        yield _namespace(plan, site)
    yield _default_deny(plan, site)
    yield _limit_range(plan, site)
    if hard := _hard(plan):
        yield manifest("v1", "ResourceQuota", NAME, plan.key, site, spec={"hard": hard})
    if site.admin_role and (subjects := _admins(plan)):
        yield _role_binding(plan, site, subjects)


def _namespace(plan: WorkspacePlan, site: Site) -> Manifest:
    made = manifest("v1", "Namespace", namespace(plan.key), plan.key, site)
    made["metadata"]["labels"] |= _POD_SECURITY
    return made


def _default_deny(plan: WorkspacePlan, site: Site) -> Manifest:
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return manifest("networking.k8s.io/v1", "NetworkPolicy", NAME, plan.key, site, spec=spec)


def _limit_range(plan: WorkspacePlan, site: Site) -> Manifest:
    """What a container gets that asks for nothing: a quota refuses pods that do not say what they need."""
    limits = [
        {
            "type": "Container",
            "default": {"memory": "1Gi"},
            "defaultRequest": {"cpu": "100m", "memory": "256Mi"},
        }
    ]
    return manifest("v1", "LimitRange", NAME, plan.key, site, spec={"limits": limits})


def _hard(plan: WorkspacePlan) -> dict[str, str]:
    asked = {
        "requests.cpu": plan.cpu,
        "requests.memory": plan.memory,
        f"count/projects.{GROUP}": None if plan.projects is None else str(plan.projects),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _admins(plan: WorkspacePlan) -> list[Manifest]:
    """Nobody who is denied it, and nobody for a time: a RoleBinding does not end by itself."""
    kinds = {"user": "User", "group": "Group"}
    rows = [row for row in plan.access if row.role == Role.ADMIN and row.subject_kind in kinds]
    allowed = {(row.subject_kind, row.subject) for row in rows if row.effect == Effect.ALLOW and not row.expires_at}
    denied = {(row.subject_kind, row.subject) for row in rows if row.effect == Effect.DENY}
    found = sorted((kinds[kind], name) for kind, name in allowed - denied)
    return [{"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name} for kind, name in found]


def _role_binding(plan: WorkspacePlan, site: Site, subjects: list[Manifest]) -> Manifest:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": site.admin_role}
    return manifest(
        "rbac.authorization.k8s.io/v1", "RoleBinding", NAME, plan.key, site, roleRef=role, subjects=subjects
    )
