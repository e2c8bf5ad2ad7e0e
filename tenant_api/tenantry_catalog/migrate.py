"""Bring a catalog's database to the newest revision: `python -m tenantry_catalog.migrate`.

Reads `TENANTRY_CATALOG_OWNER_URL`, and makes the login roles of `TENANTRY_CATALOG_OPERATOR_URL` and
`TENANTRY_CATALOG_API_URL` where those are given. Waits a minute for PostgreSQL. Safe to run twice, and by two
processes at once: each step runs behind an advisory lock.

It ends with 0 when all is as it should be; with 2 when somebody has to change a setting or the server, and says how;
with 1 when PostgreSQL was not there, and trying again later may help.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from tenantry_catalog.engine import check_url, libpq_url, sync_engine
from tenantry_catalog.logins import Login, LoginWrong, ensure_logins, own_the_database, read_logins
from tenantry_catalog.roles import API, OPERATOR

__all__ = ["downgrade", "main", "upgrade"]

# Any number will do, so long as every version of Tenantry takes the same one.
_LOCK = 7_236_841_190

# Seconds. On a cluster the database may be started with us.
_WAIT_SECONDS = 60.0
_RETRY_SECONDS = 1.0
# Refusals that waiting does not change. In another language they are told after the wait.
_FOR_GOOD = re.compile(
    r'database ".*" does not exist|password authentication failed|no pg_hba\.conf entry'
    r"|root certificate file|certificate verify failed|does not match host name|does not support SSL"
)

_NEEDED = (
    "The database and its owner are not made here. As an administrator of the server: "
    "CREATE ROLE tenantry LOGIN CREATEROLE PASSWORD …; CREATE DATABASE tenantry OWNER tenantry."
)

_OWNER = "TENANTRY_CATALOG_OWNER_URL"
_LOGINS = {"TENANTRY_CATALOG_OPERATOR_URL": OPERATOR, "TENANTRY_CATALOG_API_URL": API}


def upgrade(url: str, revision: str = "head") -> None:
    """Upgrade the database at `url`, as the role that shall own the tables."""
    _run(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str = "base") -> None:
    """Undo migrations. For tests, and for an operator who knows what is lost with the tables."""
    _run(url, lambda config: command.downgrade(config, revision))


def _run(url: str, action: Callable[[Config], None]) -> None:
    engine = sync_engine(url, application="tenantry-migrate")
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            action(_config(connection))
    finally:
        engine.dispose()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def main() -> int:
    try:
        owner, logins = _settings()
        with _reached(owner) as connection:
            _say(_migrated(connection, owner))
            # Of the session, not of a transaction: a login is tried between two of them.
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            for line in ensure_logins(connection, logins):
                _say(line)
    except LoginWrong as wrong:
        _complain(str(wrong))
        return 2
    except (psycopg.OperationalError, OperationalError) as error:
        _complain(f"PostgreSQL does not answer: {_last_line(error)}")
        return 1
    return 0


def _settings() -> tuple[str, tuple[Login, ...]]:
    owner = os.environ.get(_OWNER, "")
    try:
        check_url(owner)
    except ValueError as error:
        raise LoginWrong(_OWNER, f"{error}, of the role that shall own the tables") from error
    given = {setting: (role, os.environ[setting]) for setting, role in _LOGINS.items() if os.environ.get(setting)}
    return owner, read_logins(owner, given)


def _reached(owner: str) -> psycopg.Connection[object]:
    """The owner's connection. Raises OperationalError when the wait is over."""
    end, told = time.monotonic() + _WAIT_SECONDS, False
    while True:
        try:
            return psycopg.connect(libpq_url(owner), connect_timeout=5, application_name="tenantry-migrate")
        except psycopg.OperationalError as error:
            why = _last_line(error)
            if _FOR_GOOD.search(why):
                raise LoginWrong(_OWNER, f"{why}. {_NEEDED}") from error
            if time.monotonic() > end:
                raise
            if not told:
                _say(f"waiting for PostgreSQL: {why}")
            told = True
            time.sleep(_RETRY_SECONDS)


def _migrated(connection: psycopg.Connection[object], owner: str) -> str:
    newest, before = ScriptDirectory.from_config(_config()).get_current_head(), _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if before is not None and before not in known:
        raise LoginWrong(_OWNER, f"the catalog is at revision {before}, which is newer than this version of Tenantry")
    if before == newest:
        return f"catalog: at revision {newest} already"
    try:
        upgrade(owner)
    except ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        raise LoginWrong(_OWNER, own_the_database(connection)) from error
    return f"catalog: upgraded from {before or 'nothing'} to revision {newest}"


def _revision(connection: psycopg.Connection[object]) -> str | None:
    """Ends its own transaction, so that a migration finds no reader."""
    with connection.transaction():
        if connection.execute("SELECT to_regclass('catalog_version')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT version_num FROM catalog_version").fetchone()
    return None if row is None else str(row[0])  # type: ignore[index]


def _last_line(error: Exception) -> str:
    """The server's words; what SQLAlchemy adds to them stands behind."""
    own = error.orig if isinstance(error, OperationalError) else error
    return str(own).strip().splitlines()[-1]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
