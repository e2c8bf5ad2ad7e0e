"""An API server that refuses most writes for half a minute: the operator gets through, once for each thing. One that
answers nobody: whoever held the Lease has ended before another acts.
"""

from __future__ import annotations

import time
from pathlib import Path

import psycopg

from tests.support.cluster_operator import Installed, paths_of
from tests.support.storm import storm_before
from tests.support.wait import until

STORM_SECONDS = 30.0


def test_after_a_storm_everything_is_there_once(installed: Installed, tmp_path: Path) -> None:
    projects = [f"roads-{number}" for number in range(5)]
    with (
        storm_before(installed.server.kubeconfig, tmp_path) as storm,
        installed.running(via=storm.kubeconfig) as operator,
    ):
        until(lambda: operator.settled, deadline=30, what="the operator to lead")
        storm.raging.set()
        begun = time.monotonic()
        installed.create_workspace()
        for project in projects:
            installed.create_project(project)
        until(lambda: time.monotonic() - begun > STORM_SECONDS, deadline=2 * STORM_SECONDS)
        storm.raging.clear()
        calm = time.monotonic()
        installed.until_applied(*projects)
        until(lambda: operator.settled, deadline=60, what="the operator to have nothing left to do")
        print(f"healed {time.monotonic() - calm:.1f} s after a storm that refused {storm.refused} writes")  # noqa: T201  wanted in the log of a run
        assert storm.refused > 0
        for project in projects:
            for path in paths_of(installed.namespace, f"mlflow-{project}").values():
                assert installed.server.ask("GET", path).status == 200
    with psycopg.connect(installed.postgres.admin_url) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (f"tnt_{installed.workspace}_",)
        )
        assert sorted(name for (name,) in rows) == sorted(
            f"tnt_{installed.workspace}_{project}" for project in projects
        )


def test_whoever_cannot_renew_the_lease_has_ended_before_another_acts(installed: Installed, tmp_path: Path) -> None:
    with (
        storm_before(installed.server.kubeconfig, tmp_path) as storm,
        installed.running(via=storm.kubeconfig) as holder,
    ):
        until(lambda: holder.settled, deadline=30, what="the first to lead")
        with installed.running("operator-1") as standby:
            until(
                lambda: standby.figures.get("tenantry_operator_leader") == 0, deadline=30, what="a second to stand by"
            )
            storm.answering.clear()
            until(lambda: standby.leads or holder.process.exit_code is not None, deadline=60, what="the first to end")
            assert holder.process.exit_code == 1
            assert not standby.leads
            until(lambda: standby.leads, deadline=30, what="the second to act")
