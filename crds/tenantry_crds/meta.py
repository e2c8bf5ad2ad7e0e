"""What both kinds share: names, roles, grants, policy; conditions and units by import. Frozen values; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from tenantry_crds.condition import Condition, ConditionStatus, ConditionType, Phase, Status
from tenantry_crds.rules import Rule, Unique, matching
from tenantry_crds.units import Duration, Quantity, format_duration, parse_duration
from tenantry_crds.value import Instant, Value

__all__ = [
    "API_VERSION",
    "FINALIZER",
    "GROUP",
    "MAX_NAME",
    "NAMESPACE_PREFIX",
    "NAME_RULES",
    "PRINTABLE",
    "RESERVED_NAMES",
    "SUPPORTED_MLFLOW_VERSIONS",
    "VERSION",
    "Access",
    "Annotation",
    "Condition",
    "ConditionStatus",
    "ConditionType",
    "DeletionPolicy",
    "DisplayName",
    "Duration",
    "Effect",
    "Grant",
    "Group",
    "Hibernation",
    "Metadata",
    "Name",
    "Phase",
    "Policy",
    "PolicyMode",
    "Quantity",
    "Role",
    "ServiceAccount",
    "Status",
    "User",
    "Value",
    "format_duration",
    "parse_duration",
]

GROUP: Final = "tenantry.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "tenantry.dev/v1alpha1"
# On what must not be gone before its data is: deletionPolicy Delete and Archive.
FINALIZER: Final = f"{GROUP}/data"

# A workspace's projects live in the namespace of this prefix and the workspace's name.
NAMESPACE_PREFIX: Final = "ws-"
# Kubernetes' names end at 63; the rest is for what we put around a name.
MAX_NAME: Final = 40
# Words that mean something beside a name in our addresses, tables and logs.
RESERVED_NAMES: Final = ("all", "installation", "system", "tenantry")

# Each has its own generated route table; the last is the default.
SUPPORTED_MLFLOW_VERSIONS: Final = ("3.17.2",)


class Annotation(StrEnum):
    """What an operator of the platform may put on a CR: `true`, for `reconcile` any new text, for `rotate` a time."""

    # Refuse every request and stop the backend; the data stays.
    FENCE = f"{GROUP}/fence"
    # Stop the backend now; the next request wakes it.
    HIBERNATE = f"{GROUP}/hibernate"
    # Leave everything as it is until the annotation is gone.
    PAUSE = f"{GROUP}/pause"
    # Look at everything again, now.
    RECONCILE = f"{GROUP}/reconcile"
    # An RFC 3339 time: credentials from before it are replaced.
    ROTATE = f"{GROUP}/rotate"


class Role(StrEnum):
    """What a grant gives. `docs/roles.md` says what each may do. Alphabetical."""

    ADMIN = "admin"
    APPROVER = "approver"
    AUDITOR = "auditor"
    CONTRIBUTOR = "contributor"
    METADATA_VIEWER = "metadata-viewer"
    PROMOTER = "promoter"
    VIEWER = "viewer"


class Effect(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


class DeletionPolicy(StrEnum):
    ARCHIVE = "Archive"
    DELETE = "Delete"
    RETAIN = "Retain"


class PolicyMode(StrEnum):
    ENFORCE = "enforce"
    OFF = "off"
    WARN = "warn"


NAME_RULES: Final = (
    Rule(
        f"must be at most {MAX_NAME} characters, so that names made from it fit into 63: choose a shorter one",
        f"size(self) <= {MAX_NAME}",
        lambda name: len(name) <= MAX_NAME,
    ),
    matching(
        "[a-z]([-a-z0-9]*[a-z0-9])?",
        "must be lower-case letters, digits and hyphens, start with a letter and end with a letter or digit",
    ),
    Rule(
        f"must not be one of {', '.join(RESERVED_NAMES)}, which are reserved: choose another",
        f"!(self in {list(RESERVED_NAMES)})",
        lambda name: name not in RESERVED_NAMES,
    ),
)


Name = Annotated[str, *NAME_RULES]
# Control characters are spelt out, because what counts as a space is not the same to Python and to RE2, and PostgreSQL
# takes no zero byte. In octal, because the API server estimates a rule's cost by the length of its pattern.
PRINTABLE: Final = matching(r"[^\0-\37]*", "must hold no control characters, such as tabs and line breaks")
DisplayName = Annotated[str, Field(max_length=100), PRINTABLE]
_Namespace = Annotated[
    str,
    Field(max_length=63),
    matching("[a-z0-9]([-a-z0-9]*[a-z0-9])?", "must be lower-case letters, digits and hyphens"),
]
# A workspace's admins are bound in its namespace under the names of the grant, and `system:authenticated` is everybody.
_NOT_OF_KUBERNETES: Final = Rule(
    "must not begin with system:, because Kubernetes gives such names a meaning of its own",
    "!self.startsWith('system:')",
    lambda name: not name.startswith("system:"),
)
User = Annotated[
    str,
    Field(min_length=1, max_length=254),
    matching(r"[^A-Z\0-\40]+", "must be in lower case and without spaces, because addresses are compared exactly"),
    _NOT_OF_KUBERNETES,
]
Group = Annotated[str, Field(min_length=1, max_length=254), PRINTABLE, _NOT_OF_KUBERNETES]
TagName = Annotated[str, Field(min_length=1, max_length=250), PRINTABLE]


class Metadata(BaseModel):
    """What we read of Kubernetes' own metadata; the rest of it is Kubernetes' business and is ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")

    name: Name
    namespace: str | None = None
    annotations: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    generation: int = 1

    def annotated(self, annotation: Annotation) -> bool:
        """Say whether the annotation stands here with the value `true`."""
        return self.annotations.get(annotation) == "true"

    def instant(self, annotation: Annotation) -> datetime | None:
        """Return the time that stands here; None when there is none, or none that can be read."""
        try:
            found = datetime.fromisoformat(self.annotations.get(annotation, ""))
        except ValueError:
            return None
        return found if found.tzinfo else None


