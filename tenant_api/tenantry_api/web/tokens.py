"""My tokens: create one (shown once), see when each was last used, revoke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from tenantry_api.errors import Refused
from tenantry_api.facts import Permission, TokenScope
from tenantry_api.identify.tokens import Token
from tenantry_api.routes.fields import Words
from tenantry_api.routes.issuing import Issued, create_token, own_tokens, revoke_token
from tenantry_api.routes.resources import project_views, tracking_url
from tenantry_api.web.visit import Submitted, Visit, VisitOf

__all__ = ["router"]

router = APIRouter()

# Days, and what they are called.
_LIFETIMES = {1: "1 day", 7: "7 days", 30: "30 days", 90: "90 days", 365: "1 year"}

_MEANINGS = {
    Permission.TRACKING_READ: "Read runs and models",
    Permission.TRACKING_WRITE: "Write runs",
    Permission.ARTIFACT_DOWNLOAD: "Download artifacts",
    Permission.ARTIFACT_UPLOAD: "Upload artifacts",
    Permission.MODEL_REGISTER: "Register models",
    Permission.MODEL_PROMOTE: "Promote models",
    Permission.MODEL_APPROVE: "Approve promotions",
    Permission.PROJECT_OPEN: "Open the web UI",
    Permission.AUDIT_READ: "Read the audit log",
    Permission.AUDIT_EXPORT: "Export the audit log",
    Permission.WORKSPACE_MANAGE: "Manage the workspace",
}


@router.get("/tokens")
async def show(visit: VisitOf, project: str = "") -> Response:
    return await _page(visit, chosen=project)


@router.post("/tokens")
async def create(
    visit: Submitted,
    name: Annotated[Words, Form(min_length=1, max_length=100)],
    days: Annotated[int, Form(ge=1, le=366)],
    where: Annotated[str, Form()] = "",
    permissions: Annotated[list[Permission] | None, Form()] = None,
) -> Response:
    """The secret is in this answer alone; a reload asks the browser's user before it makes another token."""
    workspace, _, project = where.partition("/")
    scope = TokenScope(workspace or None, project or None, frozenset(permissions) if permissions else None)
    ends = datetime.now(UTC) + timedelta(days=days)
    try:
        issued = await create_token(visit.call, name=name, scope=scope, expires_at=ends)
    except Refused as refused:
        return await _page(visit, chosen=where, mistake=refused.refusal.message)
    return await _page(visit, chosen=where, issued=issued)


@router.post("/tokens/{identifier}/revoke")
async def revoke(identifier: UUID, visit: Submitted) -> Response:
    await revoke_token(visit.call, identifier)
    return RedirectResponse("/tokens", 303)


async def _page(visit: Visit, *, chosen: str = "", issued: Issued | None = None, mistake: str = "") -> Response:
    public_url = visit.call.services.settings.public_url
    return visit.render(
        "tokens.html",
        choices=_choices(visit),
        chosen=chosen,
        issued=issued,
        lifetimes=_LIFETIMES,
        meanings=_MEANINGS,
        mistake=mistake,
        state=_state,
        tokens=await own_tokens(visit.call),
        tracking_url=tracking_url,
        public_url=public_url,
    )


def _choices(visit: Visit) -> dict[str, str]:
    """What a token can be bound to, and what that is called."""
    views = project_views(visit.call.services, visit.call.me)
    workspaces = {view.workspace: f"Every project in {view.workspace}" for view in views}
    projects = {f"{view.workspace}/{view.name}": f"{view.workspace} / {view.name}" for view in views}
    return {"": "Everything I may use"} | dict(sorted((workspaces | projects).items()))


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at <= now else "active"
