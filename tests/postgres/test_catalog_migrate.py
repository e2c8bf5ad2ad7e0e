"""`python -m tenantry_catalog.migrate`: the catalog, and the roles that its programs log in with."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg import sql

from tenantry_catalog import migrate
from tests.support.postgres import PostgresServer

OWNER, OPERATOR, API = (f"TENANTRY_CATALOG_{name}_URL" for name in ("OWNER", "OPERATOR", "API"))

# Everything that an address or a statement has to quote.
PASSWORD = "p%w/ o'rd"
COMMAND = [sys.executable, "-m", "tenantry_catalog.migrate"]


@dataclass
class Place:
    """An empty database, its owner, and names for two roles that are not there yet."""

    server: PostgresServer
    mark: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def database(self) -> str:
        return f"place_{self.mark}"

    def role(self, kind: str) -> str:
        # With what has to be quoted in SQL.
        return f"{kind}-{self.mark}"

    def url(self, kind: str, password: str = PASSWORD) -> str:
        return self.server.url(self.database, self.role(kind), password)

    def environment(self) -> dict[str, str]:
        return {OWNER: self.url("owner"), OPERATOR: self.url("op"), API: self.url("api")}

    def execute(self, statement: str, *names: str) -> None:
        self.server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def make_role(self, kind: str, attributes: str, password: str = PASSWORD) -> None:
        statement = sql.SQL("CREATE ROLE {} LOGIN " + attributes + " PASSWORD {}")  # type: ignore[arg-type]
        self.server.execute(statement.format(sql.Identifier(self.role(kind)), sql.Literal(password)))


@pytest.fixture
def place(postgres_server: PostgresServer) -> Iterator[Place]:
    place = Place(postgres_server)
    place.make_role("owner", "CREATEROLE")
    place.execute("CREATE DATABASE {} OWNER {}", place.database, place.role("owner"))
    yield place
    postgres_server.start()
    place.execute("DROP DATABASE {} WITH (FORCE)", place.database)
    for kind in ("op", "api", "owner"):
        place.execute("DROP ROLE IF EXISTS {}", place.role(kind))


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[[dict[str, str]], Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(environment: dict[str, str]) -> Ran:
        for name in (OWNER, OPERATOR, API):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code = migrate.main()
        captured = capsys.readouterr()
        assert "o'rd" not in captured.out + captured.err
        assert "p%25w" not in captured.out + captured.err
        return Ran(code, captured.out, captured.err)

    return run


def logs_in(url: str, statement: str = "SELECT 1") -> bool:
    try:
        with psycopg.connect(url) as connection:
            connection.execute(statement)  # type: ignore[arg-type]
    except psycopg.OperationalError:
        return False
    return True


def test_an_empty_database_becomes_a_catalog_with_its_roles(place: Place, run: Run) -> None:
    ran = run(place.environment())
    assert ran == Ran(
        0,
        "catalog: upgraded from nothing to revision 0005\n"
        f"role {place.role('op')}: made, with the grants it needs\n"
        f"role {place.role('api')}: made, with the grants it needs\n",
        "",
    )
    assert logs_in(place.url("op"), "SELECT * FROM catalog.demand")
    assert logs_in(place.url("api"), "SELECT * FROM identity.token")
    with psycopg.connect(place.url("op")) as operator, pytest.raises(psycopg.errors.InsufficientPrivilege):
        operator.execute("SELECT * FROM identity.token")


def test_a_second_run_finds_everything_as_it_was(place: Place, run: Run) -> None:
    run(place.environment())
    ran = run(place.environment())
    assert (ran.code, ran.out.splitlines()[0]) == (0, "catalog: at revision 0005 already")
    assert ran.out.count("as it was, with the grants it needs") == 2


def test_a_changed_password_is_set(place: Place, run: Run) -> None:
    run(place.environment())
    ran = run(place.environment() | {API: place.url("api", "another")})
    assert (ran.code, "given the password of its address" in ran.out) == (0, True)
    assert (logs_in(place.url("api")), logs_in(place.url("api", "another"))) == (False, True)


def test_no_password_stands_in_a_statement(place: Place, run: Run) -> None:
    run(place.environment())
    with psycopg.connect(place.server.admin_url) as connection:
        row = connection.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = %s", (place.role("api"),)
        ).fetchone()
    assert row is not None
    assert row[0].startswith("SCRAM-SHA-256$")


def test_an_owner_without_power_over_roles_goes_on_with_those_that_work(place: Place, run: Run) -> None:
    place.execute("ALTER ROLE {} NOCREATEROLE", place.role("owner"))
    place.make_role("op", "")
    place.make_role("api", "")
    ran = run(place.environment())
    assert (ran.code, ran.out.count("as it was")) == (0, 2)
    assert logs_in(place.url("api"), "SELECT * FROM identity.token")


@pytest.mark.parametrize(("old", "trouble"), [(None, "does not exist"), ("forgotten", "cannot log in")])
def test_an_owner_without_power_over_roles_says_what_an_administrator_has_to_do(
    place: Place, run: Run, old: str | None, trouble: str
) -> None:
    place.execute("ALTER ROLE {} NOCREATEROLE", place.role("owner"))
    if old is not None:
        place.make_role("op", "", old)
    ran = run(place.environment())
    assert ran.code == 2
    assert ran.err.startswith(f"{OPERATOR}: the role {place.role('op')} {trouble}")
    assert f'ALTER ROLE "{place.role("owner")}" CREATEROLE' in ran.err


def test_a_database_of_somebody_else_says_whom_it_has_to_belong_to(place: Place, run: Run) -> None:
    place.execute("ALTER DATABASE {} OWNER TO CURRENT_USER", place.database)
    ran = run(place.environment())
    assert (ran.code, f'OWNER TO "{place.role("owner")}"' in ran.err) == (2, True)


def test_a_catalog_of_a_newer_version_is_left_alone(place: Place, run: Run) -> None:
    run(place.environment())
    with psycopg.connect(place.url("owner")) as connection:
        connection.execute("UPDATE catalog_version SET version_num = '9999'")
    ran = run(place.environment())
    assert (ran.code, "9999, which is newer" in ran.err) == (2, True)


def test_a_superuser_is_no_role_for_a_program(place: Place, run: Run) -> None:
    place.make_role("api", "SUPERUSER")
    ran = run(place.environment())
    assert (ran.code, ran.err.partition(" is a superuser")[0]) == (2, f"{API}: {place.role('api')}")


# What is set instead, how the complaint begins, and what else it says.
Wrong = Callable[[Place], tuple[dict[str, str], str, str]]
WRONG: dict[str, Wrong] = {
    "no owner": lambda _: ({OWNER: ""}, f"{OWNER}: must be postgresql://", "own the tables"),
    "another system": lambda _: ({API: "mysql://a@b/c"}, f"{API}: must be postgresql://", ""),
    "no role": lambda _: ({API: "postgresql://127.0.0.1/x"}, f"{API}: names no role", ""),
    "the owner again": lambda it: ({API: it.url("owner")}, f"{API}: ", "is the owner of the tables already"),
    "one role for two": lambda it: ({API: it.url("op")}, f"{API}: ", f"is the role in {OPERATOR} already"),
    "another database": lambda it: ({API: it.server.url("x", "api", "y")}, f"{API}: ", "names the database x"),
    "no such database": lambda it: (
        {OWNER: it.server.url("x", it.role("owner"), PASSWORD), OPERATOR: "", API: ""},
        f"{OWNER}: ",
        "CREATE DATABASE tenantry OWNER tenantry",
    ),
    "a wrong password": lambda it: ({OWNER: it.url("owner", "wrong")}, f"{OWNER}: ", "authentication failed"),
    "a server without TLS": lambda it: (
        {OWNER: it.url("owner") + "?sslmode=require"},
        f"{OWNER}: ",
        "server does not support SSL",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_setting_that_is_wrong_is_named(place: Place, run: Run, case: str) -> None:
    instead, begins, says = WRONG[case](place)
    ran = run(place.environment() | instead)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(begins)
    assert says in ran.err


def test_postgresql_is_waited_for(place: Place) -> None:
    environment = place.environment()
    place.server.stop()
    with subprocess.Popen(COMMAND, env=os.environ | environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("waiting for PostgreSQL: ")
        place.server.start()
        assert process.wait(timeout=60) == 0


def test_the_wait_has_an_end(place: Place, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "_WAIT_SECONDS", 0.0)
    place.server.stop()
    ran = run(place.environment())
    assert (ran.code, ran.err.startswith("PostgreSQL does not answer: ")) == (1, True)


def test_two_at_once_do_the_same(place: Place) -> None:
    environment = os.environ | place.environment()
    processes = [subprocess.Popen(COMMAND, env=environment) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert logs_in(place.url("api"), "SELECT * FROM identity.token")
