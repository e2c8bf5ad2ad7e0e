"""One mover at a time for each model, over all doors: an advisory lock of PostgreSQL.

The lock lives as long as its transaction. If the connection breaks, the lock is gone with it; then only the backend's
own order is left, and the record shows both moves.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from http import HTTPStatus
from weakref import WeakValueDictionary

import asyncpg

from tenantry_api.errors import DATABASE_ERRORS, Refused
from tenantry_api.facts import Refusal

__all__ = ["Turns"]

_WAIT_SECONDS = 10
_CONNECTIONS = 8


class Turns:
    """Connections of its own: whoever waits for a turn takes none from the rest of the door."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool | None = None
        self._here: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=_CONNECTIONS,
            timeout=_WAIT_SECONDS,
            server_settings={"application_name": "tenantry-promote", "lock_timeout": f"{_WAIT_SECONDS}s"},
        )

    async def stop(self) -> None:
        if self._pool is not None:
            self._pool.terminate()

    @asynccontextmanager
    async def turn(self, *names: str) -> AsyncGenerator[None, None]:
        """Hold the turn of the model that `names` name together. Raises `Refused` (503) after ten seconds."""
        # PostgreSQL's text holds no NUL, so a list is what separates the names.
        key = json.dumps(names)
        # Those who wait in this process wait here, so that one busy model does not take all connections.
        lock = self._here.setdefault(key, asyncio.Lock())
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await lock.acquire()
        except TimeoutError as error:
            raise _busy() from error
        try:
            async with self._everywhere(key):
                yield
        finally:
            lock.release()

    @asynccontextmanager
    async def _everywhere(self, key: str) -> AsyncGenerator[None, None]:
        held = AsyncExitStack()
        try:
            await self._lock(held, key)
        except DATABASE_ERRORS as error:
            await _release(held)
            raise _busy() from error
        try:
            yield
        finally:
            await _release(held)

    async def _lock(self, held: AsyncExitStack, key: str) -> None:
        assert self._pool is not None
        connection = await held.enter_async_context(self._pool.acquire(timeout=_WAIT_SECONDS))
        await held.enter_async_context(connection.transaction())
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"promote:{key}")


async def _release(held: AsyncExitStack) -> None:
    """A connection that broke has released its lock already."""
    with suppress(*DATABASE_ERRORS):
        await held.aclose()


def _busy() -> Refused:
    message = "Another promotion of the same model is under way, or the database is away. Try again."
    return Refused(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", "promotion_busy", message))
