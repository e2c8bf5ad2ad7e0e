"""The roll of the doors: which of them keep records, and which went away with some that are nowhere else.

Each door says in its spool's row that it lives, and when it stops, whether all that it had is in PostgreSQL. A row that
has said neither for a while is of a door that died. Its records lie in its directory until a door is started there
again; only a person can see to that, so every other door tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from tenantry_api.errors import DATABASE_ERRORS
from tenantry_api.vital import start_vital
from tenantry_catalog import tables

__all__ = ["Absent", "Roll"]

_EVERY_SECONDS = 30.0
# A pod that is moved to another node, or whose image is pulled, is back by then.
_ABSENT_AFTER = timedelta(minutes=5)

_ADVICE = (
    "start a door on its record directory again (a StatefulSet's pod, on its volume) and it is shipped; if the "
    "directory is lost, its last records are: UPDATE audit.spool SET drained_at = now() WHERE id = … ends this notice"
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Absent:
    """A door that neither lives nor has stopped in order."""

    spool: UUID
    door: str
    seen_at: datetime


class Roll:
    """`door` is what this one is called: its machine, or its pod."""

    def __init__(self, engine: AsyncEngine, door: str) -> None:
        self._engine = engine
        self._door = door
        self._task: asyncio.Task[None] | None = None
        self.absent: frozenset[Absent] = frozenset()

    async def enter(self, spool: UUID, shipped: Callable[[], bool]) -> None:
        """Begin to say that this door lives. `shipped` tells, at the end, whether all of its spool is in PostgreSQL."""
        self._spool, self._shipped = spool, shipped
        self._task = start_vital(self._run(), name="record-roll")

    async def leave(self) -> None:
        """When nothing more is recorded, and the last was shipped or not."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self._shipped():
            await self._attempt(self._drained)

    async def _run(self) -> None:
        while True:
            await self._attempt(self._call)
            await asyncio.sleep(_EVERY_SECONDS)

    async def _attempt(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except DATABASE_ERRORS as error:
            _log.warning("the roll of the doors waits", reason=type(error).__name__)

    async def _call(self) -> None:
        """Say that this door lives, and look who does not."""
        spool = tables.spool
        lives = {"door": self._door, "seen_at": func.now(), "drained_at": None}
        entry = insert(spool).values(id=self._spool, position=0, **lives)
        gone = (spool.c.drained_at.is_(None)) & (spool.c.seen_at < func.now() - _ABSENT_AFTER)
        async with self._engine.begin() as connection:
            await connection.execute(entry.on_conflict_do_update(index_elements=["id"], set_=lives))
            rows = await connection.execute(select(spool.c.id, spool.c.door, spool.c.seen_at).where(gone))
            self._tell(frozenset(Absent(*row) for row in rows))

    def _tell(self, absent: frozenset[Absent]) -> None:
        for one in absent - self.absent:
            _log.error("record.absent", door=one.door, spool=str(one.spool), seen=str(one.seen_at), what_helps=_ADVICE)
        self.absent = absent

    async def _drained(self) -> None:
        done = update(tables.spool).where(tables.spool.c.id == self._spool).values(drained_at=func.now())
        async with self._engine.begin() as connection:
            await connection.execute(done)
