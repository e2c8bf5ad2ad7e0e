"""What is being deleted says so."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from tests.support.cluster_operator import Installed
from tests.support.wait import until

FINALIZER = "tenantry.dev/data"


@pytest.fixture
def place(installed: Installed) -> Installed:
    """With a workspace of its own."""
    return replace(installed, workspace=f"w{secrets.token_hex(3)}")


def protected(place: Installed, path: str) -> bool:
    return FINALIZER in place.server.ask("GET", path).body["metadata"].get("finalizers", [])


def gone(place: Installed, path: str) -> None:
    until(lambda: place.server.ask("GET", path).status == 404, deadline=120, what=f"{path} to be gone")


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
