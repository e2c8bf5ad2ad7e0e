"""What the operator writes to the catalog: who may do what, and how each project is. One transaction a project.

Every write is preceded by a read and left out when nothing would change, because the catalog's triggers count
statements, not rows: at rest the revision stands still.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from tenantry_catalog import tables
from tenantry_crds.meta import Condition, Role
from tenantry_operator import places
from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import (
    AccessRow,
    ArtifactPlan,
    Installation,
    ProjectKey,
    ProjectPlan,
    WorkspaceKey,
    WorkspacePlan,
)
from tenantry_operator.rows import Judge, conditions_row, grants, is_published, project_row, workspace_row
from tenantry_operator.status import dated

__all__ = ["Catalog", "Judge", "Published"]

# Any number will do, so long as every operator takes the same one.
_LOCK: Final = 7_236_841_191


@dataclass(frozen=True, slots=True)
class Published:
    """A project as the catalog has it."""

    mlflow_version: str
    conditions: tuple[Condition, ...]
    retired: bool
    # The place that holds its artifacts; empty while there is none.
    artifacts: str = ""


class Catalog:
    """Thread-safe. Needs the grants of `tenantry_catalog.roles.OPERATOR` and no others."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def identify(self, installation: Installation) -> Installation:
        """Return it with the identity that this catalog gives it."""
        return replace(installation, identity=self._identity)

    def projects(self) -> frozenset[ProjectKey]:
        """Return the projects that the door knows and that are not retired."""
        table = tables.project
        query = select(table.c.workspace, table.c.name).where(table.c.retired_at.is_(None))
        with self._engine.connect() as connection:
            return frozenset(ProjectKey(*row) for row in connection.execute(query))

    def workspaces(self) -> frozenset[WorkspaceKey]:
        table = tables.workspace
        query = select(table.c.name).where(table.c.retired_at.is_(None))
        with self._engine.connect() as connection:
            return frozenset(WorkspaceKey(name) for name in connection.scalars(query))

    def project(self, key: ProjectKey) -> Published | None:
        with self._engine.connect() as connection:
            return _published(connection, key)

    def held(self, key: ProjectKey) -> str:
        """Return the place that holds the project's artifacts; empty while there is none."""
        published = self.project(key)
        return published.artifacts if published else ""

    def admit(self, key: ProjectKey, place: ArtifactPlan) -> None:
        """Raise ProvisionFailed where its artifacts lie elsewhere, or another's lie here: two projects in one place
        would read each other's, and whoever was there first keeps it.
        """
        places.stay(place, self.held(key))
        if holder := self.holder(key, place):
            cure = "make the project anew with another in spec.artifacts"
            raise ProvisionFailed(f"{places.shared(place, holder)}: {cure}")

    def holder(self, key: ProjectKey, place: ArtifactPlan) -> ProjectKey | None:
        """Return the project, declared or kept, that had this place in a bucket, or one that overlaps, before `key`."""
        with self._engine.connect() as connection:
            return places.holder(connection, key, place)

    def publish_workspace(self, plan: WorkspacePlan) -> None:
        with self._alone() as connection:
            _put_workspace(connection, plan)

    def publish_project(
        self, workspace: WorkspacePlan, plan: ProjectPlan, judge: Judge, *, stored: bool
    ) -> tuple[Condition, ...]:
        """Return the conditions whose status is new, for the log. `stored`: whether its storage was found well."""
        with self._engine.connect() as connection:
            if is_published(connection, workspace, plan, judge, stored=stored):
                return ()
        with self._alone() as connection:
            _put_workspace(connection, workspace)
            _put(connection, tables.project, _is_project(plan.key), project_row(plan))
            if stored:
                places.claim(connection, plan.key, plan.artifacts)
            _put_grants(connection, plan.key.workspace, plan.key.project, plan.access)
            if not _has(connection, tables.backend, _of_project(tables.backend, plan.key)):
                row = {"workspace": plan.key.workspace, "project": plan.key.project, "state": "stopped"}
                connection.execute(insert(tables.backend).values(row))
            judged = judge(frozenset(grants(connection, plan.key.workspace, plan.key.project)))
            return _put_conditions(connection, plan.key, judged)

    def publish_conditions(self, key: ProjectKey, judge: Judge) -> tuple[Condition, ...]:
        """Write the conditions alone, if the project is known; return those that are new."""
        with self._alone() as connection:
            if _published(connection, key) is None:
                return ()
            judged = judge(frozenset(grants(connection, key.workspace, key.project)))
            return _put_conditions(connection, key, judged)

    def publish_fence(self, key: ProjectKey, *, fenced: bool) -> None:
        """Tell the door alone, if it knows the project."""
        with self._alone() as connection:
            if _published(connection, key) is not None:
                _put(connection, tables.project, _is_project(key), {"fenced": fenced})

    def retire_project(self, key: ProjectKey, judge: Judge) -> tuple[Condition, ...]:
        """The door refuses it from now on. Its row and its audit log stay. Return the conditions that are new."""
        with self._alone() as connection:
            published = _published(connection, key)
            if published is None:
                return ()
            _put_grants(connection, key.workspace, key.project, frozenset())
            if not published.retired:
                connection.execute(update(tables.project).where(_is_project(key)).values(retired_at=func.now()))
            return _put_conditions(connection, key, judge(frozenset()))

    def delete_project(self, key: ProjectKey) -> None:
        with self._alone() as connection:
            for table in (tables.grant, tables.backend, tables.demand):
                _remove(connection, table, _of_project(table, key))
            _remove(connection, tables.project, _is_project(key))

    def retire_workspace(self, key: WorkspaceKey) -> None:
        """Its log stays readable: auditors keep their grants, and whoever is denied stays denied."""
        with self._alone() as connection:
            granted = grants(connection, key.workspace, None)
            auditors = frozenset(row for row in granted if row.role == Role.AUDITOR)
            _put_grants(connection, key.workspace, None, auditors)
            unretired = and_(_is_workspace(key), tables.workspace.c.retired_at.is_(None))
            if _has(connection, tables.workspace, unretired):
                connection.execute(update(tables.workspace).where(unretired).values(retired_at=func.now()))

    def delete_workspace(self, key: WorkspaceKey) -> bool:
        """Return False while there are projects in it, retired ones too."""
        with self._alone() as connection:
            if _has(connection, tables.project, tables.project.c.workspace == key.workspace):
                return False
            _put_grants(connection, key.workspace, None, frozenset())
            _remove(connection, tables.workspace, _is_workspace(key))
            return True

    @cached_property
    def _identity(self) -> str:
        with self._engine.connect() as connection:
            return str(connection.execute(select(tables.installation.c.identity)).scalar_one())

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """One publisher at a time: projects of one workspace would race to insert its row. Each takes some 5 ms."""
        with self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            yield connection


