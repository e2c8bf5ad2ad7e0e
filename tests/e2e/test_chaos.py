"""What dies comes back by itself, and nothing that was acknowledged is lost. Each says how long it took to heal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.support.cluster import Cluster
from tests.support.figures import Figure
from tests.support.installation import NAMESPACE, Installation
from tests.support.services import NAMESPACE as SERVICES
from tests.support.site import Caller
from tests.support.wait import until

_PATIENCE = 180.0
# Longer than the kubelet needs to call a pod unready: three probes, five seconds apart.
_PROBED = 20.0


@pytest.fixture(scope="module")
def alice(installation: Installation) -> Caller:
    caller = installation.caller("alice", "vision", "detection")
    until(lambda: _works(caller), deadline=_PATIENCE, what="vision/detection")
    return caller


@pytest.fixture(autouse=True)
def _nothing_is_lost(alice: Caller) -> Iterator[None]:
    run = until(lambda: _logged(alice), deadline=_PATIENCE, what="a run") or ""
    yield
    assert until(lambda: _loss_of(alice, run), deadline=_PATIENCE, what="the run from before") == 0.25


@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.5, 5.0])
def test_an_operator_that_is_killed_while_it_makes_a_project_is_replaced(
    installation: Installation, figure: Figure, seconds: float
) -> None:
    cluster, name = installation.cluster, f"killed-{int(seconds * 10)}"
    cluster.apply(_project(name))
    time.sleep(seconds)  # Each a later stage of the making.
    leader = installation.leader()
    begun = time.monotonic()
    _kill(cluster, leader, NAMESPACE)
    cluster.kubectl("-n", NAMESPACE, "delete", "pod", leader, "--force", "--grace-period=0", "--wait=false")
    until(lambda: installation.leader() not in {"", leader}, deadline=60, what="another leader")
    figure(f"operator killed after {seconds} s: another leads", time.monotonic() - begun)
    installation.wait_until_ready([("vision", name)], _PATIENCE)
    figure(f"operator killed after {seconds} s: the project is ready", time.monotonic() - begun)
    cluster.delete("project", name, "ws-vision", wait=False)


def test_a_backend_that_is_killed_comes_back(installation: Installation, alice: Caller, figure: Figure) -> None:
    cluster, selector = installation.cluster, "tenantry.dev/project=detection"
    (pod,) = cluster.get("pod", namespace="ws-vision", selector=selector)["items"]
    name, restarts = str(pod["metadata"]["name"]), _restarts(pod)
    begun = time.monotonic()
    _kill(cluster, name, "ws-vision")
    until(lambda: _restarts(cluster.get("pod", name, "ws-vision")) > restarts, deadline=60, what="the next container")
    until(lambda: _works(alice), deadline=_PATIENCE, what="vision/detection")
    figure("backend killed: the next answer", time.monotonic() - begun)


def test_a_door_that_is_killed_is_not_missed(installation: Installation, alice: Caller, figure: Figure) -> None:
    cluster, (first, *_others) = installation.cluster, installation.door_pods()
    restarts = _restarts(cluster.get("pod", first, NAMESPACE))
    begun = time.monotonic()
    _kill(cluster, first, NAMESPACE)
    until(lambda: _works(alice), deadline=_PATIENCE, what="another door")
    figure("door killed: the next answer", time.monotonic() - begun)

    def back() -> bool:
        pod = cluster.get("pod", first, NAMESPACE)
        return _restarts(pod) > restarts and _is_ready(pod)

    until(back, deadline=60, what="the door")
    figure("door killed: it is ready again", time.monotonic() - begun)


def test_a_postgresql_that_was_down_is_used_again(installation: Installation, alice: Caller, figure: Figure) -> None:
    with _down(installation.cluster, "postgresql"):
        until(lambda: _answer(alice).get("Retry-After"), deadline=30, what="the outage")
        end = time.monotonic() + _PROBED
        while time.monotonic() < end:
            assert _answer(alice) == {"status": "503", "Retry-After": "2"}, "the doors stay, and say it themselves"
            time.sleep(1.0)
    begun = time.monotonic()
    until(lambda: _works(alice), deadline=_PATIENCE, what="vision/detection")
    figure("PostgreSQL down: the first answer after it is back", time.monotonic() - begun)
    installation.wait_until_ready(deadline=_PATIENCE)
    figure("PostgreSQL down: all projects ready after it is back", time.monotonic() - begun)


def test_an_s3_that_was_down_is_used_again(installation: Installation, alice: Caller, figure: Figure) -> None:
    url = f"{alice.url}{alice.project}/api/2.0/mlflow-artifacts/artifacts/0/chaos/note.txt"

    def put() -> bool:
        try:
            answer = requests.put(url, b"x", headers={"Authorization": f"Bearer {alice.token}"}, timeout=5)
        except requests.RequestException:  # The backend is patient with a storage that says nothing.
            return False
        return answer.status_code == 200

    until(put, deadline=_PATIENCE, what="an upload")
    with _down(installation.cluster, "s3"):
        until(lambda: not put(), deadline=60, what="the outage")
        assert _works(alice)
    begun = time.monotonic()
    until(put, deadline=_PATIENCE, what="an upload")
    figure("S3 down: the first upload after it is back", time.monotonic() - begun)


def test_a_kubelet_that_restarts_is_not_noticed(installation: Installation, alice: Caller, figure: Figure) -> None:
    cluster = installation.cluster
    before = str(cluster.get("lease", "node1", "kube-node-lease")["spec"]["renewTime"])
    begun = time.monotonic()
    cluster.node("pkill", "-x", "kubelet")

    def back() -> bool:
        assert _works(alice)
        return str(cluster.get("lease", "node1", "kube-node-lease")["spec"]["renewTime"]) > before

    until(back, deadline=60, what="the kubelet")
    figure("kubelet killed: it reports again, with every request answered meanwhile", time.monotonic() - begun)


@contextmanager
def _down(cluster: Cluster, name: str) -> Iterator[None]:
    """Without any pod of it, until the end of the block; ready again when this returns."""
    cluster.kubectl("-n", SERVICES, "scale", f"statefulset/{name}", "--replicas=0")
    until(
        lambda: not cluster.get("pod", namespace=SERVICES, selector=f"app={name}")["items"],
        deadline=60,
        what=f"the end of {name}",
    )
    try:
        yield
    finally:
        cluster.kubectl("-n", SERVICES, "scale", f"statefulset/{name}", "--replicas=1")
        cluster.rolled_out(f"statefulset/{name}", SERVICES)


def _kill(cluster: Cluster, pod: str, namespace: str) -> None:
    """SIGKILL: no notice, no farewell, and its Lease stays as it is."""
    (status,) = cluster.get("pod", pod, namespace)["status"]["containerStatuses"]
    container = str(status["containerID"]).removeprefix("containerd://")
    cluster.node("ctr", "-n", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", container)


def _restarts(pod: dict[str, Any]) -> int:
    return sum(int(it["restartCount"]) for it in pod["status"]["containerStatuses"])


def _is_ready(pod: dict[str, Any]) -> bool:
    return all(it["ready"] for it in pod["status"]["containerStatuses"])


def _works(caller: Caller) -> bool:
    return _answer(caller).get("status") == "200"


def _answer(caller: Caller) -> dict[str, str]:
    """What a client sees of an answer: empty without a connection, or with nobody behind the address."""
    url = f"{caller.url}{caller.project}/api/2.0/mlflow/experiments/get?experiment_id=0"
    try:
        answer = requests.get(url, headers={"Authorization": f"Bearer {caller.token}"}, timeout=3)
    except requests.RequestException:
        return {}
    told = {name: answer.headers[name] for name in ("Retry-After",) if name in answer.headers}
    return {"status": str(answer.status_code), **told}


def _logged(caller: Caller) -> str | None:
    try:
        return caller.log_run(0.25)
    except (OSError, AssertionError):
        return None


def _loss_of(caller: Caller, run: str) -> float | None:
    try:
        return caller.loss_of(run)
    except (OSError, AssertionError):
        return None


def _project(name: str) -> str:
    return (
        "apiVersion: tenantry.dev/v1alpha1\nkind: Project\n"
        f"metadata: {{name: {name}, namespace: ws-vision}}\n"
        f"spec: {{displayName: {name}, owner: 'user:alice@example.org'}}\n"
    )
