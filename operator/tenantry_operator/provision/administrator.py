"""Connections to the PostgreSQL that holds the projects' databases, as the role that may make them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier
from pydantic import SecretStr
from sqlalchemy import make_url

from tenantry_catalog.engine import libpq_url
from tenantry_operator.errors import ProvisionFailed

__all__ = ["CONNECT_SECONDS", "Administrator", "create_role", "set_password"]

CONNECT_SECONDS = 5
# Another operator's statement may still be running on the server after that operator was killed.
_LOCK_TIMEOUT = "30s"


class Administrator:
    """Autocommit throughout: CREATE DATABASE knows no transaction. A connection lives as long as its `with`."""

    def __init__(self, url: SecretStr) -> None:
        self._url = make_url(url.get_secret_value())

    def address(self, database: str, role: str, password: SecretStr) -> SecretStr:
        """Return the URL of a database on this server for a role, with the driver that MLflow takes."""
        own = self._url.set(
            drivername="postgresql", username=role, password=password.get_secret_value(), database=database
        )
        return SecretStr(own.render_as_string(hide_password=False))

    @contextmanager
    def alone(self, name: str) -> Iterator[Connection]:
        """Connect, and keep whoever else does so for `name` out. What PostgreSQL refuses becomes ProvisionFailed."""
        try:
            with self.connect() as connection:
                connection.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,))
                connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
                yield connection
        except psycopg.Error as error:
            raise ProvisionFailed(f"PostgreSQL, for {name}: {_words(error)}") from error

    def connect(self, database: str | None = None) -> Connection:
        url = self._url if database is None else self._url.set(database=database)
        address = libpq_url(url.render_as_string(hide_password=False))
        return psycopg.connect(
            address, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="tenantry-operator"
        )


def create_role(connection: Connection, name: str) -> bool:
    """Create a role that may log in and nothing else; False if it is there. The administrator becomes a member of it
    where it is no superuser, because only members give away what a role owns.
    """
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
        return False
    role = Identifier(name)
    connection.execute(SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT").format(role))
    if not _is_superuser(connection):
        connection.execute(SQL("GRANT {} TO CURRENT_USER").format(role))
    return True


def set_password(connection: Connection, role: str, password: SecretStr) -> None:
    """The server gets the SCRAM verifier, so that no log of statements ever holds the password."""
    verifier = connection.pgconn.encrypt_password(password.get_secret_value().encode(), role.encode(), b"scram-sha-256")
    connection.execute(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(role), verifier.decode()))


def _is_superuser(connection: Connection) -> bool:
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return bool(row and row[0])


def _words(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).strip().splitlines()[0]
