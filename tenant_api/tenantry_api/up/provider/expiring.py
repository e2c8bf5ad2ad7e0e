"""Values behind random keys, each for a limited time: codes, tokens, requests under way."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Expiring"]

Value = TypeVar("Value")


class Expiring(Generic[Value]):
    """Kept in memory: a restart forgets them all, and whoever held one signs in again."""

    def __init__(self, lifetime: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.lifetime = lifetime
        self._clock = clock
        self._values: dict[str, tuple[float, Value]] = {}

    def add(self, value: Value) -> str:
        """A new key for the value. Also sweeps, so that nothing accumulates."""
        self._sweep()
        key = secrets.token_urlsafe(32)
        self._values[key] = (self._clock() + self.lifetime, value)
        return key

    def get(self, key: str) -> Value | None:
        end, value = self._values.get(key, (0.0, None))
        return value if self._clock() < end else None

    def replace(self, key: str, value: Value) -> None:
        """Another value for a key that is still valid; its end stays the same."""
        end, _ = self._values[key]
        self._values[key] = (end, value)

    def take(self, key: str) -> Value | None:
        """The value, once."""
        value = self.get(key)
        self._values.pop(key, None)
        return value

    def find(self, wanted: Callable[[Value], bool]) -> tuple[str, Value] | None:
        now = self._clock()
        return next(((key, value) for key, (end, value) in self._values.items() if now < end and wanted(value)), None)

    def drop(self, unwanted: Callable[[Value], bool]) -> None:
        self._values = {key: kept for key, kept in self._values.items() if not unwanted(kept[1])}

    def _sweep(self) -> None:
        now = self._clock()
        self._values = {key: kept for key, kept in self._values.items() if now < kept[0]}
