"""The server of a project, once its database is there."""

from __future__ import annotations

from pydantic import SecretStr

from tenantry_operator.facts import ProjectPlan, ServerPlan

__all__ = ["plan_server"]


def plan_server(plan: ProjectPlan, database_url: SecretStr) -> ServerPlan:
    """`database_url` holds the role's password: the one value that the plan itself must not."""
    return ServerPlan(
        key=plan.key,
        mlflow_version=plan.mlflow_version,
        database_url=database_url,
        artifact_directory=plan.artifacts.directory,
        uid=plan.artifacts.uid,
    )
