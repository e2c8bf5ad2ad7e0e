"""What is being deleted says so, and an operator that is ended meanwhile leaves nothing half done."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.support.cluster_operator import Installed, paths_of
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


def buckets(place: Installed) -> set[str]:
    return {one["Name"] for one in place.storage.client().list_buckets()["Buckets"]}


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


@contextmanager
def before_the_database_goes(place: Installed, project: str, kill: Callable[[], None]) -> Iterator[None]:
    """Keep the operator out of the database until the block has seen to it that it comes there; then kill it."""
    with psycopg.connect(place.postgres.admin_url) as holder:
        holder.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (f"tnt_{place.workspace}_{project}",))
        yield
        kill()


@contextmanager
def before_the_catalog_forgets(place: Installed, project: str, kill: Callable[[], None]) -> Iterator[None]:
    """Hold the project's row, once it is retired: what goes before it is gone then."""
    with psycopg.connect(place.catalog.owner_url) as holder:
        with before_the_database_goes(place, project, kill=lambda: None):
            yield
            row = "SELECT 1 FROM catalog.project WHERE (workspace, name) = (%s, %s) FOR UPDATE"
            holder.execute(row, (place.workspace, project))
        until(lambda: not names_of(place.postgres, place.workspace), deadline=60, what="the database to be gone")
        until(lambda: waiting_for_rows(place), deadline=30, what="the operator to come to the catalog")
        kill()


def waiting_for_rows(place: Installed) -> list[dict[str, Any]]:
    return place.query("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')")


Point = Callable[[Installed, str, Callable[[], None]], AbstractContextManager[None]]
POINTS: dict[str, Point] = {
    "before the database goes": before_the_database_goes,
    "before the catalog forgets": before_the_catalog_forgets,
}


@pytest.mark.parametrize("policy", ["Delete", "Archive"])
@pytest.mark.parametrize("point", POINTS)
def test_an_operator_that_is_killed_while_it_deletes_leaves_nothing_to_the_next_that_looks_alive(
    place: Installed, point: str, policy: str
) -> None:
    with place.running() as operator:
        bucket = make(place, "brief", policy)
        place.storage.client().put_object(Bucket=bucket, Key="0/model", Body=b"weights")
        with POINTS[point](place, "brief", operator.kill):
            place.server.ask("DELETE", place.path("brief"))
            until(lambda: bucket not in buckets(place), deadline=60, what="the artifacts to be gone")
    looks_dead(place, "brief")
    with place.running():
        gone(place, place.path("brief"))
    is_nowhere(place, "brief", bucket)
    kept = [key for key in archived(place, "brief") if key.endswith(("/manifest.json", "/0/model"))]
    assert len(kept) == (2 if policy == "Archive" else 0)


def looks_dead(place: Installed, project: str) -> None:
    """To whoever looks at it with kubectl, to the door, and to Kubernetes."""
    status = place.server.ask("GET", place.path(project)).body["status"]
    assert status["phase"] == "Terminating"
    assert place.condition(place.path(project))["status"] == "False"
    (row,) = place.query("SELECT retired_at, ready FROM catalog.project WHERE workspace = %s", place.workspace)
    assert row["retired_at"]
    assert not row["ready"]
    assert (
        place.query("SELECT 1 FROM catalog.grant WHERE (workspace, project) = (%s, %s)", place.workspace, project) == []
    )
    for path in paths_of(place.namespace, f"mlflow-{project}").values():
        assert place.server.ask("GET", path).status == 404


def is_nowhere(place: Installed, project: str, bucket: str) -> None:
    assert bucket not in buckets(place)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        place.storage.client(service="iam").get_user(UserName=f"tnt_{place.workspace}_{project}")
    assert names_of(place.postgres, place.workspace) == set()
    assert place.query("SELECT 1 FROM catalog.project WHERE workspace = %s", place.workspace) == []
    kept = place.server.ask("GET", f"/api/v1/namespaces/{place.installation}/secrets").body["items"]
    assert f"{place.workspace}.{project}" not in json.dumps([one["metadata"]["name"] for one in kept])
