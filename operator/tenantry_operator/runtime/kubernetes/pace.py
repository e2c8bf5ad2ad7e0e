"""How fast the operator talks to the API server: so many calls a second, so many at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Semaphore

__all__ = ["Pace"]


class Pace:
    """A token bucket and a semaphore. `per_second` calls in the long run, twice as many in a burst."""

    def __init__(
        self,
        per_second: float,
        at_a_time: int = 16,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second = per_second
        self._burst = 2 * per_second
        self._tokens = self._burst
        self._clock, self._sleep = clock, sleep
        self._filled = clock()
        self._lock = Lock()
        self._places = Semaphore(at_a_time)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, and keep the place until the end of the block."""
        self._sleep(self._take())
        with self._places:
            yield

    def _take(self) -> float:
        """Take a token, also one that is not there yet; return the seconds until it is."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._per_second)
            self._filled = now
            self._tokens -= 1
            return max(0.0, -self._tokens / self._per_second)
