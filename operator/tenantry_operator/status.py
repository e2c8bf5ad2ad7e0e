"""From a plan and what the probes found to conditions. Pure; messages are for people, and stay while all is well.

`Ready` is the AND of the other five, and its message names what blocks it. A stopped server that was seen to start is
available: whether it runs at this moment is no condition, or each nap would be news.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tenantry_crds.condition import MAX_MESSAGE
from tenantry_crds.meta import Condition, ConditionStatus, ConditionType, DeletionPolicy, Phase, Status
from tenantry_crds.project import ProjectStatus
from tenantry_crds.workspace import WorkspaceStatus
from tenantry_operator.facts import STARTING, AccessRow, Observed, Probe, ProjectPlan, WorkspacePlan
from tenantry_operator.runtime import WorkspaceRefused, WorkspaceWaiting

__all__ = [
    "conditions_of",
    "dated",
    "is_ready",
    "orphaned",
    "project_status",
    "refused",
    "retired",
    "terminating",
    "unknown",
    "unreadable",
    "workspace_status",
]


def conditions_of(
    plan: ProjectPlan, observed: Observed, access: frozenset[AccessRow], problem: str = ""
) -> tuple[Condition, ...]:
    """Return all conditions, sorted by type. `access` is what was read back of the published grants; `problem` is
    what is wrong with a newer version of the manifest, which is therefore not in force.
    """
    probes = {
        ConditionType.ACCESS_PUBLISHED: _access(plan, access),
        ConditionType.BACKEND_AVAILABLE: observed.backend,
        ConditionType.DATABASE_READY: observed.database,
        ConditionType.ISOLATION_READY: observed.isolation,
        ConditionType.STORAGE_READY: observed.storage,
    }
    conditions = [_condition(kind, probe, plan.generation) for kind, probe in probes.items()]
    ready = _condition(ConditionType.READY, _ready(plan, conditions, problem), plan.generation)
    return tuple(sorted((*conditions, ready), key=lambda condition: condition.type))


def project_status(
    plan: ProjectPlan,
    published: tuple[Condition, ...],
    credentials_made_at: datetime | None,
    *,
    artifacts: str,
    asleep: bool,
    public_url: str,
) -> ProjectStatus:
    """Return what `kubectl get` shows. `published` are the conditions with their times; `artifacts` is the place that
    the project holds, empty while it holds none.
    """
    return ProjectStatus(
        phase=_phase(plan, published, asleep=asleep),
        observed_generation=plan.generation,
        conditions=published,
        url=f"{public_url}/w/{plan.key.workspace}/p/{plan.key.project}" if public_url else "",
        version=plan.mlflow_version,
        database=plan.database.name,
        artifacts=artifacts or None,
        credentials_made_at=credentials_made_at,
    )


def workspace_status(
    plan: WorkspacePlan, projects: int, refusal: WorkspaceRefused | None, problem: str
) -> WorkspaceStatus:
    if refusal:
        probe = Probe(False, refusal.reason, str(refusal))
    elif problem:
        probe = Probe(True, "LastGoodManifest", f"the last good version of the manifest is in force: {problem}")
    else:
        probe = Probe(True, "Ready", "its namespace, limits and policies are in force")
    return WorkspaceStatus(
        phase=_workspace_phase(refusal),
        observed_generation=plan.generation,
        conditions=(_condition(ConditionType.READY, probe, plan.generation),),
        projects=projects,
    )


def terminating(obstacle: str) -> Status:
    """Return the status of a resource that is deleted, and what its end waits for."""
    probe = Probe(False, "Terminating", obstacle)
    return Status(phase=Phase.TERMINATING, conditions=(_condition(ConditionType.READY, probe, 0),))


def refused(problem: str) -> Condition:
    """Return `Ready` of a resource that could never be read. No version of it is in force."""
    return _condition(ConditionType.READY, Probe(False, "Invalid", f"nothing is made of it: {problem}"), 0)


def unreadable(problem: str) -> Condition:
    """Return `Ready` of a resource that something was made of, and that can be read no more."""
    return unknown("Unreadable", f"what was made of it stays as it is, until it can be read again: {problem}")


def unknown(reason: str, message: str) -> Condition:
    """Return `Ready` where nobody can say whether it is."""
    return Condition(type=ConditionType.READY, status=ConditionStatus.UNKNOWN, reason=reason, message=_cut(message))


def _workspace_phase(refusal: WorkspaceRefused | None) -> Phase:
    if refusal is None:
        return Phase.READY
    return Phase.PENDING if isinstance(refusal, WorkspaceWaiting) else Phase.FAILED


# What comes by itself: of these nobody has to do anything.
_ON_THE_WAY = frozenset({STARTING, "Blocked", "NotSeen"})


def _phase(plan: ProjectPlan, conditions: tuple[Condition, ...], *, asleep: bool) -> Phase:
    if plan.fenced:
        return Phase.FENCED
    if plan.paused:
        return Phase.PAUSED
    if is_ready(conditions):
        return Phase.HIBERNATED if asleep else Phase.READY
    missing = {one.reason for one in conditions if one.type is not ConditionType.READY and not _holds(one)}
    return Phase.PENDING if missing <= _ON_THE_WAY else Phase.FAILED


def orphaned(published: tuple[Condition, ...], workspace: str, generation: int) -> tuple[Condition, ...]:
    """Return the conditions of a project whose workspace is not declared."""
    probe = Probe(False, "WorkspaceMissing", f"workspace {workspace} is not declared: add a Workspace of this name")
    return _with_ready(published, probe, generation)


def retired(published: tuple[Condition, ...], policy: DeletionPolicy) -> tuple[Condition, ...]:
    """Return the conditions of a project whose manifest is gone and whose data is kept."""
    message = "the manifest was removed; the data is kept, and is found again when the manifest comes back"
    if policy is DeletionPolicy.ARCHIVE:
        message += " (deletionPolicy Archive keeps the data, as Retain does, until it is archived)"
    return _with_ready(published, Probe(False, "Retired", message))


def dated(conditions: Iterable[Condition], published: tuple[Condition, ...], now: datetime) -> tuple[Condition, ...]:
    """Return the conditions with the time of their last transition: as published while the status is the same."""
    since = {(known.type, known.status): known.last_transition_time for known in published}
    return tuple(
        condition.model_copy(update={"last_transition_time": since.get((condition.type, condition.status)) or now})
        for condition in conditions
    )


def is_ready(conditions: Iterable[Condition]) -> bool:
    return any(_holds(condition) for condition in conditions if condition.type is ConditionType.READY)


def _ready(plan: ProjectPlan, conditions: list[Condition], problem: str) -> Probe:
    if plan.fenced:
        return Probe(False, "Fenced", "every request is refused until the annotation tenantry.dev/fence is removed")
    blockers = [condition for condition in conditions if not _holds(condition)]
    if blockers:
        first = min(blockers, key=lambda condition: _ORDER.index(condition.type))
        return Probe(False, first.type.value, f"{first.type}: {first.message}")
    if problem:
        return Probe(True, "LastGoodManifest", f"the last good version of the manifest is in force: {problem}")
    if plan.paused:
        return Probe(True, "Paused", "nothing is changed until the annotation tenantry.dev/pause is removed")
    return Probe(True, "Ready", "; ".join(("all probes succeed", *plan.notes)))


# What is broken first breaks the rest: the first of these that does not hold is the blocker to name.
_ORDER = (
    ConditionType.DATABASE_READY,
    ConditionType.STORAGE_READY,
    ConditionType.BACKEND_AVAILABLE,
    ConditionType.ISOLATION_READY,
    ConditionType.ACCESS_PUBLISHED,
)


def _access(plan: ProjectPlan, access: frozenset[AccessRow]) -> Probe:
    if access == plan.access:
        return Probe(True, "ReadBack", "the door reads the grants of the manifest")
    if plan.paused:
        return Probe(False, "Paused", "grants differ from the manifest and are left as they are while paused")
    return Probe(False, "Different", "the catalog's grants are not the manifest's: see the operator's log")


def _with_ready(published: tuple[Condition, ...], probe: Probe, generation: int = 0) -> tuple[Condition, ...]:
    others = [condition for condition in published if condition.type is not ConditionType.READY]
    generation = max((condition.observed_generation for condition in published), default=generation)
    ready = _condition(ConditionType.READY, probe, generation)
    return tuple(sorted((*others, ready), key=lambda condition: condition.type))


def _condition(kind: ConditionType, probe: Probe, generation: int) -> Condition:
    return Condition(
        type=kind,
        status=ConditionStatus.TRUE if probe.ok else ConditionStatus.FALSE,
        reason=probe.reason,
        message=_cut(probe.message),
        observed_generation=generation,
    )


def _cut(message: str) -> str:
    """Outside systems, and people who wrote much that is wrong, have more to say than a condition holds."""
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 1]}…"


def _holds(condition: Condition) -> bool:
    return condition.status is ConditionStatus.TRUE
