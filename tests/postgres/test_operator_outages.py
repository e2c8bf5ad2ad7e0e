"""PostgreSQL away, the operator killed: nobody restarts anything, nothing is lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.operator import Home, home_on, running_operator
from tests.support.postgres import CatalogDatabase, PostgresServer
from tests.support.wait import until

_KILLS = 12


@pytest.fixture
def home(postgres_server: PostgresServer, catalog: CatalogDatabase, tmp_path: Path) -> Iterator[Home]:
    with home_on(postgres_server, catalog, tmp_path) as home:
        home.write_workspace("{access: [{role: viewer, groups: [a]}]}")
        yield home


@contextmanager
def process(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """The real program, servers and all."""
    settings = home.settings
    environment = {
        "TENANTRY_CATALOG_URL": settings.catalog_url.get_secret_value(),
        "TENANTRY_PROVISION_URL": settings.provision_url.get_secret_value(),
        "TENANTRY_SOURCE_DIRECTORY": str(settings.source_directory),
        "TENANTRY_STATE_DIRECTORY": str(settings.state_directory),
    }
    with (home.directory / "operator.log").open("ab") as log:
        operator = subprocess.Popen(
            [sys.executable, "-m", "tenantry_operator"], env=environment, stderr=log, stdout=log
        )
    try:
        yield operator
    finally:
        operator.terminate()
        operator.wait(30)


def log_of(home: Home) -> str:
    return (home.directory / "operator.log").read_text()


def test_an_operator_that_starts_before_postgresql_waits_for_it_and_says_so(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_project("roads")
    home.server.stop()
    said = ""

    def waits() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return "waiting for the catalog's PostgreSQL" in said

    with running_operator(home):
        until(waits)
        home.server.start()
        home.until_ready("roads")
    assert said.count("waiting for the catalog's PostgreSQL") == 1


def test_an_operator_goes_on_when_postgresql_comes_back(home: Home) -> None:
    home.write_project("roads", "access: [{role: viewer, users: [a@example.org]}]")
    with running_operator(home):
        home.until_ready("roads")
        home.server.stop()
        home.write_project("signs")
        home.write_project("roads", "displayName: Roads")
        home.server.start()
        home.until_ready("signs")
        until(lambda: home.project("roads")["display_name"] == "Roads")
        assert home.query("SELECT 1 FROM catalog.\"grant\" WHERE project = 'roads'") == []
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")


def test_a_server_that_crashed_during_an_outage_is_shown_after_it(home: Home) -> None:
    home.write_project("roads")
    with running_operator(home) as runtime:
        home.until_ready("roads")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")
        home.server.stop()
        runtime.crash(home.key("roads"), "out of memory")
        home.server.start()
        until(lambda: home.backend("roads")["state"] == "failed")


def test_killed_again_and_again_it_converges(home: Home) -> None:
    chance = random.Random(20261121)
    projects = ["roads", "signs", "lanes"]
    for project in projects:
        home.write_project(project, "access: [{role: viewer, users: [a@example.org]}]")
    home.write_project("gone", "deletionPolicy: Delete")
    for turn in range(_KILLS):
        with process(home) as operator:
            # From before the first line of ours to after the first server.
            time.sleep(chance.uniform(0.2, 4.0))
            if turn == _KILLS // 2:
                home.remove("gone.yaml")
            if turn % 3 == 1:
                home.want("roads")
            operator.kill()
    with process(home):
        home.until_ready(*projects)
        until(lambda: not home.project("gone"))
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running", deadline=30)
        settled = home.revision()
    names = {f"{kind} tnt_{home.workspace}_{project}" for kind in ("database", "role") for project in projects}
    assert home.databases() == names
    grants = home.query('SELECT project, subject FROM catalog."grant" WHERE project IS NOT NULL')
    assert sorted(grant["project"] for grant in grants) == sorted(projects)
    with process(home):
        until(lambda: "demand" in applications(home))
        home.until_ready(*projects)
    assert home.revision() <= settled + 2  # Stopped, and stopped again at the end: nothing else is news.


def applications(home: Home) -> str:
    """Which programs of the operator are connected."""
    rows = home.query("SELECT application_name FROM pg_stat_activity WHERE datname = current_database()")
    return " ".join(row["application_name"] for row in rows)


def test_no_process_outlives_a_killed_operator(home: Home) -> None:
    home.write_project("roads")
    with process(home) as operator:
        home.until_ready("roads")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running", deadline=30)
        family = psutil.Process(operator.pid).children(recursive=True)
        assert len(family) >= 2  # The spawner, and the server.
        operator.kill()
        operator.wait()
        until(lambda: not any(alive(process) for process in family))


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_sigterm_ends_it_cleanly(home: Home) -> None:
    home.write_project("roads")
    with process(home) as operator:
        home.until_ready("roads")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running", deadline=30)
        operator.send_signal(signal.SIGTERM)
        assert operator.wait(30) == 0
        assert home.backend("roads")["state"] == "stopped"
