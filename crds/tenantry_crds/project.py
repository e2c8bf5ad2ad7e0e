"""The kind `Project`: one isolated tracking backend in a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt

from tenantry_crds.meta import (
    API_VERSION,
    NAME_RULES,
    NAMESPACE_PREFIX,
    PRINTABLE,
    SUPPORTED_MLFLOW_VERSIONS,
    Access,
    DeletionPolicy,
    DisplayName,
    Hibernation,
    Metadata,
    Policy,
    Quantity,
    Status,
    Value,
)
from tenantry_crds.rules import Rule, Unique, at_first_or_never, matching, set_once
from tenantry_crds.value import Instant
from tenantry_crds.workspace import Workspace

__all__ = [
    "ArtifactStore",
    "Gate",
    "Isolation",
    "Project",
    "ProjectQuota",
    "ProjectSpec",
    "ProjectStatus",
    "Promotion",
    "Size",
    "Tracking",
    "effective",
]


class Size(StrEnum):
    """Requests and limits of a backend, by name."""

    LARGE = "large"
    MEDIUM = "medium"
    SMALL = "small"


class Isolation(StrEnum):
    POD = "pod"
    PROCESS = "process"


class Gate(StrEnum):
    """What is looked at before an alias may move. Alphabetical."""

    ARTIFACTS_VERIFIED = "artifactsVerified"
    REQUIRED_METRICS = "requiredMetrics"
    REQUIRED_TAGS = "requiredTags"


_SUPPORTED = ", ".join(SUPPORTED_MLFLOW_VERSIONS)

MLflowVersion = Annotated[
    str,
    Field(max_length=20),
    Rule(
        f"must be a supported MLflow version: {_SUPPORTED}",
        f"self in {list(SUPPORTED_MLFLOW_VERSIONS)}",
        lambda version: version in SUPPORTED_MLFLOW_VERSIONS,
    ),
]
Alias = Annotated[str, Field(min_length=1, max_length=255), PRINTABLE]
Owner = Annotated[
    str,
    Field(max_length=260),
    matching(r"(group|user):[^\0-\40]([^\0-\37]*[^\0-\40])?", "must be group:<name> or user:<e-mail address>"),
]


class Tracking(Value):
    """The MLflow server."""

    version: MLflowVersion = SUPPORTED_MLFLOW_VERSIONS[-1]
    """Version of MLflow."""
    size: Size = Size.SMALL
    """How much CPU and memory the backend gets."""


Bucket = Annotated[
    str,
    Field(max_length=63),
    matching("[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]", "must be 3 to 63 lower-case letters, digits, dots and hyphens"),
]
Prefix = Annotated[
    str,
    Field(max_length=512),
    matching("([A-Za-z0-9_-][A-Za-z0-9._-]*/)+", "must be names that end with a slash each, like team/project/"),
]
SecretName = Annotated[
    str,
    Field(max_length=253),
    matching("[a-z0-9]([-.a-z0-9]*[a-z0-9])?", "must be lower-case letters, digits, dots and hyphens"),
]


class ArtifactStore(Value):
    """Where artifacts lie on a cluster. One machine has a directory for each project and does not look at this."""

    rules = (
        at_first_or_never("bucket"),
        at_first_or_never("prefix"),
        Rule(
            "prefix needs a bucket: name the bucket that it is in",
            "!has(self.prefix) || has(self.bucket)",
            lambda store: store.prefix is None or store.bucket is not None,
        ),
    )

    bucket: Bucket | None = None
    """Bucket of the project; without it the operator's own choice. Given when the project is made, or never."""
    prefix: Prefix | None = None
    """Part of the bucket that is the project's. Given when the project is made, or never."""
    secret_name: SecretName | None = None
    """A Secret of the project's namespace with `accessKeyId` and `secretAccessKey`, where keys are made elsewhere."""
    service_account_annotations: Annotated[
        Mapping[str, Annotated[str, Field(max_length=1024)]], Field(max_length=20)
    ] = {}
    """Annotations of the backend's ServiceAccount, such as a cloud's role: the backend then needs no key."""


