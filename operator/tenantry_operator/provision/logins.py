"""The logins of a project's database: the role that owns it, and two more that take turns when its password is rotated.

What a login makes belongs to the owner, because each of its sessions starts as the owner. A login is never dropped
before its database: it is closed, and opened again with another password.
"""

from __future__ import annotations

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier
from pydantic import SecretStr

from tenantry_operator.provision.administrator import create_role, set_password

__all__ = ["close_logins", "drop_logins", "next_login", "open_login"]

_OPEN = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND rolcanlogin"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"


def next_login(owner: str, login: str) -> str:
    """Return the one whose turn it is after `login`."""
    first, second = _turns(owner)
    return second if login == first else first


def open_login(admin: Connection, owner: str, login: str, password: SecretStr) -> None:
    """Let it log in with this password and no other, as a member of the owner."""
    create_role(admin, login)
    admin.execute(SQL("ALTER ROLE {} LOGIN").format(Identifier(login)))
    if login != owner:
        # INHERIT first: it says what the membership is worth. CONNECT is the owner's, and is asked of the login.
        admin.execute(SQL("ALTER ROLE {} INHERIT").format(Identifier(login)))
        admin.execute(SQL("GRANT {} TO {}").format(Identifier(owner), Identifier(login)))
        admin.execute(SQL("ALTER ROLE {} SET role = {}").format(Identifier(login), Identifier(owner)))
    set_password(admin, login, password)


def close_logins(admin: Connection, owner: str, but: set[str]) -> None:
    """Refuse all logins to the owner's database but these, and end the sessions of those refused."""
    for (login,) in admin.execute(_OPEN, ([owner, *_turns(owner)],)).fetchall():
        if login not in but:
            admin.execute(SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(Identifier(login)))
            admin.execute(_END, (login,))


def drop_logins(admin: Connection, owner: str) -> None:
    """Drop the owner too. Its database must be gone."""
    for login in (*_turns(owner), owner):
        try:
            admin.execute(SQL("DROP ROLE IF EXISTS {}").format(Identifier(login)))
        except psycopg.errors.DependentObjectsStillExist:
            # It left something in a database that is open to all. The role stays, and opens nothing.
            admin.execute(SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(Identifier(login)))


def _turns(owner: str) -> tuple[str, str]:
    """No project's name holds a tilde, and a suffix of four bytes has room: see `plan.naming`."""
    return f"{owner}~1", f"{owner}~2"
