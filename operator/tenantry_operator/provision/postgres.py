"""A project's database on PostgreSQL: cloned from a migrated template, with one role of its own that alone may log in,
under its own name or, once its password was rotated, under another.

A database is made under a draft name and renamed when it is complete, so that one of the final name is always whole.
A draft that is found was left by a kill: it never held data, and is dropped. On what is there already, only what
differs from the plan is changed: nothing is written at rest.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import NamedTuple

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier, Literal
from pydantic import SecretStr

from tenantry_catalog.engine import libpq_url
from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import DatabasePlan
from tenantry_operator.plan.labels import agrees
from tenantry_operator.plan.naming import TEMPLATE_ROLE, draft_name
from tenantry_operator.provision import SecretStore
from tenantry_operator.provision.administrator import CONNECT_SECONDS, Administrator, create_role, set_password
from tenantry_operator.provision.credential import Clock, Credential, Credentials, now
from tenantry_operator.provision.logins import close_logins, drop_logins, next_login, open_login
from tenantry_operator.provision.template import Templates

__all__ = ["Postgres"]


class _Found(NamedTuple):
    """What of a database may differ from its plan."""

    label: str | None
    connection_limit: int
    open_to_all: bool
    open_to_role: bool


_FIND = """
SELECT shobj_description(oid, 'pg_database') AS label, datconnlimit AS connection_limit,
       has_database_privilege('public', oid, 'CONNECT') AS open_to_all,
       has_database_privilege(%(name)s, oid, 'CONNECT') AS open_to_role
FROM pg_database WHERE datname = %(name)s
"""

_LABEL = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"

log = structlog.get_logger(__name__)


class Postgres:
    """Thread-safe: databases of different projects are made side by side."""

    def __init__(
        self, administrator: Administrator, templates: Templates, passwords: SecretStore, clock: Clock = now
    ) -> None:
        self._administrator = administrator
        self._templates = templates
        self._credentials = Credentials(passwords, clock)

    def address(self, plan: DatabasePlan) -> SecretStr | None:
        """Return the URL with which the role logs in, without touching anything; None while it has no password."""
        held = self._credentials.read(plan.name)
        return None if held is None else self._url(plan.name, held)

    def ensure(self, plan: DatabasePlan) -> SecretStr:
        """Make whatever is missing, and return `address`."""
        with self._administrator.alone(plan.name) as admin:
            held = self._ensure_role(admin, plan.name)
            found = _find(admin, plan.name)
            if found is None:
                self._make(admin, plan, self._templates.ensure(plan.mlflow_version))
            else:
                _correct(admin, plan, found)
            address = self._url(plan.name, held)
            if not _accepts(address):
                open_login(admin, plan.name, held.login, held.secret)
            # Who else can log in has a password that nobody keeps: of a rotation that was killed, or of a lost store.
            close_logins(admin, plan.name, but={held.login, held.replaced})
        return address

    def rotate(self, plan: DatabasePlan) -> SecretStr:
        """Make another login the current one, and return `address`. The replaced one works until `retire`."""
        self.ensure(plan)
        with self._administrator.alone(plan.name) as admin:
            held = self._ensure_role(admin, plan.name)
            # Nothing happens while the last rotation waits to be retired.
            if not held.replaced:
                login, password = next_login(plan.name, held.login), _new_password()
                open_login(admin, plan.name, login, password)
                held = self._credentials.write(plan.name, login, password, replaced=held.login)
        return self._url(plan.name, held)

    def retire(self, plan: DatabasePlan) -> None:
        """Refuse every login but the current one, and end the sessions of those refused."""
        held = self._credentials.read(plan.name)
        if held and held.replaced:
            with self._administrator.alone(plan.name) as admin:
                close_logins(admin, plan.name, but={held.login})
            self._credentials.retire(plan.name)

    def age(self, plan: DatabasePlan) -> timedelta | None:
        """Return how old the current password is; None when there is none, or nobody knows."""
        return self._credentials.age(plan.name)

    def remove(self, plan: DatabasePlan) -> None:
        """Drop the database with all that it holds, its roles and the password."""
        with self._administrator.alone(plan.name) as admin:
            found = admin.execute(_LABEL, (plan.name,)).fetchone()
            if found and not agrees(found[0], plan.label):
                log.warning("database left alone: its comment says that it is another's", database=plan.name)
            else:
                for database in (draft_name(plan.name), plan.name):
                    admin.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(database)))
                drop_logins(admin, plan.name)
        self._credentials.remove(plan.name)

    def _url(self, name: str, held: Credential) -> SecretStr:
        return self._administrator.address(name, held.login, held.secret)

    def _ensure_role(self, admin: Connection, name: str) -> Credential:
        """The password is stored before the role exists: killed in between, the next pass finds it."""
        held = self._credentials.read(name)
        if held is None:
            held = self._credentials.write(name, name, _new_password())
        if create_role(admin, name) and held.login == name:
            set_password(admin, name, held.secret)
        return held

    def _make(self, admin: Connection, plan: DatabasePlan, template: str) -> None:
        draft, role = Identifier(draft_name(plan.name)), Identifier(plan.name)
        admin.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(draft))
        admin.execute(
            SQL("CREATE DATABASE {} TEMPLATE {} CONNECTION LIMIT {} ALLOW_CONNECTIONS false").format(
                draft, Identifier(template), Literal(plan.connection_limit)
            )
        )
        # A new database is everybody's until this.
        admin.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(draft))
        admin.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(draft))
        admin.execute(SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(draft, role))
        _mark(admin, draft_name(plan.name), plan.label)
        with self._administrator.connect(draft_name(plan.name)) as inside:
            # First, because it may own only what it may make; later its own server upgrades the schema.
            inside.execute(SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(role))
            inside.execute(SQL("REASSIGN OWNED BY {} TO {}").format(Identifier(TEMPLATE_ROLE), role))
        admin.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(draft, Identifier(plan.name)))


def _find(admin: Connection, name: str) -> _Found | None:
    with admin.cursor(row_factory=class_row(_Found)) as cursor:
        return cursor.execute(_FIND, {"name": name}).fetchone()


def _mark(admin: Connection, database: str, label: str) -> None:
    admin.execute(SQL("COMMENT ON DATABASE {} IS {}").format(Identifier(database), Literal(label)))


def _correct(admin: Connection, plan: DatabasePlan, found: _Found) -> None:
    if not agrees(found.label, plan.label):
        raise ProvisionFailed(
            f"database {plan.name} is there and is not this project's, its comment is '{found.label or ''}': rename "
            f"it, or if it is, set its comment to '{plan.label}'"
        )
    database, role = Identifier(plan.name), Identifier(plan.name)
    if found.label != plan.label:
        _mark(admin, plan.name, plan.label)
    if found.connection_limit != plan.connection_limit:
        limit = Literal(plan.connection_limit)
        admin.execute(SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(database, limit))
    if found.open_to_all:
        admin.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    if not found.open_to_role or found.open_to_all:
        admin.execute(SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(database, role))


def _accepts(address: SecretStr) -> bool:
    """Say whether a login succeeds. PostgreSQL gives no code for why one does not."""
    try:
        psycopg.connect(libpq_url(address.get_secret_value()), connect_timeout=CONNECT_SECONDS).close()
    except psycopg.OperationalError:
        return False
    return True


def _new_password() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(32))
