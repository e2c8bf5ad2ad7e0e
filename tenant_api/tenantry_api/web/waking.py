"""The page for a person whose project is not there yet. It reloads itself, without a script.

Only those see it who may open the project: it is the answer to a request that was allowed.
"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from tenantry_api.errors import BackendAway
from tenantry_api.exchange import Reply
from tenantry_api.facts import Target
from tenantry_api.web.rendering import html, page_headers

__all__ = ["waking_page"]

# Seconds between two looks.
_SOON, _LATER = 2, 10

_WORDS = {"failed": "Did not start", "running": "Starting", "starting": "Starting", "stopped": "Waking up"}


def waking_page(oidc_issuer: str, target: Target, away: BackendAway, request_id: UUID) -> Reply:
    failed = away.state == "failed"
    again = _LATER if failed else _SOON
    page = html(
        "waking.html",
        here=target.path,
        again=again,
        failed=failed,
        message=away.message or away.refusal.message if failed else away.message,
        project=target.project,
        state=_WORDS.get(away.state, "Waking up"),
        title=f"{target.project} {'did not start' if failed else 'is waking up'}",
        workspace=target.workspace,
    )
    headers = page_headers(oidc_issuer) | {
        "Content-Type": "text/html; charset=utf-8",
        "Retry-After": str(again),
        "X-Tenantry-Request-Id": str(request_id),
    }
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Reply(HTTPStatus.SERVICE_UNAVAILABLE, raw, page.encode())
