"""Keeps a spawner there to fork servers from: starts one at once, and another when it is gone."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Final

import structlog

from tenantry_operator.runtime import ServerFailed
from tenantry_operator.runtime.process.backoff import Backoff
from tenantry_operator.runtime.process.generation import Child, Generation, SpawnerLost
from tenantry_operator.runtime.process.log import Log

__all__ = ["Spawner"]

# Seconds that a spawner has to stop its servers and end.
_FAREWELL: Final = 10.0

_logger = structlog.get_logger(__name__)


class Spawner:
    """Warms up in the background from the moment it is made; orders given meanwhile wait for that."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._generation: Generation | None = None
        self._thread = threading.Thread(target=self._keep, name="spawner", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Of the process that is there now; None between two."""
        generation = self._generation
        return generation.process.pid if generation else None

    def fork(self, descriptors: Sequence[int], deadline: float) -> Child:
        """Start a server with a listening socket, settings and a log. `deadline` is monotonic.

        An order that a dying spawner left unanswered is given to the next: what it may have forked died with it.
        """
        while True:
            answer = self._current(deadline).fork(descriptors)
            try:
                return answer.result(timeout=max(0.0, deadline - time.monotonic()))
            except SpawnerLost:
                continue
            except FutureTimeoutError:
                answer.cancel()
                raise self._out_of_reach() from None

    def close(self) -> None:
        """End the spawner, and its servers with it."""
        self._closing.set()
        if generation := self._generation:
            generation.hang_up()
            try:
                generation.process.wait(_FAREWELL)
            except subprocess.TimeoutExpired:
                generation.process.kill()
        self._thread.join()

    def _current(self, deadline: float) -> Generation:
        with self._changed:
            self._changed.wait_for(lambda: self._generation is not None, max(0.0, deadline - time.monotonic()))
            if self._generation is None:
                raise self._out_of_reach()
            return self._generation

    def _out_of_reach(self) -> ServerFailed:
        return ServerFailed(f"the spawner of servers does not answer; the end of its log: {self._log.tail(())}")

    def _keep(self) -> None:
        backoff = Backoff()
        while not self._closing.is_set():
            started = time.monotonic()
            self._run_one()
            if not self._closing.is_set():
                backoff = backoff.failed(after=time.monotonic() - started)
                _logger.error("spawner ended", log=self._log.tail(()), next_attempt_seconds=backoff.delay)
            # The first time at once: somebody waits, and a spawner that was killed will start again.
            self._closing.wait(backoff.delay if backoff.failures > 1 else 0.0)

    def _run_one(self) -> None:
        try:
            generation = self._launch()
        except OSError as error:
            _logger.error("spawner does not start", error=str(error))  # noqa: TRY400  the words say it all
            return
        self._replace(generation)
        generation.listen()
        self._replace(None)

    def _launch(self) -> Generation:
        descriptor = self._log.open()
        try:
            return Generation(descriptor)
        finally:
            os.close(descriptor)

    def _replace(self, generation: Generation | None) -> None:
        with self._changed:
            self._generation = generation
            self._changed.notify_all()
