"""Connections to the PostgreSQL that holds the projects' databases, as the role that may make them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final
from weakref import finalize

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal
from pydantic import SecretStr
from sqlalchemy import URL, create_engine, make_url

from tenantry_catalog.engine import libpq_url
from tenantry_operator.errors import ProvisionFailed

__all__ = ["CONNECT_SECONDS", "Administrator", "create_role", "set_password"]

CONNECT_SECONDS = 5
# Another operator's statement may still be running on the server after that operator was killed.
_LOCK_TIMEOUT: Final = "30s"
# More than a database of ours takes: it is for those of others, which a role may enter if they are open to all.
_CONNECTIONS: Final = 120
# As many as reconcile at a time.
_KEPT: Final = 8


# Never found in a schema that somebody else may write to.
_SEARCH_PATH: Final = "SET search_path = pg_catalog"


class Administrator:
    """Autocommit throughout: CREATE DATABASE knows no transaction. Thread-safe."""

    def __init__(self, url: SecretStr) -> None:
        self._url = make_url(url.get_secret_value())
        # A login costs more than most of what is asked in it.
        self._kept = create_engine(
            "postgresql+psycopg://",
            creator=partial(_connect, self._url),
            pool_size=_KEPT,
            max_overflow=-1,
            pool_use_lifo=True,
            # PostgreSQL may have been started anew since.
            pool_pre_ping=True,
            pool_reset_on_return=None,
        )
        finalize(self, self._kept.dispose)

    @property
    def database(self) -> str:
        """The one that connections go to which name none."""
        return self._url.database or self._url.username or ""

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
            with self._one_kept() as connection:
                connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
                yield connection
                connection.execute("SELECT pg_advisory_unlock_all()")
        except psycopg.Error as error:
            raise ProvisionFailed(f"PostgreSQL, for {name}: {_words(error)}") from error

    @contextmanager
    def _one_kept(self) -> Iterator[Connection]:
        """A connection that fails is closed, and with it go its locks."""
        kept = self._kept.raw_connection()
        connection = kept.driver_connection
        assert isinstance(connection, Connection)
        try:
            yield connection
        except BaseException:
            kept.invalidate()
            raise
        kept.close()

    def connect(self, database: str | None = None) -> Connection:
        """A connection of one's own, which the caller closes."""
        return _connect(self._url if database is None else self._url.set(database=database))


def _connect(url: URL) -> Connection:
    connection = psycopg.connect(
        libpq_url(url.render_as_string(hide_password=False)),
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        application_name="tenantry-operator",
    )
    connection.execute(_SEARCH_PATH)
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,))
    return connection


def create_role(connection: Connection, name: str) -> bool:
    """Create a role that may log in and nothing else; False if it is there. The administrator becomes a member of it
    where it is no superuser, because only members give away what a role owns.
    """
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
        return False
    role = Identifier(name)
    make = SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT CONNECTION LIMIT {}")
    connection.execute(make.format(role, Literal(_CONNECTIONS)))
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
    said = (error.diag.message_primary or str(error) or type(error).__name__).strip().splitlines()[0]
    # Only a server that was reached gives a code.
    advice = "" if error.sqlstate else ": see that it runs, and that TENANTRY_PROVISION_URL leads to it"
    return f"{said}{advice}"
