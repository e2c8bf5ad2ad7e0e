"""Keeps an ordered set of child processes alive, and stops them in reverse.

A child that ends on its own is started again after a pause that doubles, so that one that cannot run does not take
the machine. What it said last is reported each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tenantry_api.up.processes import Command, Process, ProcessFailed

__all__ = ["Supervisor"]

_LONGEST_PAUSE = 30.0
# A child that ran this long is healthy: its next end starts over with the first pause.
_HEALTHY_AFTER = 60.0


@dataclass(slots=True)
class _Child:
    start: Callable[[], Process]
    process: Process
    pause: float
    since: float
    # When to start it again; None while it runs.
    again_at: float | None = None


class Supervisor:
    """`report` gets a text for people whenever a child ends by itself or is started again."""

    def __init__(self, report: Callable[[str], None], *, first_pause: float = 1.0) -> None:
        self._report = report
        self._first_pause = first_pause
        self._children: list[_Child] = []

    def start(self, command: Command) -> Process:
        return self.adopt(lambda: Process(command))

    def adopt(self, start: Callable[[], Process]) -> Process:
        """Start a child that needs more than a command, and keep it."""
        child = _Child(start, start(), self._first_pause, time.monotonic())
        self._children.append(child)
        return child.process

    def processes(self) -> dict[str, int]:
        """The process id of each child by its name."""
        return {child.process.command.name: child.process.pid for child in self._children}

    def check(self) -> None:
        """Raise if any child has ended: while everything starts, that is final."""
        for child in self._children:
            child.process.check()

    def tend(self) -> None:
        """Look after every child once. Call it about twice a second, from the main thread."""
        for child in self._children:
            if child.again_at is not None:
                self._start_again(child, child.again_at)
            elif child.process.exit_code is not None:
                self._bury(child)

    def stop(self) -> None:
        while self._children:
            self._children.pop().process.stop()

    def _bury(self, child: _Child) -> None:
        if time.monotonic() - child.since > _HEALTHY_AFTER:
            child.pause = self._first_pause
        self._schedule(child, child.process.obituary())

    def _schedule(self, child: _Child, why: str) -> None:
        child.again_at = time.monotonic() + child.pause
        self._report(f"{why}\nStarting it again in {child.pause:.0f} s.")
        child.pause = min(2 * child.pause, _LONGEST_PAUSE)

    def _start_again(self, child: _Child, at: float) -> None:
        if time.monotonic() < at:
            return
        try:
            child.process = child.start()
        except ProcessFailed as error:
            # One that does not come up, as PostgreSQL while its last backends still end, is tried again like any other.
            self._schedule(child, str(error))
            return
        child.since, child.again_at = time.monotonic(), None
