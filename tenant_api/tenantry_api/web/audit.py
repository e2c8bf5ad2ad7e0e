"""The log of a workspace, to look at; what proves something is the export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import RedirectResponse, Response, StreamingResponse

from tenantry_api.audit import search
from tenantry_api.errors import Refused
from tenantry_api.facts import Refusal
from tenantry_api.routes.auditing import export_log, file_name, search_log
from tenantry_api.routes.fields import Position, Words
from tenantry_api.routes.visible import audited_workspaces
from tenantry_api.web.visit import Submitted, VisitOf

__all__ = ["router"]

router = APIRouter()

_ROWS = 50


@router.get("/audit")
async def choose(visit: VisitOf) -> Response:
    workspaces = audited_workspaces(visit.call.services, visit.call.me)
    if not workspaces:
        message = "You are not an auditor of any workspace; ask for a grant of the role `auditor`."
        raise Refused(Refusal(403, "PERMISSION_DENIED", "no_grant", message))
    return RedirectResponse(f"/audit/{workspaces[0].name}", 303)


class Filter(BaseModel):
    """The fields of the form; empty matches everything."""

    model_config = ConfigDict(str_strip_whitespace=True)

    project: Words = ""
    actor: Words = ""
    operation: Words = ""
    before: Position | None = None

    @property
    def query(self) -> search.Query:
        return search.Query(project=self.project or None, actor=self.actor or None, operation=self.operation or None)


@router.get("/audit/{workspace}")
async def show(workspace: str, visit: VisitOf, asked: Annotated[Filter, Query()]) -> Response:
    page = await search_log(visit.call, workspace, asked.query, before=asked.before, limit=_ROWS)
    wanted = asked.model_dump(exclude={"before"})
    return visit.render(
        "audit.html",
        events=[_row(found) for found in page.events],
        older=None if page.before is None else "?" + urlencode(wanted | {"before": page.before}),
        wanted=wanted,
        workspace=workspace,
        workspaces=audited_workspaces(visit.call.services, visit.call.me),
    )


@router.post("/audit/{workspace}/export")
async def export(workspace: str, visit: Submitted) -> Response:
    pieces = await export_log(visit.call, workspace)
    disposition = f'attachment; filename="{file_name(workspace)}"'
    return StreamingResponse(pieces, media_type="application/zip", headers={"Content-Disposition": disposition})


def _row(found: search.Found) -> Mapping[str, Any]:
    """The record's fields, with those that a row shows always there."""
    event: dict[str, Any] = orjson.loads(found.leaf)
    record = orjson.dumps(event, option=orjson.OPT_INDENT_2).decode()
    return (
        {"project": None, "reason": None, "resources": [], "status": None}
        | event
        | {"index": found.index, "record": record}
    )
