"""One project's server, kept running by a thread of its own from `begin` to `end`.

Its listening socket belongs to us, so that connections wait in the queue while the process starts, or starts again.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from tenantry_operator.facts import DirectoryPlan, ProjectKey, ServerPlan
from tenantry_operator.runtime import Failed, Running, ServerFailed, State, Stopped
from tenantry_operator.runtime.process import health
from tenantry_operator.runtime.process.artifacts import ensure_private
from tenantry_operator.runtime.process.backoff import Backoff
from tenantry_operator.runtime.process.generation import Child
from tenantry_operator.runtime.process.limits import Limits
from tenantry_operator.runtime.process.log import Log
from tenantry_operator.runtime.process.spawner import Spawner

__all__ = ["Callbacks", "Server"]

# Connections that may wait for a server that starts.
_QUEUE: Final = 1024
# Seconds beyond the grace, until a server that does not end is killed.
_MARGIN: Final = 3.0

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the operator is told; see `Runtime`."""

    on_exit: Callable[[ProjectKey, str], None]
    on_recovery: Callable[[ProjectKey], None]


class Server:
    """`end` is for good: a project that is wanted again gets another one, with another secret."""

    def __init__(self, plan: ServerPlan, spawner: Spawner, directory: Path, limits: Limits, calls: Callbacks) -> None:
        if not isinstance(plan.artifacts, DirectoryPlan):
            raise TypeError("a process keeps its artifacts in a directory, not in a bucket")
        self._plan, self._artifacts = plan, plan.artifacts
        self._spawner = spawner
        self._limits = limits
        self._calls = calls
        self._log = Log(directory / "logs" / plan.key.workspace / f"{plan.key.project}.log", limits.log_bytes)
        self._scratch = directory / "scratch" / plan.key.workspace / plan.key.project
        self._secret = SecretStr(secrets.token_urlsafe(32))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_QUEUE)
        self._port: int = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._state: State = Stopped()
        self._failures = 0
        self._next_attempt = 0.0
        self._child: Child | None = None
        self._thread = threading.Thread(target=self._supervise, name=f"server {plan.key}", daemon=True)

    @property
    def state(self) -> State:
        return self._state

    def begin(self) -> None:
        self._thread.start()

    def await_running(self) -> Running:
        """Return when it runs, raise `ServerFailed` when an attempt that was under way, or is due soon, has failed."""
        due = time.monotonic() + self._limits.patience
        with self._changed:
            seen = self._failures
            self._changed.wait_for(lambda: self._settled(seen, due))
            state = self._state
        if isinstance(state, Running):
            return state
        raise ServerFailed(state.reason if isinstance(state, Failed) else "the server was stopped while it started")

    def _settled(self, seen: int, due: float) -> bool:
        state = self._state
        far_off = isinstance(state, Failed) and self._next_attempt > due
        return isinstance(state, Running) or self._failures > seen or far_off or self._stopping.is_set()

    def end(self) -> None:
        """Refuse new connections, let requests in flight end within the grace, and return when all is gone."""
        self._stopping.set()
        self._listener.close()
        if child := self._child:
            child.signal(signal.SIGTERM)
            if not child.exited.wait(self._limits.grace + _MARGIN):
                child.signal(signal.SIGKILL)
        self._thread.join()

    def _supervise(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            reason, healthy = self._run_once()
            if self._stopping.is_set():
                break
            backoff = backoff.failed(after=healthy)
            self._fail(reason, backoff)
            if healthy:
                self._calls.on_exit(self._plan.key, reason)
            self._stopping.wait(backoff.delay)
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._change(Stopped())

    def _run_once(self) -> tuple[str, float]:
        """Start it and wait for its end: why it ended, and for how many seconds it had been healthy."""
        try:
            child = self._launch()
        except (OSError, ServerFailed) as error:
            return str(error), 0.0
        running = time.monotonic()
        recovered = isinstance(self._state, Failed)
        self._change(Running(f"http://127.0.0.1:{self._port}", self._secret))
        if recovered:
            self._calls.on_recovery(self._plan.key)
        while not child.exited.wait(self._limits.log_check):
            self._log.trim()
        return self._ending(child), time.monotonic() - running

    def _launch(self) -> Child:
        deadline = time.monotonic() + self._limits.start
        shutil.rmtree(self._scratch, ignore_errors=True)
        ensure_private(self._scratch, self._artifacts.uid)
        self._child = child = self._fork(deadline)
        if health.answers(
            self._port,
            self._secret.get_secret_value(),
            deadline=deadline,
            hopeless=lambda: child.exited.is_set() or self._stopping.is_set(),
        ):
            return child
        raise ServerFailed(self._failed_start(child))

    def _fork(self, deadline: float) -> Child:
        with self._listener.dup() as listener:
            settings, log = self._written_settings(), self._log.open()
            try:
                return self._spawner.fork((listener.fileno(), settings, log), deadline)
            finally:
                os.close(settings)
                os.close(log)

    def _written_settings(self) -> int:
        """An anonymous file that only the server itself reads: the spawner passes it on."""
        settings = {
            "database_url": self._plan.database_url.get_secret_value(),
            "artifact_directory": str(self._artifacts.directory),
            "scratch_directory": str(self._scratch),
            "secret": self._secret.get_secret_value(),
            "grace": self._limits.grace,
            "uid": self._artifacts.uid,
        }
        descriptor = os.memfd_create("settings")
        os.write(descriptor, json.dumps(settings).encode())
        return descriptor

    def _failed_start(self, child: Child) -> str:
        if child.exited.is_set():
            return self._ending(child)
        child.signal(signal.SIGKILL)
        child.exited.wait()
        return f"the server did not answer its health check within {self._limits.start:.0f} s{self._last_words()}"

    def _ending(self, child: Child) -> str:
        return f"the server {_how(child.status)}{self._last_words()}"

    def _last_words(self) -> str:
        url = self._plan.database_url.get_secret_value()
        tail = self._log.tail((url, make_url(url).password or "", self._secret.get_secret_value()))
        return f"; the end of its log: {tail}" if tail else ""

    def _fail(self, reason: str, backoff: Backoff) -> None:
        _logger.warning("server failed", project=str(self._plan.key), reason=reason, next_attempt_seconds=backoff.delay)
        self._failures += 1
        self._next_attempt = time.monotonic() + backoff.delay
        self._change(Failed(reason))

    def _change(self, state: State) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()


def _how(status: int | None) -> str:
    if status is None:
        return "ended because the spawner did"
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"
