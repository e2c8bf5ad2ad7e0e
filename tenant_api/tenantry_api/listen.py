"""Keeps the snapshot fresh: LISTEN on one connection, and a poll of the revision each second as the backstop.

A revoked grant is refused within a second of its commit. When PostgreSQL is away the snapshot goes stale, and the
door answers 503 until this loop has found the database again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import asyncpg
import structlog

from tenantry_api.errors import DATABASE_ERRORS
from tenantry_api.snapshot import STALE_SECONDS, SnapshotHolder, read_revision, read_snapshot
from tenantry_api.vital import start_vital

__all__ = ["POLL_SECONDS", "Listener"]

POLL_SECONDS = 1.0
_CONNECT_SECONDS = 2.0
_RETRY_SECONDS = 0.25

_log = structlog.get_logger(__name__)


class Listener:
    """Fills `holder` from the catalog at `url`, and calls `forget_identities` when tokens or sessions changed."""

    def __init__(self, url: str, holder: SnapshotHolder, forget_identities: Callable[[], None]) -> None:
        self._url = url
        self._holder = holder
        self._forget_identities = forget_identities
        self._hint = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = start_vital(self._keep_following(), name="catalog-listener")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _keep_following(self) -> None:
        while True:
            try:
                await self._follow()
            except DATABASE_ERRORS as error:
                _log.warning("the catalog cannot be followed, trying again", error=repr(error))
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        """One connection's life. Ends by raising one of `DATABASE_ERRORS`."""
        settings = {"application_name": "tenantry-listen"}
        connection = await asyncpg.connect(self._url, timeout=_CONNECT_SECONDS, server_settings=settings)
        try:
            await self._subscribe(connection)
            while True:
                async with asyncio.timeout(STALE_SECONDS):
                    await self._refresh(connection)
                await self._pause()
        finally:
            connection.terminate()

    async def _subscribe(self, connection: asyncpg.Connection) -> None:
        await connection.add_listener("catalog", lambda *_: self._hint.set())
        await connection.add_listener("identity", lambda *_: self._forget_identities())
        # What was announced while nobody listened is lost.
        self._forget_identities()

    async def _refresh(self, connection: asyncpg.Connection) -> None:
        asked_at = time.monotonic()
        if await read_revision(connection) != self._holder.revision:
            self._holder.publish(await read_snapshot(connection))
        self._holder.confirm(asked_at)

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hint.wait(), POLL_SECONDS)
        self._hint.clear()
