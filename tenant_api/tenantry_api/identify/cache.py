"""Keep what was read from the database for a short while, and drop it at once when it changes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["Cache"]

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Values by the hash of a secret, for `max_age` seconds at the most; what was not found is not kept.

    `forget` empties it. A read that began before `forget` and ends after it is not kept either: it may have seen what
    the notification was about.
    """

    def __init__(self, *, max_age: float, limit: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_age = max_age
        self._limit = limit
        self._clock = clock
        self._generation = 0
        self._kept: dict[bytes, tuple[float, Value]] = {}

    async def get(self, key: bytes, load: Callable[[bytes], Awaitable[Value | None]]) -> Value | None:
        kept = self._kept.get(key)
        if kept is not None and self._clock() - kept[0] < self._max_age:
            return kept[1]
        generation, began = self._generation, self._clock()
        value = await load(key)
        if value is not None and generation == self._generation:
            self._keep(key, began, value)
        return value

    def forget(self) -> None:
        self._generation += 1
        self._kept.clear()

    def _keep(self, key: bytes, began: float, value: Value) -> None:
        # Emptying a full cache costs a read for each entry, and bounds the memory without keeping an order.
        if len(self._kept) >= self._limit:
            self._kept.clear()
        self._kept[key] = (began, value)
