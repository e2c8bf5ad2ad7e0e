"""The ASGI application: /w/… goes to the door as it came, everything else to FastAPI.

Between the two there is nothing: no middleware stands on the proxied path. How the door does is told at a port of its
own where there is one, which serves nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI

from tenantry_api import health, web
from tenantry_api.exchange import Exchange, Receive, Scope, Send
from tenantry_api.ledger import Trail
from tenantry_api.metrics import Metrics
from tenantry_api.pipeline import Door
from tenantry_api.services import Services

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Application", "Parts"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs between the application's start and its end."""

    services: Services
    door: Door


class Application:
    """`parts` is entered when the server starts the application (ASGI lifespan) and left when it stops it."""

    def __init__(
        self, parts: Callable[[], AbstractAsyncContextManager[Parts]], *, metrics_port: int | None = None
    ) -> None:
        self._parts = parts
        self._metrics = Metrics()
        self._door: Door | None = None
        self._leaving = False
        self._metrics_port = metrics_port
        self.api = _api(self._lifespan, told_apart=metrics_port is not None)
        self.api.state.metrics = self._metrics
        self.api.state.leaving = False
        self._health = _health()
        self._health.state = self.api.state

    def leave(self) -> None:
        """From now on: not ready, and each connection ends with its next answer, so that clients go elsewhere."""
        self._leaving = self.api.state.leaving = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._leaving:
            send = _closing(send)
        if scope["type"] == "http" and self._is_for_health(scope):
            await self._health(scope, receive, send)
        elif scope["type"] == "http" and _is_proxied(scope["raw_path"]):
            await self._proxied(Exchange(scope, receive, send))
        else:
            await self.api(scope, receive, send)

    def _is_for_health(self, scope: Scope) -> bool:
        """By the socket that the request came in at, whatever it calls its host."""
        return self._metrics_port is not None and scope["server"][1] == self._metrics_port

    async def _proxied(self, exchange: Exchange) -> None:
        assert self._door is not None, "the server runs the lifespan first"
        began = time.perf_counter()
        kind, trail = "failed", Trail(exchange.call)
        self._metrics.began()
        try:
            kind = await self._door.serve(exchange, trail)
        except Exception:  # noqa: BLE001
            # The outer boundary: a mistake of ours costs one request, and its details stand in the log alone.
            _log.exception("a request failed", request_id=str(exchange.call.id))
            await self._door.fail(exchange, trail)
        finally:
            seconds = time.perf_counter() - began
            self._metrics.ended(kind, exchange.status, seconds, received=exchange.received, sent=exchange.sent)

    @asynccontextmanager
    async def _lifespan(self, api: FastAPI) -> AsyncIterator[None]:
        async with self._parts() as parts:
            api.state.services = parts.services
            self._door = api.state.door = parts.door
            yield
            self._door = None


def _closing(send: Send) -> Send:
    async def send_and_close(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return send_and_close


def _is_proxied(raw_path: bytes) -> bool:
    return raw_path.startswith(b"/w/") or raw_path == b"/w"


def _health() -> FastAPI:
    health_alone = FastAPI(openapi_url=None, redirect_slashes=False)
    health_alone.include_router(health.alive)
    health_alone.include_router(health.router)
    return health_alone


def _api(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]], *, told_apart: bool) -> FastAPI:
    api = FastAPI(
        title="Tenantry",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        # Such a redirect is on no record, and goes to whatever Host the client named.
        redirect_slashes=False,
    )
    api.include_router(health.alive)
    if not told_apart:
        api.include_router(health.router)
    web.install(api)
    return api
