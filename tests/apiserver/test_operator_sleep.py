"""Backends that fall asleep and are woken, on Kubernetes. No pod runs here: what would run answers on loopback, and the
status of a Deployment is written by hand, as its controller would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.answering import answering_backends
from tests.support.cluster_operator import Installed, RunningOperator, paths_of
from tests.support.wait import until

# An annotation and 15 s without use, on a machine that has more to do.
_DEADLINE = 90


@pytest.fixture(scope="module")
def place(installed: Installed) -> Iterator[Installed]:
    with answering_backends(installed.server) as port:
        yield replace(installed, services=port)


@pytest.fixture(scope="module")
def operator(place: Installed) -> Iterator[RunningOperator]:
    with place.running() as running:
        place.create_workspace()
        yield running


def path_of(place: Installed, project: str) -> str:
    return paths_of(place.namespace, f"mlflow-{project}")["Deployment"]


def replicas(place: Installed, project: str) -> int | None:
    """None while there is no Deployment."""
    found = place.server.ask("GET", path_of(place, project))
    return int(found.body["spec"]["replicas"]) if found.status == 200 else None


def memory(place: Installed, project: str) -> str:
    """What its pod may take."""
    pod = place.server.ask("GET", path_of(place, project)).body["spec"]["template"]["spec"]
    return str(pod["containers"][0]["resources"]["limits"]["memory"])


def obey(place: Installed, project: str) -> None:
    """What the Deployment's controller and a node would bring about."""
    count = replicas(place, project)
    status: dict[str, Any] = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), count)
    assert place.merge(f"{path_of(place, project)}/status", {"status": status}).status == 200


def made(place: Installed, project: str, **spec: Any) -> None:
    """A project whose backend runs and answers."""
    place.create_project(project, **spec)
    until(lambda: replicas(place, project) == 1, deadline=60, what="a Deployment")
    obey(place, project)
    place.until_condition(place.path(project), "Ready", status="True")
    until(lambda: state(place, project) == "running", deadline=60, what="the door to be told")


def state(place: Installed, project: str) -> str:
    rows = place.query("SELECT state FROM catalog.backend WHERE project = %s", project)
    return str(rows[0]["state"]) if rows else ""


def phase(place: Installed, project: str) -> str:
    return str(place.server.ask("GET", place.path(project)).body["status"]["phase"])


def annotate(place: Installed, project: str, **annotations: str | None) -> None:
    written = {f"tenantry.dev/{name}": value for name, value in annotations.items()}
    assert place.merge(place.path(project), {"metadata": {"annotations": written}}).status == 200


def falls_asleep(place: Installed, project: str) -> None:
    until(lambda: replicas(place, project) == 0, deadline=_DEADLINE, what="the backend to be stopped")
    obey(place, project)
    until(lambda: state(place, project) == "stopped", deadline=30, what="the door to be told")
    until(lambda: phase(place, project) == "Hibernated", deadline=60, what="the phase")


@pytest.mark.usefixtures("operator")
def test_whoever_asks_puts_a_backend_to_sleep_and_the_next_request_wakes_it(place: Installed) -> None:
    made(place, "roads", hibernation={"after": "1h"})
    assert phase(place, "roads") == "Ready"
    annotate(place, "roads", hibernate="true")
    falls_asleep(place, "roads")
    assert place.condition(place.path("roads"))["status"] == "True"
    annotate(place, "roads", hibernate=None)
    place.want("roads")
    until(lambda: replicas(place, "roads") == 1, deadline=30, what="the backend to be wanted")
    obey(place, "roads")
    until(lambda: state(place, "roads") == "running", deadline=30, what="the door to be told")
    (demand,) = place.query("SELECT wanted_at FROM catalog.demand WHERE project = 'roads'")
    assert demand["wanted_at"] is None
    until(lambda: phase(place, "roads") == "Ready", deadline=30, what="the phase")


