"""What runs the projects' servers. One machine has processes (`runtime.process`); a cluster will have pods.

The operator says which servers it wants; a runtime keeps them running until it is told otherwise. All methods may be
called from any thread, and those of different projects run in parallel.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from tenantry_operator.facts import ArtifactPlan, ProjectKey, ServerPlan

__all__ = ["Failed", "Running", "Runtime", "ServerFailed", "State", "Stopped"]


class ServerFailed(RuntimeError):
    """A server is not running. The message is for people: what happened, the end of the log; no secrets."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nobody wants it."""


@dataclass(frozen=True, slots=True)
class Running:
    """It has answered its health check. Address and secret stay the same until `stop`, also when it is restarted."""

    # `http://127.0.0.1:40123`
    address: str
    # For the header X-Tenantry-Backend-Secret. New with each `Runtime.start`.
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class Failed:
    """It ended, or did not start, and will be tried again at `retry_at` (UTC) without anybody asking."""

    reason: str
    # Failures in a row; a server that was healthy for a minute begins anew.
    restarts: int
    retry_at: datetime


State = Stopped | Running | Failed


class Runtime(Protocol):
    """Callbacks are given to the implementation's constructor, come from its threads, must return soon and not raise.

    `on_exit(key, reason)` when a server that was running has ended by itself; `on_recovery(key)` when one that failed
    runs again. Neither is called for what `start` and `stop` do before they return.
    """

    def start(self, plan: ServerPlan) -> Running:
        """Keep a server running from now on, and return when it answers; at once when it does already.

        Raises `ServerFailed` when an attempt fails, when the next is too far off to wait for, and after `close`.
        Attempts go on until `stop`. A server that is there keeps the plan that it was started with: stop it first.
        """

    def stop(self, key: ProjectKey) -> None:
        """End the server, after its requests in flight or ten seconds. Nothing happens when there is none."""

    def state(self, key: ProjectKey) -> State:
        """As it is now; asks nobody."""

    def ensure_artifacts(self, plan: ArtifactPlan) -> None:
        """Make the place for artifacts, readable by the project's server alone. Idempotent."""

    def remove_artifacts(self, plan: ArtifactPlan) -> None:
        """Delete all artifacts of a project; its server must be stopped. Idempotent."""

    def close(self) -> None:
        """Stop everything, and leave no process, no socket and no thread behind."""
