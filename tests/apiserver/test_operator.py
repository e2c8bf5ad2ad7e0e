"""The operator against a real API server: what it makes, what it leaves alone, and that it rests when all is done."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tenantry_operator.runtime.kubernetes.kinds import CHILDREN, KINDS, path_of
from tests.support.apiserver import ApiServer
from tests.support.cluster_operator import Installed, RunningOperator, paths_of
from tests.support.wait import until

NAME = "mlflow-roads"


@pytest.fixture(scope="module")
def made(installed: Installed) -> Iterator[tuple[Installed, RunningOperator]]:
    """A workspace with one project, and an operator that has nothing left to do."""
    with installed.running() as operator:
        installed.create_workspace(
            quota={"cpu": "4", "memory": "8192Mi", "projects": 5},
            access=[{"role": "admin", "groups": ["leads"], "users": ["ann@example.org"]}],
        )
        installed.create_project("roads")
        installed.until_applied("roads")
        counted = {"projects": 1}.items()
        until(
            lambda: counted <= installed.server.ask("GET", installed.path()).body["status"].items(),
            deadline=30,
            what="the workspace to count its project",
        )
        until(lambda: operator.settled, what="the operator to have nothing left to do")
        yield installed, operator


def test_a_workspace_becomes_a_namespace_in_which_nothing_is_open(made: tuple[Installed, RunningOperator]) -> None:
    installed, _ = made
    ask = installed.server.ask
    namespace = installed.namespace
    labels = ask("GET", f"/api/v1/namespaces/{namespace}").body["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["tenantry.dev/workspace"] == installed.workspace
    policy = ask("GET", f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/tenantry").body["spec"]
    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    quota = ask("GET", f"/api/v1/namespaces/{namespace}/resourcequotas/tenantry").body["spec"]["hard"]
    assert quota == {"requests.cpu": "4", "requests.memory": "8Gi", "count/projects.tenantry.dev": "5"}
    binding = ask("GET", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings/tenantry").body
    assert [(one["kind"], one["name"]) for one in binding["subjects"]] == [
        ("Group", "leads"),
        ("User", "ann@example.org"),
    ]
    # It says so itself: no controller runs here that would count for the quota.
    assert installed.condition(installed.path())["reason"] == "NotCounted"


def test_all_that_is_there_stands_in_the_list_of_managed_objects(made: tuple[Installed, RunningOperator]) -> None:
    installed, _ = made
    listed = yaml.safe_load((Path(__file__).parents[2] / "docs" / "managed-objects.yaml").read_text())
    names = {"<workspace>": installed.workspace, "<project>": "roads"}
    expected = set()
    for one in (*listed["workspace"], *listed["project"]):
        name = one["name"]
        for word, value in names.items():
            name = name.replace(word, value)
        expected.add((one["kind"], name))
    selector = f"?labelSelector=tenantry.dev/workspace={installed.workspace}"
    there = set()
    for kind in CHILDREN:
        namespace = installed.namespace if KINDS[kind].namespaced else ""
        items = installed.server.ask("GET", path_of(kind, namespace) + selector).body["items"]
        there |= {(kind, item["metadata"]["name"]) for item in items}
    assert there == expected


def test_a_project_becomes_a_pod_that_holds_no_token_and_reads_its_secret_from_a_file(
    made: tuple[Installed, RunningOperator],
) -> None:
    installed, _ = made
    found = {kind: installed.server.ask("GET", path) for kind, path in paths_of(installed.namespace, NAME).items()}
    assert {kind: answer.status for kind, answer in found.items()} == dict.fromkeys(found, 200)
    settings = json.loads(base64.b64decode(found["Secret"].body["data"]["settings.json"]))
    deployment = json.dumps(found["Deployment"].body)
    for secret in (settings["secret"], settings["database_url"], settings["s3"]["secret_key"]):
        assert secret not in deployment
    pod = found["Deployment"].body["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert found["ServiceAccount"].body["automountServiceAccountToken"] is False


def test_the_status_names_what_data_is_found_by_and_what_is_missing(made: tuple[Installed, RunningOperator]) -> None:
    installed, _ = made
    status = installed.server.ask("GET", installed.path("roads")).body["status"]
    assert status["database"] == f"tnt_{installed.workspace}_roads"
    assert status["artifacts"].startswith(f"s3://tnt-{installed.workspace}-roads-")
    assert status["url"] == f"https://tracking.example.org/w/{installed.workspace}/p/roads"
    assert {one["type"]: one["status"] for one in status["conditions"]} == {
        "AccessPublished": "True",
        "BackendAvailable": "False",
        "DatabaseReady": "True",
        "IsolationReady": "False",
        "Ready": "False",
        "StorageReady": "True",
    }
    assert "secret" not in json.dumps(status)


def test_nothing_is_written_when_nothing_has_changed(made: tuple[Installed, RunningOperator]) -> None:
    installed, operator = made
    before = operator.writes
    installed.merge(installed.path("roads"), {"metadata": {"annotations": {"tenantry.dev/reconcile": "now"}}})
    until(lambda: not operator.settled, what="the annotation to be seen")
    until(lambda: operator.settled, deadline=30, what="everything to be looked at again")
    assert operator.writes == before


EDITS = {
    "NetworkPolicy": {"spec": {"ingress": [{}]}},
    "Secret": {"data": {"settings.json": "e30="}},
    "Service": {"spec": {"ports": [{"name": "http", "port": 9999, "targetPort": "http"}]}},
    "Deployment": {"metadata": {"labels": {"tenantry.dev/project": "other"}}, "spec": {"progressDeadlineSeconds": 5}},
    "ServiceAccount": {"automountServiceAccountToken": True},
}


@pytest.mark.parametrize("kind", EDITS)
def test_what_somebody_edits_is_as_it_was_again(made: tuple[Installed, RunningOperator], kind: str) -> None:
    installed, _ = made
    path = paths_of(installed.namespace, NAME)[kind]

    def essence() -> object:
        body = installed.server.ask("GET", path).body
        parts = {part: body.get(part) for part in ("spec", "data", "automountServiceAccountToken")}
        return parts | {"labels": body["metadata"].get("labels")}

    before = essence()
    assert installed.merge(path, EDITS[kind]).status == 200
    until(lambda: essence() == before, deadline=30, what=f"the {kind} to be as it was")


@pytest.mark.parametrize("kind", EDITS)
def test_what_somebody_deletes_comes_back(made: tuple[Installed, RunningOperator], kind: str) -> None:
    installed, _ = made
    path = paths_of(installed.namespace, NAME)[kind]
    uid = installed.server.ask("GET", path).body["metadata"]["uid"]
    installed.server.ask("DELETE", path)

    def came_back() -> bool:
        answer = installed.server.ask("GET", path)
        return answer.status == 200 and answer.body["metadata"]["uid"] != uid

    until(came_back, deadline=30, what=f"the {kind} to come back")


def test_what_others_put_beside_it_is_left_alone(made: tuple[Installed, RunningOperator]) -> None:
    installed, operator = made
    path = paths_of(installed.namespace, NAME)["Deployment"]
    until(lambda: operator.settled)
    before = operator.writes
    foreign = {
        "metadata": {"annotations": {"example.org/cost": "roads"}, "labels": {"example.org/team": "a"}},
        "spec": {"replicas": 3, "template": {"metadata": {"annotations": {"example.org/injected": "yes"}}}},
    }
    assert installed.merge(path, foreign).status == 200
    installed.merge(installed.path("roads"), {"metadata": {"annotations": {"tenantry.dev/reconcile": "later"}}})
    until(lambda: not operator.settled)
    until(lambda: operator.settled, deadline=30)
    body = installed.server.ask("GET", path).body
    assert body["spec"]["replicas"] == 3
    assert body["metadata"]["annotations"]["example.org/cost"] == "roads"
    assert body["spec"]["template"]["metadata"]["annotations"]["example.org/injected"] == "yes"
    assert operator.writes == before


def test_what_the_plan_no_longer_has_is_deleted(made: tuple[Installed, RunningOperator]) -> None:
    installed, _ = made
    path = f"/api/v1/namespaces/{installed.namespace}/resourcequotas/tenantry"
    installed.merge(installed.path(), {"spec": {"quota": {"cpu": None, "memory": None, "projects": None}}})
    until(lambda: installed.server.ask("GET", path).status == 404, deadline=30, what="the quota to be gone")


def test_a_field_that_is_planned_no_more_is_gone(made: tuple[Installed, RunningOperator]) -> None:
    installed, _ = made
    path = paths_of(installed.namespace, NAME)["ServiceAccount"]
    note = {"serviceAccountAnnotations": {"example.org/role": "artifacts"}}

    def annotation() -> object:
        return installed.server.ask("GET", path).body["metadata"].get("annotations", {}).get("example.org/role")

    installed.merge(installed.path("roads"), {"spec": {"artifacts": note}})
    until(lambda: annotation() == "artifacts", deadline=30, what="the annotation")
    installed.merge(
        installed.path("roads"),
        {"spec": {"artifacts": {"serviceAccountAnnotations": {"example.org/role": None}}}},
    )
    until(lambda: annotation() is None, deadline=30, what="the annotation to be gone")


def test_a_restart_writes_nothing(installed: Installed, made: tuple[Installed, RunningOperator]) -> None:
    _, operator = made
    until(lambda: operator.settled)
    operator.end()
    with installed.running("operator-1") as next_one:
        until(lambda: next_one.settled, deadline=60, what="the next operator to have looked at everything")
        assert next_one.writes == {}


def test_the_api_server_was_given(kubernetes: ApiServer) -> None:
    assert kubernetes.ask("GET", "/version").body["major"] == "1"
