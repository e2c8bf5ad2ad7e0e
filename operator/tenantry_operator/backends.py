"""`catalog.backend` and `catalog.demand`: where each server is, and which are wanted.

A row is read before it is written, and left alone when nothing would change (see `publish`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, func, select, text, update

from tenantry_catalog.tables import backend, demand
from tenantry_operator.facts import BackendState, ProjectKey
from tenantry_operator.runtime import Failed, Running, Starting, State

__all__ = ["Backends", "Use"]

_USE = text("""
SELECT d.wanted_at IS NOT NULL, coalesce(now() - greatest(b.since, d.used_at), interval '0')
FROM catalog.backend b LEFT JOIN catalog.demand d USING (workspace, project)
WHERE workspace = :workspace AND project = :project
""")


@dataclass(frozen=True, slots=True)
class Use:
    """Whether somebody waits for a backend, and how long ago it was started or last used."""

    wanted: bool
    idle: timedelta


class Backends:
    """Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def reset(self) -> None:
        """Servers do not outlive an operator on one machine: say so to the door before anything else."""
        with self._engine.begin() as connection:
            started = backend.c.state != BackendState.STOPPED
            if connection.execute(select(backend.c.project).where(started)).first():
                connection.execute(update(backend).where(started).values(_row(None) | {"since": func.now()}))

    def use(self, key: ProjectKey) -> Use:
        """By PostgreSQL's clock, which is also the door's: two clocks would disagree."""
        with self._engine.connect() as connection:
            row = connection.execute(_USE, key._asdict()).one_or_none()
        return Use(*row) if row else Use(wanted=False, idle=timedelta(0))

    def show(self, key: ProjectKey, state: State) -> None:
        """Write how the server is. Whoever waits for it is answered by this, also when it failed."""
        with self._engine.begin() as connection:
            _put(connection, key, _row(state))
            if isinstance(state, Running | Failed):
                waiting = and_(_of(demand, key), demand.c.wanted_at.is_not(None))
                connection.execute(update(demand).where(waiting).values(wanted_at=None))


def _put(connection: Connection, key: ProjectKey, row: dict[str, str | None]) -> None:
    columns = (backend.c[name] for name in row)
    known = connection.execute(select(*columns).where(_of(backend, key))).mappings().one_or_none()
    if known is not None and dict(known) != row:
        connection.execute(update(backend).where(_of(backend, key)).values(row | {"since": func.now()}))


def _of(table: Table, key: ProjectKey) -> ColumnElement[bool]:
    return and_(table.c.workspace == key.workspace, table.c.project == key.project)


def _row(state: State | None) -> dict[str, str | None]:
    if isinstance(state, Running):
        secret = state.secret.get_secret_value()
        return {"state": BackendState.RUNNING.value, "address": state.address, "secret": secret, "message": ""}
    if isinstance(state, Starting):
        return {"state": BackendState.STARTING.value, "address": None, "secret": None, "message": state.reason}
    if isinstance(state, Failed):
        return {"state": BackendState.FAILED.value, "address": None, "secret": None, "message": state.reason}
    return {"state": BackendState.STOPPED.value, "address": None, "secret": None, "message": ""}
