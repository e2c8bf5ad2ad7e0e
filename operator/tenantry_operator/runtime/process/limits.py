"""The bounds of the process runtime, in seconds and bytes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    # From an order to the answer of the health check; includes a spawner that has to warm up first.
    start: float = 45.0
    # For requests in flight when a server is stopped.
    grace: int = 10
    # How long `start` waits for an attempt that is due, before it says when that will be.
    patience: float = 10.0
    # Of one server's log; one older file of that size is kept beside it.
    log_bytes: int = 1024 * 1024
    # Between two looks at the log's size.
    log_check: float = 30.0
