"""Resources that are stored and cannot be read, such as those of a version with fewer rules: nobody else is kept
waiting, and nothing that was made of them is taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.support.apiserver import ApiServer, api_server
from tests.support.cluster_operator import Installed, paths_of
from tests.support.kinds import API, install
from tests.support.wait import until

WRONG = {"spec": {"owner": "nobody"}}
RIGHT = {"spec": {"owner": "group:a"}}


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[ApiServer]:
    with api_server() as server:
        install(server, lax=True)
        server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "vision"}})
        yield server


@pytest.fixture(scope="module")
def place(installed: Installed) -> Installed:
    """With two projects that were made when they could be read, and no operator."""
    with installed.running() as operator:
        installed.create_workspace(access=[{"role": "viewer", "groups": ["all"]}])
        for name in ("roads", "brief"):
            installed.create_project(name, access=[{"role": "viewer", "users": ["ann@example.org"]}])
        installed.until_applied("roads", "brief")
        until(lambda: operator.settled, deadline=30, what="the operator to have nothing left to do")
    return installed


def grants(place: Installed) -> list[dict[str, Any]]:
    return place.query('SELECT project, subject FROM catalog."grant" ORDER BY project, subject')


def lives(place: Installed, project: str) -> dict[str, str]:
    """Which objects there are, and which lives they are in."""
    found = {
        kind: place.server.ask("GET", path) for kind, path in paths_of(place.namespace, f"mlflow-{project}").items()
    }
    return {kind: answer.body["metadata"]["uid"] for kind, answer in found.items() if answer.status == 200}


def test_one_that_is_wrong_in_sixty_places_says_so_and_keeps_nobody_waiting(place: Installed) -> None:
    crowd = [f"a\x0b{number}" for number in range(60)]
    metadata = {"name": "crowd", "namespace": place.namespace}
    access = [{"role": "viewer", "users": crowd}]
    place.create({"apiVersion": "tenantry.dev/v1alpha1", "kind": "Project", "metadata": metadata,
                  "spec": {"owner": "group:a", "access": access}})  # fmt: skip
    with place.running() as operator:
        found = place.until_condition(place.path("crowd"), "Ready", status="False", reason="Invalid")
        assert "spec.access[0].users[0] must be in lower case" in found["message"]
        assert found["message"].endswith("and 50 more")
        place.create_project("signs")
        place.until_applied("signs")
        until(lambda: operator.settled, deadline=30, what="the operator to have nothing left to do")


def test_what_was_made_of_one_stays_while_nobody_can_read_it(place: Installed) -> None:
    before, objects = grants(place), lives(place, "roads")
    assert len(objects) == 5
    assert place.merge(place.path("roads"), WRONG).status == 200
    with place.running() as operator:
        found = place.until_condition(place.path("roads"), "Ready", status="Unknown", reason="Unreadable")
        assert "spec.owner must be group:<name> or user:<e-mail address>" in found["message"]
        until(lambda: operator.settled, deadline=30, what="the operator to have looked at everything")
        assert (grants(place), lives(place, "roads")) == (before, objects)
        status = place.server.ask("GET", place.path("roads")).body["status"]
        assert status["phase"] == "Unknown"
        assert {one["type"] for one in status["conditions"]} >= {"DatabaseReady", "StorageReady"}
    with place.running("operator-1") as operator:
        until(lambda: operator.settled, deadline=30, what="another operator to have looked at everything")
        assert operator.writes == {}
        place.merge(place.path("roads"), RIGHT)
        place.until_applied("roads")
        place.until_condition(place.path("roads"), "Ready", status="False")


def test_a_workspace_that_nobody_can_read_takes_nothing_from_its_projects(place: Installed) -> None:
    before, objects = grants(place), lives(place, "roads")
    wrong = {"spec": {"access": [{"role": "viewer", "users": ["Not Lower"]}]}}
    assert place.merge(place.path(), wrong).status == 200
    with place.running() as operator:
        place.until_condition(place.path(), "Ready", status="Unknown", reason="Unreadable")
        found = place.until_condition(place.path("roads"), "Ready", status="Unknown", reason="Unreadable")
        assert f"its Workspace {place.workspace} cannot be read" in found["message"]
        until(lambda: operator.settled, deadline=30, what="the operator to have looked at everything")
        assert (grants(place), lives(place, "roads")) == (before, objects)
        place.merge(place.path(), {"spec": {"access": [{"role": "viewer", "groups": ["all"]}]}})
        place.until_condition(place.path(), "Ready", status="True")
        place.until_condition(place.path("roads"), "Ready", status="False")


def test_one_that_is_deleted_before_anybody_could_read_it_goes_and_its_data_is_kept(place: Installed) -> None:
    path = place.path("brief")
    held = {"metadata": {"finalizers": ["tenantry.dev/data"]}, "spec": {"deletionPolicy": "Delete", "owner": "nobody"}}
    assert place.merge(path, held).status == 200
    place.server.ask("DELETE", path)
    with place.running():
        until(lambda: place.server.ask("GET", path).status == 404, deadline=30, what="the resource to be gone")
        until(lambda: lives(place, "brief") == {}, deadline=30, what="its objects to be gone")
        (row,) = place.query("SELECT retired_at FROM catalog.project WHERE name = 'brief'")
        assert row["retired_at"]
    with psycopg.connect(place.postgres.admin_url) as connection:
        name = f"tnt_{place.workspace}_brief"
        assert connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()


def test_one_in_no_workspace_is_not_held_up_by_our_finalizer(place: Installed) -> None:
    metadata = {"name": "stray", "namespace": "vision", "finalizers": ["tenantry.dev/data"]}
    place.create({"apiVersion": "tenantry.dev/v1alpha1", "kind": "Project", "metadata": metadata,
                  "spec": {"owner": "group:a"}})  # fmt: skip
    path = f"{API}/namespaces/vision/projects/stray"
    with place.running():
        place.until_condition(path, "Ready", status="False", reason="Invalid")
        place.server.ask("DELETE", path)
        until(lambda: place.server.ask("GET", path).status == 404, deadline=30, what="the resource to be gone")
