"""The three login roles of the catalog, and the only grants that each needs.

The owner of the tables (whoever runs the migrations) is none of them and is not used at run time.
Names are fixed inside one database; two installations on one server use two databases and a prefix.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import Connection, sql

__all__ = ["API", "AUDITOR", "OPERATOR", "ROLES", "LoginRole", "ensure_login_role", "grant_to"]


@dataclass(frozen=True, slots=True)
class LoginRole:
    """A role, and its privileges as (privilege list, table) pairs in SQL's own words."""

    name: str
    schemas: tuple[str, ...]
    privileges: tuple[tuple[str, str], ...]


OPERATOR = LoginRole(
    "operator",
    ("catalog",),
    (
        ("SELECT, INSERT, UPDATE, DELETE", "catalog.workspace"),
        ("SELECT, INSERT, UPDATE, DELETE", "catalog.project"),
        ("SELECT, INSERT, UPDATE, DELETE", 'catalog."grant"'),
        ("SELECT, INSERT, UPDATE, DELETE", "catalog.backend"),
        ("SELECT, INSERT, UPDATE, DELETE", "catalog.cluster_key"),
        ("SELECT, UPDATE (wanted_at), DELETE", "catalog.demand"),
        ("SELECT", "catalog.revision"),
        ("SELECT", "catalog.installation"),
    ),
)

API = LoginRole(
    "api",
    ("catalog", "identity", "audit"),
    (
        ("SELECT", "catalog.workspace"),
        ("SELECT", "catalog.project"),
        ("SELECT", 'catalog."grant"'),
        ("SELECT", "catalog.backend"),
        ("SELECT", "catalog.cluster_key"),
        ("SELECT", "catalog.revision"),
        ("SELECT, INSERT, UPDATE", "catalog.demand"),
        ("SELECT, INSERT, UPDATE", "identity.person"),
        ("SELECT, INSERT, DELETE", "identity.sign_in"),
        ("SELECT, INSERT, UPDATE, DELETE", "identity.session"),
        ("SELECT, INSERT, UPDATE (last_used_at, revoked_at)", "identity.token"),
        # A log's size and frontier, and a spool's position, move; events and checkpoints never do.
        ("SELECT, INSERT, UPDATE", "audit.log"),
        ("SELECT, INSERT, UPDATE", "audit.spool"),
        ("SELECT, INSERT", "audit.event"),
        ("SELECT, INSERT", "audit.checkpoint"),
    ),
)

AUDITOR = LoginRole(
    "auditor",
    ("audit",),
    (("SELECT", "audit.log"), ("SELECT", "audit.event"), ("SELECT", "audit.checkpoint")),
)

ROLES = (OPERATOR, API, AUDITOR)


def ensure_login_role(connection: Connection[object], name: str, password: str) -> None:
    """Create the role, or give it this password. The statement is never logged: PostgreSQL gets it as a literal."""
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
            verb, sql.Identifier(name), sql.Literal(password)
        )
    )


def grant_to(connection: Connection[object], role: LoginRole, name: str) -> None:
    """Take everything from `name` in the catalog's schemas, then give it what `role` lists. Repeatable.

    Nobody else logs in to the catalog's database: projects' own roles may live on the same server.
    """
    who, database = sql.Identifier(name), sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, who))
    for schema in ("catalog", "identity", "audit"):
        connection.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {}").format(sql.Identifier(schema), who))
        connection.execute(sql.SQL("REVOKE ALL ON SCHEMA {} FROM {}").format(sql.Identifier(schema), who))
    for schema in role.schemas:
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), who))
    for privileges, table in role.privileges:
        connection.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(privileges), sql.SQL(table), who))
