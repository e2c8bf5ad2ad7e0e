"""Who I am, and which workspaces and projects I may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from tenantry_api.errors import Refused
from tenantry_api.facts import Permission, Principal, PrincipalKind, TokenScope
from tenantry_api.routes.dependencies import Call, noticed
from tenantry_api.routes.problems import not_found
from tenantry_api.routes.visible import visible_projects, visible_workspaces
from tenantry_api.services import Services
from tenantry_api.snapshot import Project, Workspace

__all__ = ["ProjectView", "ScopeView", "project_views", "router", "scope_view", "tracking_url"]

router = APIRouter(tags=["resources"])


class ScopeView(BaseModel):
    """What a token is bound to; null is unbound."""

    workspace: str | None
    project: str | None
    permissions: list[Permission] | None


class Me(BaseModel):
    kind: PrincipalKind
    name: str
    groups: list[str]
    # Set when the caller showed a token.
    token_id: str | None
    scope: ScopeView
    # For a signed-in browser: goes back in X-CSRF-Token with every unsafe call.
    csrf_token: str | None


class WorkspaceView(BaseModel):
    name: str
    display_name: str
    ready: bool
    # What the caller may do in every project of it.
    permissions: list[Permission]
    created_at: datetime | None


class Workspaces(BaseModel):
    workspaces: list[WorkspaceView]


class ProjectView(BaseModel):
    workspace: str
    name: str
    display_name: str
    owner: str
    version: str
    ready: bool
    # An administrator has closed the project for a while.
    fenced: bool
    # Of the backend: stopped, starting, running, failed. A stopped one starts with the next request.
    state: str
    # Why it is not ready, for people; empty when it is.
    message: str
    # MLFLOW_TRACKING_URI.
    url: str
    conditions: list[Mapping[str, object]]
    # What the caller may do in it.
    permissions: list[Permission]
    created_at: datetime | None


class Projects(BaseModel):
    projects: list[ProjectView]


@router.get("/me")
async def get_me(call: Annotated[Call, Depends(noticed("api.me"))]) -> Me:
    me = call.me
    session = await call.services.identifier.sessions.of(me)
    return Me(
        kind=me.kind,
        name=me.name,
        groups=sorted(me.groups),
        token_id=me.token_id,
        scope=scope_view(me.scope),
        csrf_token=session.csrf if session else None,
    )


@router.get("/workspaces")
async def list_workspaces(call: Annotated[Call, Depends(noticed("api.workspaces"))]) -> Workspaces:
    return Workspaces(workspaces=[_workspace_view(*found) for found in visible_workspaces(call.services, call.me)])


@router.get("/projects")
async def list_projects(call: Annotated[Call, Depends(noticed("api.projects"))]) -> Projects:
    """Every project that the caller may see, in all workspaces."""
    return Projects(projects=project_views(call.services, call.me))


@router.get("/workspaces/{workspace}/projects")
async def list_projects_of_workspace(
    workspace: str, call: Annotated[Call, Depends(noticed("api.projects"))]
) -> Projects:
    """Empty for a workspace that is not there, or not the caller's."""
    return Projects(projects=[view for view in project_views(call.services, call.me) if view.workspace == workspace])


@router.get("/workspaces/{workspace}/projects/{project}")
async def get_project(
    workspace: str, project: str, call: Annotated[Call, Depends(noticed("api.project"))]
) -> ProjectView:
    for view in project_views(call.services, call.me):
        if (view.workspace, view.name) == (workspace, project):
            return view
    raise Refused(not_found("project"))


def scope_view(scope: TokenScope) -> ScopeView:
    permissions = None if scope.permissions is None else sorted(scope.permissions)
    return ScopeView(workspace=scope.workspace, project=scope.project, permissions=permissions)


def tracking_url(public_url: str, workspace: str, project: str) -> str:
    """What a client sets as MLFLOW_TRACKING_URI: without a slash at its end, as MLflow's own examples have it."""
    return f"{public_url}/w/{workspace}/p/{project}"


def project_views(services: Services, me: Principal) -> list[ProjectView]:
    return [_project_view(services, project, held) for project, held in visible_projects(services, me)]


def _project_view(services: Services, project: Project, held: Iterable[Permission]) -> ProjectView:
    backend = services.snapshot.current().backends.get((project.workspace, project.name))
    return ProjectView(
        workspace=project.workspace,
        name=project.name,
        display_name=project.display_name,
        owner=project.owner,
        version=project.mlflow_version,
        ready=project.ready,
        fenced=project.fenced,
        state=backend.state if backend else "stopped",
        message=_message(project),
        url=tracking_url(services.settings.public_url, project.workspace, project.name),
        conditions=list(project.conditions),
        permissions=sorted(held),
        created_at=project.created_at,
    )


def _workspace_view(workspace: Workspace, held: Iterable[Permission]) -> WorkspaceView:
    return WorkspaceView(
        name=workspace.name,
        display_name=workspace.display_name,
        ready=not workspace.retired,
        permissions=sorted(held),
        created_at=workspace.created_at,
    )


def _message(project: Project) -> str:
    """The blocker, which the condition `Ready` names."""
    if project.fenced:
        return "An administrator has fenced this project: it refuses every request until the fence is lifted."
    ready = next((condition for condition in project.conditions if condition.get("type") == "Ready"), None)
    return "" if project.ready or ready is None else str(ready.get("message", ""))
