"""Loops that the door cannot be without: following the catalog, shipping records, signing them.

Each survives what it expects (a database that is away). If one ends by a mistake of ours, a door that went on would
refuse everything, or fill its disk, until somebody looked; so it ends as a whole, and is started again.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine

import structlog

__all__ = ["start_vital"]

_log = structlog.get_logger(__name__)


def start_vital(loop: Coroutine[None, None, None], *, name: str) -> asyncio.Task[None]:
    """Run `loop` for as long as the door lives; only a mistake in it ends the door."""
    task = asyncio.create_task(loop, name=name)
    task.add_done_callback(_end_with)
    return task


def _end_with(task: asyncio.Task[None]) -> None:
    if task.cancelled() or task.exception() is None:
        return
    _log.critical("a vital part has ended, so the door stops", part=task.get_name(), exc_info=task.exception())
    os.kill(os.getpid(), signal.SIGTERM)
