"""What a caller may see: a project or workspace in which any grant gives any permission."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry_api.authorize import Authorizer
from tenantry_api.facts import Permission, Principal
from tenantry_api.services import Services
from tenantry_api.snapshot import Project, Workspace

__all__ = ["audited_workspaces", "permissions_in", "visible_projects", "visible_workspaces"]


def permissions_in(
    authorizer: Authorizer, who: Principal, workspace: str, project: str | None
) -> frozenset[Permission]:
    return frozenset(p for p in Permission if authorizer.decide(who, workspace, project, p).allowed)


def visible_projects(services: Services, who: Principal) -> Iterator[tuple[Project, frozenset[Permission]]]:
    """In the order of their names. Raises `Refused` when the snapshot is stale."""
    for (workspace, name), project in sorted(services.snapshot.current().projects.items()):
        held = permissions_in(services.authorizer, who, workspace, name)
        if held and not project.retired:
            yield project, held


def visible_workspaces(services: Services, who: Principal) -> Iterator[tuple[Workspace, frozenset[Permission]]]:
    """Those with a grant on the whole, or on a project inside; the permissions are those on the whole."""
    through_projects = {project.workspace for project, _ in visible_projects(services, who)}
    for name, workspace in sorted(services.snapshot.current().workspaces.items()):
        held = permissions_in(services.authorizer, who, name, None)
        if held or name in through_projects:
            yield workspace, held


def audited_workspaces(services: Services, who: Principal) -> list[Workspace]:
    """Retired ones too: their log stays readable."""
    return [workspace for workspace, held in visible_workspaces(services, who) if Permission.AUDIT_READ in held]
