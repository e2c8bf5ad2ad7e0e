"""The server of a project, once its database is there."""

from __future__ import annotations

from pydantic import SecretStr

from tenantry_operator.facts import BucketKey, ProjectPlan, ServerPlan

__all__ = ["plan_server"]


def plan_server(plan: ProjectPlan, database_url: SecretStr, bucket_key: BucketKey | None) -> ServerPlan:
    """`database_url` holds the role's password; it and the key are what the plan itself must not hold."""
    return ServerPlan(
        key=plan.key,
        mlflow_version=plan.mlflow_version,
        database_url=database_url,
        artifacts=plan.artifacts,
        bucket_key=bucket_key,
        size=plan.size,
        identity=plan.identity,
    )
