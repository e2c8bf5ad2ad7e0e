"""A workspace that goes before its projects: what confines them stays until the last of them has gone."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from tests.support.cluster_operator import Installed, paths_of
from tests.support.wait import until

SURROUNDINGS = {
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/tenantry",
    "LimitRange": "/api/v1/namespaces/{}/limitranges/tenantry",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas/tenantry",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings/tenantry",
}


@pytest.fixture
def place(installed: Installed) -> Installed:
    """With a workspace of its own."""
    return replace(installed, workspace=f"w{secrets.token_hex(3)}")


def make(place: Installed, *projects: str, **spec: str) -> None:
    access = [{"role": "admin", "groups": ["leads"]}]
    place.create_workspace(quota={"cpu": "4"}, access=access, **spec)
    for project in projects:
        place.create_project(project)
    place.until_applied(*projects)


def there(place: Installed) -> set[str]:
    """What surrounds the projects."""
    asked = {kind: place.server.ask("GET", path.format(place.namespace)) for kind, path in SURROUNDINGS.items()}
    return {kind for kind, answer in asked.items() if answer.status == 200}


def retired(place: Installed) -> bool:
    rows = place.query("SELECT retired_at FROM catalog.workspace WHERE name = %s", place.workspace)
    return bool(rows and rows[0]["retired_at"])


def test_projects_that_lost_their_workspace_stay_confined_until_the_last_has_gone(place: Installed) -> None:
    with place.running() as operator:
        make(place, "roads", "signs")
        assert there(place) == SURROUNDINGS.keys()
        place.server.ask("DELETE", place.path())
        for project in ("roads", "signs"):
            place.until_condition(place.path(project), "Ready", status="False", reason="WorkspaceMissing")
        until(lambda: retired(place), deadline=30, what="the door to be told")
        place.server.ask("DELETE", place.path("signs"))
        until(lambda: place.server.ask("GET", place.path("signs")).status == 404, deadline=30, what="one to be gone")
        until(lambda: operator.settled, deadline=30, what="the operator to have nothing left to do")
        assert there(place) == SURROUNDINGS.keys()
    with place.running("operator-1") as operator:
        until(lambda: operator.settled, deadline=30, what="another operator to have looked at everything")
        assert there(place) == SURROUNDINGS.keys()
        place.server.ask("DELETE", place.path("roads"))
        until(lambda: not there(place), deadline=30, what="what surrounded the projects to be gone")
        paths = paths_of(place.namespace, "mlflow-roads").values()
        assert {place.server.ask("GET", path).status for path in paths} == {404}


def test_what_runs_on_is_confined_to_its_last_second(place: Installed) -> None:
    labels = {"app.kubernetes.io/component": "backend", "tenantry.dev/workspace": place.workspace}
    container = {"name": "mlflow", "image": "localhost/none", "securityContext": {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}  # fmt: skip
    spec = {"containers": [container], "securityContext": {
        "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}  # fmt: skip
    pods = f"/api/v1/namespaces/{place.namespace}/pods"
    with place.running():
        make(place, "roads")
        account = {"metadata": {"name": "default"}}
        place.server.ask("POST", f"/api/v1/namespaces/{place.namespace}/serviceaccounts", account)
        pod = {"metadata": {"name": "last", "labels": labels | {"tenantry.dev/installation": place.installation}}}
        made = place.server.ask("POST", pods, pod | {"spec": spec})
        assert made.status == 201, made
        place.server.ask("DELETE", place.path("roads"))
        place.server.ask("DELETE", place.path())
        deployment = paths_of(place.namespace, "mlflow-roads")["Deployment"]
        until(lambda: place.server.ask("GET", deployment).status == 404, deadline=30, what="its Deployment to be gone")
        until(lambda: retired(place), deadline=30, what="the door to be told")
        assert there(place) == SURROUNDINGS.keys()
        place.server.ask("DELETE", f"{pods}/last?gracePeriodSeconds=0")
        until(lambda: not there(place), deadline=60, what="what surrounded the pod to be gone")


def test_a_workspace_that_is_to_be_deleted_names_the_projects_that_it_waits_for(place: Installed) -> None:
    with place.running():
        make(place, "roads", deletionPolicy="Delete")
        path = place.path()
        place.server.ask("DELETE", path)
        found = place.until_condition(path, "Ready", status="False", reason="Terminating")
        assert "projects of it are there: roads" in found["message"]
        assert there(place) == SURROUNDINGS.keys()
        place.merge(path, {"spec": {"deletionPolicy": "Retain"}})
        until(lambda: place.server.ask("GET", path).status == 404, deadline=30, what="the workspace to be gone")
        place.until_condition(place.path("roads"), "Ready", status="False", reason="WorkspaceMissing")
        assert there(place) == SURROUNDINGS.keys()