class Promotion(Value):
    """What it takes to move a model's alias or stage."""

    protected_aliases: Annotated[tuple[Alias, ...], Field(max_length=50), Unique()] = ()
    """Aliases that the rules below guard; without any, all are. Every move is recorded, guarded or not."""
    approvals: Annotated[StrictInt, Field(ge=0, le=10)] = 0
    """How many people other than the author must agree before a protected alias moves."""
    require_reason: StrictBool = False
    """Whether the author of a move must say why."""
    gates: Annotated[tuple[Gate, ...], Field(max_length=len(Gate)), Unique()] = ()
    """Checks that the new version must pass."""


class ProjectQuota(Value):
    """Limits for this project; a limit that is not given is none."""

    runs: Annotated[StrictInt, Field(ge=0)] | None = None
    """How many runs it may hold."""
    artifact_bytes: Quantity | None = None
    """Bytes of artifacts it may hold, like 200Gi."""
    requests_per_second: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = None
    """How many requests a second it may take."""


class ProjectSpec(Value):
    """A backend as its owners want it."""

    display_name: DisplayName = ""
    """The name on pages; without it the name of the resource."""
    owner: Owner
    """Who answers for the project: `group:` and a group's name, or `user:` and an e-mail address. Gives no access."""
    access: Access = ()
    """Grants that hold in this project, beside those of the workspace."""
    tracking: Tracking = Tracking()
    """The MLflow server."""
    artifacts: ArtifactStore = ArtifactStore()
    """Where artifacts lie."""
    isolation: Isolation = Isolation.POD
    """`pod` gives the backend a pod of its own; `process` a process in its workspace's pod, for small projects."""
    hibernation: Hibernation = Hibernation()
    """When the idle backend is stopped."""
    policy: Policy | None = None
    """What every run must carry; without it the workspace's."""
    promotion: Promotion = Promotion()
    """What it takes to move a model's alias or stage."""
    quota: ProjectQuota = ProjectQuota()
    """Limits for this project."""
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    """What becomes of the data when this resource is deleted: Retain keeps it, Archive exports it first, Delete
    removes it."""


class ProjectStatus(Status):
    """What the operator found out about the project, and the names that its data is found by."""

    rules = (set_once("database"), set_once("artifacts"))

    url: Annotated[str, Field(max_length=2048)] = ""
    """Where it is reached: the MLFLOW_TRACKING_URI of its users."""
    version: Annotated[str, Field(max_length=20)] = ""
    """Version of MLflow that its database has the schema of."""
    database: Annotated[str, Field(max_length=63)] = ""
    """The database that holds its runs. Set once."""
    artifacts: Annotated[str, Field(max_length=1024)] | None = None
    """The bucket and prefix, or the directory, that holds its artifacts. Set once, when they are first stored there."""
    credentials_made_at: Instant | None = None
    """When the oldest of its current credentials was made, to the minute."""


def _of_a_workspace(namespace: str) -> str:
    workspace = namespace.removeprefix(NAMESPACE_PREFIX)
    if workspace == namespace or not all(rule.holds(workspace) for rule in NAME_RULES):
        raise ValueError(f"must be {NAMESPACE_PREFIX}<workspace>, the namespace of the project's workspace")
    return namespace


class ProjectMetadata(Metadata):
    namespace: Annotated[str, AfterValidator(_of_a_workspace)]


class Project(Value):
    """One isolated tracking backend: its own MLflow server, database and artifacts, behind the one door."""

    api_version: Literal["tenantry.dev/v1alpha1"] = API_VERSION
    kind: Literal["Project"] = "Project"
    metadata: ProjectMetadata
    spec: ProjectSpec
    status: ProjectStatus = ProjectStatus()

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def workspace(self) -> str:
        """The workspace it belongs to, which its namespace says."""
        return self.metadata.namespace.removeprefix(NAMESPACE_PREFIX)


def effective(project: Project, workspace: Workspace) -> Project:
    """Return the project with the workspace's defaults where it says nothing. Grants are not merged: they add up."""
    defaults = workspace.spec.defaults
    inherited = {
        "hibernation": project.spec.hibernation if project.spec.hibernation.after else defaults.hibernation,
        "policy": project.spec.policy or defaults.policy,
    }
    return project.model_copy(update={"spec": project.spec.model_copy(update=inherited)})
