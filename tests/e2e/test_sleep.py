"""A backend that nobody uses ends, and the next request waits for it to come back. Each says how long that took."""

from __future__ import annotations

import json
import time

import pytest

from tests.support.figures import Figure
from tests.support.installation import Installation
from tests.support.site import Caller
from tests.support.wait import until

_NAME, _NAMESPACE = "naps", "ws-vision"
_NAPS = """
apiVersion: tenantry.dev/v1alpha1
kind: Project
metadata: {name: naps, namespace: ws-vision}
spec: {displayName: Naps, owner: "user:alice@example.org"}
"""


@pytest.fixture(scope="module")
def alice(installation: Installation) -> Caller:
    installation.cluster.apply(_NAPS)
    installation.wait_until_ready([("vision", _NAME)])
    caller = installation.caller("alice", "vision", _NAME)
    until(lambda: caller.mlflow("GET", "experiments/get?experiment_id=0").status == 200, deadline=60, what=_NAME)
    return caller


@pytest.fixture
def run(alice: Caller) -> str:
    return alice.log_run(0.625)


def test_a_backend_that_is_told_to_sleep_wakes_for_whoever_signed_in_and_for_nobody_else(
    installation: Installation, alice: Caller, run: str, figure: Figure
) -> None:
    kubectl = installation.cluster.kubectl
    begun = time.monotonic()
    kubectl("-n", _NAMESPACE, "annotate", "project", _NAME, "tenantry.dev/hibernate=true")
    _sleeps(installation)
    figure("tenantry.dev/hibernate: until its pod is gone", time.monotonic() - begun)
    stranger = Caller(alice.url, "", alice.project)
    assert stranger.mlflow("GET", f"runs/get?run_id={run}").status == 401
    assert installation.cluster.get("deployment", f"mlflow-{_NAME}", _NAMESPACE)["spec"]["replicas"] == 0
    kubectl("-n", _NAMESPACE, "annotate", "project", _NAME, "tenantry.dev/hibernate-")
    begun = time.monotonic()
    assert alice.loss_of(run) == 0.625, "the first request is held until there is an answer"
    figure("a backend that sleeps: the answer to the first request", time.monotonic() - begun)
    until(lambda: _phase(installation) == "Ready", deadline=60, what="the phase")


def test_a_backend_that_nobody_uses_falls_asleep_and_is_there_again_when_it_is_asked(
    installation: Installation, alice: Caller, run: str, figure: Figure
) -> None:
    _idle_after(installation, "5s")
    begun = time.monotonic()
    _sleeps(installation)
    figure("spec.hibernation.after of 5 s: until its pod is gone", time.monotonic() - begun)
    assert installation.ready("vision", _NAME), "a nap is no outage"
    begun = time.monotonic()
    assert alice.loss_of(run) == 0.625
    figure("a backend that fell asleep: the answer to the first request", time.monotonic() - begun)
    installation.cluster.delete("project", _NAME, _NAMESPACE, wait=False)


def _sleeps(installation: Installation) -> None:
    cluster = installation.cluster
    selector = f"tenantry.dev/project={_NAME}"
    until(
        lambda: not cluster.get("pod", namespace=_NAMESPACE, selector=selector)["items"],
        deadline=120,
        what="the end of its pod",
    )
    until(lambda: _phase(installation) == "Hibernated", deadline=60, what="the phase")


def _phase(installation: Installation) -> str:
    return str(installation.cluster.get("project", _NAME, _NAMESPACE)["status"]["phase"])


def _idle_after(installation: Installation, after: str) -> None:
    patch = json.dumps({"spec": {"hibernation": {"after": after}}})
    installation.cluster.kubectl("-n", _NAMESPACE, "patch", "project", _NAME, "--type=merge", "-p", patch)
