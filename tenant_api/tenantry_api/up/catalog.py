"""The catalog's database on a machine's own PostgreSQL: made, migrated, and closed to everybody but its three roles."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql

from tenantry_api.up.postgres import Postgres
from tenantry_catalog.migrate import upgrade
from tenantry_catalog.roles import ROLES, ensure_login_role, grant_to

__all__ = ["DATABASE", "ensure_catalog"]

DATABASE = "tenantry"


def ensure_catalog(postgres: Postgres, passwords: Mapping[str, str]) -> dict[str, str]:
    """Return an address for each role, by its name. Repeatable; a changed password is set."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    upgrade(postgres.url(DATABASE))
    with psycopg.connect(postgres.url(DATABASE)) as connection:
        _close_to_others(connection)
        for role in ROLES:
            ensure_login_role(connection, role.name, passwords[role.name])
            grant_to(connection, role, role.name)
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(role.name)
                )
            )
    return {role.name: postgres.url(DATABASE, role.name, passwords[role.name]) for role in ROLES}


def _close_to_others(connection: psycopg.Connection[object]) -> None:
    """Projects have roles on this server too: they connect to their own database and to no other."""
    for database in (DATABASE, "postgres", "template1"):
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