class ServiceAccount(Value):
    """A Kubernetes service account, of any namespace of the cluster."""

    namespace: _Namespace
    """Namespace of the service account."""
    name: Annotated[
        str,
        Field(max_length=253),
        matching("[-.a-z0-9]+", "must be lower-case letters, digits, dots and hyphens"),
    ]
    """Name of the service account."""


class Grant(Value):
    """One role for some people and machines. A deny, and an expiry that has passed, beat every grant."""

    rules = (
        Rule(
            "must name somebody: list at least one of users, groups, serviceAccounts",
            "(has(self.users) && size(self.users) > 0) || (has(self.groups) && size(self.groups) > 0)"
            " || (has(self.serviceAccounts) && size(self.serviceAccounts) > 0)",
            lambda grant: bool(grant.users or grant.groups or grant.service_accounts),
        ),
    )

    role: Role
    """What is given: see docs/roles.md for what each role may do."""
    users: Annotated[tuple[User, ...], Field(max_length=100), Unique()] = ()
    """People, by the e-mail address that the identity provider vouches for, in lower case."""
    groups: Annotated[tuple[Group, ...], Field(max_length=100), Unique()] = ()
    """Groups, as the identity provider names them."""
    service_accounts: Annotated[tuple[ServiceAccount, ...], Field(max_length=100), Unique("namespace", "name")] = ()
    """Kubernetes service accounts."""
    expires: Instant | None = None
    """When the grant ends, as an RFC 3339 time with a zone. Without it the grant holds until it is removed."""
    effect: Effect = Effect.ALLOW
    """`deny` takes the role's permissions away from whoever is named, whatever other grants say."""


Access = Annotated[tuple[Grant, ...], Field(max_length=200)]


class Hibernation(Value):
    """When a backend that nobody uses is stopped. The next request starts it again."""

    after: Duration | None = None
    """How long a backend may be idle, like 10m or 2h. The project's own value beats the workspace's, which beats the
    operator's."""


class Policy(Value):
    """What every run must carry."""

    required_tags: Annotated[tuple[TagName, ...], Field(max_length=50), Unique()] = ()
    """Tags that every run must have."""
    mode: PolicyMode = PolicyMode.WARN
    """`warn` reports what is missing, `enforce` refuses it, `off` does neither."""
