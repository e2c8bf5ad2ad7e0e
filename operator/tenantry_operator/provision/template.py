"""The template: an empty database with the schema of one MLflow version, cloned for each project in some 60 ms.

It is made once, in 3 to 5 s, by MLflow itself in a process of its own: only that process imports MLflow.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable
from threading import Lock

from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal
from pydantic import SecretStr

from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.plan.labels import template_label
from tenantry_operator.plan.naming import TEMPLATE_ROLE, draft_name, template_name
from tenantry_operator.provision.administrator import Administrator, create_role, set_password

__all__ = ["Templates", "migrate"]

_MIGRATION_SECONDS = 120


class Templates:
    """Thread-safe: the first to ask makes the template while the others wait."""

    def __init__(self, administrator: Administrator, migrate: Callable[[SecretStr], None]) -> None:
        self._administrator = administrator
        self._migrate = migrate
        self._lock = Lock()

    def ensure(self, mlflow_version: str) -> str:
        """Return the name of the template of this version."""
        name = template_name(mlflow_version)
        with self._lock, self._administrator.alone(name) as admin:
            if not _exists(admin, name):
                self._make(admin, name, mlflow_version)
        return name

    def _make(self, admin: Connection, name: str, mlflow_version: str) -> None:
        draft = Identifier(draft_name(name))
        if _exists(admin, draft_name(name)):
            # It may be marked already, and PostgreSQL drops no template.
            admin.execute(SQL("ALTER DATABASE {} IS_TEMPLATE false").format(draft))
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(draft))
        admin.execute(SQL("CREATE DATABASE {} TEMPLATE template0 ALLOW_CONNECTIONS false").format(draft))
        admin.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(draft))
        admin.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(draft))
        admin.execute(SQL("COMMENT ON DATABASE {} IS {}").format(draft, Literal(template_label(mlflow_version))))
        self._fill(admin, draft_name(name))
        admin.execute(SQL("ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false").format(draft))
        admin.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(draft, Identifier(name)))

    def _fill(self, admin: Connection, database: str) -> None:
        """The tables belong to a role that logs in for as long as this takes, with a password that nobody keeps."""
        create_role(admin, TEMPLATE_ROLE)
        role, password = Identifier(TEMPLATE_ROLE), SecretStr(secrets.token_urlsafe(32))
        set_password(admin, TEMPLATE_ROLE, password)
        admin.execute(SQL("ALTER ROLE {} LOGIN").format(role))
        admin.execute(SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(database), role))
        with self._administrator.connect(database) as inside:
            inside.execute(SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(role))
        self._migrate(self._administrator.address(database, TEMPLATE_ROLE, password))
        with self._administrator.connect(database) as inside:
            inside.execute(SQL("REVOKE ALL ON SCHEMA public FROM {}").format(role))
        admin.execute(SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(role))


def migrate(url: SecretStr) -> None:
    """Let MLflow make its schema at `url`. The URL travels in the environment of the one process that needs it."""
    command = [sys.executable, "-m", "tenantry_backend.migrate"]
    environment = {"TENANTRY_BACKEND_DATABASE_URL": url.get_secret_value()}
    try:
        subprocess.run(  # noqa: S603  our own interpreter and module
            command, env=environment, capture_output=True, text=True, timeout=_MIGRATION_SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise ProvisionFailed(f"the MLflow schema could not be made: {last[:300]}") from None
    except subprocess.TimeoutExpired:
        raise ProvisionFailed(f"the MLflow schema was not made in {_MIGRATION_SECONDS} s") from None


def _exists(admin: Connection, name: str) -> bool:
    return admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None
