"""My projects, each with what a client needs to connect."""

from __future__ import annotations

from itertools import groupby

from fastapi import APIRouter
from starlette.responses import Response

from tenantry_api.facts import Permission
from tenantry_api.routes.resources import ProjectView, project_views
from tenantry_api.web.visit import VisitOf

__all__ = ["router"]

router = APIRouter()


@router.get("/")
async def show(visit: VisitOf) -> Response:
    services = visit.call.services
    names = {name: workspace.display_name for name, workspace in services.snapshot.current().workspaces.items()}
    views = [view for view in project_views(services, visit.call.me) if _is_open(view)]
    groups = [(key, names[key], list(group)) for key, group in groupby(views, lambda view: view.workspace)]
    return visit.render("projects.html", groups=groups, may=_MAY)


# What permissions are called on a page, in the order in which they are shown.
_MAY = {
    Permission.TRACKING_READ: "read",
    Permission.ARTIFACT_DOWNLOAD: "download",
    Permission.TRACKING_WRITE: "write",
    Permission.ARTIFACT_UPLOAD: "upload",
    Permission.MODEL_REGISTER: "register",
    Permission.MODEL_PROMOTE: "promote",
    Permission.MODEL_APPROVE: "approve",
}


def _is_open(view: ProjectView) -> bool:
    """An auditor sees a project's log, not the project."""
    return bool(_MAY.keys() & set(view.permissions))
