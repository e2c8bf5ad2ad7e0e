"""From a Project, its Workspace and the installation to the project's plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from tenantry_crds.meta import Annotation, DeletionPolicy, PolicyMode
from tenantry_crds.project import Project, effective
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import Installation, ProjectKey, ProjectPlan
from tenantry_operator.plan.access import plan_access
from tenantry_operator.plan.artifacts import plan_artifacts
from tenantry_operator.plan.database import plan_database
from tenantry_operator.plan.quota import plan_quota

__all__ = ["ARCHIVE_NOTE", "plan_project"]

_IDLE_AFTER: Final = timedelta(minutes=10)
# The door says every 5 s which backends are in use: what it has not named for three times that is not.
_IDLE_NOW: Final = timedelta(seconds=15)

ARCHIVE_NOTE: Final = "deletionPolicy Archive needs an archive, and there is none here: the data would be kept"
PROMOTION_NOTE: Final = "promotion approvals and gates are not asked for yet: whoever holds the permission can move it"
POLICY_NOTE: Final = "policy mode enforce is not fulfilled yet: no run is refused for a missing tag"


def plan_project(declared: Project, workspace: Workspace, installation: Installation) -> ProjectPlan:
    project = effective(declared, workspace)
    key = ProjectKey(project.workspace, project.name)
    spec, metadata = project.spec, project.metadata
    return ProjectPlan(
        key=key,
        generation=metadata.generation,
        display_name=spec.display_name or project.name,
        owner=spec.owner,
        mlflow_version=spec.tracking.version,
        database=plan_database(key, installation, spec.tracking),
        artifacts=plan_artifacts(key, installation, spec.artifacts),
        access=plan_access(spec.access),
        promotion=spec.promotion.model_dump(mode="json", by_alias=True),
        quota=plan_quota(spec.quota),
        idle_after=_idle_after(project),
        size=spec.tracking.size,
        identity=tuple(sorted(spec.artifacts.service_account_annotations.items())),
        fenced=metadata.annotated(Annotation.FENCE),
        paused=metadata.annotated(Annotation.PAUSE),
        asked=metadata.annotations.get(Annotation.RECONCILE, ""),
        rotate_before=metadata.instant(Annotation.ROTATE),
        notes=tuple(_notes(project, archives=installation.archives)),
    )


def _idle_after(project: Project) -> timedelta:
    """`hibernate` stops what nobody uses at this moment; the next request wakes it as ever."""
    if project.metadata.annotated(Annotation.HIBERNATE):
        return _IDLE_NOW
    return project.spec.hibernation.after or _IDLE_AFTER


def _notes(project: Project, *, archives: bool) -> Iterator[str]:
    if project.spec.deletion_policy is DeletionPolicy.ARCHIVE and not archives:
        yield ARCHIVE_NOTE
    if project.spec.promotion.approvals or project.spec.promotion.gates:
        yield PROMOTION_NOTE
    if project.spec.policy and project.spec.policy.mode is PolicyMode.ENFORCE:
        yield POLICY_NOTE
