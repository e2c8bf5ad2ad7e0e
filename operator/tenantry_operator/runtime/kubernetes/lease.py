"""Who of several operators acts: the one that holds the Lease. The others stand by.

A holder that does not renew in time has lost it, whatever it thinks; so it ends some seconds before that. What counts
is how long ago a change was *seen*, by a monotonic clock: the clocks of two nodes need not agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Final

import structlog

from tenantry_operator.errors import OperatorError
from tenantry_operator.runtime.kubernetes.client import Client, ClusterRefused, Document
from tenantry_operator.runtime.kubernetes.kinds import Ref

__all__ = ["HolderWatch", "Lease"]

_DURATION: Final = 15
# A holder that could not renew for this long ends, before another may take over.
_PATIENCE: Final = 10.0
_TURN: Final = 2.0
# Who stands by looks oftener: what it sees late, it waits for longer.
_LOOK: Final = 1.0
# For one call, so that one that hangs leaves time for another.
_CALL: Final = 2.0

log = structlog.get_logger(__name__)


class HolderWatch:
    """Whether somebody holds a Lease, to be asked again and again."""

    def __init__(self) -> None:
        self._seen: tuple[object, float] = (None, 0.0)

    def holder(self, found: Document) -> str:
        """Return who holds it; empty when nobody does, or whoever did has not renewed it in time."""
        holder = str(found["spec"].get("holderIdentity") or "")
        return "" if self._expired(found) else holder

    def _expired(self, found: Document) -> bool:
        version = found["metadata"]["resourceVersion"]
        if self._seen[0] != version:
            self._seen = (version, time.monotonic())
        duration = float(found["spec"].get("leaseDurationSeconds", _DURATION))
        return time.monotonic() - self._seen[1] > duration


class Lease:
    """`identity` is unique among the candidates: the pod's name."""

    def __init__(self, client: Client, namespace: str, name: str, identity: str) -> None:
        # Nothing else that waits for the API server may keep a renewal waiting.
        self._client, self._identity = client.apart(_CALL), identity
        self._ref = Ref("Lease", namespace, name)
        self._watch = HolderWatch()
        self._held_at = 0.0
        self._stop = Event()
        self._renewing: Thread | None = None

    def acquire(self, stop: Event) -> bool:
        """Wait until this one holds it: True. False when told to stop before."""
        waiting = False
        while not stop.is_set():
            if self._try():
                return True
            if not waiting:
                log.info("standing by", lease=self._ref.name)
                waiting = True
            stop.wait(_LOOK)
        return False

    def keep(self, lost: Callable[[], None]) -> None:
        """Renew it in the background; call `lost`, in time, when another has it or it could not be renewed."""
        self._renewing = Thread(target=self._renew, args=(lost,), name="lease", daemon=True)
        self._renewing.start()
        # Of its own, because a renewal that hangs says nothing.
        Thread(target=self._await_end, args=(lost,), name="end of the lease", daemon=True).start()

    def release(self) -> None:
        """Let the next one act at once."""
        self._stop.set()
        if self._renewing:
            self._renewing.join()
        try:
            held = self._client.get(self._ref)
            if held and held["spec"].get("holderIdentity") == self._identity:
                self._client.replace(self._ref, held | {"spec": held["spec"] | {"holderIdentity": ""}})
        except OperatorError as error:
            log.info("lease not released: it expires", reason=str(error))

    def _renew(self, lost: Callable[[], None]) -> None:
        while not self._stop.wait(_TURN):
            if self._try() is False:
                log.error("lease lost: another operator acts", lease=self._ref.name)
                lost()
                return

    def _await_end(self, lost: Callable[[], None]) -> None:
        while not self._stop.wait(max(0.0, self._held_at + _PATIENCE - time.monotonic())):
            if time.monotonic() - self._held_at >= _PATIENCE:
                log.error("lease lost: another operator may act", lease=self._ref.name)
                lost()
                return

    def _try(self) -> bool | None:
        """Say whether it is ours now; None when the API server says nothing."""
        before = time.monotonic()
        try:
            mine = self._claim()
        except OperatorError as error:
            log.warning("lease cannot be reached", reason=str(error))
            return None
        if mine:
            self._held_at = before
        return mine

    def _claim(self) -> bool:
        """Raises OperatorError: the API server is away, or somebody was faster."""
        found = self._client.get(self._ref)
        if found is None:
            return self._create()
        spec = found["spec"]
        if self._watch.holder(found) not in {"", self._identity}:
            return False
        if spec.get("holderIdentity") != self._identity:
            spec = spec | {"acquireTime": _now(), "leaseTransitions": spec.get("leaseTransitions", 0) + 1}
        self._client.replace(self._ref, found | {"spec": spec | self._mine()})
        return True

    def _create(self) -> bool:
        metadata = {"name": self._ref.name, "namespace": self._ref.namespace}
        spec = self._mine() | {"acquireTime": _now(), "leaseTransitions": 0}
        try:
            self._client.create(
                {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
            )
        except ClusterRefused:
            return False
        return True

    def _mine(self) -> Document:
        return {"holderIdentity": self._identity, "leaseDurationSeconds": _DURATION, "renewTime": _now()}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
