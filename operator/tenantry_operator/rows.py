"""The rows of the catalog that a plan makes, and whether they are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, and_, exists, or_, select

from tenantry_catalog import tables
from tenantry_crds.meta import Condition
from tenantry_operator.facts import AccessRow, ProjectPlan, WorkspacePlan
from tenantry_operator.status import dated, is_ready

__all__ = ["Judge", "conditions_row", "grants", "is_published", "project_row", "workspace_row"]

# From the grants, as they were read back, to the conditions that are published with them.
Judge = Callable[[frozenset[AccessRow]], tuple[Condition, ...]]

# What an AccessRow is made of, in its order.
_ACCESS: Final = tuple(tables.grant.c[field.name] for field in fields(AccessRow))


def workspace_row(plan: WorkspacePlan) -> dict[str, object]:
    return {"name": plan.key.workspace, "display_name": plan.display_name, "retired_at": None}


def project_row(plan: ProjectPlan) -> dict[str, object]:
    return {
        "workspace": plan.key.workspace,
        "name": plan.key.project,
        "display_name": plan.display_name,
        "owner": plan.owner,
        "mlflow_version": plan.mlflow_version,
        "promotion": plan.promotion,
        "quota": plan.quota,
        "fenced": plan.fenced,
        # For whoever looks for what was kept when the manifest was long gone; `artifacts` is written by `places.claim`.
        "database": plan.database.name,
        "retired_at": None,
    }


def conditions_row(conditions: tuple[Condition, ...]) -> dict[str, object]:
    written = [condition.model_dump(mode="json", by_alias=True) for condition in conditions]
    return {"conditions": written, "ready": is_ready(conditions)}


def grants(connection: Connection, workspace: str, project: str | None) -> dict[AccessRow, int]:
    """Return the rows of one project, or those of the workspace as a whole, and their ids."""
    table = tables.grant.c
    query = select(table.id, *_ACCESS).where(table.workspace == workspace, table.project.is_not_distinct_from(project))
    return {AccessRow(*row): number for number, *row in connection.execute(query)}


def is_published(
    connection: Connection, workspace: WorkspacePlan, plan: ProjectPlan, judge: Judge, *, stored: bool
) -> bool:
    """Say whether publishing would change nothing: three reads, where to publish takes a dozen statements and a lock
    that all others wait for.
    """
    table, wanted = tables.project.c, project_row(plan)
    served = exists().where(tables.backend.c.workspace == table.workspace, tables.backend.c.project == table.name)
    columns = [table[name] for name in (*wanted, "conditions", "ready", "artifacts")]
    mine = and_(table.workspace == plan.key.workspace, table.name == plan.key.project)
    found = connection.execute(select(*columns, served.label("served")).where(mine)).mappings().one_or_none()
    if found is None or not found["served"] or (stored and found["artifacts"] != plan.artifacts.location):
        return False
    shared, own = _both_grants(connection, plan)
    known = tuple(map(Condition.model_validate, found["conditions"]))
    # A condition that is new gets a time that no known one has.
    judged = conditions_row(dated(judge(own), known, datetime.min.replace(tzinfo=UTC)))
    row_is_there = all(found[name] == value for name, value in (wanted | judged).items())
    return row_is_there and shared == workspace.access and own == plan.access and _is_there(connection, workspace)


def _both_grants(connection: Connection, plan: ProjectPlan) -> tuple[frozenset[AccessRow], frozenset[AccessRow]]:
    """Return those of its workspace as a whole, and its own."""
    table = tables.grant.c
    query = select(table.project, *_ACCESS).where(
        table.workspace == plan.key.workspace, or_(table.project.is_(None), table.project == plan.key.project)
    )
    rows = [(project, AccessRow(*row)) for project, *row in connection.execute(query)]
    return (
        frozenset(row for project, row in rows if project is None),
        frozenset(row for project, row in rows if project is not None),
    )


def _is_there(connection: Connection, plan: WorkspacePlan) -> bool:
    wanted = workspace_row(plan)
    query = select(*(tables.workspace.c[name] for name in wanted)).where(tables.workspace.c.name == plan.key.workspace)
    found = connection.execute(query).mappings().one_or_none()
    return found is not None and dict(found) == wanted
