"""A real PostgreSQL for the tests: one server a session, a fresh catalog a test."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from tenantry_api.up.postgres import Postgres, PostgresMissing
from tenantry_catalog import roles
from tenantry_catalog.migrate import upgrade
from tests.support.requirement import missing

__all__ = ["CatalogDatabase", "PostgresServer", "catalog_on", "make_template", "running_server"]

_TEMPLATE = "catalog_template"
_PASSWORD = "pw"  # The server is on loopback, and gone after the session.
# fsync stays on: durability is part of what is tested. The rest is what a laptop can spare.
_SMALL = {"shared_buffers": "32MB", "max_wal_size": "256MB", "max_connections": "150"}


@dataclass(frozen=True)
class CatalogDatabase:
    """One migrated catalog. The owner may do anything; the others what `tenantry_catalog.roles` gives them."""

    name: str
    owner_url: str
    operator_url: str
    api_url: str
    auditor_url: str


class PostgresServer:
    """A server that a test may stop and start again: its address stays the same."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    @property
    def admin_url(self) -> str:
        return self._postgres.url()

    def url(self, database: str, user: str | None = None, password: str | None = None) -> str:
        if user is None:
            return self._postgres.url(database)
        return self._postgres.url(database, user, password)

    def start(self) -> None:
        if self._postgres.process is None:
            self._postgres.start()

    def stop(self) -> None:
        self._postgres.stop()

    @contextmanager
    def away(self, how: str) -> Iterator[None]:
        """Until the end of the block it refuses (`stop`), or takes connections and says nothing (`hang`)."""
        leave, come_back = (self.stop, self.start) if how == "stop" else (self._suspend, self._resume)
        leave()
        try:
            yield
        finally:
            come_back()

    def _suspend(self) -> None:
        for process in self._family():
            process.suspend()

    def _resume(self) -> None:
        for process in self._family():
            process.resume()

    def _family(self) -> list[psutil.Process]:
        assert self._postgres.process is not None
        server = psutil.Process(self._postgres.process.pid)
        return [server, *server.children(recursive=True)]

    def execute(self, statement: sql.Composed | sql.SQL) -> None:
        """One statement as the administrator, outside a transaction."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    home = Path(tempfile.mkdtemp(prefix="tenantry-tests-"))
    home.chmod(0o711)  # Root's server runs as somebody else, who has to get there.
    server = PostgresServer(Postgres(home / "postgres", settings=_SMALL))
    try:
        server.start()
    except PostgresMissing as error:
        shutil.rmtree(home)
        missing("postgres", str(error))
    # The operator's own; who administers a server closes it to the projects' roles.
    server.execute(sql.SQL("REVOKE ALL ON DATABASE postgres FROM PUBLIC"))
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(home)


def make_template(server: PostgresServer) -> None:
    """A migrated catalog to clone, and the three roles, once a server: they are the server's, not a database's."""
    server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
    upgrade(server.url(_TEMPLATE))
    with psycopg.connect(server.url(_TEMPLATE)) as connection:
        for role in roles.ROLES:
            roles.ensure_login_role(connection, role.name, _PASSWORD)
            roles.grant_to(connection, role, role.name)


@contextmanager
def catalog_on(server: PostgresServer) -> Iterator[CatalogDatabase]:
    name = f"catalog_{secrets.token_hex(4)}"
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(_TEMPLATE)))
    # A clone has everything of its template but who may connect.
    members = sql.SQL(", ").join(sql.Identifier(role.name) for role in roles.ROLES)
    server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    server.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(name), members))
    yield CatalogDatabase(
        name,
        server.url(name),
        *(server.url(name, role.name, _PASSWORD) for role in roles.ROLES),
    )
    server.start()
    server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
