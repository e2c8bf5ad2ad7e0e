"""Servers that are wanted, idle, failing: what the door reads in the catalog, and what stands in the conditions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from tenantry_operator.facts import DirectoryPlan, ServerPlan
from tenantry_operator.plan.naming import database_name
from tests.support.operator import Home, home_on, running_operator
from tests.support.postgres import CatalogDatabase, PostgresServer
from tests.support.wait import until


@pytest.fixture
def home(postgres_server: PostgresServer, catalog: CatalogDatabase, tmp_path: Path) -> Iterator[Home]:
    with home_on(postgres_server, catalog, tmp_path) as home:
        home.write_workspace()
        home.write_project("roads")
        yield home


def age(home: Home, project: str, interval: str, *, used: str | None = None) -> None:
    """Make the backend look as if it had been started so long ago, and last used then, or `used` ago. Both at once:
    an operator that looks in between would stop it.
    """
    with psycopg.connect(home.catalog.owner_url) as connection:
        for table, column, ago in (("backend", "since", interval), ("demand", "used_at", used or interval)):
            connection.execute(
                f"UPDATE catalog.{table} SET {column} = now() - interval '{ago}' WHERE project = '{project}'"
            )


def test_a_new_project_is_tried_out_and_left_asleep(home: Home) -> None:
    with running_operator(home) as runtime:
        home.until_ready("roads")
        assert runtime.starts == [home.key("roads")]
        assert home.backend("roads")["state"] == "stopped"


def test_who_waits_gets_an_address_and_a_secret(home: Home) -> None:
    with running_operator(home):
        home.until_ready("roads")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")
        row = home.backend("roads")
        assert row["address"].startswith("http://127.0.0.1:")
        assert row["secret"]
        assert home.query("SELECT wanted_at FROM catalog.demand") == [{"wanted_at": None}]


def test_sleeping_and_waking_is_no_news_for_the_conditions(home: Home) -> None:
    with running_operator(home):
        home.until_ready("roads")
        before = home.project("roads")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")
        age(home, "roads", "1 hour")
        until(lambda: home.backend("roads")["state"] == "stopped")
        assert home.project("roads") == before


def test_a_wish_from_before_the_operator_ran_is_fulfilled(home: Home) -> None:
    home.want("roads")
    with running_operator(home):
        until(lambda: home.query("SELECT 1 FROM catalog.backend WHERE state = 'running'"), deadline=30)


def test_a_wish_whose_notification_is_lost_is_found(home: Home) -> None:
    with running_operator(home):
        home.until_ready("roads")
        with psycopg.connect(home.catalog.owner_url) as connection:
            connection.execute("ALTER TABLE catalog.demand DISABLE TRIGGER notify_demand")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")


@pytest.mark.parametrize(
    ("spec", "idle", "stops"),
    [
        ("", "9 minutes", False),
        ("", "11 minutes", True),
        # Not so near that the test itself takes the time that is left.
        ("hibernation: {after: 2m}", "1 minute", False),
        ("hibernation: {after: 2m}", "121 seconds", True),
        ("hibernation: {after: 2h}", "11 minutes", False),
    ],
)
def test_an_idle_server_is_stopped_when_its_time_has_come(home: Home, spec: str, idle: str, *, stops: bool) -> None:
    home.write_project("roads", spec)
    home.write_project("signs", "hibernation: {after: 1m}")
    with running_operator(home):
        home.until_ready("roads", "signs")
        for project in ("roads", "signs"):
            home.want(project)
            until(lambda: home.backend(project)["state"] == "running")  # noqa: B023
        age(home, "roads", idle)
        age(home, "signs", "61 seconds")
        # When the other one sleeps, this one was looked at as well.
        until(lambda: home.backend("signs")["state"] == "stopped")
        if stops:
            until(lambda: home.backend("roads")["state"] == "stopped")
        assert home.backend("roads")["state"] == ("stopped" if stops else "running")


def test_a_server_in_use_stays(home: Home) -> None:
    home.write_project("signs", "hibernation: {after: 1m}")
    with running_operator(home):
        home.until_ready("roads", "signs")
        for project in ("roads", "signs"):
            home.want(project)
            until(lambda: home.backend(project)["state"] == "running")  # noqa: B023
        age(home, "roads", "1 hour", used="0 seconds")
        age(home, "signs", "61 seconds")
        until(lambda: home.backend("signs")["state"] == "stopped")
        assert home.backend("roads")["state"] == "running"


def test_hibernate_stops_what_nobody_uses_and_the_next_wish_wakes_it(home: Home) -> None:
    with running_operator(home):
        home.until_ready("roads")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")
        age(home, "roads", "20 seconds")
        home.write_project("roads", annotations="{tenantry.dev/hibernate: 'true'}")
        until(lambda: home.backend("roads")["state"] == "stopped")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")


def test_a_server_that_does_not_start_is_a_condition_and_the_others_go_on(home: Home) -> None:
    home.write_project("signs")
    with running_operator(home) as runtime:
        runtime.obstacles[home.key("roads")] = "its wheels came off"
        home.until_ready("signs")
        until(lambda: home.condition("roads", "BackendAvailable")[0] == "False")
        assert home.condition("roads", "BackendAvailable")[2] == "its wheels came off"
        assert home.condition("roads") == ("False", "BackendAvailable", "BackendAvailable: its wheels came off")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "failed")
        assert home.backend("roads")["message"] == "its wheels came off"
        until(lambda: home.query("SELECT wanted_at FROM catalog.demand") == [{"wanted_at": None}])


def test_a_server_that_crashes_is_shown_as_failed_until_it_runs_again(home: Home) -> None:
    with running_operator(home) as runtime:
        home.until_ready("roads")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")
        runtime.crash(home.key("roads"), "out of memory")
        until(lambda: home.backend("roads")["state"] == "failed")
        until(lambda: home.condition("roads", "BackendAvailable")[2] == "out of memory")
        runtime.recover(ServerPlan(home.key("roads"), "3.17.2", SecretStr(""), DirectoryPlan(home.directory, None)))
        until(lambda: home.backend("roads")["state"] == "running")
        home.until_ready("roads")


def test_what_an_operator_that_was_killed_left_running_is_shown_as_stopped(home: Home) -> None:
    with running_operator(home):
        home.until_ready("roads")
    with psycopg.connect(home.catalog.owner_url) as connection:
        connection.execute("UPDATE catalog.backend SET state = 'running', address = 'http://127.0.0.1:1', secret = 'x'")
    with running_operator(home):
        until(lambda: home.backend("roads")["state"] == "stopped")


@pytest.mark.parametrize("database", ["the catalog's", "a neighbour's"])
def test_a_database_that_the_project_may_enter_breaks_its_isolation(home: Home, database: str) -> None:
    home.write_project("signs")
    with running_operator(home):
        home.until_ready("roads", "signs")
        name = home.catalog.name if database == "the catalog's" else database_name(home.key("signs"))
        role = database_name(home.key("roads"))
        with psycopg.connect(home.server.admin_url) as connection:
            connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{role}"')
        home.write_project("roads", annotations="{tenantry.dev/reconcile: again}")
        until(lambda: home.condition("roads", "IsolationReady")[0] == "False")
        assert name in home.condition("roads", "IsolationReady")[2]
        assert home.condition("signs")[0] == "True"
        with psycopg.connect(home.server.admin_url) as connection:
            connection.execute(f'REVOKE CONNECT ON DATABASE "{name}" FROM "{role}"')
        home.until_ready("roads")


def test_artifacts_that_cannot_be_written_are_a_condition(home: Home) -> None:
    with running_operator(home):
        home.until_ready("roads")
        directory = home.directory / "state" / "artifacts" / home.workspace / "roads"
        directory.rmdir()
        directory.write_text("in the way")
        home.write_project("roads", annotations="{tenantry.dev/reconcile: again}")
        until(lambda: home.condition("roads", "StorageReady")[0] == "False")
        directory.unlink()
        home.until_ready("roads")
