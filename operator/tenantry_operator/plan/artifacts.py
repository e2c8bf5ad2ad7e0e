"""Where a project's artifacts lie."""

from __future__ import annotations

from tenantry_operator.facts import ArtifactPlan, Installation, ProjectKey
from tenantry_operator.plan.naming import user_id

__all__ = ["plan_artifacts"]


def plan_artifacts(key: ProjectKey, installation: Installation) -> ArtifactPlan:
    directory = installation.artifact_directory / key.workspace / key.project
    return ArtifactPlan(directory, user_id(key) if installation.own_uids else None)
