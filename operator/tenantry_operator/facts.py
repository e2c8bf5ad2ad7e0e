"""The values that travel through the operator. Frozen; no I/O. Plans hold no secret: they are printed and compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import SecretStr

from tenantry_crds.project import Size

__all__ = [
    "STARTING",
    "AccessRow",
    "ArtifactPlan",
    "BackendState",
    "BucketKey",
    "BucketPlan",
    "Buckets",
    "DatabasePlan",
    "DirectoryPlan",
    "Egress",
    "Installation",
    "Key",
    "Machine",
    "Observed",
    "Probe",
    "ProjectKey",
    "ProjectPlan",
    "ServerPlan",
    "Site",
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
class Machine:
    """What every plan needs to know about the one machine where it is made."""

    artifact_directory: Path
    # Whether servers may run under a uid of their own; needs root and readable program files.
    own_uids: bool = False
    # Whether there is an archive for deletionPolicy Archive.
    archives: bool = False
    # The catalog's, see `publish.Catalog.identify`.
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Buckets:
    """What every plan needs to know about the object store that artifacts go to."""

    # Projects get a prefix each in this bucket; empty: a bucket each.
    bucket: str = ""
    # Pods open their buckets with identities of their own, and nobody makes keys.
    keyless: bool = False
    archives: bool = False
    identity: str = ""


Installation = Machine | Buckets


@dataclass(frozen=True, slots=True)
class Egress:
    """Where a backend may go: ports, and NetworkPolicy peers (as JSON, to be frozen); no peers: anywhere."""

    ports: tuple[int, ...]
    peers: str = "[]"


@dataclass(frozen=True, slots=True)
class Site:
    """What every object on a cluster needs to know about the cluster and this installation on it."""

    # Sets this installation's objects apart from another's.
    installation: str
    # Where the operator and the door run.
    namespace: str
    image: str
    database: Egress
    storage: Egress
    dns: Egress
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    # Of the object store; empty: AWS.
    endpoint: str = ""
    region: str = "us-east-1"
    # PEM, of the authorities that the certificates of PostgreSQL and of the object store are from; empty: public ones.
    database_authority: str = ""
    storage_authority: str = ""
    # The ClusterRole that a workspace's admins get in its namespace; empty: none.
    admin_role: str = ""
    # Whether namespaces are made here, or by somebody else before.
    owns_namespaces: bool = True


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
class DirectoryPlan:
    """A directory for a project's artifacts, and the uid that owns it: None is the operator's own."""

    directory: Path
    uid: int | None

    @property
    def location(self) -> str:
        return str(self.directory)


@dataclass(frozen=True, slots=True)
class BucketPlan:
    """A bucket, or a part of one, for a project's artifacts, and the name of the one user that may use it."""

    bucket: str
    # Empty for the whole bucket; else it ends with a slash, like `vision/segmentation/`.
    prefix: str
    # At most 63 characters, the name of the project's database: unique in the installation, and stable.
    user: str
    # Says whose it is. A user or bucket of this name with another label is somebody else's and is not touched.
    label: str
    # `namespace/name` of a Secret with a key that was made elsewhere.
    given_secret: str | None = None
    # The pod's own identity opens the bucket (a role behind its ServiceAccount): there is no key.
    keyless: bool = False
    # Whoever wrote the project's spec chose the bucket: its own tag has to agree before we use our rights on it.
    named: bool = False

    @property
    def location(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


ArtifactPlan = DirectoryPlan | BucketPlan


@dataclass(frozen=True, slots=True)
class BucketKey:
    """An access key that opens one project's bucket, or part of it, and nothing else."""

    access_key: str
    secret_key: SecretStr


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """All that the runtime needs to start a project's server."""

    key: ProjectKey
    mlflow_version: str
    # `postgresql://…`, with the password of the project's own role.
    database_url: SecretStr
    artifacts: ArtifactPlan
    # What opens the bucket; None for a directory, and where the pod's own identity does.
    bucket_key: BucketKey | None = None
    size: Size = Size.SMALL
    # For a pod's ServiceAccount: how a cloud knows it.
    identity: tuple[tuple[str, str], ...] = ()


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
    """What a workspace becomes: grants for the door and, on a cluster, a namespace with limits."""

    key: WorkspaceKey
    # Of the manifest that the plan was made from.
    generation: int
    display_name: str
    access: frozenset[AccessRow]
    # What its backends may request together; a limit that is not given is none.
    cpu: str | None = None
    memory: str | None = None
    projects: int | None = None


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
    size: Size = Size.SMALL
    # Annotations of the pod's ServiceAccount: how a cloud knows it.
    identity: tuple[tuple[str, str], ...] = ()
    # Annotations: the door refuses every request; nothing is changed.
    fenced: bool = False
    paused: bool = False
    # Any new text asks for everything to be looked at again; credentials from before this time are replaced.
    asked: str = ""
    rotate_before: datetime | None = None
    # What a person should know beside the conditions, such as a policy that is not fulfilled yet.
    notes: tuple[str, ...] = ()


class BackendState(StrEnum):
    """`catalog.backend.state`."""

    FAILED = "failed"
    RUNNING = "running"
    STARTING = "starting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing that was tried: whether it came out as it must, and in words what did not."""

    ok: bool
    reason: str
    message: str


# The reason of a backend that is on its way.
STARTING: Final = "Starting"


@dataclass(frozen=True, slots=True)
class Observed:
    """What the probes of one pass found."""

    database: Probe
    storage: Probe
    isolation: Probe
    backend: Probe

    @property
    def starts(self) -> bool:
        """Say whether all that is missing is a server that is on its way."""
        return self.database.ok and self.storage.ok and self.backend.reason == STARTING

    @property
    def well(self) -> bool:
        return all(probe.ok for probe in (self.database, self.storage, self.isolation, self.backend))
