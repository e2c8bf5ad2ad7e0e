"""The log of a workspace, for its auditors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tenantry_api.audit import search
from tenantry_api.record.event import Stage
from tenantry_api.routes.auditing import export_log, file_name, search_log
from tenantry_api.routes.dependencies import CallOf
from tenantry_api.routes.fields import Position, Words

__all__ = ["router"]

router = APIRouter(prefix="/workspaces/{workspace}/audit", tags=["audit"])


class Filter(BaseModel):
    """Whatever is left out matches everything; the rest must be equal, letter for letter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: AwareDatetime | None = Field(default=None, description="Included.")
    until: AwareDatetime | None = Field(default=None, description="Not included.")
    actor: Words | None = None
    project: Words | None = None
    operation: Words | None = None
    stage: Stage | None = None
    before: Position | None = Field(default=None, description="From the page before this one.")
    limit: int = Field(default=100, ge=1, le=search.PAGE_LIMIT)

    @property
    def query(self) -> search.Query:
        return search.Query(self.since, self.until, self.actor, self.project, self.operation, self.stage)


class EventView(BaseModel):
    """`event` is the record as it was written; docs/events.md lists its fields."""

    index: int
    event: Mapping[str, Any]


class Events(BaseModel):
    """Newest first. `before` asks for the next page; null: this is the last."""

    events: list[EventView]
    before: int | None


@router.get("/events")
async def search_events(workspace: str, wanted: Annotated[Filter, Query()], call: CallOf) -> Events:
    """Search the workspace's log. The search itself is recorded."""
    page = await search_log(call, workspace, wanted.query, before=wanted.before, limit=wanted.limit)
    events = [EventView(index=found.index, event=orjson.loads(found.leaf)) for found in page.events]
    return Events(events=events, before=page.before)


@router.post("/exports", response_class=StreamingResponse, responses={200: {"content": {"application/zip": {}}}})
async def export_events(workspace: str, call: CallOf) -> StreamingResponse:
    """The whole log as a bundle that `tenantry audit verify` checks offline. The export itself is recorded."""
    pieces = await export_log(call, workspace)
    disposition = f'attachment; filename="{file_name(workspace)}"'
    return StreamingResponse(pieces, media_type="application/zip", headers={"Content-Disposition": disposition})
