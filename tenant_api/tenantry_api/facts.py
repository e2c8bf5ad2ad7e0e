"""The values that travel down the pipeline. Frozen; no I/O; every later step reads these, never the request again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

__all__ = [
    "INSTALLATION_LOG",
    "Action",
    "Decision",
    "Kind",
    "Permission",
    "Principal",
    "PrincipalKind",
    "Refusal",
    "Resource",
    "StockFile",
    "Target",
    "TokenScope",
]

# The log of what belongs to no workspace: failed sign-ins, unknown addresses, installation-wide tokens.
# An underscore cannot start a workspace's name, so no tenant can take it.
INSTALLATION_LOG = "_installation"


class Permission(StrEnum):
    """What a role may hold, `resource:action`. Keep the list alphabetical."""

    ARTIFACT_DOWNLOAD = "artifact:download"
    ARTIFACT_UPLOAD = "artifact:upload"
    AUDIT_EXPORT = "audit:export"
    AUDIT_READ = "audit:read"
    MODEL_APPROVE = "model:approve"
    MODEL_PROMOTE = "model:promote"
    MODEL_REGISTER = "model:register"
    PROJECT_OPEN = "project:open"
    TRACKING_READ = "tracking:read"
    TRACKING_WRITE = "tracking:write"
    WORKSPACE_MANAGE = "workspace:manage"


class Kind(StrEnum):
    """How the record is kept, and how the body travels."""

    # The record's fsync overlaps the upstream call; the first byte leaves when both are done.
    READ = "read"
    # Recorded before it is forwarded, and its outcome before it is answered.
    MUTATION = "mutation"
    # A mutation that also goes through the promotion service.
    PROMOTION = "promotion"
    # A mutation whose body is streamed, never buffered.
    UPLOAD = "upload"
    # A read whose answer is streamed: the intent is durable before the first byte.
    DOWNLOAD = "download"
    # The UI's own files: public code of MLflow, the same for all, and nothing else. A read like any other.
    STATIC = "static"


class PrincipalKind(StrEnum):
    ANONYMOUS = "anonymous"
    PERSON = "person"
    SERVICE_ACCOUNT = "serviceAccount"


@dataclass(frozen=True, slots=True)
class TokenScope:
    """What a token is bound to; None is unbound. It only ever takes away."""

    workspace: str | None = None
    project: str | None = None
    permissions: frozenset[Permission] | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `name` is what grants and records call them: an e-mail address, or `namespace/name`."""

    kind: PrincipalKind
    name: str
    issuer: str = ""
    subject: str = ""
    groups: frozenset[str] = frozenset()
    # Set when a token was shown: the id of a `tnt_` token, or a ServiceAccount token's own `jti`; never the token.
    token_id: str | None = None
    scope: TokenScope = TokenScope()
    # Set when a session's cookie was shown: the hex SHA-256 of its id.
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where the request goes: `/w/<workspace>/p/<project><path>`; `path` is decoded once, canonical, starts with /."""

    workspace: str
    project: str
    path: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that a request names, as it stands in the record: kind `run`, id `0f3a…`."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class StockFile:
    """A file of MLflow's own UI, byte for byte as the version `mlflow` was released with it."""

    mlflow: str
    name: str
    content_type: str
    size: int
    # How long each piece is, and its SHA-256.
    pieces: tuple[tuple[int, bytes], ...]
    # Another content would have another name.
    lasting: bool


@dataclass(frozen=True, slots=True)
class Action:
    """What the request asks for, and the canonical request that goes upstream in its place."""

    kind: Kind
    permission: Permission
    # MLflow's own name of the call (`CreateRun`, `UploadArtifact`), or `graphql.<operation>`, `ui.static`.
    operation: str
    method: str
    # Canonical path and query, percent-encoded again by us; MLflow's parser sees these bytes and no others.
    path: str
    query: str = ""
    # The re-serialised JSON, or None when there is no body, or when it is streamed.
    body: bytes | None = None
    content_type: str | None = None
    # How many bytes the client will send, when the body is streamed.
    content_length: int | None = None
    # Headers that are parameters (OTLP names its experiment so), checked; the client's own are not passed on.
    headers: tuple[tuple[str, str], ...] = ()
    resources: tuple[Resource, ...] = ()
    # The parsed parameters, for steps that need a value (promotion: name, alias, version).
    parameters: Mapping[str, object] = field(default_factory=dict)
    # Of the kind `static`: what the answer has to be.
    file: StockFile | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A clear no. `code` is an error code of MLflow (`PERMISSION_DENIED`); `reason` is a stable word for records."""

    status: int
    code: str
    reason: str
    message: str
    operation: str = "unknown"
    resources: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The authorizer's answer, and the rule that gave it, in words that a person can check against the manifests."""

    allowed: bool
    rule: str
    revision: int
    decided_at: datetime | None = None
