"""Projects' databases on a real PostgreSQL: closed to others, kept by a second pass, whole after any kill."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import make_url

from tenantry_catalog.engine import libpq_url
from tenantry_crds.project import Tracking
from tenantry_operator import probe
from tenantry_operator.errors import ProvisionFailed
from tenantry_operator.facts import DatabasePlan, ProjectKey
from tenantry_operator.plan.database import plan_database
from tenantry_operator.plan.naming import template_name
from tenantry_operator.provision.administrator import Administrator
from tenantry_operator.provision.postgres import Postgres
from tenantry_operator.provision.secret_files import SecretFiles
from tenantry_operator.provision.template import Templates, migrate
from tests.support.operator import drop_all, names_of
from tests.support.plans import INSTALLATION
from tests.support.postgres import PostgresServer

_STATE = """
SELECT array_agg(ARRAY[datname, datconnlimit::text, datacl::text, xmin::text] ORDER BY datname) FROM pg_database
WHERE datname LIKE 'tnt%' UNION ALL
SELECT array_agg(ARRAY[rolname, rolpassword, rolconnlimit::text, xmin::text] ORDER BY rolname) FROM pg_authid
WHERE rolname LIKE 'tnt%'
"""


def postgres(url: str, state: Path) -> Postgres:
    administrator = Administrator(SecretStr(url))
    return Postgres(administrator, Templates(administrator, migrate), SecretFiles(state))


@pytest.fixture
def workspace(postgres_server: PostgresServer) -> Iterator[str]:
    postgres_server.start()
    name = f"w{secrets.token_hex(4)}"
    yield name
    drop_all(postgres_server, name)


@pytest.fixture
def databases(postgres_server: PostgresServer, tmp_path: Path) -> Postgres:
    return postgres(postgres_server.admin_url, tmp_path)


def plan(workspace: str, project: str = "roads") -> DatabasePlan:
    return plan_database(ProjectKey(workspace, project), INSTALLATION, Tracking())


_SAYS_THE_LIMIT = """
CREATE FUNCTION public.says() RETURNS int LANGUAGE plpgsql AS $$
BEGIN RAISE 'the limit is %', pg_catalog.current_setting('statement_timeout'); END $$
"""


def connect(address: SecretStr) -> psycopg.Connection:
    return psycopg.connect(libpq_url(address.get_secret_value()), autocommit=True)


def refused(address: SecretStr, database: str) -> bool:
    url = urlsplit(libpq_url(address.get_secret_value()))
    try:
        psycopg.connect(url._replace(path=f"/{database}").geturl()).close()
    except psycopg.OperationalError:
        return True
    return False


def logs_in(address: SecretStr) -> bool:
    return probe.from_within(address, frozenset())[0].ok


def test_the_role_owns_every_table_of_its_database(databases: Postgres, workspace: str) -> None:
    with connect(databases.ensure(plan(workspace))) as connection:
        owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'").fetchall()
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        connection.execute("ALTER TABLE runs ADD COLUMN own text")  # As its own upgrade would.
        connection.execute("CREATE TABLE more (id int)")
    assert owners == [(plan(workspace).name,)]
    assert tables
    assert tables[0] > 40


def test_the_role_is_refused_by_every_other_database(
    postgres_server: PostgresServer, databases: Postgres, workspace: str
) -> None:
    roads, signs = (databases.ensure(plan(workspace, project)) for project in ("roads", "signs"))
    assert refused(roads, plan(workspace, "signs").name)
    assert refused(signs, plan(workspace, "roads").name)
    assert refused(roads, template_name("3.17.2"))
    assert not refused(roads, plan(workspace, "roads").name)
    assert all(found.ok for found in probe.from_within(roads, frozenset()))


_OPEN_DRAFTS = """
SELECT datname FROM pg_database
WHERE datallowconn AND datname LIKE 'tnt%~new' AND has_database_privilege(oid, 'CONNECT')
"""


def test_a_database_that_is_being_made_is_at_no_moment_open_to_a_neighbour(databases: Postgres, workspace: str) -> None:
    open_once: set[str] = set()
    with connect(databases.ensure(plan(workspace))) as neighbour, ThreadPoolExecutor() as pool:
        made = [pool.submit(databases.ensure, plan(workspace, f"p{number}")) for number in range(12)]
        while not all(one.done() for one in made):
            open_once |= {str(name) for (name,) in neighbour.execute(_OPEN_DRAFTS)}
        assert [one.exception() for one in made] == [None] * len(made)
    assert open_once == set()


def test_a_project_that_replaces_what_the_probe_reads_neither_holds_it_up_nor_deceives_it(
    postgres_server: PostgresServer, databases: Postgres, workspace: str
) -> None:
    address, name = databases.ensure(plan(workspace)), plan(workspace).name
    open_ = f"open_{workspace}"
    postgres_server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(open_)))
    with connect(address) as connection:
        connection.execute("CREATE VIEW public.pg_database AS SELECT * FROM pg_catalog.pg_database WHERE false")
        connection.execute(sql.SQL("ALTER ROLE {} SET search_path = public, pg_catalog").format(sql.Identifier(name)))
        connection.execute(sql.SQL("ALTER ROLE {} SET statement_timeout = 0").format(sql.Identifier(name)))
        connection.execute("ALTER TABLE public.alembic_version RENAME TO kept")
        # Ten gigabytes, if somebody reads it all.
        huge = "SELECT repeat('x', 1000) AS version_num FROM generate_series(1, 10000000)"
        connection.execute(f"CREATE VIEW public.alembic_version AS {huge}")
    logged_in, others = probe.from_within(address, frozenset({open_}))
    assert logged_in.ok
    assert (others.reason, open_ in others.message) == ("DatabaseOpen", True)
    with connect(address) as connection:
        connection.execute("DROP VIEW public.alembic_version")
        connection.execute(_SAYS_THE_LIMIT)
        connection.execute("CREATE VIEW public.alembic_version AS SELECT public.says()")
    assert "the limit is 10s" in probe.from_within(address, frozenset())[0].message
    postgres_server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(open_)))


def test_the_role_may_do_nothing_beside_its_database(databases: Postgres, workspace: str) -> None:
    with connect(databases.ensure(plan(workspace))) as connection:
        for statement in ("CREATE DATABASE mine", "CREATE ROLE mine", "SELECT * FROM pg_authid"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_second_pass_changes_nothing(postgres_server: PostgresServer, databases: Postgres, workspace: str) -> None:
    first = databases.ensure(plan(workspace))
    with psycopg.connect(postgres_server.admin_url) as connection:
        before = connection.execute(_STATE).fetchall()
        assert databases.ensure(plan(workspace)) == first == databases.address(plan(workspace))
        assert connection.execute(_STATE).fetchall() == before


def test_what_somebody_changed_is_put_right(
    postgres_server: PostgresServer, databases: Postgres, workspace: str
) -> None:
    address, name = databases.ensure(plan(workspace)), plan(workspace).name
    with psycopg.connect(postgres_server.admin_url, autocommit=True) as connection:
        for drift in (
            "GRANT CONNECT ON DATABASE {0} TO PUBLIC",
            "REVOKE CONNECT ON DATABASE {0} FROM {0}",
            "ALTER DATABASE {0} CONNECTION LIMIT 3",
            "ALTER ROLE {0} PASSWORD 'other'",
        ):
            connection.execute(sql.SQL(drift).format(sql.Identifier(name)))
        databases.ensure(plan(workspace))
        row = connection.execute("SELECT datconnlimit FROM pg_database WHERE datname = %s", (name,)).fetchone()
        public = connection.execute("SELECT has_database_privilege('public', %s, 'CONNECT')", (name,)).fetchone()
    assert row == (plan(workspace).connection_limit,)
    assert public == (False,)
    assert logs_in(address)


def test_a_lost_password_is_replaced_and_the_data_adopted(
    postgres_server: PostgresServer, databases: Postgres, workspace: str, tmp_path: Path
) -> None:
    with connect(databases.ensure(plan(workspace))) as connection:
        connection.execute("CREATE TABLE keepsake (id int)")
    other = postgres(postgres_server.admin_url, tmp_path / "elsewhere")
    with connect(other.ensure(plan(workspace))) as connection:
        assert connection.execute("SELECT count(*) FROM keepsake").fetchone() == (0,)


def test_a_database_of_the_same_name_that_is_not_ours_is_left_alone(
    postgres_server: PostgresServer, databases: Postgres, workspace: str
) -> None:
    postgres_server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(plan(workspace).name)))
    with pytest.raises(ProvisionFailed, match="is not this project's"):
        databases.ensure(plan(workspace))
    databases.remove(plan(workspace))
    assert f"database {plan(workspace).name}" in names_of(postgres_server, workspace)


def test_a_database_that_names_no_installation_is_for_whoever_comes_first(
    databases: Postgres, workspace: str, postgres_server: PostgresServer
) -> None:
    unsigned = plan(workspace)
    databases.ensure(unsigned)
    first, second = (replace(unsigned, label=f"{unsigned.label}@{identity * 16}") for identity in "ab")
    databases.ensure(first)
    for work in (databases.ensure, databases.rotate):
        with pytest.raises(ProvisionFailed, match=f"its comment is '{first.label}'"):
            work(second)
    databases.remove(second)
    assert f"database {first.name}" in names_of(postgres_server, workspace)
    databases.ensure(first)
    databases.remove(first)
    assert names_of(postgres_server, workspace) == set()


def test_remove_takes_all_and_may_be_repeated(
    postgres_server: PostgresServer, databases: Postgres, workspace: str, tmp_path: Path
) -> None:
    databases.ensure(plan(workspace))
    for _ in range(2):
        databases.remove(plan(workspace))
        assert names_of(postgres_server, workspace) == set()
    assert list(tmp_path.iterdir()) == []


def test_passwords_are_readable_by_the_operator_alone(databases: Postgres, workspace: str, tmp_path: Path) -> None:
    databases.ensure(plan(workspace))
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text()) >= 32


def test_the_server_never_sees_a_password_in_a_statement(
    postgres_server: PostgresServer, databases: Postgres, workspace: str
) -> None:
    databases.ensure(plan(workspace))
    with psycopg.connect(postgres_server.admin_url) as connection:
        row = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (plan(workspace).name,))
        (verifier,) = row.fetchone() or ("",)
    assert verifier.startswith("SCRAM-SHA-256$")


def test_what_a_project_left_in_an_open_database_holds_up_no_removal(
    postgres_server: PostgresServer, databases: Postgres, workspace: str
) -> None:
    address, name = databases.ensure(plan(workspace)), plan(workspace).name
    other = f"open_{workspace}"
    postgres_server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(other)))
    elsewhere = make_url(address.get_secret_value()).set(database=other)
    with connect(SecretStr(elsewhere.render_as_string(hide_password=False))) as connection:
        connection.execute("SELECT lo_create(0)")
    databases.remove(plan(workspace))
    with psycopg.connect(postgres_server.admin_url) as connection:
        left = connection.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", (name,)).fetchall()
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchall()
    assert (left, there) == ([(False,)], [])
    # Whoever declares it again has it as if it were new.
    assert logs_in(databases.ensure(plan(workspace)))
    postgres_server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(other)))


def test_an_administrator_need_not_be_a_superuser(
    postgres_server: PostgresServer, databases: Postgres, workspace: str, tmp_path: Path
) -> None:
    """As on every managed PostgreSQL."""
    role = f"admin_{workspace}"
    postgres_server.execute(
        sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD 'pw'").format(sql.Identifier(role))
    )
    postgres_server.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(role)))
    small = postgres(postgres_server.url(role, role, "pw"), tmp_path / "small")
    databases.ensure(plan(workspace))  # The template is there, as if this administrator had made it.
    postgres_server.execute(sql.SQL("GRANT tenantry_mlflow TO {}").format(sql.Identifier(role)))
    address = small.ensure(plan(workspace, "signs"))
    assert all(found.ok for found in probe.from_within(address, frozenset({template_name("3.17.2")})))
    rotated = small.rotate(plan(workspace, "signs"))
    small.retire(plan(workspace, "signs"))
    assert logs_in(rotated)
    assert not logs_in(address)
    small.remove(plan(workspace, "signs"))
    postgres_server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(role)))
    postgres_server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.mark.parametrize(
    ("what", "at_least"), [("ensure", 16), ("remove", 6), ("template", 12), ("rotate", 10), ("retire", 5)]
)
def test_killed_before_any_statement_it_is_done_by_the_next_pass(
    postgres_server: PostgresServer, databases: Postgres, workspace: str, tmp_path: Path, *, what: str, at_least: int
) -> None:
    databases.ensure(plan(workspace))  # Makes the template, which takes long, only once.
    command = [sys.executable, "-m", "tests.support.mortal", postgres_server.admin_url, tmp_path, workspace, what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= at_least
