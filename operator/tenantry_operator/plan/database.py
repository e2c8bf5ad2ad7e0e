"""The database of a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tenantry_crds.project import Size, Tracking
from tenantry_operator.facts import DatabasePlan, Installation, ProjectKey
from tenantry_operator.plan.labels import project_label
from tenantry_operator.plan.naming import database_name

__all__ = ["plan_database"]

# A server opens 34 at most, 17 for each of its two stores, and while a pod replaces another there are two; the rest is
# for probes and for a migration beside them.
_CONNECTIONS: Final[Mapping[Size, int]] = {Size.SMALL: 80, Size.MEDIUM: 100, Size.LARGE: 120}


def plan_database(key: ProjectKey, installation: Installation, tracking: Tracking) -> DatabasePlan:
    return DatabasePlan(
        name=database_name(key),
        mlflow_version=tracking.version,
        connection_limit=_CONNECTIONS[tracking.size],
        label=project_label(key, installation.identity),
    )
