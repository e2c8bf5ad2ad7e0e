"""A picture of the catalog: what exists, who may do what, where the backends are. Read whole, never changed.

The door decides on the newest picture alone and asks the database nothing while it serves a request.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from tenantry_api.errors import catalog_stale

__all__ = [
    "STALE_SECONDS",
    "Backend",
    "Grant",
    "Project",
    "Snapshot",
    "SnapshotHolder",
    "Workspace",
    "read_revision",
    "read_snapshot",
]

# Three polls in a row failed. Longer would stretch the promise about revoked grants, shorter would flap.
STALE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Workspace:
    name: str
    display_name: str
    retired: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A row of `catalog.project`; `promotion` and `quota` are the resource's own fields, camelCase."""

    workspace: str
    name: str
    display_name: str
    owner: str
    mlflow_version: str
    promotion: Mapping[str, object] = field(default_factory=dict)
    quota: Mapping[str, object] = field(default_factory=dict)
    conditions: tuple[Mapping[str, object], ...] = ()
    ready: bool = False
    fenced: bool = False
    retired: bool = False
    # Since when its data is kept without a manifest, its own or its workspace's.
    retired_at: datetime | None = None
    # Names of where the data is, as far as the operator told.
    database: str = ""
    artifacts: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """`project` None: every project of the workspace. `subject_kind` is user, group or serviceAccount."""

    id: int
    workspace: str
    project: str | None
    role: str
    effect: str
    subject_kind: str
    subject: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Backend:
    """`address` and `secret` are set exactly while `state` is `running`."""

    state: str
    address: str | None = None
    secret: str | None = field(default=None, repr=False)
    message: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    revision: int
    workspaces: Mapping[str, Workspace] = field(default_factory=dict)
    projects: Mapping[tuple[str, str], Project] = field(default_factory=dict)
    grants: tuple[Grant, ...] = ()
    backends: Mapping[tuple[str, str], Backend] = field(default_factory=dict)
    # By issuer and key id: JSON Web Keys that the cluster signs ServiceAccount tokens with.
    cluster_keys: Mapping[tuple[str, str], Mapping[str, object]] = field(default_factory=dict)


class SnapshotHolder:
    """The newest snapshot, and those who wait for the next. Lives on the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._confirmed = float("-inf")
        self._changed = asyncio.Event()

    @property
    def fresh(self) -> bool:
        return self._snapshot is not None and self._clock() - self._confirmed < STALE_SECONDS

    @property
    def filled(self) -> bool:
        """Whether there was ever a snapshot."""
        return self._snapshot is not None

    @property
    def revision(self) -> int | None:
        """Of the snapshot that is held, fresh or not; None before the first."""
        return None if self._snapshot is None else self._snapshot.revision

    def current(self) -> Snapshot:
        """Raises `Refused` (503) when the snapshot is stale: what may have been revoked is not allowed."""
        if self._snapshot is None or not self.fresh:
            raise catalog_stale()
        return self._snapshot

    def has_workspace(self, name: str) -> bool:
        """Also from a stale snapshot: which log a refusal belongs to does not change with what is allowed."""
        return self._snapshot is not None and name in self._snapshot.workspaces

    async def changed(self, seconds: float) -> None:
        """Return when a new snapshot arrives, or after `seconds`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def publish(self, snapshot: Snapshot) -> None:
        """Put a new snapshot in place and wake everybody who waits for one."""
        self._snapshot = snapshot
        self._changed.set()
        self._changed = asyncio.Event()

    def confirm(self, asked_at: float) -> None:
        """The database said, to a question asked at this instant of the clock, that the held snapshot is the newest."""
        self._confirmed = asked_at


async def read_revision(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT value FROM catalog.revision"))


# A project whose workspace is gone is refused too, though its own manifest may still stand.
_PROJECTS = """
SELECT p.*, p.retired_at IS NOT NULL OR w.retired_at IS NOT NULL AS retired,
       coalesce(p.retired_at, w.retired_at) AS kept_since
FROM catalog.project p JOIN catalog.workspace w ON w.name = p.workspace
"""


async def read_snapshot(connection: asyncpg.Connection) -> Snapshot:
    """One transaction, one picture: a grant is never seen without the project that it was committed with."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return Snapshot(
            revision=await read_revision(connection),
            workspaces=_workspaces(await connection.fetch("SELECT * FROM catalog.workspace")),
            projects=_projects(await connection.fetch(_PROJECTS)),
            grants=_grants(await connection.fetch('SELECT * FROM catalog."grant" ORDER BY id')),
            backends=_backends(await connection.fetch("SELECT * FROM catalog.backend")),
            cluster_keys=_cluster_keys(await connection.fetch("SELECT * FROM catalog.cluster_key")),
        )


def _workspaces(rows: Iterable[asyncpg.Record]) -> dict[str, Workspace]:
    return {row["name"]: _workspace(row) for row in rows}


def _workspace(row: asyncpg.Record) -> Workspace:
    return Workspace(
        row["name"], row["display_name"], retired=row["retired_at"] is not None, created_at=row["created_at"]
    )


def _projects(rows: Iterable[asyncpg.Record]) -> dict[tuple[str, str], Project]:
    return {(row["workspace"], row["name"]): _project(row) for row in rows}


def _project(row: asyncpg.Record) -> Project:
    return Project(
        workspace=row["workspace"],
        name=row["name"],
        display_name=row["display_name"],
        owner=row["owner"],
        mlflow_version=row["mlflow_version"],
        promotion=json.loads(row["promotion"]),
        quota=json.loads(row["quota"]),
        conditions=tuple(json.loads(row["conditions"])),
        ready=row["ready"],
        fenced=row["fenced"],
        retired=row["retired"],
        retired_at=row["kept_since"],
        database=row["database"],
        artifacts=row["artifacts"],
        created_at=row["created_at"],
    )


def _grants(rows: Iterable[asyncpg.Record]) -> tuple[Grant, ...]:
    return tuple(
        Grant(
            row["id"],
            row["workspace"],
            row["project"],
            row["role"],
            row["effect"],
            row["subject_kind"],
            row["subject"],
            row["expires_at"],
        )
        for row in rows
    )


def _backends(rows: Iterable[asyncpg.Record]) -> dict[tuple[str, str], Backend]:
    return {
        (row["workspace"], row["project"]): Backend(row["state"], row["address"], row["secret"], row["message"])
        for row in rows
    }


def _cluster_keys(rows: Iterable[asyncpg.Record]) -> dict[tuple[str, str], Mapping[str, object]]:
    return {(row["issuer"], row["kid"]): json.loads(row["jwk"]) for row in rows}
