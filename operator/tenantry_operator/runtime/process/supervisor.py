"""The runtime of one machine: each server a process, all of them forked from one spawner."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from tenantry_operator.facts import ProjectKey, ServerPlan, WorkspaceKey, WorkspacePlan
from tenantry_operator.runtime import Running, ServerFailed, State, Stopped
from tenantry_operator.runtime.process.limits import Limits
from tenantry_operator.runtime.process.log import Log
from tenantry_operator.runtime.process.server import Callbacks, Server
from tenantry_operator.runtime.process.spawner import Spawner

__all__ = ["ProcessRuntime"]


class ProcessRuntime:
    """Fulfils `Runtime`. The spawner begins to warm up when this is made (2 s), which delays nothing but a first start.

    Below `directory`: `spawner.log`, `logs/<workspace>/<project>.log` and, while a server runs, its `scratch/`.
    """

    rolls = False

    def __init__(
        self,
        directory: Path,
        *,
        on_exit: Callable[[ProjectKey, str], None],
        on_recovery: Callable[[ProjectKey], None],
        limits: Limits | None = None,
    ) -> None:
        self._directory = directory
        self._limits = limits or Limits()
        self._calls = Callbacks(on_exit, on_recovery)
        self._lock = threading.Lock()
        self._servers: dict[ProjectKey, Server] = {}
        self._closed = False
        self._spawner = Spawner(Log(directory / "spawner.log", self._limits.log_bytes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def spawner_pid(self) -> int | None:
        """For measurements and tests; None while there is no spawner."""
        return self._spawner.pid

    def start(self, plan: ServerPlan) -> Running:
        with self._lock:
            server = self._servers.get(plan.key) or self._new_server(plan)
        return server.await_running()

    def stop(self, key: ProjectKey) -> None:
        with self._lock:
            server = self._servers.pop(key, None)
        if server is not None:
            server.end()

    def is_settled(self, key: ProjectKey) -> bool:  # noqa: ARG002  a new plan stops a server at once
        return True

    def state(self, key: ProjectKey) -> State:
        with self._lock:
            server = self._servers.get(key)
        return Stopped() if server is None else server.state

    def ensure_workspace(self, plan: WorkspacePlan) -> None:
        """Processes of a machine have nothing around them."""

    def remove_workspace(self, key: WorkspaceKey) -> bool:  # noqa: ARG002
        """See `ensure_workspace`."""
        return True

    def prepare(self, plan: ServerPlan) -> None:
        """See `ensure_workspace`."""

    def dismantle(self, key: ProjectKey) -> None:
        """See `ensure_workspace`."""

    def forget(self, key: ProjectKey) -> None:
        """See `ensure_workspace`."""

    def close(self) -> None:
        with self._lock:
            self._closed = True
            servers = list(self._servers.values())
            self._servers.clear()
        # Side by side: each may take its whole grace.
        with ThreadPoolExecutor(max_workers=max(1, len(servers))) as pool:
            list(pool.map(Server.end, servers))
        self._spawner.close()

    def _new_server(self, plan: ServerPlan) -> Server:
        if self._closed:
            raise ServerFailed("the operator is stopping, and starts no more servers")
        server = Server(plan, self._spawner, self._directory, self._limits, self._calls)
        self._servers[plan.key] = server
        server.begin()
        return server
