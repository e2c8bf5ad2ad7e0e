"""The process that servers are forked from: it has imported MLflow once, and does nothing else.

It takes orders from the operator on its standard input, a socket of packets: one JSON object each, and descriptors.

    {"order": "fork", "id": 7}               with three descriptors: listening socket, settings, log
    {"order": "signal", "id": 7, "signal": 15}

and reports on the same socket:

    {"event": "warm"}                              once, when everything is imported
    {"event": "forked", "id": 7, "pid": 4711}      in answer to `fork`
    {"event": "refused", "id": 7, "reason": "…"}   the other answer
    {"event": "exited", "id": 7, "status": -9}     exit status, or minus the signal

It holds no secret and no connection, never reads a server's settings, and has one native thread: a lock that another
thread holds while the process forks would stay locked in the child for ever. When the socket closes, it stops its
servers and ends; when it is killed, the kernel kills them.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from tenantry_backend.environment import BEFORE_IMPORT
from tenantry_backend.settings import ServerSettings
from tenantry_backend.threads import native_threads

__all__ = ["main"]

_ORDER_SIZE: Final = 4096
_DESCRIPTORS: Final = 3
# Seconds that servers have to stop when the operator is gone.
_GRACE: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Child:
    id: int
    pid: int
    # Readable when the process has ended, and it cannot come to mean another process (pidfd_open(2)).
    handle: int


@dataclass(frozen=True, slots=True)
class _Job:
    """What a child takes with it out of the loop."""

    listener: int
    settings: int
    spawner: int


def main() -> None:
    """Be the spawner; in a child, go on as a server."""
    os.environ.update(BEFORE_IMPORT)
    control = _take_standard_input()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the operator, who then stops us in order.
    from tenantry_backend.server import serve  # noqa: PLC0415  MLflow reads the environment when it is imported
    from tenantry_backend.warm import warm  # noqa: PLC0415

    warm()
    job = _Spawner(control).run()
    if job is not None:
        serve(socket.socket(fileno=job.listener), ServerSettings.read(job.settings), job.spawner)
        sys.stderr.flush()
        os._exit(0)  # The interpreter's own end would join threads and write to all the shared pages.


def _take_standard_input() -> socket.socket:
    control = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return control


class _Spawner:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def run(self) -> _Job | None:
        """Obey until the operator is gone: None. In a child, return at once with what it has to do."""
        self._tell(event="warm")
        while True:
            for ready, _ in self._selector.select():
                if ready.data is not None:
                    self._reap(ready.data)
                    continue
                message, descriptors, _, _ = socket.recv_fds(self._control, _ORDER_SIZE, _DESCRIPTORS)
                if not message:
                    self._stop_all()
                    return None
                if job := self._obey(json.loads(message), descriptors):
                    return job

    def _obey(self, order: dict[str, Any], descriptors: list[int]) -> _Job | None:
        if order["order"] == "fork":
            return self._fork(order["id"], descriptors)
        if child := self._children.get(order["id"]):  # Else it has ended, and the report is on its way.
            signal.pidfd_send_signal(child.handle, order["signal"])
        return None

    def _fork(self, identity: int, descriptors: list[int]) -> _Job | None:
        listener, settings, log = descriptors
        try:
            if (threads := native_threads()) != 1:
                self._tell(event="refused", id=identity, reason=f"the spawner has {threads} threads instead of one")
                return None
            spawner = os.getpid()
            pid = os.fork()
            if pid == 0:
                return self._leave(_Job(os.dup(listener), os.dup(settings), spawner), log)
            self._adopt(_Child(identity, pid, os.pidfd_open(pid)))
            return None
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _leave(self, job: _Job, log: int) -> _Job:
        """In the child: keep the job and the log, and nothing of the parent's."""
        os.dup2(log, 1)
        os.dup2(log, 2)
        self._selector.close()
        self._control.close()
        for child in self._children.values():
            os.close(child.handle)
        return job

    def _adopt(self, child: _Child) -> None:
        self._children[child.id] = child
        self._selector.register(child.handle, selectors.EVENT_READ, child)
        self._tell(event="forked", id=child.id, pid=child.pid)

    def _reap(self, child: _Child) -> None:
        self._selector.unregister(child.handle)
        os.close(child.handle)
        del self._children[child.id]
        _, status = os.waitpid(child.pid, 0)
        self._tell(event="exited", id=child.id, status=os.waitstatus_to_exitcode(status))

    def _tell(self, **event: object) -> None:
        # When the operator is gone, the next turn of the loop reads that.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._control.send(json.dumps(event).encode())

    def _stop_all(self) -> None:
        self._selector.unregister(self._control)
        for child in self._children.values():
            signal.pidfd_send_signal(child.handle, signal.SIGTERM)
        end = time.monotonic() + _GRACE
        while self._children and (left := end - time.monotonic()) > 0:
            for ready, _ in self._selector.select(left):
                self._reap(ready.data)


if __name__ == "__main__":
    main()
