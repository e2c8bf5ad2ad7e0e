"""Every answer carries the id of its record."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenantry_api.routes.journal import Journal

__all__ = ["RequestIdHeader"]


class RequestIdHeader:
    """Adds X-Tenantry-Request-Id to what the routes and pages answer. A client's own is not read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            journal: Journal | None = scope.get("state", {}).get("journal")
            if message["type"] == "http.response.start" and journal is not None:
                message["headers"].append((b"x-tenantry-request-id", str(journal.id).encode("ascii")))
            await send(message)

        await self._app(scope, receive, told)
