"""Pods that do not start: the condition has a word for each reason, and says what to do. No node is here, so what one
says of a pod is written by hand; that a quota is exceeded happens for real.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.apiserver import ApiServer, api_server
from tests.support.cluster_operator import Installed, RunningOperator
from tests.support.controller_manager import counting
from tests.support.kinds import install, remove
from tests.support.wait import until

IMAGE = "localhost/tenantry-backend:dev"


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[ApiServer]:
    """Makes pods of Deployments."""
    with api_server() as server, counting(server, "deployment-controller", "replicaset-controller"):
        install(server)
        yield server
        remove(server)


@pytest.fixture(scope="module")
def operator(installed: Installed) -> Iterator[RunningOperator]:
    with installed.running() as running:
        installed.create_workspace(quota={"cpu": "150m"})
        installed.create_project("roads")
        installed.until_applied("roads")
        yield running


def pods(installed: Installed, project: str) -> list[dict[str, Any]]:
    selected = f"?labelSelector=tenantry.dev/project={project}"
    return list(installed.server.ask("GET", f"/api/v1/namespaces/{installed.namespace}/pods{selected}").body["items"])


def say(installed: Installed, project: str, status: dict[str, Any]) -> None:
    """What a kubelet or the scheduler would write; then ask for everything to be looked at."""
    (pod,) = until(lambda: pods(installed, project), deadline=60, what="a pod")
    path = f"/api/v1/namespaces/{installed.namespace}/pods/{pod['metadata']['name']}/status"
    nothing: dict[str, Any] = {"conditions": None, "containerStatuses": None}
    assert installed.merge(path, {"status": nothing}).status == 200
    assert installed.merge(path, {"status": status}).status == 200
    asked = {"metadata": {"annotations": {"tenantry.dev/reconcile": str(status)}}}
    assert installed.merge(installed.path(project), asked).status == 200


def container(state: dict[str, Any], last: dict[str, Any] | None = None) -> dict[str, Any]:
    named = {"name": "mlflow", "image": IMAGE, "imageID": "", "ready": False, "restartCount": 0}
    return {"containerStatuses": [named | {"state": state, "lastState": last or {}}]}


_LONG_AGO = "2026-01-01T00:00:00Z"
KILLED = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
ENDED = {"terminated": {"reason": "Error", "exitCode": 1, "message": "cannot log in to the project's database"}}
TROUBLES: dict[str, tuple[dict[str, Any], str, str]] = {
    "an image that is not there": (
        container({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}),
        "ImageNotPullable",
        f"its image {IMAGE} cannot be pulled: check backend.image, and that the Secrets of imagePullSecrets are in",
    ),
    "no node with room": (
        {
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/1 nodes are available: 1 Insufficient memory.",
                }
            ]
        },
        "Unschedulable",
        "1 Insufficient memory: add a node, or choose a smaller spec.tracking.size",
    ),
    "too little memory": (
        container({"waiting": {"reason": "CrashLoopBackOff"}}, KILLED),
        "OutOfMemory",
        "(OOMKilled, exit code 137): choose a larger spec.tracking.size",
    ),
    "a program that ends": (
        container({"waiting": {"reason": "CrashLoopBackOff"}}, ENDED),
        "ServerFailed",
        "(Error, exit code 1): cannot log in to the project's database",
    ),
}


@pytest.mark.parametrize("case", TROUBLES)
def test_whatever_keeps_a_pod_has_a_reason_of_its_own_and_a_next_step(
    installed: Installed, operator: RunningOperator, case: str
) -> None:
    assert operator.leads
    status, reason, words = TROUBLES[case]
    say(installed, "roads", status)
    found = installed.until_condition(installed.path("roads"), "BackendAvailable", status="False", reason=reason)
    assert words in found["message"]
    until(lambda: installed.server.ask("GET", installed.path("roads")).body["status"]["phase"] == "Failed", deadline=30)
    assert installed.condition(installed.path("roads"))["message"] == f"BackendAvailable: {found['message']}"


def told(installed: Installed, project: str) -> tuple[str, str]:
    """What the door is told of its backend."""
    (row,) = installed.query("SELECT state, message FROM catalog.backend WHERE project = %s", project)
    return row["state"], row["message"]


def is_wanted(installed: Installed, project: str) -> bool:
    (row,) = installed.query("SELECT wanted_at FROM catalog.demand WHERE project = %s", project)
    return row["wanted_at"] is not None


@pytest.mark.parametrize(
    ("case", "state"),
    [
        ("an image that is not there", "failed"),
        ("a program that ends", "failed"),
        ("no node with room", "starting"),
    ],
)
def test_who_waits_for_a_backend_is_told_at_once_why_it_fails_and_goes_on_waiting_for_a_node(
    installed: Installed, operator: RunningOperator, case: str, state: str
) -> None:
    assert operator.leads
    status, _, words = TROUBLES[case]
    say(installed, "roads", status)
    installed.want("roads")
    until(lambda: told(installed, "roads")[0] == state and words in told(installed, "roads")[1], deadline=30)
    assert is_wanted(installed, "roads") == (state == "starting")


def test_a_backend_that_failed_is_used_once_it_runs(installed: Installed, operator: RunningOperator) -> None:
    assert operator.leads
    say(installed, "roads", TROUBLES["an image that is not there"][0])
    installed.want("roads")
    until(lambda: told(installed, "roads")[0] == "failed", deadline=30)
    say(installed, "roads", {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": _LONG_AGO}]})
    until(lambda: told(installed, "roads")[0] == "running", deadline=30)
    say(installed, "roads", {"conditions": [{"type": "Ready", "status": "False"}]})
    until(lambda: told(installed, "roads")[0] == "starting", deadline=30)


def test_a_quota_that_is_used_up_says_which_by_how_much_and_what_to_raise(
    installed: Installed, operator: RunningOperator
) -> None:
    assert operator.leads
    until(lambda: pods(installed, "roads"), deadline=60, what="the pod that takes the room")
    installed.create_project("signs")
    found = installed.until_condition(installed.path("signs"), "BackendAvailable", reason="QuotaExceeded")
    assert found["message"] == (
        "exceeded quota: requests.cpu: 100m asked, 100m of 150m used: "
        f"raise spec.quota.cpu of Workspace {installed.workspace}, or hibernate another project of it"
    )
    installed.merge(installed.path(), {"spec": {"quota": {"cpu": "300m"}}})
    until(lambda: pods(installed, "signs"), deadline=120, what="a pod")
    installed.until_condition(installed.path("signs"), "BackendAvailable", reason="Starting")
