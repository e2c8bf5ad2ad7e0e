"""The lock on a backend: MLflow answers those who carry the backend's own secret, and nobody else.

A server listens on a port that anybody on the machine (or in the cluster's network) can reach. The secret is made with
each start and known to the door alone, so that a reachable port is worth nothing. Nothing is exempt, not `/health`.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["SECRET_HEADER", "Guard"]

# As the wire has it; names of headers arrive in lower case (ASGI, "HTTP connection scope").
SECRET_HEADER: Final = b"x-tenantry-backend-secret"

_REFUSED = b'{"error_code": "PERMISSION_DENIED", "message": "This backend is reached through its gateway only."}'


class Guard:
    """Pure ASGI around `app`. The header is gone when `app` sees the request, and so is the caller's address."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        if not secret:
            raise ValueError("a backend without a secret would refuse or admit everybody; give it one")
        self._app = app
        self._secret = secret.encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif self._admits(scope.get("headers", ())):
            await self._app(_without_secret(scope), receive, send)
        else:
            await _refuse(scope, send)

    def _admits(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        offered = [value for name, value in headers if name.lower() == SECRET_HEADER]
        # Two secrets are a smuggling attempt, whichever of them is right.
        return len(offered) == 1 and hmac.compare_digest(offered[0], self._secret)


def _without_secret(scope: Scope) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != SECRET_HEADER]
    # MLflow grants more to callers on its own machine, which the gateway always seems to be: so nobody is.
    return {**scope, "headers": headers, "client": None}


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})  # Before it is accepted: the server answers 403.
        return
    length = str(len(_REFUSED)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": _REFUSED})
