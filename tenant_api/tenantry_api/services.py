"""What routes and pages are given: one frozen object, made by the composition root, at `app.state.services`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from tenantry_api.audit.log import AuditLog
from tenantry_api.authorize import Authorizer
from tenantry_api.identify import Identifier
from tenantry_api.record.recorder import Recorder
from tenantry_api.record.roll import Roll
from tenantry_api.settings import Settings
from tenantry_api.snapshot import SnapshotHolder

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """One of each per process. `engine` has the API's login role: what a route may write, the database decides."""

    settings: Settings
    engine: AsyncEngine
    snapshot: SnapshotHolder
    identifier: Identifier
    authorizer: Authorizer
    recorder: Recorder
    audit: AuditLog
    roll: Roll
