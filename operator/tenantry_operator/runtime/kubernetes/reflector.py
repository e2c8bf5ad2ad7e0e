"""Keeps `Live` as the cluster is: one thread a kind lists, then watches, and lists again when the watch is lost.

kopf watches the custom resources. What is made from them is watched here, because the API server then filters by label:
no Secret of anybody else's ever reaches the operator.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from threading import Event, Thread
from typing import Final, NamedTuple

import structlog

from tenantry_operator.errors import OperatorError
from tenantry_operator.facts import Key
from tenantry_operator.runtime.kubernetes.client import Client, ClusterRefused, Document
from tenantry_operator.runtime.kubernetes.kinds import CHILDREN, KINDS, ref_of
from tenantry_operator.runtime.kubernetes.live import Live

__all__ = ["Reflector", "Reflectors"]

# The API server ends a watch after this long, and sends a bookmark each minute before.
_WATCH_SECONDS: Final = 240
# Without any sign of life for this long a watch is dead, whatever it says.
_STALLED_SECONDS: Final = 3 * _WATCH_SECONDS
_FIRST_DELAY: Final = 0.2
_LAST_DELAY: Final = 10.0

log = structlog.get_logger(__name__)


class Selection(NamedTuple):
    """What is watched: a kind, by label, in one namespace or (empty) in all."""

    kind: str
    namespace: str
    labels: str


class Reflector:
    """Of one kind. `changed` is called, from its thread, with whose object changed."""

    def __init__(self, client: Client, selection: Selection, live: Live, changed: Callable[[Key], None]) -> None:
        self._client, self._selection, self._kind = client, selection, selection.kind
        self._live = live
        self._changed = changed
        self._stop = Event()
        self._alive_at = time.monotonic()
        self._thread = Thread(target=self._run, name=f"watch {self._kind}", daemon=True)

    @property
    def stalled(self) -> bool:
        started, ended = self._thread.ident is not None, not self._thread.is_alive()
        return (started and ended) or time.monotonic() - self._alive_at > _STALLED_SECONDS

    def load(self) -> str:
        """List everything; return the version to watch from."""
        version, there = "", []
        for version, documents in self._client.pages(*self._selection):  # noqa: B007  the last counts
            there += [ref_of(self._kind, document) for document in documents]
            self._tell(self._live.put(self._kind, document) for document in documents)
        self._tell(self._live.keep_only(self._kind, self._selection.namespace, there, int(version)))
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
        for event in self._client.watch(*self._selection, self._version, _WATCH_SECONDS):
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
    """One for each kind that plans are made of, in the whole cluster or in each of `namespaces`."""

    def __init__(
        self, client: Client, labels: str, namespaces: Collection[str], live: Live, changed: Callable[[Key], None]
    ) -> None:
        # Whoever may work in some namespaces only makes none.
        kinds = [kind for kind in CHILDREN if not namespaces or KINDS[kind].namespaced]
        selections = [Selection(kind, namespace, labels) for kind in kinds for namespace in namespaces or [""]]
        self._all = [Reflector(client, selection, live, changed) for selection in selections]
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
