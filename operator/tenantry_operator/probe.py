"""The probes: each does what it asks about. A refusal that should come is as much an answer as a success."""

from __future__ import annotations

import http.client
from typing import Final
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import scalar_row
from pydantic import SecretStr
from sqlalchemy import make_url

from tenantry_catalog.engine import libpq_url
from tenantry_operator.facts import Probe
from tenantry_operator.runtime import Running

__all__ = ["REFUSED", "answers", "from_within", "guarded"]

# A machine under load answers late; it is no less well for that.
_SECONDS: Final = 10
_SECRET_HEADER: Final = "X-Tenantry-Backend-Secret"  # noqa: S105  a header's name

# What a role has set for itself does not count: neither where names are found, nor how long an answer may take.
_OPTIONS: Final = f"-c search_path=pg_catalog -c statement_timeout={_SECONDS}s"

_IN: Final = Probe(True, "LoggedIn", "the project's role logs in and reads its schema")

REFUSED: Final = Probe(
    True, "Refused", "other databases refuse the project's role, and its server whoever has not its secret"
)

# One call that MLflow cannot answer without its database.
_CALL: Final = ("POST", "/api/2.0/mlflow/experiments/search", b'{"max_results": 1}')


def from_within(address: SecretStr, private: frozenset[str]) -> tuple[Probe, Probe]:
    """Log in as the project's role and read its schema; then look for a database that the role may enter beside its
    own: another project's, or one of those named `private`. Then try one.
    """
    try:
        with _connect(address) as connection, connection.cursor(row_factory=scalar_row) as cursor:
            # The tables are the project's to replace: nothing long is read of them.
            cursor.execute("SELECT 1 FROM public.alembic_version LIMIT 1").fetchone()
            own = connection.info.dbname
            open_ = cursor.execute(_OPEN, {"private": list(private)}).fetchone()
            closed = cursor.execute(_CLOSED, {"private": list(private)}).fetchone()
    except psycopg.Error as error:
        failed = Probe(False, "LoginFailed", f"the project's role cannot use its database: {_first_line(error)}")
        return failed, failed
    return _IN, _others_refused(address, own, open_, closed)


def _others_refused(address: SecretStr, own: str, open_: str | None, closed: str | None) -> Probe:
    if open_:
        cure = f'REVOKE CONNECT ON DATABASE "{open_}" FROM PUBLIC'
        return Probe(False, "DatabaseOpen", f"the role {own} may connect to database {open_}: {cure}")
    if closed and _enters(address, closed):
        cure = "see which line of pg_hba.conf lets it in"
        return Probe(False, "DatabaseOpen", f"the role {own} logs in to database {closed}: {cure}")
    return REFUSED


_OURS = r"datallowconn AND datname <> current_database() AND (datname LIKE 'tnt\_%%' OR datname = ANY(%(private)s))"
_OPEN = f"SELECT datname FROM pg_database WHERE {_OURS} AND has_database_privilege(oid, 'CONNECT') ORDER BY 1 LIMIT 1"  # noqa: S608
# The next by name, so that the projects try one another in a circle.
_CLOSED = f"SELECT datname FROM pg_database WHERE {_OURS} ORDER BY datname < current_database(), 1 LIMIT 1"  # noqa: S608


def answers(server: Running) -> Probe:
    """Make a call that needs the server, its secret and its database."""
    status = _call(server, {_SECRET_HEADER: server.secret.get_secret_value()})
    if status == http.client.OK:
        return Probe(True, "Startable", "the server answers; it starts on the first request and stops when idle")
    return Probe(False, "NoAnswer", f"the server answers a search for experiments with {status}: see its log")


def guarded(server: Running) -> Probe:
    """Make the same call without the secret."""
    status = _call(server, {})
    if status == http.client.FORBIDDEN:
        return REFUSED
    return Probe(False, "ServerOpen", f"the server answers a request without its secret with {status}, not 403")


def _call(server: Running, headers: dict[str, str]) -> int | str:
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=_SECONDS)
    method, path, body = _CALL
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"nothing ({type(error).__name__})"
    finally:
        connection.close()


def _connect(address: SecretStr) -> psycopg.Connection:
    url = libpq_url(address.get_secret_value())
    return psycopg.connect(url, connect_timeout=_SECONDS, autocommit=True, options=_OPTIONS)


def _enters(address: SecretStr, database: str) -> bool:
    url = make_url(address.get_secret_value()).set(database=database)
    try:
        _connect(SecretStr(url.render_as_string(hide_password=False))).close()
    except psycopg.OperationalError:
        return False
    return True


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().splitlines()[0]
