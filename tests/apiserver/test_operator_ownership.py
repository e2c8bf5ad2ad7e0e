"""Whose data it is: what a spec names and is not its project's is neither read, nor deleted, nor closed to others."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cluster_operator import Installed, RunningOperator
from tests.support.wait import until

_OWNER = "tenantry.dev/owner"


@pytest.fixture(scope="module")
def operator(installed: Installed) -> Iterator[RunningOperator]:
    with installed.running() as running:
        installed.create_workspace()
        yield running


def tagged_for_the_workspace(installed: Installed) -> str:
    bucket = installed.storage.bucket()
    consent = [{"Key": _OWNER, "Value": f"tenantry.dev/project: {installed.workspace}"}]
    installed.storage.client().put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": consent})
    return bucket


def put(installed: Installed, bucket: str, name: str) -> None:
    installed.storage.client().put_object(Bucket=bucket, Key=name, Body=b"theirs")


def refused(installed: Installed, project: str) -> str:
    return str(installed.until_condition(installed.path(project), "StorageReady", status="False")["message"])


def delete(installed: Installed, project: str) -> None:
    assert installed.server.ask("DELETE", installed.path(project)).status == 200


def waits_for(installed: Installed, project: str, words: str) -> str:
    """Return what the end of a project waits for, as soon as it has to do with `words`."""

    def said() -> str:
        found = installed.condition(installed.path(project))
        return str(found["message"]) if found["reason"] == "Terminating" and words in found["message"] else ""

    return until(said, deadline=60, what=f"{project} to wait for: {words}")


def gone(installed: Installed, project: str) -> None:
    path = installed.path(project)
    until(lambda: installed.server.ask("GET", path).status == 404, deadline=60, what=f"{path} to be gone")


def archived(installed: Installed, project: str) -> list[str]:
    return installed.storage.keys_in(installed.archive, f"archive/{installed.workspace}/{project}/")


# What a spec says beside a bucket that is not its project's, and what the end of the project then waits for.
BOLD: dict[str, tuple[dict[str, Any], str]] = {
    "plain": ({}, "is not this project's"),
    "prefix": ({"prefix": "inner/"}, "is not this project's"),
    "secret": ({"secretName": "nobody-made-this"}, "nobody-made-this is not there"),
    "role": ({"serviceAccountAnnotations": {"example.org/role": "artifacts"}}, "is not this project's"),
}


@pytest.mark.parametrize("case", BOLD)
def test_an_archive_takes_nothing_from_a_bucket_that_is_not_the_projects(
    installed: Installed, operator: RunningOperator, case: str
) -> None:
    beside, words = BOLD[case]
    bucket = installed.storage.bucket()
    put(installed, bucket, "inner/secret")
    project = f"bold-{case}"
    installed.create_project(project, artifacts={"bucket": bucket, **beside}, deletionPolicy="Archive")
    refused(installed, project)
    delete(installed, project)
    assert "deletionPolicy Retain, written now, ends the wait" in waits_for(installed, project, words)
    installed.merge(installed.path(project), {"spec": {"deletionPolicy": "Retain"}})
    gone(installed, project)
    assert archived(installed, project) == []
    assert installed.storage.keys_in(bucket) == ["inner/secret"]


# How the project ends that was refused the place, and whether a key was given for it that opens everything.
ENDS = {
    "delete": ("Delete", False),
    "archive": ("Archive", False),
    "given": ("Delete", True),
    "kept": ("Archive", True),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_project_that_was_refused_a_place_takes_nothing_away_from_whoever_holds_it(
    installed: Installed, operator: RunningOperator, case: str
) -> None:
    policy, is_given = ENDS[case]
    bucket, first, second = tagged_for_the_workspace(installed), f"first-{case}", f"second-{case}"
    installed.create_project(first, artifacts={"bucket": bucket, "prefix": "team/first/"})
    installed.until_applied(first)
    put(installed, bucket, "team/first/model")
    given = {"secretName": give_the_administrators_key(installed)} if is_given else {}
    installed.create_project(second, artifacts={"bucket": bucket, "prefix": "team/", **given}, deletionPolicy=policy)
    assert f"overlaps, the place of project {installed.workspace}/{first}" in refused(installed, second)
    delete(installed, second)
    gone(installed, second)
    assert "team/first/model" in installed.storage.keys_in(bucket)
    kept = archived(installed, second)
    assert [name for name in kept if "artifacts" in name] == []
    assert [name.rpartition("/")[2] for name in kept if "manifest" in name] == ["manifest.json"] * (policy == "Archive")


def give_the_administrators_key(installed: Installed) -> str:
    storage = installed.storage.settings
    assert storage.access_key
    assert storage.secret_key
    return give(installed, storage.access_key, storage.secret_key.get_secret_value())


def give(installed: Installed, access_key: str, secret_key: str) -> str:
    name, key = f"key-{secrets.token_hex(3)}", {"accessKeyId": access_key, "secretAccessKey": secret_key}
    secret = {"metadata": {"name": name}, "stringData": key}
    assert installed.server.ask("POST", f"/api/v1/namespaces/{installed.namespace}/secrets", secret).status == 201
    return name


def test_whoever_names_a_bucket_and_is_refused_closes_it_to_nobody(
    installed: Installed, operator: RunningOperator
) -> None:
    bucket = tagged_for_the_workspace(installed)
    installed.create_project("greedy", artifacts={"bucket": bucket})
    assert "is not this project's" in refused(installed, "greedy")
    assert "artifacts" not in installed.server.ask("GET", installed.path("greedy")).body["status"]
    installed.create_project(
        "junk", artifacts={"bucket": bucket, "secretName": give(installed, "AKIANOBODYKNOWSIT000", "x" * 40)}
    )
    refused(installed, "junk")
    installed.create_project("modest", artifacts={"bucket": bucket, "prefix": "team/"})
    installed.until_applied("modest")
    status = installed.server.ask("GET", installed.path("modest")).body["status"]
    assert status["artifacts"] == f"s3://{bucket}/team/"


def test_a_project_is_not_moved_by_another_setting_and_neither_deleted_elsewhere(
    installed: Installed, operator: RunningOperator
) -> None:
    installed.create_project("settled", deletionPolicy="Delete")
    installed.until_applied("settled")
    place = installed.server.ask("GET", installed.path("settled")).body["status"]["artifacts"]
    operator.end()
    another = installed.storage.bucket()
    with installed.running("operator-1", storage_bucket=another):
        asked = {"metadata": {"annotations": {"tenantry.dev/reconcile": "now"}}}
        assert installed.merge(installed.path("settled"), asked).status == 200
        words = (
            f"its artifacts lie in {place}, and would be looked for in s3://{another}/{installed.workspace}/settled/"
        )
        assert words in refused(installed, "settled")
        assert installed.server.ask("GET", installed.path("settled")).body["status"]["artifacts"] == place
        delete(installed, "settled")
        waits_for(installed, "settled", words)
    assert place.removeprefix("s3://").rstrip("/") in installed.storage.buckets()
    with installed.running("operator-2"):
        gone(installed, "settled")
    assert place.removeprefix("s3://").rstrip("/") not in installed.storage.buckets()
