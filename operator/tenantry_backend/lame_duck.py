"""How a server leaves when others send it requests over connections that they keep: it says so, before it closes them.

After SIGTERM it goes on answering for `LAME_DUCK` seconds, and each answer ends its connection. Whoever keeps idle
connections for less than that finds none closed while a request is on its way; meanwhile, new ones go elsewhere.
Importing this module imports MLflow, which reads the environment: set it before (`tenantry_backend.environment`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from types import FrameType
from typing import Final

from starlette.types import ASGIApp

from tenantry_backend.farewell import LAME_DUCK, Farewell
from tenantry_backend.server import LAST_RESORT, Server, configuration

__all__ = ["LameDuckServer"]

# Seconds between the end of listening and the end of idle connections: one that was made the moment before has a
# request on its way.
_LAST_GUESTS: Final = 0.5


class LameDuckServer(Server):
    """Answers `app` until SIGTERM and for `LAME_DUCK` seconds more, then gives what is in flight `grace` seconds."""

    def __init__(self, app: ASGIApp, grace: int) -> None:
        self._farewell = Farewell(app)
        self._until = float("inf")
        super().__init__(configuration(self._farewell, grace))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  uvicorn's signature
        """At the first signal begin to leave; at the second, do not wait for the others to notice."""
        now = time.monotonic()
        self._until = now if self._farewell.leaving else now + LAME_DUCK
        self._farewell.leaving = True
        # Handled, because the kernel ends no process 1 of a container by a signal that it does not handle.
        signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
        signal.alarm(LAME_DUCK + (self.config.timeout_graceful_shutdown or 0) + LAST_RESORT)

    async def on_tick(self, counter: int) -> bool:
        return time.monotonic() >= self._until or await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LAST_GUESTS)
        await super().shutdown(sockets)
