"""What keeps a pod from starting: one word, and what to do about it, whatever Kubernetes calls it this time."""

from __future__ import annotations

from typing import Any

import pytest

from tenantry_operator.facts import ProjectKey
from tenantry_operator.runtime.kubernetes.trouble import trouble_of

ROADS = ProjectKey("vision", "roads")
IMAGE = "registry.example.org/backend:1"
NO_IMAGE = (
    f"its image {IMAGE} cannot be pulled: check backend.image, and that the Secrets of imagePullSecrets are in "
    "namespace ws-vision; the pod's events say why"
)
MEMORY = (
    "its server took more memory than it may and was killed (OOMKilled, exit code 137): "
    "choose a larger spec.tracking.size"
)
KILLED = {"reason": "OOMKilled", "exitCode": 137}
ENDED = {"reason": "Error", "exitCode": 3, "message": "first line\ncannot log in to the project's database\n"}
NO_NODE = "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 No victims found."


def waiting(reason: str, message: str = "", last: dict[str, Any] | None = None) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    ended = {"lastState": {"terminated": last}} if last else {}
    return {"containerStatuses": [{"image": IMAGE, "state": state} | ended]}


def unschedulable(message: str) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"conditions": [condition]}


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        (waiting("ErrImagePull", "failed to pull: unauthorized"), "ImageNotPullable", NO_IMAGE),
        (waiting("ImagePullBackOff", "Back-off pulling image"), "ImageNotPullable", NO_IMAGE),
        (waiting("InvalidImageName"), "ImageNotPullable", NO_IMAGE),
        (waiting("CrashLoopBackOff", "back-off 40s", KILLED), "OutOfMemory", MEMORY),
        ({"containerStatuses": [{"image": IMAGE, "state": {"terminated": KILLED}}]}, "OutOfMemory", MEMORY),
        (
            waiting("CrashLoopBackOff", "back-off 40s", ENDED),
            "ServerFailed",
            "its server ends (Error, exit code 3): cannot log in to the project's database",
        ),
        (
            waiting("CrashLoopBackOff"),
            "ServerFailed",
            (
                "its server ends (Error, exit code unknown): see its log: "
                "kubectl -n ws-vision logs deployment/mlflow-roads --previous"
            ),
        ),
        (
            waiting("CreateContainerConfigError", 'secret "mlflow-roads" not found'),
            "ServerFailed",
            'its pod does not start: CreateContainerConfigError: secret "mlflow-roads" not found',
        ),
        (
            unschedulable(NO_NODE),
            "Unschedulable",
            (
                "its pod finds no node: 0/1 nodes are available: 1 Insufficient memory: "
                "add a node, or choose a smaller spec.tracking.size"
            ),
        ),
    ],
)
def test_a_pod_says_what_keeps_it_and_what_to_do(status: dict[str, Any], reason: str, message: str) -> None:
    trouble = trouble_of(ROADS, [{"metadata": {}, "status": status}], {})
    assert trouble
    assert (trouble.reason, trouble.message) == (reason, message)


@pytest.mark.parametrize(
    "status",
    [
        {},
        waiting("ContainerCreating"),
        waiting("PodInitializing"),
        {"containerStatuses": [{"state": {"running": {}}, "lastState": {"terminated": KILLED}}]},
        {"conditions": [{"type": "PodScheduled", "status": "True"}]},
    ],
)
def test_a_pod_that_takes_its_time_is_no_trouble(status: dict[str, Any]) -> None:
    assert trouble_of(ROADS, [{"metadata": {}, "status": status}], {}) is None


def test_a_pod_that_ends_says_nothing_of_the_next() -> None:
    going = {"metadata": {"deletionTimestamp": "2026-03-03T12:00:00Z"}, "status": waiting("CrashLoopBackOff")}
    assert trouble_of(ROADS, [going], {}) is None


@pytest.mark.parametrize(
    ("said", "reason", "message"),
    [
        (
            (
                'pods "mlflow-roads-1" is forbidden: exceeded quota: tenantry, requested: requests.cpu=100m,'
                "requests.memory=320Mi, used: requests.cpu=3950m,requests.memory=8Gi, limited: requests.cpu=4,"
                "requests.memory=8Gi"
            ),
            "QuotaExceeded",
            (
                "exceeded quota: requests.cpu: 100m asked, 3950m of 4 used; "
                "requests.memory: 320Mi asked, 8Gi of 8Gi used: "
                "raise spec.quota.cpu, spec.quota.memory of Workspace vision, or hibernate another project of it"
            ),
        ),
        (
            'pods "a" is forbidden: exceeded quota: theirs, requested: pods=1, used: pods=5, limited: pods=5',
            "QuotaExceeded",
            (
                "exceeded quota: pods: 1 asked, 5 of 5 used: "
                "raise ResourceQuota theirs in namespace ws-vision, which is not Tenantry's"
            ),
        ),
        (
            'admission webhook "policy" denied the request: no',
            "ServerFailed",
            'Kubernetes makes no pod for it: admission webhook "policy" denied the request: no',
        ),
    ],
)
def test_a_deployment_without_a_pod_says_what_stands_in_the_way(said: str, reason: str, message: str) -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": said}
    trouble = trouble_of(ROADS, [], {"status": {"conditions": [condition]}})
    assert trouble
    assert (trouble.reason, trouble.message) == (reason, message)
