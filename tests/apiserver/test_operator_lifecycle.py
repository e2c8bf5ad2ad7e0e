"""What becomes of data when its resource goes, and of resources that cannot be: nothing is lost, nothing hangs."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr

from tenantry_operator.facts import BucketKey
from tests.support.cluster_operator import Installed, RunningOperator, paths_of
from tests.support.kinds import API, install, remove
from tests.support.wait import until

FINALIZER = "tenantry.dev/data"
AN_HOUR = 3600


@pytest.fixture(scope="module")
def operator(installed: Installed) -> Iterator[RunningOperator]:
    with installed.running() as running:
        installed.create_workspace()
        yield running


def finalizers(installed: Installed, path: str) -> list[str]:
    return list(installed.server.ask("GET", path).body["metadata"].get("finalizers", []))


def database_there(installed: Installed, project: str) -> bool:
    with psycopg.connect(installed.postgres.admin_url) as connection:
        name = f"tnt_{installed.workspace}_{project}"
        return bool(connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone())


def gone(installed: Installed, path: str) -> None:
    until(lambda: installed.server.ask("GET", path).status == 404, deadline=60, what=f"{path} to be gone")


def retired(installed: Installed, project: str) -> bool:
    rows = installed.query("SELECT retired_at FROM catalog.project WHERE name = %s", project)
    return bool(rows and rows[0]["retired_at"])


def test_with_retain_nothing_holds_the_resource_and_its_data_stays(
    installed: Installed, operator: RunningOperator
) -> None:
    installed.create_project("kept")
    installed.until_applied("kept")
    path = installed.path("kept")
    assert finalizers(installed, path) == []
    installed.server.ask("DELETE", path)
    gone(installed, path)
    for address in paths_of(installed.namespace, "mlflow-kept").values():
        gone(installed, address)
    until(lambda: retired(installed, "kept"), deadline=30, what="the door to be told")
    assert database_there(installed, "kept")


def test_what_was_retained_is_found_again_when_the_resource_comes_back(
    installed: Installed, operator: RunningOperator
) -> None:
    with psycopg.connect(installed.postgres.url(f"tnt_{installed.workspace}_kept")) as connection:
        connection.execute("CREATE TABLE proof (); COMMENT ON TABLE proof IS 'of the first life'")
    installed.create_project("kept")
    installed.until_applied("kept")
    with psycopg.connect(installed.postgres.url(f"tnt_{installed.workspace}_kept")) as connection:
        assert connection.execute("SELECT to_regclass('proof')").fetchone() != (None,)
    assert not retired(installed, "kept")


def test_with_delete_the_resource_waits_until_its_data_is_gone(installed: Installed, operator: RunningOperator) -> None:
    installed.create_project("brief", deletionPolicy="Delete")
    installed.until_applied("brief")
    path = installed.path("brief")
    assert finalizers(installed, path) == [FINALIZER]
    bucket = installed.server.ask("GET", path).body["status"]["artifacts"].removeprefix("s3://").rstrip("/")
    installed.server.ask("DELETE", path)
    gone(installed, path)
    assert not database_there(installed, "brief")
    secrets = installed.server.ask("GET", f"/api/v1/namespaces/{installed.installation}/secrets").body["items"]
    assert [one["metadata"]["name"] for one in secrets if one["metadata"]["name"].endswith(".brief")] == []
    assert bucket not in [one["Name"] for one in installed.storage.client().list_buckets()["Buckets"]]


def settings_of(installed: Installed, project: str) -> dict[str, Any]:
    secret = installed.server.ask("GET", f"/api/v1/namespaces/{installed.namespace}/secrets/mlflow-{project}").body
    found: dict[str, Any] = json.loads(base64.b64decode(secret["data"]["settings.json"]))
    return found


def logs_in(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def opens_bucket(installed: Installed, settings: dict[str, Any]) -> bool:
    key = BucketKey(settings["s3"]["access_key"], SecretStr(settings["s3"]["secret_key"]))
    bucket = settings["artifact_uri"].removeprefix("s3://").partition("/")[0]
    try:
        installed.storage.client(key).list_objects_v2(Bucket=bucket, MaxKeys=1)
    except ClientError:
        return False
    return True


def works(installed: Installed, settings: dict[str, Any]) -> tuple[bool, bool]:
    """Whether these credentials open the database, and the bucket."""
    return logs_in(settings["database_url"]), opens_bucket(installed, settings)


def overlaps(operator: RunningOperator) -> float:
    return operator.figures["tenantry_operator_credentials_overlapping"]


def make_a_pod(installed: Installed, project: str) -> str:
    """As Kubernetes does of a Deployment; return its address."""
    deployment = paths_of(installed.namespace, f"mlflow-{project}")["Deployment"]
    template = installed.server.ask("GET", deployment).body["spec"]["template"]
    pods = f"/api/v1/namespaces/{installed.namespace}/pods"
    named = template["metadata"] | {"generateName": f"mlflow-{project}-"}
    made = installed.server.ask("POST", pods, {"metadata": named, "spec": template["spec"]})
    assert made.status == 201, made
    return f"{pods}/{made.body['metadata']['name']}"


def ask_for_new_credentials(installed: Installed, project: str) -> None:
    asked = {"metadata": {"annotations": {"tenantry.dev/rotate": datetime.now(UTC).isoformat()}}}
    assert installed.merge(installed.path(project), asked).status == 200


def test_whoever_asks_gets_new_credentials_and_the_old_ones_end_with_the_last_pod_that_has_them(
    installed: Installed, operator: RunningOperator
) -> None:
    installed.create_project("rotating")
    installed.until_applied("rotating")
    before, pod = settings_of(installed, "rotating"), make_a_pod(installed, "rotating")
    ask_for_new_credentials(installed, "rotating")
    until(lambda: settings_of(installed, "rotating") != before, deadline=30, what="new credentials")
    after = settings_of(installed, "rotating")
    assert after["database_url"] != before["database_url"]
    assert after["s3"]["access_key"] != before["s3"]["access_key"]
    assert after["secret"] == before["secret"]
    status = installed.server.ask("GET", installed.path("rotating")).body["status"]
    assert datetime.fromisoformat(status["credentialsMadeAt"]) <= datetime.now(UTC)
    until(lambda: operator.settled, deadline=30, what="the operator to have nothing left to do")
    assert works(installed, before) == works(installed, after) == (True, True)
    assert overlaps(operator) == 1
    installed.server.ask("DELETE", pod)
    until(lambda: works(installed, before) == (False, False), deadline=60, what="the old credentials to end")
    assert works(installed, after) == (True, True)
    until(lambda: overlaps(operator) == 0, what="the figure to tell of the end")
    assert 0 <= operator.figures["tenantry_operator_credentials_oldest_age_seconds"] < AN_HOUR
    assert operator.figures["tenantry_operator_credentials_overdue"] == 0


def test_replaced_credentials_that_no_pod_has_end_at_once(installed: Installed, operator: RunningOperator) -> None:
    before = settings_of(installed, "rotating")
    ask_for_new_credentials(installed, "rotating")
    until(lambda: works(installed, before) == (False, False), deadline=15, what="the old credentials to end")
    assert works(installed, settings_of(installed, "rotating")) == (True, True)


def test_with_archive_the_data_is_in_the_archive_before_it_goes(
    installed: Installed, operator: RunningOperator
) -> None:
    installed.create_project("past", deletionPolicy="Archive")
    installed.until_applied("past")
    path = installed.path("past")
    installed.server.ask("DELETE", path)
    gone(installed, path)
    assert not database_there(installed, "past")
    kept = installed.storage.keys_in(installed.archive, f"archive/{installed.workspace}/past/")
    assert any(name.endswith("/manifest.json") for name in kept)


def test_whoever_thinks_better_of_it_gets_the_finalizer_off(installed: Installed, operator: RunningOperator) -> None:
    installed.create_project("wavering", deletionPolicy="Delete")
    installed.until_applied("wavering")
    path = installed.path("wavering")
    installed.merge(path, {"spec": {"deletionPolicy": "Retain"}})
    until(lambda: finalizers(installed, path) == [], deadline=30, what="the finalizer to be gone")


def test_whoever_names_the_place_of_another_project_is_told_so(installed: Installed, operator: RunningOperator) -> None:
    bucket = installed.storage.bucket()
    for_the_workspace = [{"Key": "tenantry.dev/owner", "Value": f"tenantry.dev/project: {installed.workspace}"}]
    installed.storage.client().put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": for_the_workspace})
    installed.create_project("first", artifacts={"bucket": bucket, "prefix": "team/"})
    installed.until_applied("first")
    installed.create_project("second", artifacts={"bucket": bucket, "prefix": "team/inner/"})
    found = installed.until_condition(installed.path("second"), "StorageReady", status="False")
    assert f"overlaps, the place of project {installed.workspace}/first" in found["message"]
    assert installed.condition(installed.path("first"), "StorageReady")["status"] == "True"


def test_a_project_outside_of_a_workspace_is_told_so(installed: Installed, operator: RunningOperator) -> None:
    stray = {
        "apiVersion": "tenantry.dev/v1alpha1",
        "kind": "Project",
        "metadata": {"name": "stray", "namespace": "vision"},
        "spec": {"owner": "group:a"},
    }
    installed.create(stray)
    path = f"{API}/namespaces/vision/projects/stray"
    found = installed.until_condition(path, "Ready", status="False", reason="Invalid")
    assert "must be ws-<workspace>, the namespace of the project's workspace" in found["message"]
    installed.server.ask("DELETE", path)
    gone(installed, path)


def test_a_project_without_its_workspace_is_told_so(installed: Installed, operator: RunningOperator) -> None:
    orphan = {
        "apiVersion": "tenantry.dev/v1alpha1",
        "kind": "Project",
        "metadata": {"name": "orphan", "namespace": "ws-vision"},
        "spec": {"owner": "group:a"},
    }
    installed.create(orphan)
    path = f"{API}/namespaces/ws-vision/projects/orphan"
    found = installed.until_condition(path, "Ready", status="False", reason="WorkspaceMissing")
    assert "add a Workspace of this name" in found["message"]
    installed.server.ask("DELETE", path)
    gone(installed, path)


def test_a_namespace_that_is_somebody_elses_is_not_taken_over(installed: Installed, operator: RunningOperator) -> None:
    name = f"{installed.workspace}-theirs"
    made = installed.server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": f"ws-{name}"}})
    assert made.status == 201
    installed.create(
        {"apiVersion": "tenantry.dev/v1alpha1", "kind": "Workspace", "metadata": {"name": name}, "spec": {}}
    )
    found = installed.until_condition(f"{API}/workspaces/{name}", "Ready", status="False", reason="NamespaceTaken")
    assert f"Namespace ws-{name} is there already and was not made by Tenantry" in found["message"]
    labels = installed.server.ask("GET", f"/api/v1/namespaces/ws-{name}").body["metadata"]["labels"]
    assert "tenantry.dev/workspace" not in labels
    policies = installed.server.ask("GET", f"/apis/networking.k8s.io/v1/namespaces/ws-{name}/networkpolicies").body
    assert policies["items"] == []
    project = {
        "apiVersion": "tenantry.dev/v1alpha1",
        "kind": "Project",
        "metadata": {"name": "guest", "namespace": f"ws-{name}"},
        "spec": {"owner": "group:a"},
    }
    installed.create(project)
    path = f"{API}/namespaces/ws-{name}/projects/guest"
    found = installed.until_condition(path, "BackendAvailable", status="False", reason="Starting")
    assert found["message"] == f"waits for the namespace ws-{name} of its workspace"
    installed.server.ask("DELETE", path)


def test_when_the_definitions_are_deleted_nothing_hangs_and_no_data_goes(
    installed: Installed, operator: RunningOperator
) -> None:
    installed.create_project("survivor", deletionPolicy="Delete")
    installed.until_applied("survivor")
    remove(installed.server)
    until(lambda: retired(installed, "survivor"), deadline=60, what="the door to be told")
    assert database_there(installed, "survivor")
    install(installed.server)
    installed.create_workspace()
    installed.create_project("survivor", deletionPolicy="Delete")
    # Its conditions of before may be shown first, while the workspace is not seen yet.
    until(lambda: not retired(installed, "survivor"), deadline=60, what="the door to let it in again")
    installed.until_applied("survivor")


def test_when_the_leader_is_killed_another_acts_within_twenty_seconds(
    installed: Installed, operator: RunningOperator
) -> None:
    with installed.running("operator-1") as standby:
        until(lambda: standby.figures.get("tenantry_operator_leader") == 0, deadline=30, what="the second to stand by")
        assert operator.leads
        operator.kill()
        installed.create_project("after")
        until(lambda: standby.leads, deadline=20, what="the second to act")
        installed.until_applied("after")


def _names(installed: Installed) -> list[str]:
    lease = f"tenantry-{installed.installation}"
    return ["--namespace", installed.installation, "--deployment", "tenantry-operator", "--lease", lease]


def test_with_no_operator_left_a_command_takes_the_finalizers_off(
    installed: Installed, operator: RunningOperator
) -> None:
    path = installed.path("survivor")
    assert finalizers(installed, path) == [FINALIZER]
    subprocess.run(
        [sys.executable, "-m", "tenantry_operator.runtime.kubernetes.crds", "release", *_names(installed)],
        env=os.environ | {"KUBECONFIG": str(installed.server.kubeconfig)},
        check=True,
    )
    assert finalizers(installed, path) == []
    installed.server.ask("DELETE", path)
    gone(installed, path)
    assert database_there(installed, "survivor")
