"""The catalog's login roles, as the addresses have them that the programs are given: made, or found to work.

The tables' owner needs no power over roles where an administrator has made them: what exists, and logs in with its
address, is left as it is. A password is sent as its SCRAM verifier, so that no statement in a log holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg import Connection, errors, sql
from sqlalchemy import make_url

from tenantry_catalog.engine import check_url, libpq_url
from tenantry_catalog.roles import LoginRole, grant_to

__all__ = ["Login", "LoginWrong", "ensure_logins", "own_the_database", "read_logins"]

_CONNECT_SECONDS = 5


class LoginWrong(Exception):  # noqa: N818  # a finding
    """`setting` is where the address stands; the message says what to do, and holds no password."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.setting = setting


@dataclass(frozen=True, slots=True)
class Login:
    """One program's way to the catalog. Without a password it comes in by a certificate, or as the server trusts it."""

    setting: str
    role: LoginRole
    name: str
    url: str = field(repr=False)
    password: str | None = field(repr=False)


def read_logins(owner_url: str, given: Mapping[str, tuple[LoginRole, str]]) -> tuple[Login, ...]:
    """`given` is by setting. Raises LoginWrong for an address that cannot be meant."""
    logins = tuple(_read(setting, role, url) for setting, (role, url) in given.items())
    owner, taken = make_url(owner_url), {make_url(owner_url).username: "the owner of the tables"}
    for login in logins:
        if login.name in taken:
            raise LoginWrong(login.setting, f"{login.name} is {taken[login.name]} already: each has a role of its own")
        taken[login.name] = f"the role in {login.setting}"
        database = make_url(login.url).database
        if database != owner.database:
            raise LoginWrong(login.setting, f"names the database {database}, the owner's address {owner.database}")
    return logins


def _read(setting: str, role: LoginRole, url: str) -> Login:
    try:
        check_url(url)
    except ValueError as error:
        raise LoginWrong(setting, str(error)) from error
    address = make_url(url)
    if not address.username:
        raise LoginWrong(setting, "names no role: postgresql://role:password@host:port/database")
    return Login(setting, role, address.username, libpq_url(url), address.password)


def ensure_logins(connection: Connection[object], logins: Iterable[Login]) -> list[str]:
    """What was done, in words. Commits on `connection`, which is the owner's. Raises LoginWrong; repeatable."""
    done = []
    for login in logins:
        made = _ensure_role(connection, login)
        _grant(connection, login)
        connection.commit()
        done.append(f"role {login.name}: {made or _ensure_password(connection, login)}, with the grants it needs")
        if why := _refused(login):
            raise LoginWrong(login.setting, f"{login.name} was set up and cannot log in: {why}")
    return done


def _ensure_role(connection: Connection[object], login: Login) -> str:
    """`made`, or nothing if it was there."""
    query = "SELECT rolsuper FROM pg_roles WHERE rolname = %s"
    known = connection.execute(query, (login.name,)).fetchone()
    if known is None:
        make = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}")
        _as_administrator(connection, login, make, "does not exist")
        return "made"
    if known == (True,):
        raise LoginWrong(login.setting, f"{login.name} is a superuser, for whom no grant is a limit: take another role")
    return ""


def _grant(connection: Connection[object], login: Login) -> None:
    try:
        grant_to(connection, login.role, login.name)
    except errors.InsufficientPrivilege as error:
        connection.rollback()
        raise LoginWrong("TENANTRY_CATALOG_OWNER_URL", own_the_database(connection)) from error


def _ensure_password(connection: Connection[object], login: Login) -> str:
    if not (why := _refused(login)):
        return "as it was"
    _as_administrator(connection, login, sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}"), f"cannot log in ({why})")
    connection.commit()
    return "given the password of its address"


def _as_administrator(connection: Connection[object], login: Login, statement: sql.SQL, trouble: str) -> None:
    try:
        connection.execute(statement.format(sql.Identifier(login.name), _verifier(connection, login)))
    except errors.InsufficientPrivilege as error:
        connection.rollback()
        owner = connection.info.user
        raise LoginWrong(
            login.setting,
            f"the role {login.name} {trouble}, and {owner} may not change that. As an administrator of the server, "
            f'run CREATE ROLE (or ALTER ROLE) "{login.name}" LOGIN PASSWORD … with the password of this address, or '
            f'ALTER ROLE "{owner}" CREATEROLE; then try again.',
        ) from error


def _verifier(connection: Connection[object], login: Login) -> sql.Literal:
    if login.password is None:
        return sql.Literal(None)
    verifier = connection.pgconn.encrypt_password(login.password.encode(), login.name.encode(), b"scram-sha-256")
    return sql.Literal(verifier.decode())


def _refused(login: Login) -> str:
    """Why it cannot log in, in the server's words; empty if it can."""
    try:
        psycopg.connect(login.url, connect_timeout=_CONNECT_SECONDS).close()
    except psycopg.OperationalError as error:
        return str(error).strip().splitlines()[-1]
    return ""


def own_the_database(connection: Connection[object]) -> str:
    """What to do when the owner's role may not do what an owner may."""
    name, owner = connection.info.dbname, connection.info.user
    return (
        f"{owner} may not make or grant things in the database {name}: have an administrator run "
        f'ALTER DATABASE "{name}" OWNER TO "{owner}".'
    )
