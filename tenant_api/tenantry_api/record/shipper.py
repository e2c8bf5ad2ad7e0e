"""Copies the write-ahead log to PostgreSQL, exactly once.

One transaction takes the spool's row, appends what follows its position to the logs' tables, gives each record the
next index of its log, moves the logs' frontiers and the position, and commits. Whatever dies in between, the position
and the records agree; nothing else has to be remembered. Rows of logs are locked in the order of their names, so that
several doors never wait for one another in a circle.

PostgreSQL down is not an error here: the write-ahead log goes on accepting up to its bound, and this tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import structlog

from tenantry_api.audit.tree import Tree, leaf_hash
from tenantry_api.engine import asyncpg_url
from tenantry_api.errors import DATABASE_ERRORS
from tenantry_api.record.event import Event, parse
from tenantry_api.record.recorder import Recorder
from tenantry_api.record.wal import RecordDamaged
from tenantry_api.vital import start_vital

__all__ = ["Shipper"]

_BATCH = 2_000
# Parsing a batch takes tens of milliseconds; requests are served in between these many records.
_SLICE = 100
# Records gather this long, in seconds, so that a door does not make a transaction for each. A backlog does not wait.
_GATHER = 0.05
_BACKOFF_FIRST, _BACKOFF_LAST = 0.1, 5.0
_COLUMNS = ["log", "index", "leaf", "event_id", "time", "stage", "actor", "project", "operation"]

_TAKE_SPOOL = "SELECT position FROM audit.spool WHERE id = $1 FOR UPDATE"
_MAKE_SPOOL = "INSERT INTO audit.spool (id, position) VALUES ($1, 0) ON CONFLICT DO NOTHING"
_MOVE_SPOOL = "UPDATE audit.spool SET position = $2, updated_at = now() WHERE id = $1"
_MAKE_LOGS = """
INSERT INTO audit.log (name, size, frontier) SELECT name, 0, '{}' FROM unnest($1::text[]) AS name ORDER BY name
ON CONFLICT DO NOTHING
"""
_TAKE_LOGS = "SELECT name, size, frontier FROM audit.log WHERE name = ANY($1) ORDER BY name FOR UPDATE"
_MOVE_LOG = "UPDATE audit.log SET size = $2, frontier = $3 WHERE name = $1"

_log = structlog.get_logger(__name__)


class Shipper:
    """Runs on the recorder's event loop, between the recorder's start and its stop."""

    def __init__(self, recorder: Recorder, catalog_url: str) -> None:
        self._recorder = recorder
        self._url = asyncpg_url(catalog_url)
        self._shipped = 0
        self._moved = asyncio.Event()
        # Set when only a person can help: records are kept, but no longer shipped.
        self.damage: str | None = None

    async def start(self) -> None:
        self._task = start_vital(self._run(), name="record-shipper")

    async def stop(self, *, within: float = 5.0) -> None:
        """Ship what is there, for at most `within` seconds; the rest is shipped after the next start."""
        try:
            await self.drained(within=within)
        except TimeoutError:
            _log.warning("record.unshipped", bytes=self.backlog)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def drained(self, *, within: float) -> None:
        """Returns when all that is durable now is in PostgreSQL. Raises TimeoutError after `within` seconds."""
        target = self._recorder.wal.end
        async with asyncio.timeout(within):
            while self._shipped < target:
                await self._moved.wait()

    @property
    def alive(self) -> bool:
        """False once it has ended, over damage or a mistake of ours: records are kept, but no longer shipped."""
        return not self._task.done()

    @property
    def backlog(self) -> int:
        """How many bytes of the log are not in PostgreSQL yet, as far as is known."""
        return self._recorder.wal.end - max(self._shipped, self._recorder.wal.start)

    async def _run(self) -> None:
        pause = _BACKOFF_FIRST
        while True:
            try:
                connection = await asyncpg.connect(self._url, timeout=5, command_timeout=30)
                try:
                    pause = _BACKOFF_FIRST
                    await self._ship_all(connection)
                finally:
                    connection.terminate()
            except DATABASE_ERRORS as error:
                _log.warning("record.shipping_waits", reason=str(error) or type(error).__name__, seconds=pause)
            except RecordDamaged as error:
                self.damage = str(error)
                _log.error("record.damaged", reason=self.damage)  # noqa: TRY400  # the message is the finding
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _BACKOFF_LAST)

    async def _ship_all(self, connection: Any) -> None:
        await connection.execute(_MAKE_SPOOL, self._recorder.wal.spool)
        while True:
            self._recorder.grown.clear()
            async with connection.transaction():
                shipped, count = await self._ship(connection)
            self._advance(shipped)
            if shipped == self._recorder.wal.end:
                await self._recorder.grown.wait()
            if count < _BATCH:
                await asyncio.sleep(_GATHER)

    async def _ship(self, connection: Any) -> tuple[int, int]:
        """Inside a transaction: append one batch. Up to where the log is shipped when it commits, and how many."""
        wal = self._recorder.wal
        position = await connection.fetchval(_TAKE_SPOOL, wal.spool)
        if not wal.start <= position <= wal.end:
            raise RecordDamaged(
                f"PostgreSQL has this spool up to {position}, the directory holds {wal.start} to {wal.end}: "
                "one of the two was put back to an older state"
            )
        payloads, behind = wal.read(position, _BATCH)
        if payloads:
            await self._append(connection, await _parsed(payloads))
        if behind > position:
            # Also past the header of a segment without records: what lies before is deleted, and may not be asked for.
            await connection.execute(_MOVE_SPOOL, wal.spool, behind)
        return behind, len(payloads)

    async def _append(self, connection: Any, events: Sequence[Event]) -> None:
        logs = sorted({event.log for event in events})
        await connection.execute(_MAKE_LOGS, logs)
        rows: list[tuple[object, ...]] = []
        for name, size, frontier in await connection.fetch(_TAKE_LOGS, logs):
            own = [event for event in events if event.log == name]
            tree = Tree(size, tuple(frontier)).extended(leaf_hash(event.leaf) for event in own)
            rows += (_row(size + nth, event) for nth, event in enumerate(own))
            await connection.execute(_MOVE_LOG, name, tree.size, list(tree.frontier))
        await connection.copy_records_to_table("event", schema_name="audit", columns=_COLUMNS, records=rows)

    def _advance(self, shipped: int) -> None:
        self._recorder.wal.release(shipped)
        self._shipped = shipped
        self._moved.set()
        self._moved = asyncio.Event()


async def _parsed(payloads: Sequence[bytes]) -> list[Event]:
    events: list[Event] = []
    for start in range(0, len(payloads), _SLICE):
        events += map(parse, payloads[start : start + _SLICE])
        await asyncio.sleep(0)
    return events


def _row(index: int, event: Event) -> tuple[object, ...]:
    texts = (event.stage.value, _text(event.actor), event.project and _text(event.project), _text(event.operation))
    return (event.log, index, event.leaf, event.id, event.time, *texts)


def _text(text: str) -> str:
    """PostgreSQL's text holds no NUL; the leaf, which is bytes, keeps it."""
    return text.replace("\0", "�")
