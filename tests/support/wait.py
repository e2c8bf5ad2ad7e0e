"""Wait for a condition with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_STEP = 0.01


def until(condition: Callable[[], T], *, deadline: float = 10.0, what: str = "") -> T:
    """Return the first truthy value of `condition`, or fail after `deadline` seconds saying what was awaited."""
    end = time.monotonic() + deadline
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s in vain for {what or condition}; last value: {value!r}")
        time.sleep(_STEP)
    return value


async def until_async(condition: Callable[[], Awaitable[T]], *, deadline: float = 10.0, what: str = "") -> T:
    """The same for an asynchronous condition."""
    end = time.monotonic() + deadline
    while not (value := await condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s in vain for {what or condition}; last value: {value!r}")
        await asyncio.sleep(_STEP)
    return value
