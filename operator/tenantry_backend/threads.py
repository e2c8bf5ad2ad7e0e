"""How many threads this process has: one that forks must have exactly one."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["await_one_thread", "native_threads"]


def native_threads() -> int:
    """As the kernel counts them: Python does not know those that libraries start."""
    return len(list(Path("/proc/self/task").iterdir()))


def await_one_thread(deadline: float) -> None:
    """Return when threads that were told to end have ended, at the latest after `deadline` seconds."""
    end = time.monotonic() + deadline
    while native_threads() > 1 and time.monotonic() < end:
        time.sleep(0.001)
