"""The API server as a source of manifests: kopf watches the custom resources, and each event is one note here.

Handlers decide nothing. They note what they saw and say which key has to be looked at; what follows is `reconcile`, the
same as for a timer or a pod that died. kopf's own bookkeeping on the resources (progress, last-handled configuration)
is therefore not needed, and nothing is written at rest: see docs/decisions/0007.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any, Final, TypeVar

import structlog
from pydantic import ValidationError

from tenantry_crds.meta import API_VERSION, FINALIZER, Condition, ConditionType, DeletionPolicy, Phase, Status
from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace
from tenantry_operator.errors import OperatorError
from tenantry_operator.facts import Key, ProjectKey, WorkspaceKey
from tenantry_operator.sources import Declared, Patience, Reporter, Unreadable
from tenantry_operator.sources.resources import Resource, Shelf
from tenantry_operator.sources.watching import watch
from tenantry_operator.status import dated, refused

__all__ = ["Kubernetes"]

_KINDS: Final = {"Workspace": "workspaces", "Project": "projects"}
# How often a list is compared with what the watches said.
_COMPARE_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 2.0
# Nobody has watched for this long: more than a kind that is being replaced needs.
_DEAD_SECONDS: Final = 300.0

log = structlog.get_logger(__name__)


R = TypeVar("R", Workspace, Project)


class Kubernetes:
    """Fulfils `Watched`. `namespaces` limits it to some; without, it is the whole cluster's."""

    def __init__(
        self,
        reporter: Reporter,
        changed: Callable[[Key], None],
        *,
        namespaces: Collection[str] = (),
        grace: timedelta = timedelta(0),
    ) -> None:
        self._reporter = reporter
        self._changed = changed
        self._namespaces = namespaces
        self._grace = grace
        self._shelf = Shelf()
        self._complete = False
        self._stop = Event()
        self._behind: frozenset[tuple[str, str, str]] = frozenset()
        self._is_behind = False
        self._alive_at = time.monotonic()
        self._watching = Thread(target=self._watch, name="kopf", daemon=True)
        self._keeping = Thread(target=self._keep, name="keep watching", daemon=True)

    def start(self) -> None:
        self._list_all()
        self._complete = True
        for key in self.declared():
            self._changed(key)
        self._watching.start()
        self._keeping.start()

    def stop(self) -> None:
        self._stop.set()

    def join(self) -> None:
        """Its threads end by themselves; no watch is waited for."""

    @property
    def stalled(self) -> bool:
        """Whether a watch says nothing any more, or nobody listens to it."""
        return self._is_behind or (self._complete and time.monotonic() - self._alive_at > _DEAD_SECONDS)

    @property
    def complete(self) -> bool:
        return self._complete

    def declared(self) -> Collection[Key]:
        return self._shelf.keys()

    def workspace(self, key: WorkspaceKey) -> Declared[Workspace] | None:
        found = self._known(key)
        return self._declared(found, found.good) if found and isinstance(found.good, Workspace) else None

    def project(self, key: ProjectKey) -> Declared[Project] | None:
        found = self._known(key)
        return self._declared(found, found.good) if found and isinstance(found.good, Project) else None

    def release(self, key: Key) -> None:
        found = self._shelf.get(key)
        if found and found.going_since:
            self._let_go(found)

    def protect(self, key: Key, *, wanted: bool) -> None:
        found = self._shelf.get(key)
        if found is None or found.going_since or wanted == (FINALIZER in found.finalizers):
            return
        others = [name for name in found.finalizers if name != FINALIZER]
        self._write_finalizers(found, [*others, *([FINALIZER] if wanted else [])])

    def report_workspace(self, key: WorkspaceKey, status: Status) -> None:
        self._report(key, status)

    def report_project(self, key: ProjectKey, status: Status) -> None:
        self._report(key, status)

    def report_ready(self, key: Key, ready: Condition, phase: Phase) -> None:
        if found := self._shelf.get(key):
            self._write_ready(found, ready, phase)

    def announce(self, key: Key, condition: Condition) -> None:
        if found := self._shelf.get(key):
            self._reporter.announce(found, condition)

    def note(self, event: str | None, document: dict[str, Any]) -> None:
        """Take what a watch or a list says; `DELETED` is the one event that is not in the document itself. Nothing that
        one resource holds keeps the others from being heard.
        """
        try:
            self._note(event, document)
        except Exception as error:  # noqa: BLE001  the outer boundary of what people write
            metadata = document["metadata"]
            place = {"kind": document["kind"], "name": metadata["name"], "namespace": metadata.get("namespace", "")}
            log.warning("resource not noted: report this", **place, reason=f"{type(error).__name__}: {error}"[:500])

    def _note(self, event: str | None, document: dict[str, Any]) -> None:
        if event == "DELETED":
            gone = self._shelf.remove(document)
            if gone and gone.key:
                self._changed(gone.key)
            return
        resource, news = self._shelf.put(document)
        if news and resource.problem:
            log.warning("manifest refused", kind=resource.kind, name=resource.name, namespace=resource.namespace,
                        reason=resource.problem)  # fmt: skip
        if news and resource.key:
            self._changed(resource.key)
        elif news:
            self._answer_stray(resource)

    def _known(self, key: Key) -> Resource | None:
        """What is deleted before anybody could read it counts as gone: nobody knows its deletionPolicy, so its data is
        kept, and its finalizer holds nobody up.
        """
        found = self._shelf.get(key)
        if found and found.good is None and found.going_since is None:
            raise Unreadable(found.problem)
        return found

    def _declared(self, found: Resource, good: R) -> Declared[R]:
        """Whoever deletes has the time of grace to think better of it: deletionPolicy Retain, written then, holds. When
        the kind itself is removed from the cluster, nobody asked for the data of any one resource to go.
        """
        if found.going_since is None:
            return Declared(good, removed=False, problem=found.problem)
        keeps = good.spec.deletion_policy is DeletionPolicy.RETAIN or self._reporter.is_going(found.kind)
        until = found.going_since + self._grace
        if not keeps and datetime.now(UTC) < until:
            raise Patience(f"data is removed after {until.isoformat()}: until then deletionPolicy Retain keeps it")
        policy = DeletionPolicy.RETAIN if keeps else good.spec.deletion_policy
        resource = good.model_copy(update={"spec": good.spec.model_copy(update={"deletion_policy": policy})})
        return Declared(resource, removed=True, problem=found.problem, removed_at=found.going_since)

    def _report(self, key: Key, status: Status) -> None:
        if found := self._shelf.get(key):
            self._write_status(found, status)

    def _answer_stray(self, stray: Resource) -> None:
        """Nothing was ever made of it, and no key stands for it: what there is to say is said here."""
        try:
            if stray.going_since:
                self._let_go(stray)
            else:
                self._write_ready(stray, refused(stray.problem), Phase.FAILED)
        except OperatorError as error:
            log.warning("status not written", name=stray.name, namespace=stray.namespace, reason=str(error))

    def _write_ready(self, found: Resource, ready: Condition, phase: Phase) -> None:
        generation = int(found.status.get("observedGeneration", 0))
        others = [condition for condition in _conditions(found) if condition.type is not ConditionType.READY]
        ready = ready.model_copy(update={"observed_generation": generation})
        conditions = tuple(sorted((*others, ready), key=lambda condition: condition.type))
        self._write_status(found, Status(phase=phase, observed_generation=generation, conditions=conditions))

    def _write_status(self, found: Resource, status: Status) -> None:
        written = _written(status, found)
        if not written.items() <= found.status.items():
            self.note(None, self._reporter.write_status(found, written))

    def _let_go(self, found: Resource) -> None:
        self._write_finalizers(found, [name for name in found.finalizers if name != FINALIZER])

    def _write_finalizers(self, found: Resource, finalizers: list[str]) -> None:
        if list(found.finalizers) != finalizers:
            self.note(None, self._reporter.write_finalizers(found, finalizers))

    def _list_all(self) -> None:
        for kind in _KINDS:
            self._list(kind)

    def _list(self, kind: str) -> None:
        there, versions = set(), []
        for version, documents in self._reporter.pages(kind, self._namespaces):
            versions.append(version)
            for document in documents:
                there.add((document["metadata"].get("namespace", ""), document["metadata"]["name"]))
                self.note(None, {"apiVersion": API_VERSION, "kind": kind, **document})
        for gone in self._shelf.keep_only(kind, frozenset(there), min(versions)):
            if gone.key:
                self._changed(gone.key)

    def _keep(self) -> None:
        """Kopf ends when a kind is no longer served. Once it is again, everything is listed, and kopf begins anew."""
        compared = time.monotonic()
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                if not self._watching.is_alive():
                    self._begin_anew()
                self._alive_at = time.monotonic()
                if self._alive_at - compared > _COMPARE_SECONDS:
                    compared = self._alive_at
                    self._compare()
            except OperatorError as error:
                log.info("custom resources cannot be listed", reason=str(error))

    def _begin_anew(self) -> None:
        self._list_all()
        self._watching = Thread(target=self._watch, name="kopf", daemon=True)
        self._watching.start()

    def _compare(self) -> None:
        """A watch that says nothing may be dead: what a list knows, and a watch has not said by the next, shows it."""
        behind = set()
        for kind in _KINDS:
            known = self._shelf.versions(kind)
            for which, version in self._reporter.versions(kind, self._namespaces).items():
                if known.get(which, 0) < version:
                    behind.add((kind, *which))
        for stray in self._shelf.strays():
            self._answer_stray(stray)
        self._is_behind = bool(self._behind & behind)
        self._behind = frozenset(behind)
        if self._is_behind:
            log.error("a watch is dead: the liveness probe fails, and Kubernetes starts the operator again")
            self._list_all()

    def _watch(self) -> None:
        watch(tuple(_KINDS.values()), self._namespaces, self.note, self._stop)


def _written(status: Status, found: Resource) -> dict[str, Any]:
    """Return the status as the API server gets it, each condition with a time."""
    timed = status.model_copy(update={"conditions": _with_times(status.conditions, found)})
    return timed.model_dump(mode="json", by_alias=True, exclude_none=True)


def _with_times(conditions: tuple[Condition, ...], found: Resource) -> tuple[Condition, ...]:
    """The catalog's have their times already; others keep the time of the same status before."""
    if all(condition.last_transition_time for condition in conditions):
        return conditions
    return dated(conditions, tuple(_conditions(found)), datetime.now(UTC).replace(microsecond=0))


def _conditions(found: Resource) -> Iterator[Condition]:
    """What another version of the operator wrote may say nothing to this one."""
    for written in found.status.get("conditions", ()):
        try:
            condition = Condition.model_validate(written)
        except ValidationError:
            continue
        yield condition
