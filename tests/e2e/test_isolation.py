"""What a backend can reach, and who can reach it: each refusal beside the same call where it is allowed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.cluster import Cluster, Failed
from tests.support.installation import Installation
from tests.support.wait import until

# Says `open`, `refused` by who is there, or `silence`: what a policy does.
_CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
    print("open")
except ConnectionRefusedError:
    print("refused")
except OSError:
    print("silence")
"""
_SEGMENTATION = ("mlflow-segmentation.ws-vision.svc", "8080")


def _reach(cluster: Cluster, namespace: str, pod: str, host: str, port: str) -> str:
    return cluster.kubectl("-n", namespace, "exec", pod, "--", "python", "-c", _CONNECT, host, port).strip()


@pytest.fixture(scope="module")
def backends(installation: Installation) -> dict[str, tuple[str, str]]:
    """Namespace and pod of each project's backend, awake."""
    found = {}
    for username, workspace, name in (
        ("alice", "vision", "segmentation"),
        ("alice", "vision", "detection"),
        ("bob", "language", "translation"),
    ):
        caller = installation.caller(username, workspace, name)
        until(
            lambda caller=caller: caller.mlflow("GET", "experiments/get?experiment_id=0").status == 200,  # type: ignore[misc]
            deadline=90,
            what=name,
        )
        pods = installation.cluster.get("pod", namespace=f"ws-{workspace}", selector=f"tenantry.dev/project={name}")
        (pod,) = (it for it in pods["items"] if not it["metadata"].get("deletionTimestamp"))
        found[name] = (f"ws-{workspace}", str(pod["metadata"]["name"]))
    return found


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        (("postgresql.services.svc", "5432"), "open"),
        (("s3.services.svc", "7070"), "open"),
        (_SEGMENTATION, "silence"),
        (("mlflow-translation.ws-language.svc", "8080"), "silence"),
        (("kubernetes.default.svc", "443"), "silence"),
        (("door.tenantry.svc", "80"), "silence"),
        (("oidc.services.svc", "8080"), "silence"),
    ],
    ids=["database", "bucket", "project beside it", "other workspace", "API server", "door", "provider"],
)
def test_a_backend_reaches_its_own_things_and_nothing_else(
    installation: Installation, backends: dict[str, tuple[str, str]], address: tuple[str, str], reached: str
) -> None:
    assert _reach(installation.cluster, *backends["detection"], *address) == reached


def test_a_pod_that_trains_reaches_the_door_but_no_backend_unless_a_policy_lets_it(
    installation: Installation, backends: dict[str, tuple[str, str]]
) -> None:
    cluster = installation.cluster
    cluster.apply(_sleeper())
    cluster.kubectl("-n", "train", "wait", "--for=condition=Ready", "pod/sleeper", "--timeout=60s")
    assert _reach(cluster, "train", "sleeper", "door.tenantry.svc", "80") == "open"
    assert _reach(cluster, "train", "sleeper", *_SEGMENTATION) == "silence"
    cluster.apply(_hole())
    try:
        until(lambda: _reach(cluster, "train", "sleeper", *_SEGMENTATION) == "open", deadline=20, what="the hole")
        # Who comes through finds the guard: without the secret of the door, nothing.
        ask = "import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=5)"
        url = f"http://{_SEGMENTATION[0]}:8080/api/2.0/mlflow/experiments/get?experiment_id=0"
        with pytest.raises(Failed, match="HTTP Error 403"):
            cluster.kubectl("-n", "train", "exec", "sleeper", "--", "python", "-c", ask, url)
    finally:
        cluster.delete("networkpolicy", "hole", "ws-vision")
    until(lambda: _reach(cluster, "train", "sleeper", *_SEGMENTATION) == "silence", deadline=20, what="it to close")
    cluster.delete("pod", "sleeper", "train", wait=False)


def test_a_backend_runs_as_nobody_with_no_token_and_a_file_system_it_cannot_write(
    installation: Installation, backends: dict[str, tuple[str, str]]
) -> None:
    namespace, name = backends["segmentation"]
    spec = installation.cluster.get("pod", name, namespace)["spec"]
    assert spec["automountServiceAccountToken"] is False
    look = (
        "import os, pathlib; print(os.getuid() != 0, pathlib.Path('/var/run/secrets/kubernetes.io').exists(),"
        " os.access('/usr', os.W_OK), os.access('/tmp', os.W_OK))"
    )
    said = installation.cluster.kubectl("-n", namespace, "exec", name, "--", "python", "-c", look)
    assert said.split() == ["True", "False", "False", "True"]


def test_what_somebody_deletes_or_edits_comes_back(
    installation: Installation, backends: dict[str, tuple[str, str]]
) -> None:
    cluster = installation.cluster
    cluster.delete("networkpolicy", "mlflow-segmentation", "ws-vision")

    def policy() -> Any:
        return cluster.find("networkpolicy", "mlflow-segmentation", "ws-vision")

    until(policy, deadline=30, what="the deleted policy")
    wider = json.dumps({"spec": {"ingress": [{}]}})
    cluster.kubectl("-n", "ws-vision", "patch", "networkpolicy", "mlflow-segmentation", "--type=merge", "-p", wider)
    until(lambda: _narrow(policy()), deadline=30, what="the edited policy")


def _narrow(policy: dict[str, Any] | None) -> bool:
    return policy is not None and all("from" in rule for rule in policy["spec"]["ingress"])


def _sleeper() -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "localhost/tenantry-backend:dev",
        "imagePullPolicy": "Never",
        "command": ["sleep", "infinity"],
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sleeper", "namespace": "train"}, "spec": spec}


def _hole() -> dict[str, Any]:
    train = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "train"}}}
    segmentation = {"matchLabels": {"tenantry.dev/project": "segmentation"}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "hole", "namespace": "ws-vision"},
        "spec": {"podSelector": segmentation, "ingress": [{"from": [train]}]},
    }
