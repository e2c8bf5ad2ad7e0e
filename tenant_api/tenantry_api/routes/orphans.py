"""Data without a manifest: projects that were kept when their resource went. What they are, never what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from tenantry_api.facts import Permission
from tenantry_api.routes.dependencies import Call, noticed
from tenantry_api.snapshot import Project

__all__ = ["router"]

router = APIRouter(tags=["resources"])

# Of the workspace. When that is gone as well, its admins are, and its auditors stay.
_MAY_SEE = (Permission.WORKSPACE_MANAGE, Permission.AUDIT_READ)


class Orphan(BaseModel):
    """Applying the manifest again takes it back, under the same workspace and name."""

    workspace: str
    name: str
    display_name: str
    owner: str
    version: str
    retired_at: datetime
    # Of the database, and the address of the artifacts; empty where the operator has not told.
    database: str
    artifacts: str


class Orphans(BaseModel):
    orphans: list[Orphan]


@router.get("/orphans")
async def list_orphans(call: Annotated[Call, Depends(noticed("api.orphans"))]) -> Orphans:
    """Those of workspaces that the caller is an admin or an auditor of, oldest first."""
    found = sorted(_orphans(call), key=lambda orphan: (orphan.retired_at, orphan.workspace, orphan.name))
    return Orphans(orphans=found)


def _orphans(call: Call) -> Iterator[Orphan]:
    for (workspace, _), project in call.services.snapshot.current().projects.items():
        if project.retired_at is not None and _may_see(call, workspace):
            yield _orphan(project, project.retired_at)


def _may_see(call: Call, workspace: str) -> bool:
    decide = call.services.authorizer.decide
    return any(decide(call.me, workspace, None, permission).allowed for permission in _MAY_SEE)


def _orphan(project: Project, retired_at: datetime) -> Orphan:
    return Orphan(
        workspace=project.workspace,
        name=project.name,
        display_name=project.display_name,
        owner=project.owner,
        version=project.mlflow_version,
        retired_at=retired_at,
        database=project.database,
        artifacts=project.artifacts,
    )