@pytest.mark.usefixtures("operator")
def test_a_backend_that_cannot_be_woken_is_no_longer_called_available(place: Installed) -> None:
    made(place, "stuck", hibernation={"after": "1h"})
    annotate(place, "stuck", hibernate="true")
    falls_asleep(place, "stuck")
    annotate(place, "stuck", hibernate=None)
    place.want("stuck")
    until(lambda: replicas(place, "stuck") == 1, deadline=30, what="the backend to be wanted")
    refused = {"type": "ReplicaFailure", "status": "True", "message": "no pod for you"}
    assert place.merge(f"{path_of(place, 'stuck')}/status", {"status": {"conditions": [refused]}}).status == 200
    until(lambda: state(place, "stuck") == "failed", deadline=30, what="the door to be told")
    found = place.until_condition(place.path("stuck"), "BackendAvailable", reason="ServerFailed")
    assert found["message"] == "Kubernetes makes no pod for it: no pod for you"
    assert place.merge(f"{path_of(place, 'stuck')}/status", {"status": {"conditions": None}}).status == 200
    obey(place, "stuck")
    place.until_condition(place.path("stuck"), "Ready", status="True")


@pytest.mark.usefixtures("operator")
def test_a_backend_that_nobody_uses_falls_asleep(place: Installed) -> None:
    made(place, "idle", hibernation={"after": "5s"})
    falls_asleep(place, "idle")
    assert place.condition(place.path("idle"))["status"] == "True"


def test_a_backend_that_sleeps_is_left_asleep_by_the_next_operator(place: Installed, operator: RunningOperator) -> None:
    assert replicas(place, "idle") == 0
    until(lambda: operator.settled, deadline=60, what="the operator to have nothing left to do")
    operator.end()
    with place.running("operator-1") as next_one:
        until(lambda: next_one.settled, deadline=60, what="the next operator to have looked at everything")
        assert replicas(place, "idle") == 0
        assert next_one.writes == {}
        place.want("idle")
        until(lambda: replicas(place, "idle") == 1, deadline=30, what="the backend to be wanted")


def test_of_a_project_that_is_paused_nothing_is_changed(place: Installed) -> None:
    with place.running("operator-2") as operator:
        made(place, "paused", hibernation={"after": "1h"})
        annotate(place, "paused", pause="true")
        place.until_condition(place.path("paused"), "Ready", reason="Paused")
        until(lambda: operator.settled, deadline=60, what="the operator to have nothing left to do")
        before = place.server.ask("GET", path_of(place, "paused")).body["metadata"]["resourceVersion"]
        place.merge(place.path("paused"), {"spec": {"tracking": {"size": "large"}}})
        place.server.ask("DELETE", paths_of(place.namespace, "mlflow-paused")["Service"])
        generation = place.server.ask("GET", place.path("paused")).body["metadata"]["generation"]
        until(
            lambda: place.condition(place.path("paused")).get("observedGeneration") == generation,
            deadline=60,
            what="the edit to be seen",
        )
        assert place.server.ask("GET", path_of(place, "paused")).body["metadata"]["resourceVersion"] == before
        service = paths_of(place.namespace, "mlflow-paused")["Service"]
        assert place.server.ask("GET", service).status == 404
        annotate(place, "paused", pause=None)
        until(lambda: place.server.ask("GET", service).status == 200, deadline=60, what="the Service to come back")
        until(lambda: memory(place, "paused") == "4Gi", deadline=60, what="the larger size")


def test_isolation_says_what_could_not_be_tried(place: Installed) -> None:
    elsewhere = replace(place, workspace=f"{place.workspace}-b")
    keyless = {"storage_driver": "workload-identity", "storage_bucket": place.storage.bucket()}
    with elsewhere.running("operator-3", **keyless):
        elsewhere.create_workspace()
        made(elsewhere, "roles", hibernation={"after": "1h"})
        path = elsewhere.path("roles")
        found = elsewhere.until_condition(path, "IsolationReady", status="True", reason="NotTried")["message"]
    assert found == (
        "the pod's own identity opens the bucket; the operator cannot try it; all else was tried, and refused"
    )
