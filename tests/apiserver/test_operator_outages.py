"""PostgreSQL away from an operator of a cluster: the resources say so and what to do, what runs is left alone, and when
it is back nobody has to do anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.cluster_operator import Installed, paths_of
from tests.support.oidc import free_port
from tests.support.wait import until

AWAY = {"status": "Unknown", "reason": "CatalogUnreachable"}


@pytest.fixture(scope="module")
def place(installed: Installed) -> Installed:
    """With a project, and no operator."""
    with installed.running() as operator:
        installed.create_workspace()
        installed.create_project("roads")
        installed.until_applied("roads")
        until(lambda: operator.settled, deadline=30, what="the operator to have nothing left to do")
    return installed


@contextmanager
def outage(place: Installed) -> Iterator[None]:
    place.postgres.stop()
    try:
        yield
    finally:
        place.postgres.start()


def deployment(place: Installed) -> Any:
    return place.server.ask("GET", paths_of(place.namespace, "mlflow-roads")["Deployment"]).body


def test_while_the_catalog_is_away_every_resource_says_so_and_nothing_is_touched(place: Installed) -> None:
    before = deployment(place)
    with place.running() as operator:
        until(lambda: operator.settled, deadline=30, what="the operator to have nothing left to do")
        with outage(place):
            found = place.until_condition(place.path("roads"), "Ready", **AWAY)
            assert "see that it runs, and that TENANTRY_CATALOG_URL leads to it" in found["message"]
            assert place.until_condition(place.path(), "Ready", **AWAY)["message"] == found["message"]
            status = place.server.ask("GET", place.path("roads")).body["status"]
            assert status["phase"] == "Unknown"
            assert {one["type"]: one["status"] for one in status["conditions"]} == {
                "AccessPublished": "True",
                "BackendAvailable": "False",
                "DatabaseReady": "True",
                "IsolationReady": "False",
                "Ready": "Unknown",
                "StorageReady": "True",
            }
            written = operator.writes
            place.merge(place.path("roads"), {"metadata": {"annotations": {"tenantry.dev/reconcile": "now"}}})
            place.create_project("later")
            place.until_condition(place.path("later"), "Ready", **AWAY)
            assert operator.writes == written | {"Project PATCH": written["Project PATCH"] + 1}
        place.until_condition(place.path("roads"), "Ready", status="False")
        place.until_condition(place.path(), "Ready", status="True")
        assert operator.process.exit_code is None
    assert deployment(place)["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_what_is_applied_while_the_catalog_is_away_says_what_it_waits_for_and_is_made_after(place: Installed) -> None:
    with place.running() as operator:
        until(lambda: operator.settled, deadline=30, what="the operator to have nothing left to do")
        with outage(place):
            place.create_project("signs")
            place.until_condition(place.path("signs"), "Ready", **AWAY)
        place.until_applied("signs")
        place.until_condition(place.path("signs"), "Ready", status="False")


def test_an_operator_that_starts_while_the_catalog_is_away_says_so(place: Installed) -> None:
    with outage(place), place.running():
        place.until_condition(place.path("roads"), "Ready", **AWAY)
        place.postgres.start()
        place.until_condition(place.path("roads"), "Ready", status="False")


def test_while_the_projects_own_server_is_away_the_database_says_so(place: Installed) -> None:
    nowhere = f"postgresql://postgres@127.0.0.1:{free_port()}/postgres"
    with place.running(provision_url=nowhere):
        place.create_project("lanes")
        found = place.until_condition(place.path("lanes"), "DatabaseReady", status="False", reason="NotProvisioned")
        assert "see that it runs, and that TENANTRY_PROVISION_URL leads to it" in found["message"]
        assert place.until_condition(place.path("lanes"), "Ready", status="False")["reason"] == "DatabaseReady"
