"""Keeps `Live` as the cluster is: one thread a kind lists, then watches, and lists again when the watch is lost.

kopf watches the custom resources. What is made from them is watched here, because the API server then filters by label:
no Secret of anybody else's ever reaches the operator.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Event, Thread
from typing import Final

import structlog

from tenantry_operator.errors import OperatorError
from tenantry_operator.facts import Key
from tenantry_operator.runtime.kubernetes.client import Client, ClusterRefused, Document
from tenantry_operator.runtime.kubernetes.kinds import CHILDREN, ref_of
from tenantry_operator.runtime.kubernetes.live import Live

__all__ = ["Reflector", "Reflectors"]

# The API server ends a watch after this long, and sends a bookmark each minute before.
_WATCH_SECONDS: Final = 240
# Without any sign of life for this long a watch is dead, whatever it says.
_STALLED_SECONDS: Final = 3 * _WATCH_SECONDS
_FIRST_DELAY: Final = 0.2
_LAST_DELAY: Final = 10.0

log = structlog.get_logger(__name__)


class Reflector:
    """Of one kind. `changed` is called, from its thread, with whose object changed."""

    def __init__(self, client: Client, kind: str, labels: str, live: Live, changed: Callable[[Key], None]) -> None:
        self._client, self._kind, self._labels = client, kind, labels
        self._live = live
        self._changed = changed
        self._stop = Event()
        self._alive_at = time.monotonic()
        self._thread = Thread(target=self._run, name=f"watch {kind}", daemon=True)

    @property
    def stalled(self) -> bool:
        return time.monotonic() - self._alive_at > _STALLED_SECONDS

    def load(self) -> str:
        """List everything; return the version to watch from."""
        version, there = "", []
        for version, documents in self._client.pages(self._kind, labels=self._labels):  # noqa: B007  the last counts
            there += [ref_of(self._kind, document) for document in documents]
            self._tell(self._live.put(self._kind, document) for document in documents)
        self._tell(self._live.keep_only(self._kind, there))
        self._alive_at = time.monotonic()
        return version

    def start(self, version: str) -> None:
        self._version = version
        self._thread.start()

    def stop(self) -> None:
        """Its thread ends with its watch; nothing is told any more."""
        self._stop.set()

    def _run(self) -> None:
        delay = _FIRST_DELAY
        while not self._stop.is_set():
            try:
                self._version = self._version or self.load()
                self._follow()
                delay = _FIRST_DELAY
            except OperatorError as error:
                if isinstance(error, ClusterRefused):
                    self._version = ""  # Too old, most likely: a list makes up for whatever was missed.
                log.info("watch lost, and taken up again", kind=self._kind, reason=str(error))
                self._stop.wait(delay)
                delay = min(delay * 2, _LAST_DELAY)

    def _follow(self) -> None:
        for event in self._client.watch(self._kind, self._version, self._labels, _WATCH_SECONDS):
            if self._stop.is_set():
                return
            self._alive_at = time.monotonic()
            document = event["object"]
            self._version = document["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self._tell([self._note(event["type"], document)])
        self._alive_at = time.monotonic()

    def _note(self, change: str, document: Document) -> Key | None:
        if change == "DELETED":
            return self._live.remove(self._kind, document)
        return self._live.put(self._kind, document)

    def _tell(self, keys: Iterable[Key | None]) -> None:
        for key in keys:
            if key is not None and not self._stop.is_set():
                self._changed(key)


class Reflectors:
    """One for each kind that plans are made of."""

    def __init__(self, client: Client, labels: str, live: Live, changed: Callable[[Key], None]) -> None:
        self._all = [Reflector(client, kind, labels, live, changed) for kind in CHILDREN]
        self._versions: list[str] = []

    @property
    def stalled(self) -> bool:
        return any(reflector.stalled for reflector in self._all)

    def load(self) -> None:
        """Return when everything has been listed once."""
        self._versions = [reflector.load() for reflector in self._all]

    def start(self) -> None:
        for reflector, version in zip(self._all, self._versions, strict=True):
            reflector.start(version)

    def stop(self) -> None:
        for reflector in self._all:
            reflector.stop()
