"""Where manifests come from: a directory on one machine, the API server on a cluster."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import Key, ProjectKey, WorkspaceKey

__all__ = ["Declared", "Source"]

R = TypeVar("R", Workspace, Project)


@dataclass(frozen=True, slots=True)
class Declared(Generic[R]):
    """A resource as it is in force."""

    resource: R
    # Its manifest is gone, and what follows from that is not done yet: a finalizer's time on Kubernetes.
    removed: bool = False
    # What is wrong with a newer version of the manifest, which is therefore not in force.
    problem: str = ""


class Source(Protocol):
    """Thread-safe. Says through the callback that it was given which keys to look at."""

    @property
    def complete(self) -> bool:
        """Whether all that is declared has been seen: only then does absence mean anything."""

    def declared(self) -> Collection[Key]:
        """Return all that is declared, and what was removed and not released."""

    def workspace(self, key: WorkspaceKey) -> Declared[Workspace] | None: ...

    def project(self, key: ProjectKey) -> Declared[Project] | None: ...

    def release(self, key: Key) -> None:
        """What follows from the removal is done: forget it. Nothing happens if it was declared again."""
