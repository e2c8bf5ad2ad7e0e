"""The values that travel through the operator. Frozen; no I/O. Plans hold no secret: they are printed and compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

__all__ = [
    "AccessRow",
    "ArtifactPlan",
    "BackendState",
    "DatabasePlan",
    "Installation",
    "Key",
    "Observed",
    "Probe",
    "ProjectKey",
    "ProjectPlan",
    "ServerPlan",
    "WorkspaceKey",
    "WorkspacePlan",
]


class WorkspaceKey(NamedTuple):
    """A workspace, by its name."""

    workspace: str

    def __str__(self) -> str:
        return self.workspace


class ProjectKey(NamedTuple):
    """A project, by the names that people gave it. Everything that is made for it is named after these two alone."""

    workspace: str
    project: str

    def __str__(self) -> str:
        return f"{self.workspace}/{self.project}"


Key = WorkspaceKey | ProjectKey


@dataclass(frozen=True, slots=True)
class Installation:
    """What every plan needs to know about where it is made."""

    artifact_directory: Path
    # Whether servers may run under a uid of their own; needs root and readable program files.
    own_uids: bool = False


@dataclass(frozen=True, slots=True)
class DatabasePlan:
    """A database and the one role that may log in to it; both carry the same name, at most 59 bytes."""

    name: str
    # Whose schema it gets when it is made.
    mlflow_version: str
    connection_limit: int
    # Says whose it is. A database of this name with another comment is somebody else's and is not touched.
    label: str


@dataclass(frozen=True, slots=True)
class ArtifactPlan:
    """Where a project's artifacts lie, and the uid that owns them: None is the operator's own."""

    directory: Path
    uid: int | None


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """All that the runtime needs to start a project's server."""

    key: ProjectKey
    mlflow_version: str
    # `postgresql://…`, with the password of the project's own role.
    database_url: SecretStr
    artifact_directory: Path
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class AccessRow:
    """One row of `catalog.grant`: one subject, one role, in one project or (project None) in the whole workspace."""

    role: str
    effect: str
    subject_kind: str
    subject: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkspacePlan:
    """What a workspace becomes in the catalog."""

    key: WorkspaceKey
    display_name: str
    access: frozenset[AccessRow]


@dataclass(frozen=True, slots=True)
class ProjectPlan:
    """What a project becomes: one isolated backend, and what the door knows about it."""

    key: ProjectKey
    # Of the manifest that the plan was made from.
    generation: int
    display_name: str
    owner: str
    mlflow_version: str
    database: DatabasePlan
    artifacts: ArtifactPlan
    access: frozenset[AccessRow]
    # `spec.promotion` and the effective quota, camelCase as in the resource.
    promotion: dict[str, object]
    quota: dict[str, object]
    # How long a server may be idle before it is stopped.
    idle_after: timedelta
    # Annotations: the door refuses every request; nothing is changed.
    fenced: bool = False
    paused: bool = False
    # What a person should know beside the conditions, such as a policy that is not fulfilled yet.
    notes: tuple[str, ...] = ()


class BackendState(StrEnum):
    """`catalog.backend.state`."""

    FAILED = "failed"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing that was tried: whether it came out as it must, and in words what did not."""

    ok: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What the probes of one pass found."""

    database: Probe
    storage: Probe
    isolation: Probe
    backend: Probe

    @property
    def well(self) -> bool:
        return all(probe.ok for probe in (self.database, self.storage, self.isolation, self.backend))
