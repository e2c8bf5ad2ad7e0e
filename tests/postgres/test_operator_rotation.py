"""A project's database password is replaced while its server runs: nobody is cut off, and nothing changes its owner."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import make_url

from tenantry_catalog.engine import libpq_url
from tenantry_crds.project import Tracking
from tenantry_operator import probe
from tenantry_operator.facts import DatabasePlan, ProjectKey, ProjectPlan
from tenantry_operator.plan.database import plan_database
from tenantry_operator.provision.administrator import Administrator
from tenantry_operator.provision.credential import Credentials
from tenantry_operator.provision.directories import Directories
from tenantry_operator.provision.postgres import Postgres
from tenantry_operator.provision.secret_files import SecretFiles
from tenantry_operator.provision.template import Templates
from tenantry_operator.rotation import Rotation
from tests.support.operator import MemoryRuntime, drop_all, names_of
from tests.support.plans import INSTALLATION, golden_plan
from tests.support.postgres import PostgresServer

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


def quick_schema(url: SecretStr) -> None:
    with psycopg.connect(libpq_url(url.get_secret_value())) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")


def plan_for(workspace: str, project: str) -> DatabasePlan:
    """Of a version that is not there, so that its quick schema is no other test's."""
    return replace(plan_database(ProjectKey(workspace, project), INSTALLATION, Tracking()), mlflow_version="0.0.1")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def plan(postgres_server: PostgresServer) -> Iterator[DatabasePlan]:
    postgres_server.start()
    workspace = f"w{secrets.token_hex(4)}"
    yield plan_for(workspace, "roads")
    drop_all(postgres_server, workspace)


@pytest.fixture
def databases(postgres_server: PostgresServer, tmp_path: Path, clock: Clock) -> Postgres:
    administrator = Administrator(SecretStr(postgres_server.admin_url))
    return Postgres(administrator, Templates(administrator, quick_schema), SecretFiles(tmp_path), clock)


def connect(address: SecretStr) -> psycopg.Connection:
    return psycopg.connect(libpq_url(address.get_secret_value()), autocommit=True)


def login(address: SecretStr) -> str:
    return make_url(address.get_secret_value()).username or ""


@pytest.fixture
def runtime(tmp_path: Path) -> MemoryRuntime:
    return MemoryRuntime(tmp_path, on_exit=lambda *_: None, on_recovery=lambda _: None)


@pytest.fixture
def project(plan: DatabasePlan) -> ProjectPlan:
    """Whose credentials nobody has asked to replace, beside the schedule."""
    return replace(golden_plan("defaults"), database=plan, rotate_before=None)


@pytest.fixture
def rotation(databases: Postgres, runtime: MemoryRuntime, tmp_path: Path, clock: Clock) -> Rotation:
    kept = Credentials(SecretFiles(tmp_path), clock)
    return Rotation(databases, Directories(), runtime, kept, every=timedelta(days=90))


def logs_in(address: SecretStr) -> bool:
    return probe.from_within(address, frozenset())[0].ok


def test_old_and_new_login_work_side_by_side_until_the_old_is_retired(databases: Postgres, plan: DatabasePlan) -> None:
    old = databases.ensure(plan)
    with connect(old) as held:
        new = databases.rotate(plan)
        assert new != old
        assert databases.address(plan) == databases.ensure(plan) == new
        assert held.execute("SELECT 1").fetchone() == (1,)
        assert logs_in(old)
        assert logs_in(new)
        databases.retire(plan)
        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT 1")
    assert not logs_in(old)
    assert logs_in(new)
    assert databases.ensure(plan) == new


