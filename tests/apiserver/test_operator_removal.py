"""What is being deleted says so, and an operator that is ended meanwhile leaves nothing half done."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.support.cluster_operator import Installed
from tests.support.operator import names_of
from tests.support.wait import until

FINALIZER = "tenantry.dev/data"
# More than an operator archives between being told to stop and being killed.
MANY = 1500


@pytest.fixture
def place(installed: Installed) -> Installed:
    """With a workspace of its own."""
    return replace(installed, workspace=f"w{secrets.token_hex(3)}")


def protected(place: Installed, path: str) -> bool:
    return FINALIZER in place.server.ask("GET", path).body["metadata"].get("finalizers", [])


def gone(place: Installed, path: str) -> None:
    until(lambda: place.server.ask("GET", path).status == 404, deadline=120, what=f"{path} to be gone")


def make(place: Installed, project: str, policy: str) -> str:
    """A workspace with a project; return the bucket."""
    place.create_workspace()
    place.create_project(project, deletionPolicy=policy)
    place.until_applied(project)
    location: str = place.server.ask("GET", place.path(project)).body["status"]["artifacts"]
    return location.removeprefix("s3://").rstrip("/")


def archived(place: Installed, project: str) -> list[str]:
    return place.storage.keys_in(place.archive, f"archive/{place.workspace}/{project}/")


def test_a_workspace_that_is_deleted_says_until_when_that_can_be_taken_back(place: Installed) -> None:
    with place.running(deletion_grace="5"):
        place.create_workspace(deletionPolicy="Delete")
        path = place.path()
        until(lambda: protected(place, path), deadline=30, what="the finalizer")
        place.create_project("roads", deletionPolicy="Delete")
        place.until_applied("roads")
        place.server.ask("DELETE", path)
        found = place.until_condition(path, "Ready", status="False", reason="Terminating")
        assert "until then deletionPolicy Retain keeps it" in found["message"]
        assert place.server.ask("GET", path).body["status"]["phase"] == "Terminating"
        place.until_condition(place.path("roads"), "Ready", status="False", reason="WorkspaceMissing")
        waits = "projects of it are there"
        until(lambda: waits in place.condition(path)["message"], deadline=60, what="it to wait for its project")
        place.server.ask("DELETE", place.path("roads"))
        gone(place, place.path("roads"))
        gone(place, path)


def test_an_operator_that_is_told_to_stop_gives_an_archive_up_and_the_next_makes_it(place: Installed) -> None:
    with place.running() as operator:
        bucket = make(place, "past", "Archive")
        fill(place, bucket)
        place.server.ask("DELETE", place.path("past"))
        until(lambda: any("/artifacts/" in key for key in archived(place, "past")), deadline=60, what="an artifact")
        operator.end()
        assert operator.process.exit_code == 0
    assert not any(key.endswith("/manifest.json") for key in archived(place, "past"))
    assert names_of(place.postgres, place.workspace)
    assert place.condition(place.path("past"))["reason"] == "Terminating"
    with place.running():
        gone(place, place.path("past"))
    kept = archived(place, "past")
    assert any(key.endswith("/manifest.json") for key in kept)
    assert sum("/artifacts/" in key for key in set(kept)) == MANY
    assert names_of(place.postgres, place.workspace) == set()


def fill(place: Installed, bucket: str) -> None:
    client = place.storage.client()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: client.put_object(Bucket=bucket, Key=f"0/{number}", Body=b"x"), range(MANY)))
