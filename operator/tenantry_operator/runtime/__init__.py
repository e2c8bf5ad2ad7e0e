"""What runs the projects' servers. One machine has processes (`runtime.process`), a cluster has pods
(`runtime.kubernetes`).

The operator says which servers it wants; a runtime keeps them running until it is told otherwise. All methods may be
called from any thread, and those of different projects run in parallel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from tenantry_operator.facts import STARTING, ProjectKey, ServerPlan, WorkspaceKey, WorkspacePlan

__all__ = [
    "Failed",
    "Running",
    "Runtime",
    "ServerFailed",
    "ServerStarting",
    "Starting",
    "State",
    "Stopped",
    "WorkspaceRefused",
    "WorkspaceWaiting",
]


class ServerFailed(RuntimeError):
    """A server is not running. The message is for people: what happened, the end of the log; no secrets. The reason is
    one word for programs.
    """

    def __init__(self, message: str, reason: str = "ServerFailed") -> None:
        super().__init__(message)
        self.reason = reason


class ServerStarting(ServerFailed):
    """It is on its way, and whoever asked is told of it later. The message says what it waits for."""

    def __init__(self, message: str) -> None:
        super().__init__(message, STARTING)


class WorkspaceRefused(RuntimeError):
    """What a workspace is made of cannot be made: the reason, in one word and for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class WorkspaceWaiting(WorkspaceRefused):
    """It is made, and not all of it is in force yet: somebody else is at it."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nobody wants it."""


@dataclass(frozen=True, slots=True)
class Starting:
    """It is wanted, and on its way. Only a runtime whose `start` does not wait has servers in this state."""

    reason: str


@dataclass(frozen=True, slots=True)
class Running:
    """It has answered its health check. Address and secret stay the same until `stop`, also when it is restarted."""

    # `http://127.0.0.1:40123`
    address: str
    # For the header X-Tenantry-Backend-Secret.
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class Failed:
    """It ended, or did not start, and will be tried again without anybody asking. The reason is for people, the word
    for programs.
    """

    reason: str
    word: str = "ServerFailed"


State = Stopped | Starting | Running | Failed


class Runtime(Protocol):
    """Callbacks are given to the implementation's constructor, come from its threads, must return soon and not raise.

    `on_exit(key, reason)` when a server that was running has ended by itself; `on_recovery(key)` when one that failed
    runs again. Neither is called for what `start` and `stop` do before they return.
    """

    # Whether a server takes over a new plan by itself; else it is stopped, and the next request starts it anew.
    rolls: bool

    def ensure_workspace(self, plan: WorkspacePlan) -> None:
        """Make what surrounds a workspace's servers. Raises WorkspaceRefused, WorkspaceWaiting. Idempotent."""

    def remove_workspace(self, key: WorkspaceKey) -> bool:
        """Take that away again, as far as nobody else's things are in it; not while a server runs in it: then return
        False. Idempotent.
        """

    def prepare(self, plan: ServerPlan) -> None:
        """Make what a server needs around it, without starting one that was stopped. Raises ServerFailed."""

    def dismantle(self, key: ProjectKey) -> None:
        """Take away what `prepare` made; the server must be stopped. Idempotent."""

    def forget(self, key: ProjectKey) -> None:
        """Take away what outlives `dismantle` so that the project is found again: its data is deleted. Idempotent."""

    def start(self, plan: ServerPlan) -> Running:
        """Keep a server running from now on, and return when it answers; at once when it does already. A runtime that
        does not wait raises `ServerStarting`.

        Raises `ServerFailed` when an attempt fails, when the next is too far off to wait for, and after `close`.
        Attempts go on until `stop`. A server that is there keeps the plan that it was started with: stop it first.
        """

    def stop(self, key: ProjectKey) -> None:
        """End the server, after its requests in flight or ten seconds. Nothing happens when there is none."""

    def is_settled(self, key: ProjectKey) -> bool:
        """Say whether no server runs any more that was started with an older plan than the last one prepared."""

    def state(self, key: ProjectKey) -> State:
        """As it is now; asks nobody."""

    def close(self) -> None:
        """Stop everything, and leave no process, no socket and no thread behind."""
