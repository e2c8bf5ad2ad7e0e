"""What the pipeline waits for: `write` returns when the event is on the device.

One thread writes for all. It takes whatever waits, makes it durable as one group, and hands the answers back to the
event loop in one call: while one group is being synced the next one gathers, so there is no timer to tune.
"""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeAlias

import structlog

from tenantry_api.record.event import Event
from tenantry_api.record.wal import RecordUnavailable, WriteAheadLog

__all__ = ["RecordUnavailable", "Recorder"]

_GROUP_EVENTS = 4_096
_GROUP_BYTES = 4 * 1024 * 1024
# A group that takes longer than this is a device that hangs: the door says that it is not ready.
_SLOW_SECONDS = 2.0
_RETRY_SECONDS = 1.0

_Waiter: TypeAlias = "asyncio.Future[None] | None"
_Item: TypeAlias = tuple[bytes, _Waiter]

_log = structlog.get_logger(__name__)


class Recorder:
    """Belongs to the event loop that started it; `write` and `write_soon` keep their order."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # Set after each group, for the shipper, which clears it.
        self.grown = asyncio.Event()
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        # Lazy events that the device refused: they go first when it accepts again. There is no drop path.
        self._kept: list[_Item] = []
        self._syncing_since: float | None = None
        self._accepts = False

    @property
    def healthy(self) -> bool:
        """Whether a write would be accepted now, as far as is known."""
        since = self._syncing_since
        return self._accepts and (since is None or time.monotonic() - since < _SLOW_SECONDS)

    async def start(self) -> None:
        """Open the log. Raises RecordUnavailable or RecordDamaged with what to do."""
        self._loop = asyncio.get_running_loop()
        self.wal = await asyncio.to_thread(WriteAheadLog, self._directory)
        self._accepts = True
        self._thread = threading.Thread(target=self._run, name="record-writer", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Make durable whatever was given, then close the log."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self.wal.close()

    async def write(self, event: Event) -> None:
        """Returns when the event is durable. Raises RecordUnavailable: then nothing may be done, the answer is 503."""
        waiter = self._loop.create_future()
        self._queue.put((event.leaf, waiter))
        await waiter

    def write_soon(self, event: Event) -> None:
        """Durable with the next group. For the outcome of a read: its intent already says that it may have happened."""
        self._queue.put((event.leaf, None))

    # ---------------------------------------------------------------- the writer's thread

    def _run(self) -> None:
        stopping = False
        while not stopping:
            group, stopping = self._gathered()
            self._commit(group)
        if self._kept:
            _log.error("record.lost", events=len(self._kept), reason="the device refused them until the door stopped")

    def _gathered(self) -> tuple[list[_Item], bool]:
        """Wait for one, then take all that is there; and whether it is time to stop."""
        group, self._kept = self._kept, []
        size = sum(len(leaf) for leaf, _ in group)
        try:
            item = self._queue.get(timeout=None if self._accepts else _RETRY_SECONDS)
            while item is not None:
                group.append(item)
                size += len(item[0])
                if len(group) >= _GROUP_EVENTS or size >= _GROUP_BYTES:
                    return group, False
                item = self._queue.get_nowait()
        except Empty:
            return group, False
        return group, True

    def _commit(self, group: list[_Item]) -> None:
        """An empty group asks the device whether it accepts again."""
        refused: RecordUnavailable | None = None
        self._syncing_since = time.monotonic()
        try:
            self.wal.append([leaf for leaf, _ in group])
        except RecordUnavailable as error:
            refused = error
        except Exception as error:  # noqa: BLE001
            # The outer boundary of this thread: whoever waits must hear that it failed, and the next be refused too.
            refused = RecordUnavailable(f"a mistake of the service: {error!r}")
        if refused:
            self._kept = [item for item in group if item[1] is None]
        if self._accepts != (refused is None):
            _log.warning("record.unavailable" if refused else "record.available", reason=str(refused or ""))
        self._syncing_since, self._accepts = None, refused is None
        self._loop.call_soon_threadsafe(self._settle, [waiter for _, waiter in group if waiter], refused)

    def _settle(self, waiters: list[asyncio.Future[None]], refused: RecordUnavailable | None) -> None:
        for waiter in waiters:
            if waiter.done():
                continue
            if refused:
                waiter.set_exception(RecordUnavailable(str(refused)))
            else:
                waiter.set_result(None)
        if not refused:
            self.grown.set()