def test_what_any_login_makes_belongs_to_the_owner(databases: Postgres, plan: DatabasePlan) -> None:
    with connect(databases.ensure(plan)) as connection:
        connection.execute("CREATE TABLE first (id int)")
    for number in range(3):
        with connect(databases.rotate(plan)) as connection:
            connection.execute(sql.SQL("CREATE TABLE {} (id serial)").format(sql.Identifier(f"made_{number}")))
            connection.execute("ALTER TABLE first ADD COLUMN more int")  # As the upgrade of a schema would.
            connection.execute("ALTER TABLE first DROP COLUMN more")
            owners = connection.execute(
                "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            makers = connection.execute("SELECT session_user, current_user").fetchone()
        assert owners == [(plan.name,)]
        assert makers == (f"{plan.name}~{number % 2 + 1}", plan.name)
        databases.retire(plan)


def test_a_new_login_may_enter_nothing_that_the_old_could_not(databases: Postgres, plan: DatabasePlan) -> None:
    other = plan_for(plan.name.split("_")[1], "signs")
    databases.ensure(other)
    databases.ensure(plan)
    new = databases.rotate(plan)
    assert probe.from_within(new, frozenset())[1].ok
    trespass = make_url(new.get_secret_value()).set(database=other.name).render_as_string(hide_password=False)
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        connect(SecretStr(trespass))
    with connect(new) as connection:
        connection.execute("SET ROLE NONE")
        for statement in ("CREATE DATABASE mine", "CREATE ROLE mine", "SELECT * FROM pg_authid"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_second_rotation_waits_for_the_first_to_be_retired(databases: Postgres, plan: DatabasePlan) -> None:
    databases.ensure(plan)
    new = databases.rotate(plan)
    assert databases.rotate(plan) == new
    for _ in range(2):
        databases.retire(plan)
    assert databases.rotate(plan) != new


def test_the_password_is_as_old_as_the_last_rotation(databases: Postgres, plan: DatabasePlan, clock: Clock) -> None:
    assert databases.age(plan) is None
    databases.ensure(plan)
    clock.time += timedelta(days=90)
    assert databases.age(plan) == timedelta(days=90)
    databases.rotate(plan)
    clock.time += timedelta(days=1)
    databases.retire(plan)
    assert databases.age(plan) == timedelta(days=1)


def test_a_password_from_before_rotations_goes_on_working(
    databases: Postgres, plan: DatabasePlan, tmp_path: Path
) -> None:
    address = databases.ensure(plan)
    (path,) = tmp_path.iterdir()
    path.write_text(make_url(address.get_secret_value()).password or "")
    assert databases.address(plan) == databases.ensure(plan) == address
    assert databases.age(plan) is None
    assert login(databases.rotate(plan)) == f"{plan.name}~1"


def test_after_a_lost_store_only_the_password_that_is_kept_opens(
    databases: Postgres, plan: DatabasePlan, tmp_path: Path
) -> None:
    databases.ensure(plan)
    lost = databases.rotate(plan)
    databases.retire(plan)
    next(tmp_path.iterdir()).unlink()
    found = databases.ensure(plan)
    assert logs_in(found)
    assert not logs_in(lost)


def test_what_somebody_changed_of_a_login_is_put_right(
    databases: Postgres, plan: DatabasePlan, postgres_server: PostgresServer
) -> None:
    databases.ensure(plan)
    new = databases.rotate(plan)
    for drift in (
        "ALTER ROLE {login} NOLOGIN",
        "ALTER ROLE {login} PASSWORD 'other'",
        "REVOKE {owner} FROM {login}",
        "DROP ROLE {login}",
    ):
        names = {"login": sql.Identifier(login(new)), "owner": sql.Identifier(plan.name)}
        postgres_server.execute(sql.SQL(drift).format(**names))
        assert not logs_in(new)
        assert databases.ensure(plan) == new
        with connect(new) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (plan.name,)


def test_remove_takes_every_login(databases: Postgres, plan: DatabasePlan, postgres_server: PostgresServer) -> None:
    databases.ensure(plan)
    for _ in range(2):
        databases.rotate(plan)
        databases.retire(plan)
    workspace = plan.name.split("_")[1]
    assert len(names_of(postgres_server, workspace)) == 4
    for _ in range(2):
        databases.remove(plan)
        assert names_of(postgres_server, workspace) == set()


def test_what_was_replaced_ends_as_soon_as_the_servers_have_moved_over_however_long_that_took(
    rotation: Rotation, runtime: MemoryRuntime, databases: Postgres, project: ProjectPlan, clock: Clock
) -> None:
    old = databases.ensure(project.database)
    runtime.unsettled.add(project.key)
    clock.time += timedelta(days=91)
    rotation.turn(project)
    clock.time += timedelta(days=30)
    rotation.retire(project)
    assert logs_in(old)
    assert rotation.is_under_way(project)
    runtime.unsettled.clear()
    rotation.retire(project)
    assert not logs_in(old)
    assert not rotation.is_under_way(project)


def test_what_is_too_old_again_is_replaced_when_the_last_rotation_is_over(
    rotation: Rotation, runtime: MemoryRuntime, databases: Postgres, project: ProjectPlan, clock: Clock
) -> None:
    databases.ensure(project.database)
    runtime.unsettled.add(project.key)
    clock.time += timedelta(days=91)
    rotation.turn(project)
    first = databases.address(project.database)
    clock.time += timedelta(days=91)
    rotation.turn(project)
    assert databases.address(project.database) == first
    runtime.unsettled.clear()
    rotation.retire(project)
    assert rotation.is_under_way(project)
    rotation.turn(project)
    assert databases.address(project.database) != first


def test_a_time_that_is_still_to_come_asks_for_nothing(
    rotation: Rotation, databases: Postgres, project: ProjectPlan, clock: Clock
) -> None:
    clock.time = datetime.now(UTC)
    address = databases.ensure(project.database)
    tomorrow = replace(project, rotate_before=clock.time + timedelta(days=1))
    rotation.turn(tomorrow)
    assert databases.address(project.database) == address
    assert not rotation.is_under_way(tomorrow)
