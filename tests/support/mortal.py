"""A program that dies: `python -m tests.support.mortal <url> <state> <workspace> <what>`, once at every SQL statement.

Each time it forks, and the child does its work until it is about to send its n-th statement; there it ends as a SIGKILL
would end it. A second child then does the work undisturbed, and the parent undoes it. Prints how often it died.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import SecretStr

from tenantry_catalog.engine import libpq_url
from tenantry_crds.project import Tracking
from tenantry_operator import probe
from tenantry_operator.facts import DatabasePlan, ProjectKey
from tenantry_operator.plan.database import plan_database
from tenantry_operator.plan.naming import template_name
from tenantry_operator.provision.administrator import Administrator
from tenantry_operator.provision.postgres import Postgres
from tenantry_operator.provision.secret_files import SecretFiles
from tenantry_operator.provision.template import Templates, migrate
from tests.support.plans import INSTALLATION

_DIED = 77
_Work = Callable[[], object]


def main(url: str, state: str, workspace: str, what: str) -> None:
    # Made anew each time: a child must not speak on its parent's connections.
    def databases() -> Postgres:
        administrator = Administrator(SecretStr(url))
        return Postgres(administrator, Templates(administrator, migrate), SecretFiles(Path(state)))

    plan = plan_database(ProjectKey(workspace, "roads"), INSTALLATION, Tracking())
    # What is killed, how to begin anew, and what must hold after it was done undisturbed.
    works: dict[str, tuple[_Work, _Work, Callable[[], bool]]] = {
        "ensure": (
            lambda: databases().ensure(plan),
            lambda: databases().remove(plan),
            lambda: _usable(databases().ensure(plan)),
        ),
        "remove": (
            lambda: databases().remove(plan),
            lambda: databases().ensure(plan),
            lambda: not _exists(url, plan.name),
        ),
        "rotate": (
            lambda: databases().rotate(plan),
            lambda: _begin_anew(databases(), plan),
            lambda: _usable(databases().rotate(plan)) and _logins(url, plan.name) == 2,  # noqa: PLR2004  the overlap
        ),
        "retire": (
            lambda: databases().retire(plan),
            lambda: (databases().ensure(plan), databases().rotate(plan)),
            lambda: _usable(databases().ensure(plan)) and _logins(url, plan.name) == 1,
        ),
        "template": (
            lambda: Templates(Administrator(SecretStr(url)), _quick_schema).ensure(workspace),
            lambda: _drop_template(url, workspace),
            lambda: _sealed(url, workspace),
        ),
    }
    work, undo, holds = works[what]
    undo()
    for statements in count():
        died = _in_child(lambda: _die_at(statements, work))  # noqa: B023
        if _in_child(work):
            sys.exit(f"not done after a death before statement {statements}")
        if not holds():
            sys.exit(f"done wrongly after a death before statement {statements}")
        undo()
        if not died:
            sys.stdout.write(str(statements))
            return


def _in_child(work: Callable[[], object]) -> bool:
    """Return whether it died, one way or another."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return os.waitpid(pid, 0)[1] != 0


def _die_at(number: int, work: Callable[[], object]) -> None:
    numbers = count()
    original = psycopg.Cursor.execute

    def execute(self: psycopg.Cursor, *arguments: object, **options: object) -> psycopg.Cursor:
        if next(numbers) == number:
            os._exit(_DIED)
        return original(self, *arguments, **options)  # type: ignore[arg-type]

    psycopg.Cursor.execute = execute  # type: ignore[method-assign,assignment]
    work()


def _quick_schema(url: SecretStr) -> None:
    with psycopg.connect(libpq_url(url.get_secret_value())) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")


def _begin_anew(databases: Postgres, plan: DatabasePlan) -> None:
    databases.remove(plan)
    databases.ensure(plan)


def _logins(url: str, name: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_roles WHERE starts_with(rolname, %s) AND rolcanlogin", (name,)
        )
        return int((found.fetchone() or (0,))[0])


def _usable(address: SecretStr) -> bool:
    return all(found.ok for found in probe.from_within(address, frozenset()))


def _exists(url: str, name: str) -> bool:
    query = "SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles"
    with psycopg.connect(url) as connection:
        return any(found.startswith(name) for (found,) in connection.execute(query))


def _sealed(url: str, version: str) -> bool:
    sealed = "SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate AND NOT datallowconn"
    open_ = "SELECT 1 FROM pg_roles WHERE rolname = 'tenantry_mlflow' AND rolcanlogin"
    with psycopg.connect(url) as connection:
        found = connection.execute(sealed, (template_name(version),)).fetchone()
        return found is not None and connection.execute(open_).fetchone() is None


def _drop_template(url: str, version: str) -> None:
    if not _exists(url, template_name(version)):
        return
    name = sql.Identifier(template_name(version))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(name))
        connection.execute(sql.SQL("DROP DATABASE {}").format(name))


if __name__ == "__main__":
    main(*sys.argv[1:])
