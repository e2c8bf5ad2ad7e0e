"""Keys to work on: each at once or later, by several threads, never the same key twice at a time.

Work is named by its key alone: however often and for whatever reason a key is added, what is done is to look at
everything again. This is the operator's outer boundary: whatever a key raises, it is tried again, more and more slowly,
and the others go on.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from itertools import count
from threading import Condition, Thread
from typing import Final, Generic, TypeVar

import structlog

__all__ = ["WorkQueue"]

K = TypeVar("K")

_FIRST_DELAY: Final = 0.25
_LAST_DELAY: Final = 15.0

log = structlog.get_logger(__name__)


class WorkQueue(Generic[K]):
    """`handle` returns whether all is well with the key; when not, or when it raises, it is called again later."""

    def __init__(self, name: str, handle: Callable[[K], bool], workers: int) -> None:
        self._name = name
        self._handle = handle
        self._changed = Condition()
        self._order = count()
        self._heap: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._active: set[K] = set()
        self._failures: dict[K, int] = {}
        self._complaints: dict[K, str] = {}
        self._closed = False
        self._threads = [Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(workers)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def add(self, key: K, delay: float = 0.0) -> None:
        """Work on the key in `delay` seconds, or sooner if it was added before."""
        due = time.monotonic() + delay
        with self._changed:
            if due < self._due.get(key, float("inf")):
                self._due[key] = due
                heapq.heappush(self._heap, (due, next(self._order), key))
                self._changed.notify()

    @property
    def due(self) -> int:
        """How many keys are being worked on, or should be by now."""
        now = time.monotonic()
        with self._changed:
            return len(self._active) + sum(due <= now for due in self._due.values())

    def stop(self) -> None:
        """Begin no more work."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def join(self) -> None:
        """Return when no key is being worked on."""
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _work(self) -> None:
        while (key := self._next()) is not None:
            try:
                done = self._handle(key)
                self._content(key)
            except Exception as error:  # noqa: BLE001  the outer boundary
                done = False
                self._complain(key, error)
            self._finish(key, done)

    def _next(self) -> K | None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                key = self._pop(now)
                if key is not None:
                    return key
                self._changed.wait(self._heap[0][0] - now if self._heap else None)
            return None

    def _pop(self, now: float) -> K | None:
        """Take the first key that is due. One that is being worked on waits for `_finish` to bring it back."""
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) != due or key in self._active:
                continue
            del self._due[key]
            self._active.add(key)
            return key
        return None

    def _finish(self, key: K, done: bool) -> None:  # noqa: FBT001  the handler's answer
        with self._changed:
            self._active.discard(key)
            if key in self._due:  # It was added meanwhile, and skipped if it came due.
                heapq.heappush(self._heap, (self._due[key], next(self._order), key))
            failures = 0 if done else self._failures.get(key, 0) + 1
            self._failures[key] = failures
            self._changed.notify()
        if failures:
            self.add(key, min(_LAST_DELAY, _FIRST_DELAY * 2 ** min(failures, 16)))

    def _complain(self, key: K, error: Exception) -> None:
        """Once per reason: PostgreSQL's absence is one line, not one per project and attempt."""
        reason = f"{type(error).__name__}: {(str(error).strip() or '-').splitlines()[0]}"
        with self._changed:
            known = reason in self._complaints.values()
            self._complaints[key] = reason
        if not known and not self._closed:
            log.warning("waiting, and trying again", work=self._name, key=str(key), reason=reason)

    def _content(self, key: K) -> None:
        with self._changed:
            reason = self._complaints.pop(key, None)
            over = reason is not None and reason not in self._complaints.values()
        if over:
            log.info("works again", work=self._name, key=str(key), after=reason)