def _put_workspace(connection: Connection, plan: WorkspacePlan) -> None:
    _put(connection, tables.workspace, _is_workspace(plan.key), workspace_row(plan))
    _put_grants(connection, plan.key.workspace, None, plan.access)


def _put(connection: Connection, table: Table, where: ColumnElement[bool], row: Mapping[str, object]) -> None:
    """Make the row that `where` selects have these values."""
    known = connection.execute(select(*(table.c[name] for name in row)).where(where)).mappings().one_or_none()
    if known is None:
        connection.execute(insert(table).values(row))
    elif dict(known) != row:
        connection.execute(update(table).where(where).values(row))


def _put_grants(connection: Connection, workspace: str, project: str | None, wanted: frozenset[AccessRow]) -> None:
    known = grants(connection, workspace, project)
    if gone := [known[row] for row in known.keys() - wanted]:
        connection.execute(delete(tables.grant).where(tables.grant.c.id.in_(gone)))
    if missing := sorted(wanted - known.keys(), key=str):
        place = {"workspace": workspace, "project": project}
        connection.execute(insert(tables.grant), [place | asdict(row) for row in missing])


def _put_conditions(connection: Connection, key: ProjectKey, judged: tuple[Condition, ...]) -> tuple[Condition, ...]:
    published = _published(connection, key)
    conditions = dated(judged, published.conditions if published else (), _now(connection))
    _put(connection, tables.project, _is_project(key), conditions_row(conditions))
    known = {(condition.type, condition.status) for condition in (published.conditions if published else ())}
    return tuple(condition for condition in conditions if (condition.type, condition.status) not in known)


def _published(connection: Connection, key: ProjectKey) -> Published | None:
    table = tables.project.c
    columns = (table.mlflow_version, table.conditions, table.retired_at.is_not(None), table.artifacts)
    query = select(*columns).where(_is_project(key))
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    version, conditions, retired, artifacts = row
    return Published(version, tuple(map(Condition.model_validate, conditions)), retired, artifacts)


def _now(connection: Connection) -> datetime:
    return connection.execute(select(func.now())).scalar_one()


def _has(connection: Connection, table: Table, where: ColumnElement[bool]) -> bool:
    return connection.scalar(select(exists().select_from(table).where(where))) is True


def _remove(connection: Connection, table: Table, where: ColumnElement[bool]) -> None:
    if _has(connection, table, where):
        connection.execute(delete(table).where(where))


def _is_workspace(key: WorkspaceKey) -> ColumnElement[bool]:
    return tables.workspace.c.name == key.workspace


def _is_project(key: ProjectKey) -> ColumnElement[bool]:
    return and_(tables.project.c.workspace == key.workspace, tables.project.c.name == key.project)


def _of_project(table: Table, key: ProjectKey) -> ColumnElement[bool]:
    return and_(table.c.workspace == key.workspace, table.c.project == key.project)
