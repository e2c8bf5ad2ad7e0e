"""What the operator finds out about a resource: conditions, and the status that holds them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from tenantry_crds.rules import Unique
from tenantry_crds.value import Instant, Value

__all__ = ["MAX_MESSAGE", "Condition", "ConditionStatus", "ConditionType", "Phase", "Status"]

MAX_MESSAGE: Final = 4096


class ConditionType(StrEnum):
    """`Ready` is the AND of the others; each of those is the answer of a real probe. Alphabetical."""

    ACCESS_PUBLISHED = "AccessPublished"
    BACKEND_AVAILABLE = "BackendAvailable"
    DATABASE_READY = "DatabaseReady"
    ISOLATION_READY = "IsolationReady"
    READY = "Ready"
    STORAGE_READY = "StorageReady"


class ConditionStatus(StrEnum):
    FALSE = "False"
    TRUE = "True"
    UNKNOWN = "Unknown"


class Phase(StrEnum):
    """One word for a table. The conditions say why. Alphabetical."""

    FAILED = "Failed"
    FENCED = "Fenced"
    HIBERNATED = "Hibernated"
    PAUSED = "Paused"
    PENDING = "Pending"
    READY = "Ready"
    TERMINATING = "Terminating"
    UNKNOWN = "Unknown"


class Condition(Value):
    """One fact about an object, as Kubernetes' own kinds state theirs."""

    type: ConditionType
    """What the fact is about."""
    status: ConditionStatus
    """Whether it holds."""
    reason: Annotated[str, Field(min_length=1, max_length=128, pattern="^[A-Z][A-Za-z0-9]*$")]
    """Why, in one word for programs."""
    message: Annotated[str, Field(max_length=MAX_MESSAGE)] = ""
    """Why, and what to do next, for people. Holds no secret and no time."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The generation of the manifest that this was found out about."""
    last_transition_time: Instant | None = None
    """When the status last changed."""


class Status(Value):
    """What the operator found out; it alone writes here."""

    model_config = ConfigDict(extra="ignore")

    phase: Phase = Phase.PENDING
    """One word for a table; the conditions say why."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The generation of the manifest that this status belongs to."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=20), Unique("type")] = ()
    """`Ready`, and the conditions that it is the AND of."""
