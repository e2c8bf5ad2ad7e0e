"""What a server that leaves says to those who keep connections to it: with each answer, that it ends this one."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LAME_DUCK", "Farewell"]

# Seconds between SIGTERM and the first closed connection. The door keeps an idle one for less
# (tenant_api/tenantry_api/forward/stream.py; a test compares), so that it has none left by then.
LAME_DUCK: Final = 5


class Farewell:
    """Pure ASGI around `app`: once `leaving` is set, each answer asks for the end of its connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.leaving = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def say_farewell(message: Message) -> None:
            if self.leaving and message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() != b"connection"]
                message = {**message, "headers": [*kept, (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, say_farewell)
