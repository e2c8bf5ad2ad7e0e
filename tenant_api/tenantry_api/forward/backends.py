"""Where a project's backend is, how to wake one that sleeps, and how to tell the operator which are in use.

The door asks through the catalog and is told through it: it writes `wanted_at` (which NOTIFYs the operator) and waits
for the snapshot with an address in it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from tenantry_api.errors import DATABASE_ERRORS, BackendAway, backend_away
from tenantry_api.snapshot import Backend, SnapshotHolder
from tenantry_catalog import tables

__all__ = ["Backends", "ProjectKey"]

# The operator stops what was not used for minutes; a use is reported within this many seconds.
_REPORT_SECONDS = 4.0
# Ask again after this long without news: the operator may have been restarted since it was asked.
_ASK_AGAIN_SECONDS = 2.0
# Nobody was reached although the catalog says "running": the news of its end is on its way, or another pod is.
_UNREACHED_SECONDS = 0.25
_FAILURES = frozenset({("stopped", "failed"), ("starting", "failed")})

_log = structlog.get_logger(__name__)

ProjectKey = tuple[str, str]


class Backends:
    """`wake_timeout` is how long a request waits for a backend, in seconds."""

    def __init__(self, engine: AsyncEngine, holder: SnapshotHolder, wake_timeout: float = 30.0) -> None:
        self._engine = engine
        self._holder = holder
        self._wake_timeout = wake_timeout
        self._waking: dict[ProjectKey, asyncio.Task[None]] = {}
        self._open: Counter[ProjectKey] = Counter()
        self._used: set[ProjectKey] = set()
        self._reporting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._reporting = asyncio.create_task(self._keep_reporting(), name="backends-in-use")

    async def stop(self) -> None:
        for task in (*self._waking.values(), *([self._reporting] if self._reporting else [])):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def deadline(self, patience: float | None = None) -> float:
        """Until when a request that begins now waits, on the event loop's clock; `patience` may make it shorter."""
        waits = self._wake_timeout if patience is None else min(patience, self._wake_timeout)
        return asyncio.get_running_loop().time() + waits

    @contextmanager
    def in_use(self, key: ProjectKey) -> Iterator[None]:
        """The backend counts as used from here to the end of the block, however long that is."""
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            self._used.add(key)

    async def running(self, key: ProjectKey, deadline: float) -> Backend:
        """The backend, woken if it sleeps. Raises `BackendAway` (503) with the operator's reason: at the deadline, or
        when it was seen to fail. One that had failed before gets the time to start again.
        """
        state = "failed"
        while True:
            backend = self._holder.current().backends.get(key)
            if backend is not None and backend.state == "running":
                return backend
            if backend is not None and (state, backend.state) in _FAILURES:
                raise self._away(backend)
            state = "stopped" if backend is None else backend.state
            self._before(deadline, backend)
            self._ask(key)
            await self._holder.changed(_ASK_AGAIN_SECONDS)

    async def unreached(self, key: ProjectKey, deadline: float) -> None:
        """Nobody is reached at the address of a running backend: ask for it, and wait a moment for news."""
        self._before(deadline, self._holder.current().backends.get(key))
        self._ask(key)
        await self._holder.changed(_UNREACHED_SECONDS)

    def _before(self, deadline: float, backend: Backend | None) -> None:
        if asyncio.get_running_loop().time() >= deadline:
            raise self._away(backend)

    def _away(self, backend: Backend | None) -> BackendAway:
        if backend is None:
            return backend_away("stopped", "", self._wake_timeout)
        return backend_away(backend.state, backend.message, self._wake_timeout)

    def _ask(self, key: ProjectKey) -> None:
        """One statement for all who wait for the same backend."""
        if key not in self._waking:
            task = self._waking[key] = asyncio.create_task(self._write([key], wanted=True), name="wake")
            task.add_done_callback(lambda _: self._waking.pop(key, None))

    async def _keep_reporting(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            keys = self._used | {key for key, count in self._open.items() if count > 0}
            if keys:
                self._used.clear()
                self._open = +self._open
                await self._write(sorted(keys), wanted=False)

    async def _write(self, keys: list[ProjectKey], *, wanted: bool) -> None:
        column = tables.demand.c.wanted_at if wanted else tables.demand.c.used_at
        rows = [{"workspace": workspace, "project": project, column.name: func.now()} for workspace, project in keys]
        statement = insert(tables.demand).values(rows)
        upsert = statement.on_conflict_do_update(index_elements=["workspace", "project"], set_={column: func.now()})
        try:
            async with self._engine.begin() as connection:
                await connection.execute(upsert)
        except DATABASE_ERRORS as error:
            _log.warning("demand for backends cannot be written", error=repr(error))
