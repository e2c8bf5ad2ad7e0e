"""One run of the spawner's process, from its start to its end, and the servers that were forked from it.

What is said on the socket is written down in the spawner's own module (`python -m tenantry_backend.spawner`). The two
programs share no code, only that protocol.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final

from tenantry_operator.runtime import ServerFailed

__all__ = ["Child", "Generation", "SpawnerLost"]

# -P: nothing is imported from the current directory. -W: the deprecations inside MLflow are not news to anybody.
_COMMAND: Final = (sys.executable, "-P", "-W", "ignore", "-m", "tenantry_backend.spawner")
# All that the spawner gets to know of our environment: nothing that could be a secret.
_PASSED: Final = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "TZ")
# MLflow works out paths below HOME while it is imported. Without this they would lead to whoever runs the operator.
_SET: Final = {"HOME": "/nonexistent", "MALLOC_ARENA_MAX": "2"}
_EVENT_SIZE: Final = 4096


class SpawnerLost(Exception):
    """The spawner ended before it answered; another one is on its way."""


class Child:
    """A server's process. When `exited` is set, `status` is its exit status, or minus the signal that ended it.

    A status of None: the spawner ended, and took it along.
    """

    def __init__(self, generation: Generation, identity: int, pid: int) -> None:
        self._generation = generation
        self._identity = identity
        self.pid = pid
        self.exited = threading.Event()
        self.status: int | None = None

    def signal(self, number: int) -> None:
        """Send it a signal; nothing happens when it has ended. The spawner sends it, so the process id is still its."""
        self._generation.send({"order": "signal", "id": self._identity, "signal": int(number)})

    def end(self, status: int | None) -> None:
        self.status = status
        self.exited.set()


class Generation:
    """Orders may come from any thread; the reports are read by the one that calls `listen`."""

    def __init__(self, log: int) -> None:
        # Packets keep an order and its descriptors together (unix(7), SOCK_SEQPACKET).
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603  our own words
                _COMMAND,
                stdin=theirs.fileno(),
                stdout=log,
                stderr=log,
                env=environment | _SET,
                cwd="/",
                start_new_session=True,
            )
        self.warm = threading.Event()
        self._lock = threading.Lock()
        self._lost = False
        self._numbers = itertools.count(1)
        self._orders: dict[int, Future[Child]] = {}
        self._children: dict[int, Child] = {}

    def fork(self, descriptors: Sequence[int]) -> Future[Child]:
        """Order a server: listening socket, settings, log. Fails with `SpawnerLost` or the spawner's own reason."""
        answer: Future[Child] = Future()
        with self._lock:
            identity = next(self._numbers)
            if self._lost:
                answer.set_exception(SpawnerLost())
                return answer
            self._orders[identity] = answer
        self.send({"order": "fork", "id": identity}, descriptors)
        return answer

    def send(self, order: dict[str, object], descriptors: Sequence[int] = ()) -> None:
        # When it is gone, `listen` is about to say so to everybody who waits.
        with contextlib.suppress(OSError):
            socket.send_fds(self._socket, [json.dumps(order).encode()], list(descriptors))

    def listen(self) -> None:
        """Hand out what is reported until the spawner has ended, then fail what is left."""
        try:
            while message := self._receive():
                self._report(json.loads(message))
        finally:
            self._lose_all()
            self._socket.close()

    def hang_up(self) -> None:
        """Let the spawner know that it is no longer needed: it stops its servers, reports that, and ends."""
        with contextlib.suppress(OSError):  # It may have ended before.
            self._socket.shutdown(socket.SHUT_WR)

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_EVENT_SIZE)
        except ConnectionResetError:
            return b""

    def _report(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "warm":
                self.warm.set()
            case "forked":
                self._forked(event["id"], event["pid"])
            case "refused":
                self._refused(event["id"], event["reason"])
            case "exited":
                self._children.pop(event["id"]).end(event["status"])

    def _forked(self, identity: int, pid: int) -> None:
        child = Child(self, identity, pid)
        self._children[identity] = child
        answer = self._orders.pop(identity)
        if not answer.set_running_or_notify_cancel():
            child.signal(signal.SIGKILL)  # Who ordered it gave up waiting.
            return
        answer.set_result(child)

    def _refused(self, identity: int, reason: str) -> None:
        answer = self._orders.pop(identity)
        if answer.set_running_or_notify_cancel():
            answer.set_exception(ServerFailed(reason))

    def _lose_all(self) -> None:
        self.process.wait()  # The kernel kills its servers with it.
        with self._lock:
            self._lost = True
            unanswered = list(self._orders.values())
        for answer in unanswered:
            if answer.set_running_or_notify_cancel():
                answer.set_exception(SpawnerLost())
        for child in self._children.values():
            child.end(None)
