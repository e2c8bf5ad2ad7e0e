"""Read and export a workspace's log, for the API and for the page: the same rules, the same record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime

from tenantry_api.audit.search import Page, Query
from tenantry_api.errors import Refused
from tenantry_api.facts import Permission, Refusal
from tenantry_api.routes.dependencies import Call

__all__ = ["export_log", "file_name", "search_log"]


async def search_log(call: Call, workspace: str, query: Query, *, before: int | None, limit: int) -> Page:
    """Whoever reads the log is in the log, with what was asked."""
    _check(call, workspace, Permission.AUDIT_READ)
    asked = {name: str(value) for name, value in asdict(query).items() if value is not None}
    page = {"limit": limit} | ({} if before is None else {"before": before})
    await call.journal.notice(call.me, "audit.search", {"query": asked, "page": page}, workspace)
    return await call.services.audit.search(workspace, query, before=before, limit=limit)


async def export_log(call: Call, workspace: str) -> AsyncIterator[bytes]:
    """The pieces of the zip file; the exporter records the export before it gives the first."""
    _check(call, workspace, Permission.AUDIT_EXPORT)
    return await call.services.audit.export(call.journal.head(workspace, call.me))


def file_name(workspace: str) -> str:
    return f"{workspace}-audit-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.zip"


def _check(call: Call, workspace: str, permission: Permission) -> None:
    decision = call.services.authorizer.decide(call.me, workspace, None, permission)
    if not decision.allowed:
        message = f"Only an auditor of the workspace {workspace} may do this; ask for a grant of the role `auditor`."
        raise Refused(Refusal(403, "PERMISSION_DENIED", "no_grant", message), decision=decision)
