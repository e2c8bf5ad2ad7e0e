"""Where manifests come from: a directory on one machine, the API server on a cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from tenantry_crds.meta import Condition, Phase, Status
from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace
from tenantry_operator.errors import OperatorError
from tenantry_operator.facts import Key, ProjectKey, WorkspaceKey
from tenantry_operator.sources.resources import Resource

__all__ = ["Declared", "Patience", "Reporter", "Source", "Unreadable", "Watched"]

R = TypeVar("R", Workspace, Project)


class Patience(OperatorError):
    """It is too early for what follows from a deletion; the message says until when."""


class Unreadable(OperatorError):
    """It is declared, and no version of it is known that can be read; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Declared(Generic[R]):
    """A resource as it is in force."""

    resource: R
    # Its manifest is gone, and what follows from that is not done yet: a finalizer's time on Kubernetes.
    removed: bool = False
    # What is wrong with a newer version of the manifest, which is therefore not in force.
    problem: str = ""
    # When it was removed, where that is known.
    removed_at: datetime | None = None


class Source(Protocol):
    """Thread-safe. Says through the callback that it was given which keys to look at."""

    @property
    def complete(self) -> bool:
        """Whether all that is declared has been seen: only then does absence mean anything."""

    def declared(self) -> Collection[Key]:
        """Return all that is declared, and what was removed and not released."""

    def workspace(self, key: WorkspaceKey) -> Declared[Workspace] | None:
        """Return what is in force; None for what is not declared, or went unread. Raises Patience and Unreadable."""

    def project(self, key: ProjectKey) -> Declared[Project] | None:
        """The same for a project."""

    def release(self, key: Key) -> None:
        """What follows from the removal is done: forget it. Nothing happens if it was declared again."""

    def protect(self, key: Key, *, wanted: bool) -> None:
        """See to it that a removal waits for `release`, or no longer does."""

    def report_workspace(self, key: WorkspaceKey, status: Status) -> None:
        """Show people how it is, where they look: nothing is written when that is known there. Fields that the status
        does not have stay as they are.
        """

    def report_project(self, key: ProjectKey, status: Status) -> None:
        """The same for a project."""

    def report_ready(self, key: Key, ready: Condition, phase: Phase) -> None:
        """Show this one condition, and leave the others as they are."""

    def announce(self, key: Key, condition: Condition) -> None:
        """Tell people of a transition."""


class Watched(Source, Protocol):
    """A source that has to be started before it says anything."""

    def start(self) -> None:
        """Read everything once, then watch."""

    def stop(self) -> None: ...

    def join(self) -> None:
        """Return when its threads have ended, also if they never began."""


class Reporter(Protocol):
    """What a source of custom resources reads and writes beside its watches. Each write is one call."""

    def pages(self, kind: str, namespaces: Collection[str]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Return every resource of a kind, page by page, each with the version up to which that is all; if the kind has
        namespaces, those of the listed ones, or without any of all.
        """

    def versions(self, kind: str, namespaces: Collection[str]) -> dict[tuple[str, str], int]:
        """Return the version of each resource, by namespace and name."""

    def write_status(self, resource: Resource, status: Mapping[str, Any]) -> dict[str, Any]: ...

    def write_finalizers(self, resource: Resource, finalizers: list[str]) -> dict[str, Any]: ...

    def is_going(self, kind: str) -> bool:
        """Say whether the kind itself is being removed from the cluster: then nobody asked for any one resource."""

    def announce(self, resource: Resource, condition: Condition) -> None:
        """Tell people of a transition."""
